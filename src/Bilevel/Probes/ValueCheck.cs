namespace Bilevel;

/// <summary>How a gradient and the values agree along a line.</summary>
internal enum Agreement
{
    /// <summary>They agree within what is allowed.</summary>
    Agrees,

    /// <summary>They agree as far as the rounding of the values lets one see, which is not far enough.</summary>
    Blunt,

    /// <summary>Nothing could be seen: no length to move by, or nothing finite.</summary>
    Unseen,

    /// <summary>They disagree, at every length down to where the values' rounding would hide it.</summary>
    Wrong,
}

/// <summary>A comparison along a line.</summary>
/// <param name="Agreement">How they agree.</param>
/// <param name="Declared">Directional derivative by the gradient, over the last segment.</param>
/// <param name="Measured">The same by the values.</param>
/// <param name="Sharpness">The smallest disagreement that would have been seen.</param>
internal readonly record struct LineComparison(Agreement Agreement, double Declared, double Measured, double Sharpness);

/// <summary>
/// Compares the gradient of an objective in one block with its values along lines through a point: Simpson's integral of
/// the slopes against the difference of the values, which agree to the fourth power of the length where the function is
/// smooth. A disagreement counts where both have settled as the length shrinks, and a kink is told by either side.
/// </summary>
internal sealed class ValueCheck<V>
    where V : class, IVector<V>
{
    private const double Start = 1e-3, Shrink = 8, FarShrink = 64, Shortest = 2e-5, ShortestOfGuess = 1e-6;
    private const double Another = 0.37, Blocked = 1e3, Open = 0.1;

    // So many reaches away lies what slopes at a few places need not see: no mistake.
    private const double TooFar = 3;

    private const int Levels = 14;

    private static readonly double[] Nodes = [0.5, 0.5 - (Math.Sqrt(0.6) / 2), 0.5 + (Math.Sqrt(0.6) / 2)];
    private static readonly double[] NodeWeights = [8 / 18.0, 5 / 18.0, 5 / 18.0];

    // Rules over [-1, 1] that use both ends, by nodes above zero, their weights and that of zero: Simpson's, and Lobatto's of seven nodes, whose error
    // falls with the twelfth power of the length, for values that are too coarse to be compared over a short one.
    private static readonly Rule Simpson = new([1], [1 / 6.0], 4 / 6.0);
    private static readonly Rule Lobatto = new(
        [1, Math.Sqrt((5 / 11.0) + (2 / 11.0 * Math.Sqrt(5 / 3.0))), Math.Sqrt((5 / 11.0) - (2 / 11.0 * Math.Sqrt(5 / 3.0)))],
        [1 / 42.0, (124 - (7 * Math.Sqrt(15))) / 700, (124 + (7 * Math.Sqrt(15))) / 700],
        128 / 525.0);

    private readonly V centre, ahead, behind, place, gradient, slope, leg;
    private readonly IProximalTerm<V> set;
    private readonly PreparedRequest<V> request;
    private readonly double valueRounding, gradientRounding, reach, precision, centreValue, steepness, shortest;

    /// <param name="objective">The objective.</param>
    /// <param name="at">The point, all its blocks; not changed.</param>
    /// <param name="block">The block that moves.</param>
    /// <param name="set">What holds that block: a set, or a term over its domain.</param>
    /// <param name="rounding">Rounding of values and gradients there.</param>
    /// <param name="reach">A length over which the function may be expected to change; 0 for unknown.</param>
    public ValueCheck(IObjective<V> objective, IReadOnlyList<V> at, int block, IProximalTerm<V> set, GradientRounding rounding, double reach)
        : this(objective, at, block, set, rounding.Value, block == 0 ? rounding.X : rounding.Y, reach)
    {
    }

    /// <param name="objective">The objective, of any number of blocks.</param>
    /// <param name="at">The point, all its blocks; not changed.</param>
    /// <param name="block">The block that moves.</param>
    /// <param name="set">What holds that block: only its projection is asked.</param>
    /// <param name="ofValue">Rounding of the values there; a few units of them are granted in any case.</param>
    /// <param name="ofGradient">Rounding of the gradient there.</param>
    /// <param name="reach">A length over which the function may be expected to change; 0 for unknown.</param>
    /// <param name="isGuess">Whether that is a guess: then a disagreement must last at lengths that are shorter still.</param>
    public ValueCheck(IObjective<V> objective, IReadOnlyList<V> at, int block, IProximalTerm<V> set, double ofValue, double ofGradient, double reach, bool isGuess = false)
    {
        shortest = isGuess ? ShortestOfGuess : Shortest;
        (centre, this.set, this.reach) = (at[block], set, reach);
        (ahead, behind, place, gradient, slope, leg) = (centre.Copy(), centre.Copy(), centre.Copy(), centre.ZerosLike(), centre.ZerosLike(), centre.ZerosLike());
        V[] point = [.. at];
        point[block] = place;
        request = new PreparedRequest<V>(objective, [point], [new(block, 0, gradient)], values: true);
        precision = Precision.Of(centre);
        gradientRounding = ofGradient;
        centreValue = At(centre);
        slope.CopyFrom(gradient);
        steepness = slope.Norm();
        valueRounding = Math.Max(ofValue, 4 * precision * Math.Abs(centreValue));
    }

    /// <summary>The gradient at the point.</summary>
    public V Gradient => slope;

    /// <summary>Compares along a direction; |declared - measured| may be <paramref name="allowed"/>.</summary>
    public LineComparison Along(V direction, double allowed)
    {
        var seen = Along(direction, allowed, Simpson);
        if (seen.Agreement != Agreement.Blunt || !set.IsWholeSpace) return seen;
        var further = Along(direction, allowed, Lobatto);
        return further.Agreement == Agreement.Agrees ? further : seen;
    }

    private LineComparison Along(V direction, double allowed, Rule rule)
    {
        double norm = direction.Norm();
        if (!(norm > 0) || !double.IsFinite(norm) || !double.IsFinite(centreValue)) return new(Agreement.Unseen, double.NaN, double.NaN, double.PositiveInfinity);

        // A dot product with rounding errors that are as good as random.
        double own = (gradientRounding + (8 * precision * steepness)) * Math.Min(norm, 4);
        double need = 4 * valueRounding / Math.Max(allowed + own, double.Epsilon), least = shortest * reach / norm;
        double t = Math.Max(Start * reach / norm, 64 * need);
        if (!(t > 0)) t = 1e-3 / norm;
        if (!double.IsFinite(t * norm)) t = Math.Max(reach, 1) / norm;
        if (!set.IsWholeSpace && set.DiameterAt(centre.Length) is > 0 and var diameter) t = Math.Min(t, diameter / norm);
        var (declaredBefore, measuredBefore) = (double.NaN, double.NaN);
        double sharpest = double.PositiveInfinity, apartBefore = double.PositiveInfinity, rough = 0;
        bool seen = false, confirmed = false;
        for (int level = 0; level < Levels; level++)
        {
            var (declared, measured, size, way) = Compare(direction, t, rule);
            double sure = Noise(size, way) + own, apart = Math.Abs(declared - measured);
            double next = t / (t * norm > reach ? FarShrink : Shrink);
            if (!double.IsFinite(apart))
            {
                t = next;
                continue;
            }

            // The error of Simpson's rule falls with the length: what grows as it shrinks is a gradient that is not smooth.
            seen = true;
            if (apart - sure > apartBefore) rough = Math.Max(rough, apart);
            apartBefore = apart;
            if (apart <= allowed + sure)
            {
                sharpest = Math.Min(sharpest, allowed + sure + apart);

                // What goes up and down may cancel over one length; not over another too.
                if (!confirmed)
                {
                    (confirmed, t) = (true, t * Another);
                    continue;
                }

                return sure <= (2 * allowed) + (2 * own) ? new(Agreement.Agrees, declared, measured, sharpest) : new(Agreement.Blunt, declared, measured, Math.Max(sharpest, rough));
            }

            confirmed = false;

            // What would be left to see at the next length. Where their difference has settled, they contradict each other: what curvature
            // leaves of it falls with a power of the length.
            double nextSure = (sure - own) * Math.Max(1, way / next);
            bool hidden = nextSure > (apart - own - allowed) / 3 || level == Levels - 1;
            bool settled = Math.Abs(declared - declaredBefore - (measured - measuredBefore)) <= apart / 4;
            if (hidden || (settled && next < least)) return new(settled && !(t * norm > TooFar * reach && reach > 0) && !IsLost(declared * way, measured) && !IsKink(direction, t, allowed + sure) ? Agreement.Wrong : Agreement.Blunt, declared, measured, Math.Max(apart, rough));
            (declaredBefore, measuredBefore, t) = (declared, measured, next);
        }

        return new(seen ? Agreement.Blunt : Agreement.Unseen, double.NaN, double.NaN, Math.Max(sharpest, rough));
    }

    // Declared and measured slope per unit of the direction, over the segment or, where a set cuts it, over the worse of its legs, and how far that leads.
    private (double Declared, double Measured, double Size, double Way) Compare(V direction, double t, Rule rule)
    {
        if (set.IsWholeSpace)
        {
            // Slopes are along what lies between the two ends, which rounding of the points makes another way than the direction.
            double after = 0, back = 0, slopes = 0;
            for (int i = 0; i < rule.Nodes.Length; i++)
            {
                Place(ahead, direction, t * rule.Nodes[i]);
                Place(behind, direction, -t * rule.Nodes[i]);
                if (i == 0)
                {
                    leg.CopyFrom(ahead);
                    leg.AddScaled(-1, behind);
                    slopes = rule.Zero * slope.Dot(leg);
                }

                double there = At(ahead), slopeThere = gradient.Dot(leg), opposite = At(behind), slopeOpposite = gradient.Dot(leg);
                slopes += rule.Weights[i] * (slopeThere + slopeOpposite);
                if (i == 0) (after, back) = (there, opposite);
            }

            return (slopes / (2 * t), (after - back) / (2 * t), Math.Max(Math.Abs(after), Math.Abs(back)), t);
        }

        // Where neither leg says more than rounding, the longer tells more.
        var (worst, excess) = ((Declared: 0.0, Measured: 0.0, Size: 0.0, Way: t), double.NegativeInfinity);
        foreach (double side in new[] { t, -t })
        {
            Place(ahead, direction, side);
            leg.CopyFrom(ahead);
            leg.AddScaled(-1, centre);
            double way = Math.Min(leg.Norm() / direction.Norm(), t);

            // A set that lets nothing through leaves the rounding of the points; one that lets little through, such as a simplex along the gradient at
            // its best point, can contradict but not confirm.
            if (!(way > 0) || (way < Open * t && way * direction.Norm() <= Blocked * precision * centre.Norm())) continue;
            double after = At(ahead), slopeAfter = gradient.Dot(leg);
            behind.CopyFrom(centre);
            behind.AddScaled(0.5, leg);
            At(behind);
            double declared = (slope.Dot(leg) + (4 * gradient.Dot(leg)) + slopeAfter) / 6 / way, measured = (after - centreValue) / way;
            double beyond = Math.Abs(declared - measured) - Noise(after, way);
            if (beyond <= 0 && way < Open * t) continue;
            if (beyond <= 0) beyond = -1 / way;
            if (!(beyond < excess)) (worst, excess) = ((declared, measured, Math.Abs(after), way), beyond);
        }

        return worst;
    }

    // Values that do not change at all tell nothing of a change that vanishes beside 1: log(1 + exp(-50)) is zero.
    private bool IsLost(double change, double measured) => measured == 0 && Math.Abs(change) <= precision;

    // What rounding of two values of that size hides of a slope.
    private double Noise(double size, double way) => 2 * Math.Max(valueRounding, 4 * precision * Math.Abs(size)) / way;

    // Whether gradient and values agree inside either half, and the slope at the point itself is between theirs: then only the point is not smooth.
    private bool IsKink(V direction, double t, double limit)
    {
        double at = slope.Dot(direction);
        var (low, high, sides) = (double.PositiveInfinity, double.NegativeInfinity, 0);
        foreach (double side in new[] { t, -t })
        {
            Place(ahead, direction, side);
            leg.CopyFrom(ahead);
            leg.AddScaled(-1, centre);
            if (!(leg.Norm() > 0)) continue;
            double integral = 0;
            for (int i = 0; i < Nodes.Length; i++)
            {
                behind.CopyFrom(centre);
                behind.AddScaled(Nodes[i], leg);
                At(behind);
                double along = gradient.Dot(leg);
                integral += NodeWeights[i] * along;
                (low, high) = (Math.Min(low, along / side), Math.Max(high, along / side));
            }

            if (!(Math.Abs(At(ahead) - centreValue - integral) / t <= limit)) return false;
            leg.AddScaled(-side, direction);
            if (leg.Norm() <= 0.01 * t * direction.Norm()) sides++;
        }

        // Between the slopes met on both sides, with half of their spread to spare.
        double spare = ((high - low) / 2) + limit;
        return sides < 2 || (at >= low - spare && at <= high + spare);
    }

    private void Place(V end, V direction, double t)
    {
        end.CopyFrom(centre);
        end.AddScaled(t, direction);
        if (!set.IsWholeSpace) set.Project(end);
    }

    private double At(V point)
    {
        place.CopyFrom(point);
        request.Evaluate();
        return request.Values[0];
    }
}

