namespace Bilevel.Tasks;

/// <summary>The formats of data files.</summary>
public enum DataFormat
{
    /// <summary>Told from the name and the content.</summary>
    Auto,

    /// <summary>A table of named columns, separated by commas, semicolons, tabs or bars.</summary>
    Csv,

    /// <summary>Lines of <c>label index:value ...</c>.</summary>
    LibSvm,

    /// <summary>Images in idx files.</summary>
    Idx,

    /// <summary>A table in Weka's attribute-relation format.</summary>
    Arff,
}

/// <summary>What stands before the fraction of the numbers of a table.</summary>
public enum DecimalSign
{
    /// <summary>A point, and a comma in columns that cannot be read otherwise.</summary>
    Auto,

    /// <summary>A point, as in 1234.5; commas stand between thousands.</summary>
    Point,

    /// <summary>A comma, as in 1234,5; points stand between thousands.</summary>
    Comma,
}

/// <summary>How a data file is to be read, where it does not speak for itself.</summary>
public sealed record DataOptions
{
    /// <summary>The format.</summary>
    public DataFormat Format { get; init; }

    /// <summary>The column of a CSV file with the labels; null for the one named label, else class, target or y.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>Whether a CSV file begins with a row, not with a header; its columns are named 1, 2, 3 and so on then.</summary>
    public bool NoHeader { get; init; }

    /// <summary>Columns of a CSV file that are left out, such as ids.</summary>
    public IReadOnlyList<string> IgnoredColumns { get; init; } = [];

    /// <summary>Columns of a CSV file that are taken as text, although they hold numbers, such as codes.</summary>
    public IReadOnlyList<string> TextColumns { get; init; } = [];

    /// <summary>
    /// Texts of a CSV file that mean missing, in any case, besides the empty one; null for nan, NA, N/A, NULL and ? and their
    /// spellings by other programs (#N/A, &lt;NA&gt;, \N), and among numbers none and - too.
    /// </summary>
    public IReadOnlyList<string>? Missing { get; init; }

    /// <summary>What stands before the fraction of the numbers of a CSV file.</summary>
    public DecimalSign Decimal { get; init; }

    /// <summary>The character between the columns of a CSV file; null to find it in the header.</summary>
    public char? Separator { get; init; }

    /// <summary>The encoding of a text file, such as windows-1252; null for UTF-8, or UTF-16 where the file has its mark.</summary>
    public string? Encoding { get; init; }

    /// <summary>The most different texts that a column of a CSV file may hold, at least 1.</summary>
    public int MaxLevels { get; init; } = 1000;

    /// <summary>
    /// Whether numbers are scaled, columns of tables and features of LIBSVM files alike, to mean 0 and deviation 1 over the
    /// training file.
    /// </summary>
    public bool Standardise { get; init; } = true;

    /// <summary>Whether a table may have a single column, as one to predict has that was trained on one feature.</summary>
    internal bool MayBeOneColumn { get; init; }

    /// <summary>Whether a folder of idx files stands for its test part (<c>t10k-</c>).</summary>
    public bool TestPart { get; init; }

    /// <summary>The column of a CSV file with groups of rows, which is no feature; null for none.</summary>
    internal string? GroupColumn { get; init; }

    /// <summary>The groups of the training file, where another file is read; null for those that occur.</summary>
    internal IReadOnlyList<string>? GroupNames { get; init; }
}
