using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Rows of a data set with the class of each, and where each came from. Read it with <see cref="DataFile"/>.</summary>
public sealed class LabelledData
{
    /// <summary>Of a row whose class is not given, in <see cref="Labels"/>; only files read for prediction have it.</summary>
    public const int NoLabel = -1;

    /// <summary>Puts a data set together; arrays are not copied.</summary>
    /// <param name="table">The rows.</param>
    /// <param name="labels">The class of each row, an index into <paramref name="classNames"/> or <see cref="NoLabel"/>.</param>
    /// <param name="classNames">The names of the classes.</param>
    /// <param name="source">Where the data come from, for messages and reports: the name of the file.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">There is not a label per row, or a label is not the index of a class.</exception>
    public LabelledData(FeatureTable table, int[] labels, IReadOnlyList<string> classNames, string source)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentNullException.ThrowIfNull(source);
        if (labels.Length != table.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{labels.Length} labels for {table.Count} rows."), nameof(labels));
        int bad = labels.AsSpan().IndexOfAnyExceptInRange(NoLabel, classNames.Count - 1);
        if (bad >= 0)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The label {labels[bad]} of row {bad} is no class of {classNames.Count}."), nameof(labels));

        Table = table;
        Labels = labels;
        ClassNames = classNames;
        Source = source;
    }

    /// <summary>The rows.</summary>
    public FeatureTable Table { get; }

    /// <summary>The class of each row, an index into <see cref="ClassNames"/>, or <see cref="NoLabel"/> where it is not given.</summary>
    public int[] Labels { get; }

    /// <summary>The names of the classes: in the order of their numbers where all are numbers, else in ordinal order.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Where the data come from, for messages and reports: the name of the file.</summary>
    public string Source { get; }

    /// <summary>The names of the features, or null where they are only numbered.</summary>
    public IReadOnlyList<string>? FeatureNames { get; init; }

    /// <summary>Where each row came from: its line in the file, counted from 1, or the index of its image, from 0.</summary>
    public IReadOnlyList<int> Places { get; init; } = [];

    /// <summary>The images, where the rows are images.</summary>
    public ImageSet? Images { get; init; }

    /// <summary>How the entries of the file became features; another file of the same kind is read with it.</summary>
    public TableEncoding? Encoding { get; init; }

    /// <summary>What a user should know about how the file was read, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The group of each row; empty where the rows have none.</summary>
    internal int[] Groups { get; init; } = [];

    /// <summary>The names of the groups.</summary>
    internal IReadOnlyList<string> GroupNames { get; init; } = [];

    /// <summary>A number for what the file says of each row's features; empty where the features themselves say it.</summary>
    internal ulong[] FeatureKeys { get; init; } = [];

    /// <summary>Wraps images: the classes are those that occur.</summary>
    /// <param name="images">The images.</param>
    /// <param name="source">Where they come from.</param>
    /// <returns>The data set.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static LabelledData FromImages(ImageSet images, string source)
    {
        ArgumentNullException.ThrowIfNull(images);
        var classes = new ClassList(source);
        return FromImages(images, source, classes);
    }

    internal static LabelledData FromImages(ImageSet images, string source, ClassList classes)
    {
        ReadOnlySpan<byte> given = images.Labels.Span;
        for (int i = 0; i < given.Length; i++) classes.Add(given[i].ToString(CultureInfo.InvariantCulture), i);
        var (names, labels) = classes.Finish();
        return new LabelledData(new ImageTable(images), labels, names, source)
        {
            Images = images,
            Places = [.. Enumerable.Range(0, images.Count)],
            Encoding = TableEncoding.OfImages(images.Height, images.Width),
            Notes = classes.Notes,
        };
    }
}
