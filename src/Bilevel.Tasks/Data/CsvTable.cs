namespace Bilevel.Tasks;

/// <summary>The rows of a table, each with as many cells as the header.</summary>
internal sealed class CsvTable : IDisposable
{
    private const char Mark = '\uFEFF';

    private readonly CsvRows rows;
    private readonly Dictionary<string, int> columns = new(StringComparer.Ordinal);
    private readonly char? ownSeparator;
    private int longRows, firstLongRow;

    public CsvTable(InputFile file, DataOptions options)
    {
        (Name, ownSeparator) = (file.Name, options.Separator);
        rows = new CsvRows(file, options.Separator ?? SeparatorOf(file, options), options.Encoding);
        try
        {
            Header = ReadHeader();
            rows.Width = Header.Length;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    public string Name { get; }

    public string[] Header { get; }

    /// <summary>The line on which the row begins, from 1.</summary>
    public int Line => rows.Line;

    /// <summary>What is to be said of the rows read so far, a sentence each.</summary>
    public IEnumerable<string> Notes
    {
        get
        {
            if (longRows > 0) yield return InputText.Invariant($"{Name}: {longRows} rows go over several lines inside of quotes; the first begins on line {firstLongRow}.");
        }
    }

    public bool Next()
    {
        while (rows.Next())
        {
            bool isLong = rows.LastLine > rows.Line;
            if (rows.Count == Header.Length)
            {
                if (isLong && longRows++ == 0) firstLongRow = Line;
                return true;
            }

            if (IsBlank()) continue;
            string hint = isLong ? " It goes over several lines: a quote may not be closed." : "";
            throw new InputException(InputText.Invariant(
                $"{Name}, line {Line}: has {rows.Count} columns, but the header has {Header.Length}.{hint} Correct the row; text with the separator inside needs quotes."));
        }

        return false;
    }

    public ReadOnlySpan<char> Cell(int column) => rows[column];

    /// <summary>The column of this name, in this spelling or else in any; -1 where there is none.</summary>
    public int Find(string name) =>
        this.columns.TryGetValue(name, out int exact) ? exact : Array.FindIndex(Header, h => h.Equals(name, StringComparison.OrdinalIgnoreCase));

    public int Require(string name) => Find(name) is >= 0 and int column ? column : throw Lacks(name);

    public InputException Lacks(string name) => new(
        $"{Name}: has no column {InputText.Quoted(name)}. Its columns are {InputText.Few(Header)}; correct the name, or the header.");

    public void Dispose() => rows.Dispose();

    private bool IsBlank() => rows.Count == 1 && rows[0].IsWhiteSpace();

    private string[] ReadHeader()
    {
        do
        {
            if (!rows.Next()) throw new InputException($"{Name}: is empty. Use another file.");
        }
        while (IsBlank());
        string[] header = new string[rows.Count];
        for (int j = 0; j < header.Length; j++) header[j] = rows[j].Trim(Mark).ToString();
        if (header.Length == 1)
        {
            string said = ownSeparator is { } given ? $"'{given}'" : "commas, semicolons, tabs or bars";
            throw new InputException($"{Name}: its header, {InputText.Quoted(header[0])}, is one column: nothing in it is separated by {said}. Separate the columns so, or use another file.");
        }

        int unnamed = Array.FindIndex(header, h => h.Length == 0);
        if (header.All(h => NumberText.TryPlain(h, out _)))
            throw new InputException($"{Name}: begins with numbers, not with the names of the columns. Put a header line before the rows.");
        if (unnamed >= 0) throw new InputException(InputText.Invariant($"{Name}: column {unnamed + 1} of {header.Length} has no name in the header. Name it."));
        for (int j = 0; j < header.Length; j++)
        {
            if (!this.columns.TryAdd(header[j], j)) throw new InputException($"{Name}: two columns are named {InputText.Quoted(header[j])}. Rename one.");
        }

        return header;
    }

    // The separator that is most often in the header, outside of quotes.
    private static char SeparatorOf(InputFile file, DataOptions options)
    {
        using var lines = new LineReader(file, options.Encoding);
        while (lines.Next(out ReadOnlySpan<char> line))
        {
            if (line.IsWhiteSpace()) continue;
            return CsvFile.MostOften(line);
        }

        throw new InputException($"{file.Name}: is empty. Use another file.");
    }
}
