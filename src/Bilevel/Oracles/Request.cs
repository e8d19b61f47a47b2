namespace Bilevel;

/// <summary>
/// The random draw behind an estimate, as a value: the same key gives the same estimate at any point, so several
/// evaluations can share a minibatch and a run can be resumed to the bit.
/// </summary>
/// <param name="Key">Seeds the draw.</param>
/// <param name="Size">Number of data items drawn; 0 asks for all data, that is for the exact gradient.</param>
public readonly record struct Sample(ulong Key, int Size)
{
    /// <summary>All data: the exact gradient.</summary>
    public static Sample All => default;

    /// <summary>Whether the sample is all data.</summary>
    public bool IsAll => Size == 0;

    /// <summary>The indices of the data items that the sample takes from a population: all of them in order, or those drawn, with replacement.</summary>
    /// <param name="population">Number of data items that there are, from which the objective is a mean.</param>
    /// <returns>The indices, to be enumerated without allocation; an item that was drawn twice comes twice.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The population is negative, or empty although items are to be drawn.</exception>
    /// <example>
    /// The mean of squared errors of a sample, and of all data where the sample is <see cref="All"/>:
    /// <code>
    /// static double Loss(Sample sample, double[] a, double[] b, double w)
    /// {
    ///     double sum = 0;
    ///     var rows = sample.Rows(b.Length);
    ///     foreach (int i in rows) sum += Math.Pow((a[i] * w) - b[i], 2);
    ///     return sum / rows.Count;
    /// }
    ///
    /// Console.WriteLine(Loss(Sample.All, [1, 2], [1, 2], 0));     // 2.5
    /// </code>
    /// </example>
    public SampledRows Rows(int population) => new(this, population);
}

/// <summary>One gradient asked for by a request.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="Block">The block of variables to differentiate in.</param>
/// <param name="Point">Index of the point, or <see cref="Output.Combined"/> for the sum over all points of weight times gradient.</param>
/// <param name="Result">Receives the gradient (overwritten, not added to); must not be one of the points.</param>
public readonly record struct Output<V>(int Block, int Point, V Result)
    where V : class, IVector<V>;

/// <summary>Constants of <see cref="Output{V}"/>.</summary>
public static class Output
{
    /// <summary>In place of a point's index: the weighted sum over all points.</summary>
    public const int Combined = -1;
}

/// <summary>
/// One question to an objective: at these points, on this sample, these block gradients, these values and these
/// weighted sums of gradients. Everything a method needs is such a question, so an objective can answer all of it
/// in one pass over its data, and a decorator cannot lose the fused form.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public readonly ref struct Request<V>
    where V : class, IVector<V>
{
    /// <summary>The points, one after the other, each as its blocks in order: points x blocks entries.</summary>
    public required ReadOnlySpan<V> Points { get; init; }

    /// <summary>Number of blocks of a point.</summary>
    public required int Blocks { get; init; }

    /// <summary>The sample on which to evaluate; all of the answer uses this one sample.</summary>
    public Sample Sample { get; init; }

    /// <summary>One weight per point, for the combined outputs; may be empty when there are none.</summary>
    public ReadOnlySpan<double> Weights { get; init; }

    /// <summary>The gradients asked for.</summary>
    public ReadOnlySpan<Output<V>> Gradients { get; init; }

    /// <summary>Receives the value at each point; empty when no values are asked for.</summary>
    public Span<double> Values { get; init; }

    /// <summary>Number of points.</summary>
    public int PointCount => Points.Length / Blocks;

    /// <summary>The blocks of one point.</summary>
    public ReadOnlySpan<V> Point(int index) => Points.Slice(index * Blocks, Blocks);

    /// <summary>
    /// The same question in other places, for an objective that passes it on: as many points with the same weights on the same
    /// sample. Nothing that a request may come to hold is lost where it is passed on so.
    /// </summary>
    /// <param name="points">As many points.</param>
    /// <param name="blocks">Number of blocks of each.</param>
    /// <param name="gradients">The gradients asked for.</param>
    /// <param name="values">Receives the values; empty for none.</param>
    /// <returns>The question.</returns>
    /// <exception cref="ArgumentException">There is another number of points.</exception>
    public Request<V> Rerouted(ReadOnlySpan<V> points, int blocks, ReadOnlySpan<Output<V>> gradients, Span<double> values) =>
        points.Length == PointCount * blocks
            ? this with { Points = points, Blocks = blocks, Gradients = gradients, Values = values }
            : throw new ArgumentException(FormattableString.Invariant($"A request of {PointCount} points cannot be passed on with {points.Length} blocks of points of {blocks} blocks."), nameof(points));
}

/// <summary>An objective: a function of named blocks of variables, answering requests.</summary>
/// <remarks>
/// An instance may keep scratch memory: it is asked by one thread at a time, though it may use several to answer.
/// Users derive from <see cref="PointObjective{V}"/>; who wants speed answers the whole request.
/// </remarks>
/// <typeparam name="V">Vector type.</typeparam>
public interface IObjective<V>
    where V : class, IVector<V>
{
    /// <summary>Answers the request, overwriting its results.</summary>
    void Evaluate(in Request<V> request);
}
