namespace Bilevel;

/// <summary>
/// Looks for contradictions between declared constants and the gradients they are about, between pairs of lower
/// points at one x. Finding none proves nothing; finding one forbids a certificate.
/// </summary>
internal static class ConstantsCheck
{
    private const double Slack = 1 + 1e-3;

    /// <summary>The first contradiction in words, or null.</summary>
    /// <param name="upper">f.</param>
    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="z">The lower level solved again.</param>
    /// <param name="y">Another lower point that somebody visited.</param>
    /// <param name="known">The constants, all declared.</param>
    /// <param name="directions">Directions in y that the bounds use: m, f_y.</param>
    /// <param name="alongX">A direction in x that the bounds use: g_xy m.</param>
    /// <param name="reach">A length in y over which the gradients may be expected to change.</param>
    /// <param name="face">The directions of y; null for all.</param>
    /// <param name="upperSet">The set of x.</param>
    /// <param name="upperRounding">Rounding errors of the gradients of f.</param>
    /// <param name="lowerRounding">Rounding errors of the gradients of g.</param>
    public static string? Contradiction<V>(IObjective<V> upper, IObjective<V> lower, V x, V z, V y, ProblemConstants known, IReadOnlyList<V> directions, V alongX, double reach, ISubspace<V>? face, IFeasibleSet<V> upperSet, GradientRounding upperRounding, GradientRounding lowerRounding)
        where V : class, IVector<V>
    {
        V end = z.Copy(), middle = z.ZerosLike();
        V[] fx = Zeros(x), fy = Zeros(z), gx = Zeros(x), gy = Zeros(z);
        V[][] points = [[x, z], [x, middle], [x, end]];
        PreparedRequest<V> leader = new(upper, points, Outputs(fx, fy)), follower = new(lower, points, Outputs(gx, gy));
        double units = EvaluationRounding.Units * Precision.Of(z), size = z.Norm();
        List<(double Length, V? Along, ulong Key)> segments = [(1e-3 * reach, null, 11), (0.1 * reach, null, 12), (reach, null, 13), (-reach, null, 13), (2 * reach, null, 15), (-2 * reach, null, 15), (0, null, 0)];
        foreach (var along in directions) segments.AddRange([(1e-3 * reach, along, 1), (0.1 * reach, along, 1)]);

        foreach (var (length, along, key) in segments)
        {
            if (key == 0) end.CopyFrom(y);
            else if (along is not null) Towards(end, z, along, length);
            else if (z is IFillable) Away(end, z, length, key, face);
            else continue;
            if (key == 0 && face is not null) continue;
            middle.CopyFrom(z);
            middle.AddScaled(1, end);
            middle.Scale(0.5);
            leader.Evaluate();
            follower.Evaluate();

            end.AddScaled(-1, z);
            double s = end.Norm();
            if (!(s > 0) || !double.IsFinite(s)) continue;
            double curvature = Bend(gy, out double turned, end) / (s * s), bentY = Second(gy);
            Bend(gx, out double mixed, null);
            double bentX = Second(gx);
            Bend(fy, out double upperTurned, null);
            Bend(fx, out double upperMixed, null);

            // Rounding of the difference of two gradients, with what the distance adds to it.
            double Noise(double rounding, double slope) => (2 * rounding) + (2 * units * slope * (s + size));
            double noiseY = Noise(lowerRounding.Y, known.LowerSmoothness!.Value), noiseX = Noise(lowerRounding.X, known.LowerCoupling!.Value);
            if (curvature < (known.LowerStrongConvexity!.Value / Slack) - (noiseY / s)) return Message("strong convexity of the lower level", known.LowerStrongConvexity.Value, "curves by", curvature);
            if (Exceeds(turned, known.LowerSmoothness.Value * s, noiseY)) return Message("LowerSmoothness", known.LowerSmoothness.Value, "turns by", turned / s);
            if (Exceeds(mixed, known.LowerCoupling.Value * s, noiseX)) return Message("LowerCoupling", known.LowerCoupling.Value, "shows", mixed / s);
            double third = known.LowerHessianLipschitz!.Value, mixedThird = known.LowerMixedHessianLipschitz ?? third, bend = s * s / 4;
            if (Exceeds(bentY, third * bend, 2 * noiseY)) return Message("LowerHessianLipschitz", third, "shows", bentY / bend);
            if (Exceeds(bentX, mixedThird * bend, 2 * noiseX)) return Message("Lipschitz constant of g_xy", mixedThird, "shows", bentX / bend);
            if (known.LowerThirdDerivativeLipschitz is not null || known.LowerMixedThirdDerivativeLipschitz is not null)
            {
                // Third differences at spacing s/3, with weights 1, -3, 3, -1 on the rounding errors.
                var (gyThird, gxThird) = ThirdDifferences(lower, x, z, end);
                double cube = s * s * s / 27;
                if (known.LowerThirdDerivativeLipschitz is { } fourth && Exceeds(gyThird, fourth * cube, 4 * noiseY)) return Message("LowerThirdDerivativeLipschitz", fourth, "shows", gyThird / cube);
                if (known.LowerMixedThirdDerivativeLipschitz is { } mixedFourth && Exceeds(gxThird, mixedFourth * cube, 4 * noiseX)) return Message("LowerMixedThirdDerivativeLipschitz", mixedFourth, "shows", gxThird / cube);
            }

            if (Exceeds(upperTurned, known.UpperSmoothness!.Value * s, Noise(upperRounding.Y, known.UpperSmoothness.Value))) return Message("UpperSmoothness", known.UpperSmoothness.Value, "shows", upperTurned / s);
            if (Exceeds(upperMixed, known.UpperCoupling!.Value * s, Noise(upperRounding.X, known.UpperCoupling.Value))) return Message("UpperCoupling", known.UpperCoupling.Value, "shows", upperMixed / s);
        }

        return Mixed(upper, lower, x, z, alongX, known, upperSet, upperRounding, lowerRounding);
    }

