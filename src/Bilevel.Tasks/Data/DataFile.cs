using System.Buffers;
using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// Reads data sets of any of the known formats: CSV, ARFF, LIBSVM, or idx images (a folder of them, or a file of images beside
/// the file of its labels).
/// </summary>
/// <example>
/// <code>
/// var training = DataFile.Read("train.csv", new DataOptions { LabelColumn = "kind", IgnoredColumns = ["id"] });
/// var fresh = DataFile.ReadLike("new.csv", training.Encoding!, training.ClassNames, forPrediction: true);
/// Console.WriteLine($"{training.Table.Count} rows of {training.ClassNames.Count} classes, {fresh.Table.Count} new ones");
/// </code>
/// </example>
public static class DataFile
{
    private const int SniffedLines = 20;

    private static readonly SearchValues<byte> Printable = SearchValues.Create([0, (byte)'\t', (byte)'\n', (byte)'\r', .. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (byte)c)]);

    /// <summary>Reads a training file: it sets the classes and the features.</summary>
    /// <param name="path">A file, or a folder of idx files.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The rows with their classes.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="path"/> is null.</exception>
    /// <exception cref="InputException">The format cannot be told, or the file cannot be used.</exception>
    public static LabelledData Read(string path, DataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new DataOptions();
        return FormatOf(path, options) switch
        {
            (DataFormat.Csv or DataFormat.Arff) and var format => CsvFile.Read(path, options with { Format = format }),
            DataFormat.LibSvm => LibSvmFile.Read(path, options),
            _ => LabelledData.FromImages(Images(path, options, forPrediction: false).Images, path),
        };
    }

    /// <summary>Reads another file (validation, test, rows to predict) as a training file was read.</summary>
    /// <param name="path">A file, or a folder of idx files.</param>
    /// <param name="encoding">The encoding of the training file.</param>
    /// <param name="classNames">The classes of the training file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <param name="forPrediction">Whether labels that are missing or of no class are left out instead of refused.</param>
    /// <returns>The rows with their classes.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InputException">
    /// The file cannot be used, is of another kind than the training file, or holds a label that is none of its classes.
    /// </exception>
    public static LabelledData ReadLike(
        string path, TableEncoding encoding, IReadOnlyList<string> classNames, DataOptions? options = null, bool forPrediction = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(encoding);
        ArgumentNullException.ThrowIfNull(classNames);
        options ??= new DataOptions();
        return FormatOf(path, options) switch
        {
            (DataFormat.Csv or DataFormat.Arff) and var format => CsvFile.ReadLike(path, encoding, classNames, options with { Format = format }, forPrediction),
            DataFormat.LibSvm => LibSvmFile.ReadLike(InputFile.OnDisk(path), encoding, classNames, forPrediction, options.Encoding),
            _ => ImagesLike(path, encoding, classNames, options, forPrediction),
        };
    }

    /// <summary>Tells the format of a file from its name and its first lines.</summary>
    /// <exception cref="InputException">It cannot be told.</exception>
    internal static DataFormat Sniff(InputFile file, string? encoding = null)
    {
        string name = Path.GetFileName(file.Name).ToUpperInvariant();
        foreach (string packed in new[] { ".GZ", ".BZ2" })
        {
            if (name.EndsWith(packed, StringComparison.Ordinal)) name = name[..^packed.Length];
        }

        Span<byte> start = stackalloc byte[OtherFormats.Bytes];
        using (Stream content = file.Open())
        {
            int read = content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            if (read == 0) throw new InputException($"{file.Name}: is empty. Use another file.");
            start = start[..read];
        }

        if (start.StartsWith<byte>([0, 0, 8, 3]) || start.StartsWith<byte>([0, 0, 8, 1])) return DataFormat.Idx;
        if (OtherFormats.Of(start) is { } other) throw Unknown(file.Name, other.What, other.Advice);
        bool hasMark = start is [0xff, 0xfe, ..] or [0xfe, 0xff, ..];
        if (!hasMark && encoding is null && IsBinary(start))
            throw Unknown(file.Name, "a binary file that is no idx file, or text in UTF-16 without its mark", "Export the data as CSV, or name the encoding (setting encoding)");
        if (name.EndsWith(".CSV", StringComparison.Ordinal) || name.EndsWith(".TSV", StringComparison.Ordinal)) return DataFormat.Csv;

        using var lines = new LineReader(file, encoding);
        for (int i = 0; i < SniffedLines && lines.Next(out ReadOnlySpan<char> line); i++)
        {
            int comment = line.IndexOf('#');
            ReadOnlySpan<char> rest = (comment < 0 ? line : line[..comment]).Trim();
            if (rest.IsEmpty || rest[0] == '%') continue;
            if (ArffTable.Is(rest)) return DataFormat.Arff;
            bool isLibSvm = IsLibSvm(rest, out bool hasEntries);
            if (isLibSvm && hasEntries) return DataFormat.LibSvm;
            if (rest.Contains(CsvFile.MostOften(rest))) return DataFormat.Csv;
            if (isLibSvm) continue;

            // Its reader names what is wrong with it.
            if (HasEntry(rest)) return DataFormat.LibSvm;
            int columns = Words(rest);
            if (columns > 1 && lines.Next(out ReadOnlySpan<char> second) && Words(second) == columns)
                throw Unknown(file.Name, "a table whose columns are separated by blanks", "Separate them with commas, semicolons, tabs or bars");
            break;
        }

        throw Unknown(file.Name, "neither a table with a header (CSV, ARFF), nor lines of 'label index:value' (LIBSVM), nor idx images", "Convert it to one of these");
    }

    private static DataFormat FormatOf(string path, DataOptions options)
    {
        if (Directory.Exists(path)) return DataFormat.Idx;
        return options.Format != DataFormat.Auto ? options.Format : Sniff(InputFile.OnDisk(path), options.Encoding);
    }

    private static LabelledData ImagesLike(
        string path, TableEncoding encoding, IReadOnlyList<string> classNames, DataOptions options, bool forPrediction)
    {
        var (images, hasLabels) = Images(path, options, forPrediction);
        if (encoding.Kind != TableKind.Images) throw new InputException($"{path}: holds images, but the training data were {Kinds.Name(encoding.Kind)}. Use files of one kind.");
        if (images.Height != encoding.Height || images.Width != encoding.Width)
        {
            throw new InputException(InputText.Invariant(
                $"{path}: its images are {images.Height}x{images.Width} pixels, but those of the training data {encoding.Height}x{encoding.Width}. Use images of one size."));
        }

        if (hasLabels) return LabelledData.FromImages(images, path, new ClassList(path, "image", classNames, forPrediction));
        int[] none = new int[images.Count];
        Array.Fill(none, LabelledData.NoLabel);
        return new LabelledData(new ImageTable(images), none, classNames, path) { Images = images, Encoding = encoding, Places = [.. Enumerable.Range(0, images.Count)] };
    }

    private static (ImageSet Images, bool HasLabels) Images(string path, DataOptions options, bool forPrediction)
    {
        if (Directory.Exists(path))
        {
            var (images, labels) = IdxFile.PathsIn(path, !options.TestPart);
            return (IdxFile.ReadImages(images, labels), true);
        }

        string name = Path.GetFileName(path);
        string other = Path.Combine(Path.GetDirectoryName(path) ?? "", name.Replace("images", "labels", StringComparison.Ordinal).Replace("idx3", "idx1", StringComparison.Ordinal));
        string? beside = other == path ? null : new[] { other, other + ".gz", other.EndsWith(".gz", StringComparison.Ordinal) ? other[..^3] : other }.FirstOrDefault(File.Exists);
        if (beside is not null) return (IdxFile.ReadImages(path, beside), true);
        if (forPrediction) return (IdxFile.ReadUnlabelledImages(path), false);
        throw new InputException(other == path
            ? $"{path}: is not named like a file of images (train-images-idx3-ubyte), so its file of labels cannot be found. Rename it, or give the folder."
            : $"{path}: its file of labels, {other}, is not there. Put it beside the file of images.");
    }

    // A character or two that are NUL are a fault of a text, which its reader names with the line.
    private static bool IsBinary(ReadOnlySpan<byte> start) => start.Contains((byte)0)
        && (8 * start.Count((byte)0) > start.Length || start.ContainsAnyExcept(Printable));

    // A label, and entries of the form index:value.
    private static bool IsLibSvm(ReadOnlySpan<char> line, out bool hasEntries)
    {
        hasEntries = false;
        bool first = true;
        foreach (Range range in line.SplitAny(" \t"))
        {
            ReadOnlySpan<char> token = line[range];
            if (token.IsEmpty) continue;
            int colon = token.IndexOf(':');
            bool isEntry = colon > 0 && (!token[..colon].ContainsAnyExceptInRange('0', '9') || token.StartsWith("qid:"));
            if (!isEntry && !first) return false;
            hasEntries |= isEntry;
            first = false;
        }

        return true;
    }

    private static int Words(ReadOnlySpan<char> line)
    {
        int count = 0;
        foreach (Range range in line.SplitAny(" \t")) count += line[range].IsEmpty ? 0 : 1;
        return count;
    }

    // Behind a first word, a whole number before a colon.
    private static bool HasEntry(ReadOnlySpan<char> line)
    {
        int at = 0;
        foreach (Range range in line.SplitAny(" \t"))
        {
            ReadOnlySpan<char> word = line[range];
            if (word.IsEmpty) continue;
            int colon = word.IndexOf(':');
            if (at++ > 0 && colon > 0 && int.TryParse(word[..colon], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)) return true;
        }

        return false;
    }

    private static InputException Unknown(string name, string what, string advice) => new($"{name}: is {what}. {advice}.");
}
