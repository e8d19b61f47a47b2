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

    /// <summary>Where row i of the part came from: its line in the file, or the index of its image.</summary>
    public int Place(int i) => Source.Places.Count > 0 ? Source.Places[Rows[i]] : Rows[i];

    /// <summary>The feature rows.</summary>
    public FeatureRows<T> Features<T>()
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => FeatureRows<T>.From(Source.Table, Rows);
}