    // The bounds on g_xy and f_xy hold for their transposes: how the y-gradients turn along x.
    private static string? Mixed<V>(IObjective<V> upper, IObjective<V> lower, V x, V z, V mixed, ProblemConstants known, IFeasibleSet<V> set, GradientRounding upperRounding, GradientRounding lowerRounding)
        where V : class, IVector<V>
    {
        V ahead = x.Copy(), behind = x.Copy(), turn = z.ZerosLike(), random = x.ZerosLike();
        if (x is IFillable) RandomDirection.Fill(random, 14);
        double size = x.Norm(), h = 1e-6 * (size > 0 ? size : 1);
        double[] weights = [1, -1];
        foreach (var along in new[] { mixed, random })
        {
            if (!(along.Norm() > 0)) continue;
            Towards(ahead, x, along, h);
            Towards(behind, x, along, -h);
            set.Project(ahead);
            set.Project(behind);
            var between = ahead.Copy();
            between.AddScaled(-1, behind);
            double s = between.Norm();
            if (!(s > 0)) continue;
            foreach (var (objective, bound, name, rounding) in new[] { (lower, known.LowerCoupling!.Value, "LowerCoupling", lowerRounding.Y), (upper, known.UpperCoupling!.Value, "UpperCoupling", upperRounding.Y) })
            {
                new PreparedRequest<V>(objective, [[ahead, z], [behind, z]], [new(BilevelProblem.Y, Output.Combined, turn)], weights).Evaluate();
                if (Exceeds(turn.Norm(), bound * s, 4 * rounding)) return Message(name, bound, "of x shows", turn.Norm() / s);
            }
        }

        return null;
    }

    private static string Message(string constant, double declared, string verb, double seen) =>
        FormattableString.Invariant($"the declared {constant} {declared:G4} is contradicted by the gradients, where a segment {verb} {seen:G4}");

    private static bool Exceeds(double seen, double bound, double noise) => seen > (bound * Slack) + noise;

    // first := last - first; its norm, and its product with the segment.
    private static double Bend<V>(V[] gradients, out double norm, V? segment)
        where V : class, IVector<V>
    {
        var difference = gradients[2].Copy();
        difference.AddScaled(-1, gradients[0]);
        norm = difference.Norm();
        return segment is null ? 0 : difference.Dot(segment);
    }

    private static double Second<V>(V[] gradients)
        where V : class, IVector<V>
    {
        var difference = gradients[2].Copy();
        difference.AddScaled(-2, gradients[1]);
        difference.AddScaled(1, gradients[0]);
        return difference.Norm();
    }

    private static (double Y, double X) ThirdDifferences<V>(IObjective<V> lower, V x, V z, V segment)
        where V : class, IVector<V>
    {
        double[] weights = [-1, 3, -3, 1];
        V gy = z.ZerosLike(), gx = x.ZerosLike();
        V[][] points = [.. weights.Select((_, j) => new[] { x, z.Copy() })];
        for (int j = 0; j < points.Length; j++) points[j][1].AddScaled(j / 3.0, segment);
        new PreparedRequest<V>(lower, points, [new(BilevelProblem.X, Output.Combined, gx), new(BilevelProblem.Y, Output.Combined, gy)], weights).Evaluate();
        return (gy.Norm(), gx.Norm());
    }

    private static void Away<V>(V end, V from, double length, ulong key, ISubspace<V>? face)
        where V : class, IVector<V>
    {
        var along = end.ZerosLike();
        RandomDirection.Fill(along, key);
        face?.Restrict(along);
        Towards(end, from, along, length);
    }

    private static void Towards<V>(V end, V from, V along, double length)
        where V : class, IVector<V>
    {
        double norm = along.Norm();
        end.CopyFrom(from);
        if (norm > 0) end.AddScaled(length / norm, along);
    }

    private static V[] Zeros<V>(V like)
        where V : class, IVector<V> => [like.ZerosLike(), like.ZerosLike(), like.ZerosLike()];

    private static Output<V>[] Outputs<V>(V[] x, V[] y)
        where V : class, IVector<V> => [.. x.Select((r, p) => new Output<V>(BilevelProblem.X, p, r)), .. y.Select((r, p) => new Output<V>(BilevelProblem.Y, p, r))];
}