/// <summary>A symmetric quadrature rule over [-1, 1] for means, whose first node is 1.</summary>
internal sealed record Rule(double[] Nodes, double[] Weights, double Zero);

/// <summary>Random directions along which the error of any single component shows, and that of many.</summary>
internal static class SignPattern
{
    /// <summary>Components of random sign, between 1/2 and 3/2 in size.</summary>
    public static void Fill<V>(V vector, ulong key)
        where V : class, IVector<V>
    {
        if (vector is IFillable fillable) fillable.Fill(i => (RandomBits.At(key, 2 * (ulong)i) & 1) == 0 ? Size(key, i) : -Size(key, i));
    }

    /// <summary>The same in about one component of eight, the others zero: what a few components err is not lost among all.</summary>
    public static void FillSparse<V>(V vector, ulong key)
        where V : class, IVector<V>
    {
        if (vector is not IFillable fillable) return;
        int first = (int)(RandomBits.Uniform(key, ulong.MaxValue) * vector.Length);
        fillable.Fill(i => i != first && (RandomBits.At(key, 2 * (ulong)i) & 14) != 0 ? 0 : (RandomBits.At(key, 2 * (ulong)i) & 1) == 0 ? Size(key, i) : -Size(key, i));
    }

    private static double Size(ulong key, int i) => 0.5 + RandomBits.Uniform(key, (2 * (ulong)i) + 1);
}
