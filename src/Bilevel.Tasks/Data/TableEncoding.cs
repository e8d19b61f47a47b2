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

    /// <summary>The largest size of the feature of a number; above it this is taken.</summary>
    public double Reach { get; init; } = double.PositiveInfinity;

    internal FeatureScale Scaling => new(Mean, Scale, Reach);
}

/// <summary>A numbered feature of a file that leaves zeros out.</summary>
/// <param name="Number">Its number in the file.</param>
/// <param name="Mean">What is subtracted from its values, zeros included.</param>
/// <param name="Scale">By what the difference is divided; above 0.</param>
/// <param name="Reach">The largest size of the result; above it this is taken.</param>
public readonly record struct NumberedFeature(int Number, double Mean, double Scale, double Reach = double.PositiveInfinity)
{
    internal FeatureScale Scaling => new(Mean, Scale, Reach);
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

    /// <summary>The numbered features, those that occur in the training file, by ascending number; empty for other kinds.</summary>
    public IReadOnlyList<NumberedFeature> Numbered { get; private init; } = [];

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
    /// <param name="features">The features, by ascending number.</param>
    /// <returns>The encoding.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="features"/> is null.</exception>
    /// <exception cref="ArgumentException">The numbers do not ascend from 0, a mean is not finite, a scale not a finite number above 0, or a reach below 0.</exception>
    public static TableEncoding OfSparse(IReadOnlyList<NumberedFeature> features)
    {
        ArgumentNullException.ThrowIfNull(features);
        int last = -1;
        foreach (var feature in features)
        {
            if (feature.Number <= last) throw new ArgumentException("The numbers of features must ascend from 0.", nameof(features));
            Check(feature.Scaling, nameof(features));
            last = feature.Number;
        }

        return new(TableKind.Sparse, features.Count) { Numbered = features };
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
        foreach (var column in columns) Check(column.Scaling, nameof(columns));
        if (columns.DistinctBy(c => c.Name, StringComparer.Ordinal).Count() < columns.Count || columns.Any(c => c.Name == labelColumn))
            throw new ArgumentException("A name of a column occurs twice.", nameof(columns));
        if (columns.Any(c => c.Levels is not null && c.Levels.Distinct(StringComparer.Ordinal).Count() < c.Levels.Count))
            throw new ArgumentException("A text of a column occurs twice.", nameof(columns));
        long features = columns.Sum(c => (long)c.Width);
        if (features > int.MaxValue) throw new ArgumentException("There are 2^31 features or more.", nameof(columns));
        return new(TableKind.Columns, (int)features) { Columns = columns, LabelColumn = labelColumn, IgnoredColumns = ignoredColumns, MissingTexts = missingTexts };
    }

    private static void Check(FeatureScale scale, string parameter)
    {
        if (!double.IsFinite(scale.Mean) || !(scale.Scale > 0) || !double.IsFinite(scale.Scale) || !(scale.Reach >= 0))
            throw new ArgumentException("A mean must be finite, a scale a finite number above 0, and a reach at least 0.", parameter);
    }
}
