using System.Globalization;
using System.Runtime.InteropServices;

namespace Bilevel.Tasks;

/// <summary>
/// Reads data in the format of LIBSVM and SVMlight: a line per row, <c>label index:value index:value ...</c>, indices from
/// 1 and ascending, zeros left out, comments behind <c>#</c>; plain, or compressed with gzip or bzip2.
/// </summary>
public static class LibSvmFile
{
    // Weights and scales are dense, and a damaged index must not fill the memory.
    private const int MostFeatures = 10_000_000;

    /// <summary>Reads a training file: it sets the classes, the number of features and their scales.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The rows, sparse.</returns>
    /// <exception cref="InputException">The file cannot be used; the message names the file, the line and the text.</exception>
    public static LabelledData Read(string path, DataOptions? options = null) =>
        Read(InputFile.OnDisk(Checked(path)), options ?? new DataOptions());

    /// <summary>Reads another file as a training file was read; features beyond those of the training file are left out.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">The encoding of the training file.</param>
    /// <param name="classNames">The classes of the training file.</param>
    /// <param name="forPrediction">Whether labels that are missing or of no class are left out instead of refused.</param>
    /// <returns>The rows, sparse.</returns>
    /// <exception cref="InputException">The file cannot be used; the message names the file, the line and the text.</exception>
    public static LabelledData ReadLike(string path, TableEncoding encoding, IReadOnlyList<string> classNames, bool forPrediction = false) =>
        ReadLike(InputFile.OnDisk(Checked(path)), encoding, classNames, forPrediction, textEncoding: null);

    internal static LabelledData Read(InputFile file, DataOptions options)
    {
        var classes = new ClassList(file.Name, "line");
        var builder = new SparseTableBuilder(file.Name);
        List<double> largest = [];
        List<int> places = ReadRows(file, options.Encoding, classes, builder, labelRequired: true, (feature, value, line) =>
        {
            if (feature >= MostFeatures)
                throw new InputException(InputText.Invariant($"{file.Name}, line {line}: the index {feature + 1L} is above {MostFeatures}. Correct it, or number the features anew."));
            if (feature >= largest.Count) CollectionsMarshal.SetCount(largest, feature + 1);
            largest[feature] = Math.Max(largest[feature], Math.Abs(value));
            return value;
        });
        if (largest.Count == 0) throw new InputException($"{file.Name}: no line has a feature (index:value). Use another file.");
        double[] scales = [.. largest.Select(size => options.Standardise && size > 0 ? size : 1)];
        builder.Divide(scales);
        return Finish(file, classes, builder, places, TableEncoding.OfSparse(scales), []);
    }

    internal static LabelledData ReadLike(InputFile file, TableEncoding encoding, IReadOnlyList<string> classNames, bool forPrediction, string? textEncoding)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        ArgumentNullException.ThrowIfNull(classNames);
        if (encoding.Kind != TableKind.Sparse)
            throw new InputException($"{file.Name}: is a LIBSVM file, but the training data were {Kinds.Name(encoding.Kind)}. Use files of one kind.");
        var classes = new ClassList(file.Name, "line", classNames, forPrediction);
        var builder = new SparseTableBuilder(file.Name);
        long beyond = 0;
        List<int> places = ReadRows(file, textEncoding, classes, builder, !forPrediction, (feature, value, line) =>
        {
            if (feature >= encoding.FeatureCount)
            {
                beyond++;
                return 0;
            }

            double scaled = value / encoding.Scales[feature];
            return double.IsFinite(scaled) ? scaled : throw new InputException(InputText.Invariant(
                $"{file.Name}, line {line}: the value {value:R} of feature {feature + 1L} is too large beside those of the training data. Correct it."));
        });
        string[] notes = beyond == 0 ? [] :
            [InputText.Invariant($"{file.Name}: {beyond} entries have an index above {encoding.FeatureCount}, the largest of the training data; they are left out.")];
        return Finish(file, classes, builder, places, encoding, notes);
    }

    private static LabelledData Finish(
        InputFile file, ClassList classes, SparseTableBuilder builder, List<int> places, TableEncoding encoding, string[] notes)
    {
        if (places.Count == 0) throw new InputException($"{file.Name}: holds no rows. Use another file.");
        var (names, labels) = classes.Finish();
        return new LabelledData(builder.Build(encoding.FeatureCount), labels, names, file.Name)
        {
            Places = places,
            Encoding = encoding,
            Notes = [.. notes, .. classes.Notes],
        };
    }

    // The lines of the rows; convert gets every entry, and its answer is kept.
    private static List<int> ReadRows(
        InputFile file, string? textEncoding, ClassList classes, SparseTableBuilder builder, bool labelRequired, Func<int, double, int, double> convert)
    {
        List<int> places = [];
        using var lines = new LineReader(file, textEncoding);
        while (lines.Next(out ReadOnlySpan<char> line))
        {
            int comment = line.IndexOf('#');
            ReadOnlySpan<char> rest = (comment < 0 ? line : line[..comment]).Trim();
            if (rest.IsEmpty) continue;
            ReadOnlySpan<char> first = Token(ref rest);
            bool hasLabel = !first.Contains(':');
            if (hasLabel)
            {
                classes.Add(first, lines.Number);
            }
            else if (labelRequired)
            {
                throw Bad(file, lines.Number, first, "stands where the label should be. Begin the line with its label, as in '1 3:0.5'");
            }
            else
            {
                classes.AddNone();
            }

            int last = -1;
            for (ReadOnlySpan<char> token = hasLabel ? Token(ref rest) : first; !token.IsEmpty; token = Token(ref rest))
            {
                int colon = token.IndexOf(':');
                if (colon < 0 || !int.TryParse(token[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out int index))
                    throw Bad(file, lines.Number, token, "is not index:value with a whole index. Correct it, as in '3:0.5'");
                if (index == 0) throw Bad(file, lines.Number, token, "has index 0, but indices begin with 1. Add 1 to every index of the file");
                if (!double.TryParse(token[(colon + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
                    throw Bad(file, lines.Number, token, "has no finite number behind the colon. Correct it, as in '3:0.5'");
                if (index - 1 <= last) throw Bad(file, lines.Number, token, "does not come in ascending order of indices. Sort the entries of the line, each index once");
                last = index - 1;
                builder.Add(last, convert(last, value, lines.Number));
            }

            builder.EndRow();
            places.Add(lines.Number);
        }

        return places;
    }

    private static ReadOnlySpan<char> Token(ref ReadOnlySpan<char> rest)
    {
        rest = rest.TrimStart();
        int end = rest.IndexOfAny(" \t\v\f");
        ReadOnlySpan<char> token = end < 0 ? rest : rest[..end];
        rest = rest[token.Length..];
        return token;
    }

    private static InputException Bad(InputFile file, int line, ReadOnlySpan<char> token, string what) =>
        new(InputText.Invariant($"{file.Name}, line {line}: {InputText.Quoted(token)} {what}."));

    private static string Checked(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path;
    }
}

/// <summary>Words for kinds of files.</summary>
internal static class Kinds
{
    public static string Name(TableKind kind) => kind switch
    {
        TableKind.Columns => "a CSV table",
        TableKind.Sparse => "a LIBSVM file",
        _ => "images",
    };
}
