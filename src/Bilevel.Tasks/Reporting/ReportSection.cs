namespace Bilevel.Tasks;

/// <summary>A part of the report that a task adds to its numbers. Texts are plain; the report escapes them.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Text">What to see in it, in a sentence or two; may be empty.</param>
public abstract record ReportSection(string Title, string Text);

/// <summary>Images side by side, each with its caption.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Text">What to see in it, in a sentence or two; may be empty.</param>
/// <param name="Images">The images, in the order in which to show them.</param>
public sealed record ImageGrid(string Title, string Text, IReadOnlyList<GreyImage> Images) : ReportSection(Title, Text);

/// <summary>How often values lie where, for one group of them or several drawn over each other.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Text">What to see in it, in a sentence or two; may be empty.</param>
/// <param name="AxisTitle">What the values are.</param>
/// <param name="Groups">The groups; values that are not finite are left out and counted.</param>
public sealed record Histogram(string Title, string Text, string AxisTitle, IReadOnlyList<HistogramGroup> Groups) : ReportSection(Title, Text)
{
    /// <summary>Number of intervals of equal width, from 1 to 1000.</summary>
    public int Bins
    {
        get;
        init => field = value is >= 1 and <= 1000 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A histogram has 1 to 1000 bins.");
    }
    = 40;

    /// <summary>The ends of the axis, both finite and the lower first; values outside are left out and counted. Null for the extreme values.</summary>
    public (double Low, double High)? Range
    {
        get;
        init => field = value is not { } range || (double.IsFinite(range.High - range.Low) && range.Low < range.High) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A histogram needs two ends, the lower first.");
    }
}

/// <summary>The values of one group in a histogram.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Values">The values, in any order.</param>
public sealed record HistogramGroup(string Name, IReadOnlyList<double> Values);

/// <summary>How often row and column meet, such as the label that was given and the label that is likely.</summary>
public sealed record CrossTable : ReportSection
{
    /// <summary>Creates the table.</summary>
    /// <param name="title">Its heading.</param>
    /// <param name="text">What to see in it, in a sentence or two; may be empty.</param>
    /// <param name="rowTitle">What the rows are.</param>
    /// <param name="columnTitle">What the columns are.</param>
    /// <param name="names">The names of the classes, K of them: of the rows and of the columns alike.</param>
    /// <param name="counts">K rows of K counts of at least 0; agreement lies on the diagonal.</param>
    /// <exception cref="ArgumentException">The counts are not K by K, or one is negative.</exception>
    public CrossTable(string title, string text, string rowTitle, string columnTitle, IReadOnlyList<string> names, IReadOnlyList<IReadOnlyList<long>> counts)
        : base(title, text)
    {
        if (counts.Count != names.Count || counts.Any(r => r.Count != names.Count)) throw new ArgumentException(FormattableString.Invariant($"{names.Count} names need as many rows of as many counts."), nameof(counts));
        if (counts.Any(r => r.Any(c => c < 0))) throw new ArgumentException("A count is negative.", nameof(counts));
        (RowTitle, ColumnTitle, Names, Counts) = (rowTitle, columnTitle, names, counts);
    }

    /// <summary>What the rows are.</summary>
    public string RowTitle { get; }

    /// <summary>What the columns are.</summary>
    public string ColumnTitle { get; }

    /// <summary>The names of the classes, K of them.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>K rows of K counts.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Counts { get; }
}

/// <summary>Records of the user's data, a row each, such as the most suspicious ones.</summary>
public sealed record RecordTable : ReportSection
{
    /// <summary>Creates the table.</summary>
    /// <param name="title">Its heading.</param>
    /// <param name="text">What to see in it, in a sentence or two; may be empty.</param>
    /// <param name="columns">The names of the columns.</param>
    /// <param name="rows">The cells, row by row, in the order in which to show them.</param>
    /// <exception cref="ArgumentException">A row has not as many cells as there are columns.</exception>
    public RecordTable(string title, string text, IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
        : base(title, text)
    {
        int wrong = rows.Select((row, i) => row.Count == columns.Count ? -1 : i).FirstOrDefault(i => i >= 0, -1);
        if (wrong >= 0) throw new ArgumentException(FormattableString.Invariant($"Row {wrong} has {rows[wrong].Count} cells for {columns.Count} columns."), nameof(rows));
        (Columns, Rows) = (columns, rows);
    }

    /// <summary>The names of the columns.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The cells, row by row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows { get; }
}
