using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Some rows of a data set, in one of the roles of a task: training, validation or test.</summary>
/// <param name="Source">The data set.</param>
/// <param name="Rows">Indices of its rows.</param>
internal sealed record DataPart(LabelledData Source, int[] Rows)
{
    /// <summary>The labels of the rows, as the source gives them.</summary>
    public int[] Labels { get; } = [.. Rows.Select(i => Source.Labels[i])];

    /// <summary>All rows of a data set.</summary>
    public static DataPart All(LabelledData source) => new(source, [.. Enumerable.Range(0, source.Table.Count)]);

    /// <summary>The first rows of a random order of a data set, or of the data set as it is.</summary>
    /// <param name="source">The data set.</param>
    /// <param name="count">How many; 0 for all.</param>
    /// <param name="setting">The setting that says how many.</param>
    /// <param name="key">Names the order; null for the rows as they come.</param>
    /// <exception cref="InputException">There are not so many.</exception>
    public static DataPart First(LabelledData source, int count, string setting, ulong? key)
    {
        int all = source.Table.Count, taken = count == 0 ? all : count;
        if (taken > all) throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{source.Source}: {taken} samples are asked for, but there are {all}. Lower {setting}."));
        return new DataPart(source, key is { } k && taken < all ? RandomOrder.Of(all, k)[..taken] : [.. Enumerable.Range(0, taken)]);
    }

    /// <summary>Where row i of the part came from: its line in the file, or the index of its image.</summary>
    public int Place(int i) => Source.Places.Count > 0 ? Source.Places[Rows[i]] : Rows[i];

    /// <summary>The feature rows.</summary>
    public FeatureRows<T> Features<T>()
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => FeatureRows<T>.From(Source.Table, Rows);
}
