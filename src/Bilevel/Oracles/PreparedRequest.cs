namespace Bilevel;

/// <summary>
/// A request built once and asked many times: it holds on to its points and results, which the method changes in
/// place, so that a step reads like the paper and allocates nothing.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed class PreparedRequest<V>
    where V : class, IVector<V>
{
    private readonly IObjective<V> objective;
    private readonly int blocks;
    private readonly V[] points;
    private readonly Output<V>[] gradients;
    private readonly double[] weights;
    private readonly double[] values;

    /// <summary>Prepares a request.</summary>
    /// <param name="objective">Who is asked.</param>
    /// <param name="points">The points, each as its blocks in order.</param>
    /// <param name="gradients">The gradients asked for; one in a block without components is not asked.</param>
    /// <param name="weights">One weight per point for combined outputs; may be changed later through <see cref="Weights"/>.</param>
    /// <param name="values">Whether the values at the points are asked for too.</param>
    /// <exception cref="ArgumentException">The points differ in their number of blocks, an output names a point or block that is not there, or its result does not fit.</exception>
    public PreparedRequest(IObjective<V> objective, V[][] points, Output<V>[] gradients, double[]? weights = null, bool values = false)
    {
        ArgumentNullException.ThrowIfNull(objective);
        if (points.Length == 0 || points[0].Length == 0 || points.Any(p => p.Length != points[0].Length)) throw new ArgumentException("A request needs points, all with the same number of blocks, at least one.", nameof(points));
        this.objective = objective;
        blocks = points[0].Length;
        this.points = [.. points.SelectMany(p => p)];
        this.gradients = [.. gradients.Where(g => g.Result.Length > 0)];
        this.weights = weights ?? [];
        this.values = values ? new double[points.Length] : [];
        foreach (var output in gradients)
        {
            if (output.Block < 0 || output.Block >= blocks || output.Point < Output.Combined || output.Point >= points.Length)
                throw new ArgumentException($"No block {output.Block} of point {output.Point} in a request of {points.Length} points with {blocks} blocks.", nameof(gradients));
            if (output.Point == Output.Combined && this.weights.Length != points.Length)
                throw new ArgumentException("A combined output needs one weight per point.", nameof(weights));
            if (Array.Exists(this.points, p => ReferenceEquals(p, output.Result))) throw new ArgumentException("A gradient would be written over a block of a point: give it a vector of its own.", nameof(gradients));
            int length = this.points[output.Block].Length;
            if (output.Result.Length != length) throw new ArgumentException($"The gradient in block {output.Block} has {length} components; its result has {output.Result.Length}.", nameof(gradients));
        }
    }

    /// <summary>The weights of the combined outputs, to read and write.</summary>
    public Span<double> Weights => weights;

    /// <summary>The values at the points after the last evaluation; empty when none were asked for.</summary>
    public ReadOnlySpan<double> Values => values;

    /// <summary>Asks on the given sample.</summary>
    public void Evaluate(Sample sample)
    {
        objective.Evaluate(new Request<V>
        {
            Points = points,
            Blocks = blocks,
            Sample = sample,
            Weights = weights,
            Gradients = gradients,
            Values = values,
        });
    }

    /// <summary>Asks on all data.</summary>
    public void Evaluate() => Evaluate(Sample.All);
}
