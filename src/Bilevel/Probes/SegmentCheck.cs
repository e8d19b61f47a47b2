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
    private const double OwnScale = 0.3, SmallestScale = 1e-11, FurtherAway = 100, Safety = 8;

    // A part so short against the segment shows what is a bend.
    private const int MostHalvings = 30;

    // What a part misses would be seen in its halves where it is so many times what they miss, or what rounding hides.
    private const double Clearly = 16;

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
            int block = b;
            double RoundingAt(V place) => EvaluationRounding.Measure(objective, [.. at.Select((v, k) => k == block ? place : v)]).Value;
            var function = new BlockFunction<V>(objective, at, b, 1);
            (double Declared, double Measured)? seen = null;
            for (ulong direction = 0; direction < 3; direction++)
            {
                seen = Along(function, at[b], terms[b], RandomBits.At(key, (3 * (ulong)b) + direction), Rounding, RoundingAt);
                if (seen is null) break;
            }

            if (seen is { } wrong) return (b, wrong.Declared, wrong.Measured);
        }

        return null;

        double Rounding() => double.IsNaN(rounding) ? rounding = EvaluationRounding.Measure(objective, at).Value : rounding;
    }

    // At the size of the variable itself, and, since a variable may be small where it is looked at, at that of its set or of numbers near 1.
    private static (double Declared, double Measured)? Along<V>(BlockFunction<V> function, V start, IProximalTerm<V> term, ulong key, Func<double> rounding, Func<V, double> roundingAt)
        where V : class, IVector<V>
    {
        double own = start.Norm(), diameter = term.DiameterAt(start.Length), given = double.IsFinite(diameter) ? diameter : 1 + own;
        if (own > SmallestScale * given && own < OwnScale * given)
        {
            // What cancels in values near zero leaves the rounding of what it cancels from, which shows a little further away.
            var far = start.ZerosLike();
            RandomDirection.Fill(far, key);
            far.Scale(Math.Min(FurtherAway * own, 0.1 * given) / Math.Max(far.Norm(), double.Epsilon));
            far.AddScaled(1, start);
            term.Project(far);
            double floor = Safety * roundingAt(far);
            if (!double.IsFinite(floor)) floor = 0;
            if (Along(function, start, term, key, () => Math.Max(floor, rounding()), at => Math.Max(floor, roundingAt(at)), own) is { } seen) return seen;
        }

        return Along(function, start, term, key, rounding, roundingAt, given);
    }

    private static (double Declared, double Measured)? Along<V>(BlockFunction<V> function, V start, IProximalTerm<V> term, ulong key, Func<double> rounding, Func<V, double> roundingAt, double reach)
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
            var whole = Integrate(function, start, end, place, 0, 1);
            double allowed = (tolerance * whole.Size) + whole.Quadrature + whole.Rounding;
            if (!double.IsFinite(whole.Apart) || !double.IsFinite(whole.Quadrature + whole.Rounding)) continue;
            if (!(whole.Apart > allowed) || !(whole.Apart > allowed + (2 * rounding())))
            {
                // Agreement that rests on how little was seen settles nothing.
                if (whole.Quadrature + whole.Rounding <= tolerance * whole.Size) return null;
                continue;
            }

            place.CopyFrom(start);
            place.AddScaled(1, end);
            double noise = Math.Max(rounding(), roundingAt(place));
            if (!(whole.Apart > allowed + (2 * noise)) || AreBends(function, start, end, place, whole, tolerance, noise, 0)) continue;
            if (++wrong == 2) return (whole.Declared / length, whole.Change / length);
        }

        return null;
    }

    // Whether what the slopes miss of the values are bends too short for the nodes, of a true gradient: in the halves, and so on, the nodes come to see them, or
    // miss nothing. What a wrong gradient misses is there in every part where it is wrong, until rounding hides it.
    private static bool AreBends<V>(BlockFunction<V> function, V start, V end, V place, Integral part, double tolerance, double rounding, int depth)
        where V : class, IVector<V>
    {
        if (depth == MostHalvings) return false;
        double middle = (part.From + part.To) / 2;
        Integral first = Integrate(function, start, end, place, part.From, middle), second = Integrate(function, start, end, place, middle, part.To);
        foreach (var half in first.Apart < second.Apart ? [first, second] : (ReadOnlySpan<Integral>)[second, first])
        {
            double noise = (tolerance * half.Size) + half.Rounding + (2 * rounding);
            if (!double.IsFinite(half.Apart) || !double.IsFinite(noise)) return true;
            if (half.Apart <= Clearly * half.Quadrature) continue;
            bool agrees = !(half.Apart > noise + half.Quadrature);
            if (agrees ? !(part.Apart > Clearly * Math.Min(noise, half.Apart + half.Quadrature)) : !AreBends(function, start, end, place, half, tolerance, rounding, depth + 1)) return false;
        }

        return true;
    }

    // What slopes and values say of a part of the segment from start along end.
    private readonly record struct Integral(double From, double To, double Declared, double Change, double Size, double Quadrature, double Rounding)
    {
        public double Apart => Math.Abs(Change - Declared);
    }

    private static Integral Integrate<V>(BlockFunction<V> function, V start, V end, V place, double from, double to)
        where V : class, IVector<V>
    {
        double width = to - from;
        Span<double> slopes = stackalloc double[Nodes.Length];
        double size = 0;
        for (int i = 0; i < Nodes.Length; i++)
        {
            At(from + (width * Nodes[i]));
            slopes[i] = width * function.Gradient.Dot(end);
            size = Math.Max(size, Math.Abs(slopes[i]));
        }

        double third = ((8 * slopes[0]) + (5 * (slopes[1] + slopes[2]))) / 18, second = (slopes[3] + slopes[4]) / 2;
        double after = At(to), before = At(from);
        double rounding = EvaluationRounding.Units * Precision.Of(start) * (Math.Abs(before) + Math.Abs(after) + size + (function.Gradient.Norm() * start.Norm()));
        return new Integral(from, to, third, after - before, size, 10 * Math.Abs(third - second), rounding);

        double At(double share)
        {
            place.CopyFrom(start);
            if (share > 0) place.AddScaled(share, end);
            return function.Evaluate(place);
        }
    }
}
