namespace Bilevel.Tasks;

/// <summary>Rows of features of which many may be zero, wherever they are kept; a row is read into the caller's memory.</summary>
public abstract class FeatureTable
{
    /// <summary>Number of rows.</summary>
    public abstract int Count { get; }

    /// <summary>Number of features of a row; no bias among them.</summary>
    public abstract int FeatureCount { get; }

    /// <summary>Number of entries of a row that are not zero.</summary>
    /// <param name="row">The row, from 0 to <c>Count - 1</c>.</param>
    public abstract int NonZeroCount(int row);

    /// <summary>Reads the entries of a row that are not zero, by ascending feature.</summary>
    /// <param name="row">The row, from 0 to <c>Count - 1</c>.</param>
    /// <param name="features">Where the features go, from 0 to <c>FeatureCount - 1</c>; at least <see cref="NonZeroCount"/> long.</param>
    /// <param name="values">Where their values go; as long.</param>
    /// <returns>The number of entries read.</returns>
    public abstract int Read(int row, Span<int> features, Span<double> values);
}
