namespace Bilevel;

/// <summary>A convex problem in one block solved.</summary>
/// <param name="Point">The best point found.</param>
/// <param name="Value">The function there, proximal term included: attained, so never below the minimum.</param>
/// <param name="LowerBound">What the minimum is at least, by the subgradients met and convexity; minus infinity where nothing bounds it.</param>
/// <param name="Steps">Number of steps.</param>
internal sealed record ConvexSolution<V>(V Point, double Value, double LowerBound, int Steps)
    where V : class, IVector<V>;

/// <summary>Minimises a convex function of one block plus its proximal term, with a lower bound of the minimum.</summary>
internal static class ConvexSolver
{
    /// <summary>Minimises.</summary>
    /// <param name="function">The smooth part.</param>
    /// <param name="term">The proximal term or the set.</param>
    /// <param name="start">Start; not changed.</param>
    /// <param name="modulus">A strong convexity that may be relied on where the domain has no diameter; null for none.</param>
    /// <param name="target">How close to the minimum is close enough.</param>
    /// <param name="limit">Most steps, of two evaluations each.</param>
    public static ConvexSolution<V> Minimise<V>(BlockFunction<V> function, IProximalTerm<V> term, V start, double? modulus, double target, int limit)
        where V : class, IVector<V>
    {
        V y = start.Copy();
        if (y.Length == 0)
        {
            double only = function.Evaluate(y);
            return new ConvexSolution<V>(y, only, only, 0);
        }

        var steps = new AcceleratedProximalGradient<V>(function, term, y);
        V next = steps.Next, best = next.Copy(), residual = y.ZerosLike();
        double diameter = term.DiameterAt(y.Length), rounding = 8 * Precision.Of(y);
        double bestValue = function.Evaluate(next) + term.Value(next), bound = double.NegativeInfinity, closest = double.PositiveInfinity;
        int k = 0, withoutGain = 0;
        for (; k < limit && withoutGain < 100 && !(bestValue - bound <= target); k++)
        {
            steps.Step();
            double value = steps.Value + term.Value(next);
            if (!double.IsFinite(value)) break;

            // (ahead - next) L - grad(ahead) + grad(next), an element of the subdifferential at next
            residual.CopyFrom(steps.Move);
            residual.Scale(-steps.Smoothness);
            residual.AddScaled(-1, steps.Gradient);
            residual.AddScaled(1, function.Gradient);
            double norm = residual.Norm() + (rounding * ((steps.Smoothness * steps.Size) + steps.Gradient.Norm()));
            bound = Math.Max(bound, value - GapBound.Excess(norm, diameter, modulus));
            withoutGain = norm < 0.999 * closest || value < bestValue ? 0 : withoutGain + 1;
            closest = Math.Min(closest, norm);
            if (value < bestValue)
            {
                bestValue = value;
                best.CopyFrom(next);
            }

            if (!(steps.Length > 0) || (double.IsInfinity(diameter) && modulus is null && norm * (1 + steps.Size) <= target)) break;
            steps.Push();
        }

        return new ConvexSolution<V>(best, bestValue, bound, k);
    }
}

/// <summary>What a subgradient bounds.</summary>
internal static class GapBound
{
    /// <summary>How far a convex function may be above its minimum where it has a subgradient of this norm: norm * diameter, or norm^2 / (2 mu) on a domain without diameter.</summary>
    public static double Excess(double norm, double diameter, double? modulus) =>
        diameter == 0 ? 0
        : !double.IsInfinity(diameter) ? norm * diameter
        : modulus > 0 ? norm * norm / (2 * modulus.Value)
        : double.PositiveInfinity;
}
