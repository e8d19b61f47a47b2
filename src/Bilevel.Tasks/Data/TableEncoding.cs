namespace Bilevel.Tasks;

/// <summary>What kind of file a table is read from.</summary>
public enum TableKind
{
    /// <summary>Named columns of numbers or text: CSV.</summary>
    Columns,

    /// <summary>Numbered features of which zeros are left out: LIBSVM.</summary>
    Sparse,

    /// <summary>Grey images: idx.</summary>
    Images,
}

/// <summary>A column of a table and the features that it becomes.</summary>
/// <param name="Name">Its name in the header.</param>
/// <param name="Levels">
/// The texts that occur in the training file, in order of first appearance, a feature each (1 where the text is this one,
/// else 0); null for a column of numbers, which is one feature.
/// </param>
/// <param name="Mean">What is subtracted from a number.</param>
/// <param name="Scale">By what the difference is divided; above 0.</param>
public sealed record TableColumn(string Name, IReadOnlyList<string>? Levels, double Mean, double Scale)
{
    /// <summary>The number of features.</summary>
    public int Width => Levels?.Count ?? 1;

    /// <summary>How numbers are written in the column.</summary>
    public NumberForm Form { get; init; }
}

/// <summary>
/// How the entries of a file become features. Found from the training file, and used unchanged for every other.
/// </summary>
public sealed class TableEncoding
{
    private TableEncoding(TableKind kind, int featureCount)
    {
        Kind = kind;
        FeatureCount = featureCount;
    }

    /// <summary>The kind of file.</summary>
    public TableKind Kind { get; }

    /// <summary>The number of features.</summary>
    public int FeatureCount { get; }

    /// <summary>The columns that become features, in the order of their features; empty for other kinds.</summary>
    public IReadOnlyList<TableColumn> Columns { get; private init; } = [];

    /// <summary>The name of the column with the labels; null for other kinds.</summary>
    public string? LabelColumn { get; private init; }

    /// <summary>The columns that are left out.</summary>
    public IReadOnlyList<string> IgnoredColumns { get; private init; } = [];

    /// <summary>The texts that mean missing, in any case, besides the empty one; null for the usual ones.</summary>
    public IReadOnlyList<string>? MissingTexts { get; private init; }

    /// <summary>By what the value of each numbered feature is divided, above 0; empty for other kinds.</summary>
    public IReadOnlyList<double> Scales { get; private init; } = [];

    /// <summary>Rows per image, in pixels; 0 for other kinds.</summary>
    public int Height { get; private init; }

    /// <summary>Columns per image, in pixels; 0 for other kinds.</summary>
    public int Width { get; private init; }

    /// <summary>The names of the features: the column, or "column=text"; null where features are only numbered.</summary>
    public IReadOnlyList<string>? FeatureNames => Kind != TableKind.Columns ? null :
        [.. Columns.SelectMany(c => c.Levels is null ? [c.Name] : c.Levels.Select(level => $"{c.Name}={level}"))];

    /// <summary>The encoding of images: a feature per pixel, its byte divided by 255.</summary>
    /// <param name="height">Rows per image, in pixels, at least 1.</param>
    /// <param name="width">Columns per image, in pixels, at least 1.</param>
    /// <returns>The encoding.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or an image has 2^31 pixels or more.</exception>
    public static TableEncoding OfImages(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)height * width, int.MaxValue, nameof(width));
        return new(TableKind.Images, height * width) { Height = height, Width = width };
    }

    /// <summary>The encoding of numbered features.</summary>
    /// <param name="scales">By what the value of each is divided, above 0; as many as there are features.</param>
    /// <returns>The encoding.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="scales"/> is null.</exception>
    /// <exception cref="ArgumentException">A scale is not a finite number above 0.</exception>
    public static TableEncoding OfSparse(IReadOnlyList<double> scales)
    {
        ArgumentNullException.ThrowIfNull(scales);
        if (scales.Any(s => !(s > 0) || !double.IsFinite(s))) throw new ArgumentException("A scale must be a finite number above 0.", nameof(scales));
        return new(TableKind.Sparse, scales.Count) { Scales = scales };
    }

    /// <summary>The encoding of named columns. A number that is missing becomes the mean.</summary>
    /// <param name="columns">The columns that become features.</param>
    /// <param name="labelColumn">The column with the labels.</param>
    /// <param name="ignoredColumns">The columns that are left out.</param>
    /// <param name="missingTexts">The texts that mean missing besides the empty one; null for the usual ones.</param>
    /// <returns>The encoding.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// A mean is not finite, a scale is not a finite number above 0, a name or a level occurs twice, or there are 2^31 features or more.
    /// </exception>
    public static TableEncoding OfColumns(IReadOnlyList<TableColumn> columns, string labelColumn, IReadOnlyList<string> ignoredColumns, IReadOnlyList<string>? missingTexts = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(labelColumn);
        ArgumentNullException.ThrowIfNull(ignoredColumns);
        if (columns.Any(c => !double.IsFinite(c.Mean) || !(c.Scale > 0) || !double.IsFinite(c.Scale)))
            throw new ArgumentException("A mean must be finite, and a scale a finite number above 0.", nameof(columns));
        if (columns.DistinctBy(c => c.Name, StringComparer.Ordinal).Count() < columns.Count || columns.Any(c => c.Name == labelColumn))
            throw new ArgumentException("A name of a column occurs twice.", nameof(columns));
        if (columns.Any(c => c.Levels is not null && c.Levels.Distinct(StringComparer.Ordinal).Count() < c.Levels.Count))
            throw new ArgumentException("A text of a column occurs twice.", nameof(columns));
        long features = columns.Sum(c => (long)c.Width);
        if (features > int.MaxValue) throw new ArgumentException("There are 2^31 features or more.", nameof(columns));
        return new(TableKind.Columns, (int)features) { Columns = columns, LabelColumn = labelColumn, IgnoredColumns = ignoredColumns, MissingTexts = missingTexts };
    }
}
