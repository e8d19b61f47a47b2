namespace Bilevel.Tasks;

/// <summary>The rows of a file of named columns, one after the other.</summary>
/// <param name="name">The file, for messages.</param>
internal abstract class TableReader(string name) : IDisposable
{
    private readonly Dictionary<string, int> columns = new(StringComparer.Ordinal);

    public string Name => name;

    /// <summary>The names of the columns; the first may be empty, where it has none.</summary>
    public string[] Header { get; private set; } = [];

    /// <summary>Whether every row has one cell more than there are names, so that the first is taken for the name of the row.</summary>
    public virtual bool HasRowNames => false;

    /// <summary>The column that holds the labels where none has a usual name; null for none.</summary>
    public virtual string? UsualLabel => null;

    /// <summary>What stands between the columns.</summary>
    public virtual char Separator => ',';

    /// <summary>The line on which the row begins, from 1.</summary>
    public abstract int Line { get; }

    /// <summary>What is to be said of the rows read so far, a sentence each.</summary>
    public abstract IEnumerable<string> Notes { get; }

    /// <summary>Options that name the format of a file, so that it is told once.</summary>
    public static DataOptions Settled(InputFile file, DataOptions options) =>
        options.Format is DataFormat.Csv or DataFormat.Arff ? options : options with { Format = IsArff(file, options) ? DataFormat.Arff : DataFormat.Csv };

    /// <summary>Opens a file of a format that is <see cref="Settled"/>.</summary>
    /// <exception cref="InputException">The header cannot be used.</exception>
    public static TableReader Open(InputFile file, DataOptions options) => options.Format == DataFormat.Arff ? new ArffTable(file, options) : new CsvTable(file, options);

    /// <summary>Goes to the next row; false at the end.</summary>
    /// <exception cref="InputException">The row cannot be used.</exception>
    public abstract bool Next();

    /// <summary>A cell of the row; valid until the next call of <see cref="Next"/>.</summary>
    public abstract ReadOnlySpan<char> Cell(int column);

    /// <summary>Whether the file declares a column to hold texts.</summary>
    public virtual bool IsText(int column) => false;

    /// <summary>The column of this name, in this spelling or else the only one in any; -1 where there is none.</summary>
    public int Find(string column)
    {
        if (columns.TryGetValue(column, out int exact)) return exact;
        int[] alike = [.. Enumerable.Range(0, Header.Length).Where(j => Header[j].Equals(column, StringComparison.OrdinalIgnoreCase))];
        return alike.Length == 1 ? alike[0] : -1;
    }

    public int Require(string column) => Find(column) is >= 0 and int found ? found : throw Lacks(column);

    public InputException Lacks(string column) => new(
        $"{name}: has no column {InputText.Quoted(column)}. Its columns are {InputText.Few(Header)}; correct the name, or the header.{(Array.Exists(Header, h => h.Contains(',', StringComparison.Ordinal)) ? " In a list, a name with a comma stands in double quotes." : "")}{(NumberText.TryPlain(column, out _) && Array.Exists(Header, h => NumberText.TryPlain(h, out _)) ? " If the first line is a row already, say so (setting no-header)." : "")}");

    public abstract void Dispose();

    protected void SetHeader(string[] header)
    {
        Header = header;
        for (int j = 0; j < header.Length; j++)
        {
            if (!columns.TryAdd(header[j], j)) throw new InputException($"{name}: two columns are named {InputText.Quoted(header[j])}. Rename one, or say that there is no header (setting no-header).");
        }
    }

    private static bool IsArff(InputFile file, DataOptions options)
    {
        using var lines = new LineReader(file, options.Encoding);
        while (lines.Next(out ReadOnlySpan<char> line))
        {
            line = line.Trim();
            if (!line.IsEmpty && line[0] != '%') return ArffTable.Is(line);
        }

        return false;
    }
}
