namespace Bilevel;

/// <summary>
/// Compares the gradients of an objective with its values along short feasible segments in each block: the integral of
/// the slope against the difference of the values. Unlike differences at a point it needs no differentiability
/// there, so that a kink is no mistake.
/// </summary>
internal static class SegmentCheck
{
    private const double Tolerance = 1e-6;

    // A variable this much smaller than what is known of its set is looked at in its own size too.
    private const double OwnScale = 0.3;

    private static readonly double[] Nodes = [0.5, 0.5 - (Math.Sqrt(0.6) / 2), 0.5 + (Math.Sqrt(0.6) / 2), 0.5 - (0.5 / Math.Sqrt(3)), 0.5 + (0.5 / Math.Sqrt(3))];

    /// <summary>The first block whose gradient contradicts the values, with both slopes; null when none does.</summary>
    /// <param name="objective">The objective.</param>
    /// <param name="at">A feasible point; not changed.</param>
    /// <param name="terms">The sets of the blocks.</param>
    /// <param name="key">Names the random segments.</param>
    public static (int Block, double Declared, double Measured)? Find<V>(IObjective<V> objective, IReadOnlyList<V> at, IReadOnlyList<IProximalTerm<V>> terms, ulong key)
        where V : class, IVector<V>
    {
        double rounding = double.NaN;
        for (int b = 0; b < at.Count; b++)
        {
            if (at[b].Length == 0 || at[b] is not IFillable) continue;
            var function = new BlockFunction<V>(objective, at, b, 1);
            (double Declared, double Measured)? seen = null;
            for (ulong direction = 0; direction < 3; direction++)
            {
                seen = Along(function, at[b], terms[b], RandomBits.At(key, (3 * (ulong)b) + direction), Rounding);
                if (seen is null) break;
            }

            if (seen is { } wrong) return (b, wrong.Declared, wrong.Measured);
        }

        return null;

        double Rounding() => double.IsNaN(rounding) ? rounding = EvaluationRounding.Measure(objective, at).Value : rounding;
    }

    // At the size of the variable itself, and, since a variable may be small where it is looked at, at that of its set or of numbers near 1.
    private static (double Declared, double Measured)? Along<V>(BlockFunction<V> function, V start, IProximalTerm<V> term, ulong key, Func<double> rounding)
        where V : class, IVector<V>
    {
        double own = start.Norm(), diameter = term.DiameterAt(start.Length), given = double.IsFinite(diameter) ? diameter : 1 + own;
        return (own > 0 && own < OwnScale * given ? Along(function, start, term, key, rounding, own) : null) ?? Along(function, start, term, key, rounding, given);
    }

    private static (double Declared, double Measured)? Along<V>(BlockFunction<V> function, V start, IProximalTerm<V> term, ulong key, Func<double> rounding, double reach)
        where V : class, IVector<V>
    {
        double tolerance = Math.Max(Tolerance, 30 * Math.Sqrt(Precision.Of(start)));
        int wrong = 0;
        foreach (double share in new[] { 0.1, 0.01, 1e-3 })
        {
            V end = start.ZerosLike(), place = start.ZerosLike();
            RandomDirection.Fill(end, key);
            double turn = end.Norm();
            if (!(turn > 0) || !(reach > 0)) return null;
            var direction = end.Copy();
            double length = 0;
            foreach (int side in new[] { 1, -1 })
            {
                end.CopyFrom(start);
                end.AddScaled(side * share * reach / turn, direction);
                term.Project(end);
                end.AddScaled(-1, start);
                length = end.Norm();
                if (length > 0.01 * share * reach) break;
            }

            if (!(length > Math.Sqrt(Precision.Of(start)) * share * reach)) return null;
            var slopes = new double[Nodes.Length];
            double size = 0;
            for (int i = 0; i < Nodes.Length; i++)
            {
                place.CopyFrom(start);
                place.AddScaled(Nodes[i], end);
                function.Evaluate(place);
                slopes[i] = function.Gradient.Dot(end);
                size = Math.Max(size, Math.Abs(slopes[i]));
            }

            double third = ((8 * slopes[0]) + (5 * (slopes[1] + slopes[2]))) / 18, second = (slopes[3] + slopes[4]) / 2;
            place.CopyFrom(start);
            place.AddScaled(1, end);
            double after = function.Evaluate(place), before = function.Evaluate(start), apart = Math.Abs(after - before - third);
            double sure = (10 * Math.Abs(third - second)) + (EvaluationRounding.Units * Precision.Of(start) * (Math.Abs(before) + Math.Abs(after) + size + (function.Gradient.Norm() * start.Norm())));
            if (!double.IsFinite(apart) || !double.IsFinite(sure)) continue;
            if (!(apart > (tolerance * size) + sure) || !(apart > (tolerance * size) + sure + (2 * rounding())))
            {
                // Agreement that rests on how little was seen settles nothing.
                if (sure <= tolerance * size) return null;
                continue;
            }

            if (++wrong == 2) return (third / length, (after - before) / length);
        }

        return null;
    }
}
