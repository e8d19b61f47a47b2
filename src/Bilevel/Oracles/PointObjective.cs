namespace Bilevel;

/// <summary>
/// The base class for users: write a value and a block gradient at one point, and every request is answered from
/// these two.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <example>
/// The mean of (a[i] y - b[i])^2/2 over the data items of the sample; x does not enter.
/// <code>
/// internal sealed class Fit(double[] a, double[] b) : PointObjective&lt;DenseVector&lt;double&gt;&gt;
/// {
///     protected override double Value(ReadOnlySpan&lt;DenseVector&lt;double&gt;&gt; point, Sample sample)
///     {
///         double sum = 0;
///         var rows = sample.Rows(a.Length);
///         foreach (int i in rows) sum += Math.Pow((a[i] * point[BilevelProblem.Y][0]) - b[i], 2) / 2;
///         return sum / rows.Count;
///     }
///
///     protected override void Gradient(ReadOnlySpan&lt;DenseVector&lt;double&gt;&gt; point, int block, Sample sample, DenseVector&lt;double&gt; result)
///     {
///         result[0] = 0;
///         if (block == BilevelProblem.X) return;
///         var rows = sample.Rows(a.Length);
///         foreach (int i in rows) result[0] += a[i] * ((a[i] * point[BilevelProblem.Y][0]) - b[i]) / rows.Count;
///     }
/// }
/// </code>
/// </example>
public abstract class PointObjective<V> : IObjective<V>
    where V : class, IVector<V>
{
    // One scratch vector per block, made when a combined output first needs it.
    private V?[] scratch = [];

    /// <summary>The value at one point.</summary>
    /// <param name="point">The blocks of the point.</param>
    /// <param name="sample">The sample on which to evaluate.</param>
    protected abstract double Value(ReadOnlySpan<V> point, Sample sample);

    /// <summary>The gradient in one block at one point.</summary>
    /// <param name="point">The blocks of the point.</param>
    /// <param name="block">The block to differentiate in.</param>
    /// <param name="sample">The sample on which to evaluate.</param>
    /// <param name="result">Receives the gradient (overwrite it; its content on entry is arbitrary).</param>
    protected abstract void Gradient(ReadOnlySpan<V> point, int block, Sample sample, V result);

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Point != Output.Combined) Gradient(request.Point(output.Point), output.Block, request.Sample, output.Result);
            else Combine(request, output);
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] = Value(request.Point(p), request.Sample);
    }

    private void Combine(in Request<V> request, in Output<V> output)
    {
        var one = Scratch(request.Blocks, output.Block, output.Result);
        Gradient(request.Point(0), output.Block, request.Sample, output.Result);
        output.Result.Scale(request.Weights[0]);
        for (int p = 1; p < request.PointCount; p++)
        {
            Gradient(request.Point(p), output.Block, request.Sample, one);
            output.Result.AddScaled(request.Weights[p], one);
        }
    }

    private V Scratch(int blocks, int block, V like)
    {
        if (scratch.Length < blocks) Array.Resize(ref scratch, blocks);
        return scratch[block] is { } made && made.Length == like.Length ? made : scratch[block] = like.ZerosLike();
    }
}

/// <summary>A value at one point, given as its blocks in order.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public delegate double BlockValue<V>(ReadOnlySpan<V> point)
    where V : class, IVector<V>;

/// <summary>Writes a gradient in one block at one point, given as its blocks in order, into <paramref name="result"/>.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public delegate void BlockGradient<V>(ReadOnlySpan<V> point, V result)
    where V : class, IVector<V>;

/// <summary>An objective from a value and one gradient per block, for short programs.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <example>
/// (y - x)^2/2: every gradient is written into its last argument.
/// <code>
/// var objective = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(
///     value: (x, y) =&gt; Math.Pow(y[0] - x[0], 2) / 2,
///     gradientX: (x, y, result) =&gt; result[0] = x[0] - y[0],
///     gradientY: (x, y, result) =&gt; result[0] = y[0] - x[0]);
/// </code>
/// </example>
public sealed class FunctionObjective<V> : PointObjective<V>
    where V : class, IVector<V>
{
    private readonly BlockValue<V> value;
    private readonly BlockGradient<V>[] gradients;

    /// <summary>An objective of any number of blocks.</summary>
    /// <param name="value">The value at a point.</param>
    /// <param name="gradients">For each block, in order, what writes the gradient in it.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public FunctionObjective(BlockValue<V> value, params BlockGradient<V>[] gradients)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(gradients);
        (this.value, this.gradients) = (value, gradients);
    }

    /// <summary>An objective of x and y.</summary>
    /// <param name="value">The value at (x, y).</param>
    /// <param name="gradientX">Writes the gradient in x at (x, y) into its third argument.</param>
    /// <param name="gradientY">Writes the gradient in y at (x, y) into its third argument.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public FunctionObjective(Func<V, V, double> value, Action<V, V, V> gradientX, Action<V, V, V> gradientY)
        : this(point => value(point[0], point[1]), (point, result) => gradientX(point[0], point[1], result), (point, result) => gradientY(point[0], point[1], result))
    {
    }

    /// <inheritdoc/>
    protected override double Value(ReadOnlySpan<V> point, Sample sample) => value(point);

    /// <inheritdoc/>
    protected override void Gradient(ReadOnlySpan<V> point, int block, Sample sample, V result) => gradients[block](point, result);
}
