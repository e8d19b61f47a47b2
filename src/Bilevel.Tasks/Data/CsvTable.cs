namespace Bilevel.Tasks;

/// <summary>The rows of a table, each with as many cells as the header.</summary>
internal sealed class CsvTable : TableReader
{
    private const char Mark = '\uFEFF';

    private readonly CsvRows rows;
    private readonly char? ownSeparator;
    private readonly bool mayBeOneColumn;
    private int longRows, firstLongRow, openRows, emptyRows;
    private bool isAhead, hasRowNames;

    public CsvTable(InputFile file, DataOptions options)
        : base(file.Name)
    {
        (ownSeparator, mayBeOneColumn) = (options.Separator, options.MayBeOneColumn);
        rows = new CsvRows(file, options.Separator ?? SeparatorOf(file, options), options.Encoding);
        try
        {
            string[] header = options.NoHeader ? Numbers() : ReadHeader();
            rows.Width = header.Length;

            // The tables that R writes have no name for the names of their rows.
            hasRowNames = !options.NoHeader && (isAhead = NextNotBlank()) && rows.Count == header.Length + 1 && !rows[rows.Count - 1].IsEmpty;
            if (hasRowNames) header = ["", .. header];
            SetHeader(header);
            rows.Width = header.Length;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    public override bool HasRowNames => hasRowNames;

    public override char Separator => rows.Separator;

    public override int Line => rows.Line;

    public override IEnumerable<string> Notes
    {
        get
        {
            if (rows.Comments.Count > 0) yield return InputText.Invariant($"{Name}: {rows.Comments.Count} comment lines are skipped; the first is line {rows.Comments.First}.");
            if (emptyRows > 0) yield return InputText.Invariant($"{Name}: {emptyRows} rows have separators and nothing else; they are skipped.");
            if (openRows > 0) yield return InputText.Invariant($"{Name}: {openRows} rows end with separators and nothing behind them.");
            if (longRows > 0) yield return InputText.Invariant($"{Name}: {longRows} rows go over several lines inside of quotes; the first begins on line {firstLongRow}.");
        }
    }

    public override bool Next()
    {
        if (!isAhead && !NextNotBlank()) return false;
        isAhead = false;
        bool isLong = rows.LastLine > rows.Line, isOpen = rows.Count > Header.Length && AreEmpty(Header.Length);
        if (rows.Count != Header.Length && !isOpen) throw WrongCount(isLong ? " It goes over several lines: a quote may not be closed." : "");
        if (isLong && longRows++ == 0) firstLongRow = Line;
        if (isOpen) openRows++;
        return true;
    }

    // Of the row at hand, which has more or fewer cells than the header names.
    private InputException WrongCount(string hint) => new(InputText.Invariant(
        $"{Name}, line {Line}: has {rows.Count} columns, but the header has {(HasRowNames ? InputText.Invariant($"{Header.Length - 1}, and the first row {Header.Length}") : Header.Length)}.{hint} Correct the row; text with the separator inside needs quotes."));

    public override ReadOnlySpan<char> Cell(int column) => rows[column];

    public override void Dispose() => rows.Dispose();

    private bool AreEmpty(int from)
    {
        for (int j = from; j < rows.Count; j++)
        {
            if (!rows[j].IsWhiteSpace()) return false;
        }

        return true;
    }

    private bool NextNotBlank()
    {
        while (rows.Next())
        {
            // Spreadsheets leave rows of separators alone.
            if (!AreEmpty(0)) return true;
            if (rows.Count > 1) emptyRows++;
        }

        return false;
    }

    private InputException NoRows() => new($"{Name}: is empty. Use another file.");

    // Without names the columns are numbered.
    private string[] Numbers()
    {
        isAhead = NextNotBlank() ? true : throw NoRows();
        int count = rows.Count > 1 && rows[rows.Count - 1].IsEmpty ? rows.Count - 1 : rows.Count;
        if (count == 1 && !mayBeOneColumn) throw OneColumn("first line", rows[0].ToString());
        return [.. Enumerable.Range(1, count).Select(j => InputText.Invariant($"{j}"))];
    }

    private string[] ReadHeader()
    {
        if (!NextNotBlank()) throw NoRows();
        string[] header = new string[rows.Count];
        for (int j = 0; j < header.Length; j++) header[j] = rows[j].Trim(Mark).Trim().ToString();
        if (rows.Separator == '|' && header is ["", _, .., ""]) throw new InputException($"{Name}: has bars at both ends of its header, as a table in Markdown does. Save it as CSV.");
        if (header.Length == 1 && !mayBeOneColumn) throw OneColumn("header", header[0]);
        while (header.Length > 1 && header[^1].Length == 0) header = header[..^1];
        if (header.All(h => NumberText.TryPlain(h, out _)))
            throw new InputException($"{Name}: begins with numbers, not with the names of the columns. Put a header line before the rows, or say that there is none (setting no-header).");
        int unnamed = Array.FindIndex(header, 1, h => h.Length == 0);
        if (unnamed >= 0) throw new InputException(InputText.Invariant($"{Name}: column {unnamed + 1} of {header.Length} has no name in the header. Name it."));
        return header;
    }

    private InputException OneColumn(string what, string text) => new(
        $"{Name}: its {what}, {InputText.Quoted(text)}, is one column: nothing in it is separated by {(ownSeparator is { } given ? $"'{given}'" : "commas, semicolons, tabs or bars")}. Separate the columns so, or use another file.");

    // The separator that is most often in the header, outside of quotes.
    private static char SeparatorOf(InputFile file, DataOptions options)
    {
        using var lines = new LineReader(file, options.Encoding);
        while (lines.Next(out ReadOnlySpan<char> line))
        {
            if (line.IsWhiteSpace() || CsvRows.IsComment(line, CsvFile.Separators)) continue;
            return lines.Number == 1 && CsvRows.SeparatorNamed(line) is { } named ? named : CsvFile.MostOften(line);
        }

        throw new InputException($"{file.Name}: is empty. Use another file.");
    }
}
