namespace Bilevel;

/// <summary>How a gradient compares with central differences of the values.</summary>
/// <param name="Block">The block differentiated in.</param>
/// <param name="Declared">Directional derivative by the gradient.</param>
/// <param name="Measured">Directional derivative by central differences.</param>
/// <param name="Uncertainty">How far two difference lengths disagree: what the differences themselves err.</param>
public readonly record struct GradientComparison(int Block, double Declared, double Measured, double Uncertainty)
{
    /// <summary>|declared - measured| over the larger of the two, or over 1e-12 where both vanish.</summary>
    public double RelativeError => Math.Abs(Declared - Measured) / Math.Max(1e-12, Math.Max(Math.Abs(Declared), Math.Abs(Measured)));

    /// <summary>Whether gradient and values agree within <paramref name="tolerance"/> and three times the uncertainty of the differences.</summary>
    public bool Agrees(double tolerance = 1e-4) => Math.Abs(Declared - Measured) <= (tolerance * Math.Max(Math.Abs(Declared), Math.Abs(Measured))) + (3 * Uncertainty);
}

/// <summary>Compares gradients with central differences of values along random directions.</summary>
public static class GradientCheck
{
    // An agreement that is sharper than this needs no second look.
    private const double Sharp = 1e-6;

    // Lengths that are tried where the first one does not suit, as powers of the factor.
    private const int Shorter = 8, Longer = 3;
    private const double Factor = 16, CoarsePrecision = 1e-10;

    /// <summary>Compares every block of an objective at a point, along one direction per block.</summary>
    /// <param name="objective">The objective.</param>
    /// <param name="point">The blocks of the point; not changed.</param>
    /// <param name="key">Names the random directions.</param>
    /// <param name="sample">The sample on which to compare.</param>
    public static IReadOnlyList<GradientComparison> Compare<V>(IObjective<V> objective, ReadOnlySpan<V> point, ulong key = 0, Sample sample = default)
        where V : class, IVector<V>
    {
        var blocks = point.ToArray();
        return [.. Enumerable.Range(0, blocks.Length).Select(b => CompareBlock(objective, blocks, b, RandomBits.At(key, (ulong)b), sample))];
    }

    private static GradientComparison CompareBlock<V>(IObjective<V> objective, V[] point, int block, ulong key, Sample sample)
        where V : class, IVector<V>
    {
        var direction = point[block].ZerosLike();
        RandomDirection.Fill(direction, key);
        double norm = direction.Norm();
        if (norm > 0) direction.Scale(1 / norm);
        var gradient = point[block].ZerosLike();
        new PreparedRequest<V>(objective, [point], [new(block, 0, gradient)]).Evaluate(sample);
        double declared = gradient.Dot(direction);

        double step = Math.Cbrt(Precision.Of(point[block])) * (1 + point[block].Norm());
        var (measured, uncertainty) = Slope(objective, point, block, direction, step, gradient.Norm(), sample);
        var seen = new GradientComparison(block, declared, measured, uncertainty);

        // In single precision the values are too coarse for lengths to be compared.
        return Precision.Of(point[block]) > CoarsePrecision || double.IsNaN(declared) || (seen.Agrees(Sharp) && uncertainty <= Sharp * Math.Abs(declared)) ? seen : Rescaled(seen, objective, point, direction, step, gradient.Norm(), sample);
    }

    // Where nobody knows the units of the block: the sharpest slope of the lengths up to the first at which it is not what shorter ones say.
    private static GradientComparison Rescaled<V>(GradientComparison first, IObjective<V> objective, V[] point, V direction, double step, double steepness, Sample sample)
        where V : class, IVector<V>
    {
        var (best, uncertainty) = (double.NaN, double.NaN);
        for (int k = -Shorter; k <= Longer; k++)
        {
            var (measured, error) = Slope(objective, point, first.Block, direction, step * Math.Pow(Factor, k), steepness, sample);
            if (!double.IsFinite(measured) || !double.IsFinite(error) || Math.Abs(measured - best) > 3 * (error + uncertainty)) break;
            if (!(error >= uncertainty)) (best, uncertainty) = (measured, error);
        }

        return double.IsNaN(best) ? first : first with { Measured = best, Uncertainty = uncertainty };
    }

