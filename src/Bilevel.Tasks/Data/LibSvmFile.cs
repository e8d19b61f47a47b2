using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// Reads data in the format of LIBSVM and SVMlight: a line per row, <c>label index:value index:value ...</c>, labels that
/// are numbers, ascending indices, zeros left out, comments behind <c>#</c>; plain, or compressed with gzip or bzip2. Features
/// are scaled as the columns of a table are, to mean 0 and deviation 1 with their zeros, which stay left out.
/// </summary>
internal static class LibSvmFile
{
    /// <summary>Reads a training file: it sets the classes, the features and their scales.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The rows, sparse.</returns>
    /// <exception cref="InputException">The file cannot be used; the message names the file, the line and the text.</exception>
    public static LabelledData Read(string path, DataOptions? options = null) =>
        Read(InputFile.OnDisk(Checked(path)), options ?? new DataOptions());

    /// <summary>Reads another file as a training file was read; features that the training file lacks are left out.</summary>
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
        var rows = ReadRows(file, options.Encoding, classes, labelRequired: true);
        return Finish(file, classes, rows, TableEncoding.OfSparse(rows.Fit(options.Standardise)));
    }

    internal static LabelledData ReadLike(InputFile file, TableEncoding encoding, IReadOnlyList<string> classNames, bool forPrediction, string? textEncoding)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        ArgumentNullException.ThrowIfNull(classNames);
        if (encoding.Kind != TableKind.Sparse)
            throw new InputException($"{file.Name}: is a LIBSVM file, but the training data were {Kinds.Name(encoding.Kind)}. Use files of one kind.");
        var classes = new ClassList(file.Name, "line", classNames, forPrediction);
        return Finish(file, classes, ReadRows(file, textEncoding, classes, !forPrediction), encoding);
    }

    private static LabelledData Finish(InputFile file, ClassList classes, NumberedRows rows, TableEncoding encoding)
    {
        List<string> notes = [];
        var table = rows.Encode(encoding.Numbered, notes);
        var (names, labels) = classes.Finish();
        return new LabelledData(table, labels, names, file.Name)
        {
            Places = rows.Lines,
            FeatureKeys = rows.Keys,
            Encoding = encoding,
            Notes = [.. notes, .. classes.Notes],
        };
    }

    private static NumberedRows ReadRows(InputFile file, string? textEncoding, ClassList classes, bool labelRequired)
    {
        var rows = new NumberedRows(file.Name);
        using var lines = new LineReader(file, textEncoding);
        while (lines.Next(out ReadOnlySpan<char> line))
        {
            if (line.Contains('\0')) throw new InputException(InputText.Invariant($"{file.Name}, line {lines.Number}: holds a NUL character, which no text has. The file is damaged, or in another encoding (setting encoding)."));
            int comment = line.IndexOf('#');
            ReadOnlySpan<char> rest = (comment < 0 ? line : line[..comment]).Trim();
            if (rest.IsEmpty) continue;
            ReadOnlySpan<char> first = Token(ref rest);
            bool hasLabel = !first.Contains(':');
            if (hasLabel)
            {
                CheckLabel(file, lines.Number, first);
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
                var (number, value) = Entry(file, lines.Number, token);
                if (number <= last) throw Bad(file, lines.Number, token, "does not come in ascending order of indices. Sort the entries of the line, each index once");
                last = number;
                rows.Add(number, value);
            }

            rows.EndRow(lines.Number);
        }

        return rows.Lines.Count > 0 ? rows : throw new InputException($"{file.Name}: holds no rows. Use another file.");
    }

    private static void CheckLabel(InputFile file, int line, ReadOnlySpan<char> label)
    {
        if (NumberText.TryPlain(label, out double value) && double.IsFinite(value)) return;
        bool areSeveral = label.Contains(',');
        foreach (Range range in label.Split(',')) areSeveral &= NumberText.TryPlain(label[range], out _);
        throw Bad(file, line, label, areSeveral
            ? "gives the row several labels, and a row has one class here. Keep one of them, or make a file for each label with 1 for the rows that have it"
            : "stands where the label should be and is no finite number. Number the classes, or remove the line");
    }

    private static (int Number, double Value) Entry(InputFile file, int line, ReadOnlySpan<char> token)
    {
        if (token.StartsWith("qid:")) throw Bad(file, line, token, "is a query of data for ranking, which has no classes to learn. Use a file of classified rows, or remove the entry");
        int colon = token.IndexOf(':');
        if (colon < 0 || !int.TryParse(token[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            throw Bad(file, line, token, "is not index:value with a whole index. Correct it, as in '3:0.5'");
        if (!NumberText.TryPlain(token[(colon + 1)..], out double value) || !double.IsFinite(value))
            throw Bad(file, line, token, "has no finite number behind the colon. Correct it, as in '3:0.5'");
        return (number, value);
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
        TableKind.Columns => "a table",
        TableKind.Sparse => "a LIBSVM file",
        _ => "images",
    };
}
