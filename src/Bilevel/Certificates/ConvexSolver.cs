namespace Bilevel;

/// <summary>A convex problem in one block solved.</summary>
/// <param name="Point">The best point found.</param>
/// <param name="Value">The function there, proximal term included: attained, so never below the minimum.</param>
/// <param name="LowerBound">What the minimum is at least, by the subgradients met and convexity; minus infinity where nothing bounds it.</param>
/// <param name="Steps">Number of steps.</param>
internal sealed record ConvexSolution<V>(V Point, double Value, double LowerBound, int Steps)
    where V : class, IVector<V>;

/// <summary>
/// Minimises a convex function of one block plus its proximal term by accelerated proximal gradients (Beck and Teboulle
/// 2009) with backtracking on the turn of the gradient and adaptive restart (O'Donoghue and Candes 2015). It needs no
/// constant and shares no code with the methods, so that it can check them.
/// </summary>
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

        term.Project(y);
        double diameter = term.DiameterAt(y.Length), rounding = 8 * Precision.Of(y);
        V ahead = y.Copy(), next = y.Copy(), best = y.Copy(), move = y.ZerosLike(), residual = y.ZerosLike(), gradient = y.ZerosLike();
        double bestValue = function.Evaluate(y) + term.Value(y), bound = double.NegativeInfinity, closest = double.PositiveInfinity;
        double smoothness = 1e-3 * Math.Max(function.Gradient.Norm(), 1e-300) / Math.Max(1e-3, y.Norm()), theta = 1;
        int k = 0, withoutGain = 0;
        for (; k < limit && withoutGain < 100 && !(bestValue - bound <= target); k++)
        {
            function.Evaluate(ahead);
            gradient.CopyFrom(function.Gradient);
            double value, length, size = y.Norm();
            while (true)
            {
                next.CopyFrom(ahead);
                next.AddScaled(-1 / smoothness, gradient);
                term.Prox(next, 1 / smoothness);
                move.CopyFrom(next);
                move.AddScaled(-1, ahead);
                length = move.Norm();
                value = function.Evaluate(next) + term.Value(next);

                // By convexity the turn of the gradient along the move bounds what the model misses; values would drown in rounding.
                double turn = function.Gradient.Dot(move) - gradient.Dot(move);
                if (turn <= smoothness * length * length || (length <= rounding * size && double.IsFinite(turn)) || !(smoothness < 1e200)) break;
                smoothness *= 2;
            }

            if (!double.IsFinite(value)) break;

            // (ahead - next) L - grad(ahead) + grad(next), an element of the subdifferential at next
            residual.CopyFrom(move);
            residual.Scale(-smoothness);
            residual.AddScaled(-1, gradient);
            residual.AddScaled(1, function.Gradient);
            double norm = residual.Norm() + (rounding * ((smoothness * size) + gradient.Norm()));
            bound = Math.Max(bound, value - GapBound.Excess(norm, diameter, modulus));
            withoutGain = norm < 0.999 * closest || value < bestValue ? 0 : withoutGain + 1;
            closest = Math.Min(closest, norm);
            if (value < bestValue)
            {
                bestValue = value;
                best.CopyFrom(next);
            }

            if (!(length > 0) || (double.IsInfinity(diameter) && modulus is null && norm * (1 + size) <= target)) break;

            // Momentum, forgotten when the move turns against the last one.
            y.AddScaled(-1, next);
            bool turned = move.Dot(y) > 0;
            double after = turned ? 1 : (1 + Math.Sqrt(1 + (4 * theta * theta))) / 2;
            ahead.CopyFrom(next);
            ahead.AddScaled(turned ? 0 : -(theta - 1) / after, y);
            theta = after;
            y.CopyFrom(next);
            smoothness *= 0.98;
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