    // Fourth-order extrapolation; what it corrects, and rounding, bound its error.
    private static (double Measured, double Uncertainty) Slope<V>(IObjective<V> objective, V[] point, int block, V direction, double step, double steepness, Sample sample)
        where V : class, IVector<V>
    {
        var (half, full) = (Difference(objective, point, block, direction, step / 2, sample), Difference(objective, point, block, direction, step, sample));
        double precision = Precision.Of(point[block]), move = 2 * precision * point[block].Norm() / step;
        double measured = half.Slope + ((half.Slope - full.Slope) / 3);
        return (measured, Math.Abs(half.Slope - full.Slope) + (precision * 16 * half.Size / step) + (move * steepness));
    }

    private static (double Slope, double Size) Difference<V>(IObjective<V> objective, V[] point, int block, V direction, double step, Sample sample)
        where V : class, IVector<V>
    {
        V[] ahead = [.. point], behind = [.. point];
        (ahead[block], behind[block]) = (point[block].Copy(), point[block].Copy());
        ahead[block].AddScaled(step, direction);
        behind[block].AddScaled(-step, direction);
        var values = new PreparedRequest<V>(objective, [ahead, behind], [], values: true);
        values.Evaluate(sample);
        return ((values.Values[0] - values.Values[1]) / (2 * step), Math.Abs(values.Values[0]) + Math.Abs(values.Values[1]));
    }
}

/// <summary>
/// Compares every gradient that is asked for with central differences, and every combined gradient with its parts,
/// for debugging an objective: slow, and loud at the first disagreement.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="inner">Who answers.</param>
/// <param name="tolerance">Largest relative disagreement.</param>
public sealed class CheckedObjective<V>(IObjective<V> inner, double tolerance = 1e-4) : IObjective<V>
    where V : class, IVector<V>
{
    private ulong evaluations;

    /// <inheritdoc/>
    /// <exception cref="GradientMismatchException">A gradient disagrees with the values.</exception>
    public void Evaluate(in Request<V> request)
    {
        evaluations++;
        for (int p = 0; p < request.PointCount; p++)
        {
            foreach (var comparison in GradientCheck.Compare(inner, request.Point(p), evaluations, request.Sample))
            {
                bool asked = false;
                foreach (ref readonly var output in request.Gradients) asked |= output.Block == comparison.Block;
                if (asked && !comparison.Agrees(tolerance)) throw new GradientMismatchException(comparison);
            }
        }

        inner.Evaluate(request);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Point == Output.Combined) CheckCombined(request, output);
        }
    }

    // The fused answer against its parts, each asked for alone.
    private void CheckCombined(in Request<V> request, in Output<V> output)
    {
        V sum = output.Result.ZerosLike(), one = output.Result.ZerosLike();
        double size = 0;
        for (int p = 0; p < request.PointCount; p++)
        {
            new PreparedRequest<V>(inner, [request.Point(p).ToArray()], [new(output.Block, 0, one)]).Evaluate(request.Sample);
            sum.AddScaled(request.Weights[p], one);
            size += Math.Abs(request.Weights[p]) * one.Norm();
        }

        double expected = sum.Norm();
        sum.AddScaled(-1, output.Result);
        double apart = sum.Norm();
        if (!(apart <= tolerance * size)) throw new GradientMismatchException(new GradientComparison(output.Block, output.Result.Norm(), expected, 0), FormattableString.Invariant(
            $"The combined gradient in block {output.Block} differs from the weighted sum of the gradients at its points by {apart:G6} in norm."));
    }
}

/// <summary>A gradient disagrees with the differences of the values.</summary>
/// <param name="comparison">The comparison.</param>
/// <param name="message">What disagrees.</param>
public sealed class GradientMismatchException(GradientComparison comparison, string message) : Exception(message)
{
    internal GradientMismatchException(GradientComparison comparison)
        : this(comparison, FormattableString.Invariant($"The gradient in block {comparison.Block} has the directional derivative {comparison.Declared:G6}, differences of the values give {comparison.Measured:G6}."))
    {
    }

    /// <summary>The comparison, along a direction; of norms, where a combined gradient is compared with its parts.</summary>
    public GradientComparison Comparison { get; } = comparison;
}
