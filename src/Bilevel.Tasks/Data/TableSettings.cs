namespace Bilevel.Tasks;

/// <summary>How the tables of a task are read: the settings that all tasks on files share.</summary>
public abstract record TableSettings
{
    /// <summary>Column of a CSV file with the labels; empty for the one named label, else class, target or y.</summary>
    [Setting("Column of a CSV file with the labels; empty for the one named label, else class, target or y.")]
    public string Label { get; init; } = "";

    /// <summary>Columns of a CSV file to leave out, such as ids, separated by commas.</summary>
    [Setting("Columns of a CSV file to leave out, such as ids, separated by commas.")]
    public string Ignore { get; init; } = "";

    /// <summary>Columns of a CSV file to take as text although they hold numbers, such as codes, separated by commas.</summary>
    [Setting("Columns of a CSV file to take as text although they hold numbers, such as codes, separated by commas.")]
    public string TextColumns { get; init; } = "";

    /// <summary>Texts and numbers of a CSV file that mean missing, separated by commas, in place of nan, NA, N/A, NULL, ? and the like.</summary>
    [Setting("Texts and numbers of a CSV file that mean missing, separated by commas, in place of nan, NA, N/A, NULL, ? and the like.")]
    public string Missing { get; init; } = "";

    /// <summary>What stands before the fraction of numbers in CSV files: Point, Comma, or Auto for commas in columns that cannot be read otherwise.</summary>
    [Setting("What stands before the fraction of numbers in CSV files: Point, Comma, or Auto for commas in columns that cannot be read otherwise.")]
    public DecimalSign Decimal { get; init; }

    /// <summary>Whether CSV files begin with a row, not with a header; their columns are named 1, 2, 3 and so on then.</summary>
    [Setting("Whether CSV files begin with a row, not with a header; their columns are named 1, 2, 3 and so on then.")]
    public bool NoHeader { get; init; }

    /// <summary>Encoding of the text of your files, such as windows-1252; empty for UTF-8, or UTF-16 where a file has its mark.</summary>
    [Setting("Encoding of the text of your files, such as windows-1252; empty for UTF-8, or UTF-16 where a file has its mark.")]
    public string Encoding { get; init; } = "";

    /// <summary>The options of a reader.</summary>
    internal DataOptions Reading => new()
    {
        LabelColumn = Label.Length > 0 ? Label : null,
        IgnoredColumns = Names(Ignore),
        TextColumns = Names(TextColumns),
        Missing = Missing.Length > 0 ? Names(Missing) : null,
        Encoding = Encoding.Length > 0 ? Encoding : null,
        Decimal = Decimal,
        NoHeader = NoHeader,
    };

    // As a row of a table, so that a name with a comma can stand in quotes; behind an empty name, so that # begins no comment.
    private static string[] Names(string list)
    {
        using var rows = new CsvRows(InputFile.InMemory("The list of names", System.Text.Encoding.UTF8.GetBytes("," + list)), ',', encoding: null);
        if (!rows.Next()) return [];
        return [.. Enumerable.Range(0, rows.Count).Select(j => rows[j].ToString()).Where(name => name.Length > 0)];
    }
}
