namespace Bilevel;

/// <summary>
/// Compares the gradients that a hypergradient stands on with values, at the answer, as sharply as the tolerance needs: what
/// an error of a gradient may be is what moves |grad F|, or a number of the proof, by a tenth of it.
/// </summary>
internal sealed class GradientAudit<V>
    where V : class, IVector<V>
{
    // Of the tolerance, what an error may move; an error that moves less than this many tolerances unseen is not worth a word.
    private const double Share = 0.1, Mention = 2;

    // Of the tolerance, what second derivatives from two sides may differ by: they are not as sharp as values.
    private const double AsymmetryShare = 0.5;

    // Relative error of a gradient block that is allowed where nothing depends on it.
    private const double Harmless = 1e-5;

    // How far along m, as a share of the reach, g is looked at on both sides; and by which factor further, so often at most, where values
    // are too coarse for that, since reaches are small at answers near zero.
    private const double Sideways = 0.02, Further = 50;

    private const int FurtherTimes = 10;

    // What the reach may be too short for: the longest way by which two gradients may agree after all.
    private const double FarWay = 0.01;

    private readonly BilevelProblem<V> problem;
    private readonly IFeasibleSet<V> lowerSet;
    private readonly ISubspace<V>? face;
    private readonly double tolerance;
    private readonly List<string> evidence = [], hidden = [];

    /// <param name="problem">The problem, with its objectives as the bounds see them.</param>
    /// <param name="face">The directions of y; null for all.</param>
    /// <param name="tolerance">Tolerance of the certificate.</param>
    public GradientAudit(BilevelProblem<V> problem, ISubspace<V>? face, double tolerance)
    {
        (this.problem, this.face, this.tolerance) = (problem, face, tolerance);
        lowerSet = face is null ? problem.LowerSet : new WholeSpace<V>();
    }

    /// <summary>What could not be seen at all, each a sentence.</summary>
    public IReadOnlyList<string> Evidence => evidence;

    /// <summary>What values are too coarse to show although it would move |grad F| by more than two tolerances, each a clause without a full stop.</summary>
    public IReadOnlyList<string> Hidden => hidden;

    /// <summary>The first gradient that contradicts the values, or another gradient, in words; null where none does.</summary>
    /// <param name="x">The upper variable.</param>
    /// <param name="z">The lower level solved again.</param>
    /// <param name="steps">Further directions in y that matter: f_y, the way from the method's y.</param>
    /// <param name="multiplier">m with its products, and what they err.</param>
    /// <param name="ratio">What an error of f_y, or of g_yy m, counts: |g_xy| / mu.</param>
    /// <param name="positions">What an error of g_y counts: the Lipschitz constant of the hypergradient in y over mu.</param>
    /// <param name="ofUpper">Rounding of f.</param>
    /// <param name="ofLower">Rounding of g.</param>
    /// <param name="reachX">A length in x over which the functions may be expected to change; 0 for unknown.</param>
    /// <param name="reachY">The same in y.</param>
    /// <param name="farY">A length in y over which second derivatives of g stay what they are; infinite where g is quadratic in y.</param>
    public string? Contradiction(V x, V z, IReadOnlyList<V> steps, MultiplierBound<V> multiplier, double ratio, double positions, GradientRounding ofUpper, GradientRounding ofLower, double reachX, double reachY, double farY)
    {
        double share = Share * tolerance;
        var m = multiplier.Multiplier;
        List<V> ways = [.. steps.Prepend(m).Select(Unit).OfType<V>()];
        var fx = new ValueCheck<V>(problem.Upper, [x, z], BilevelProblem.X, problem.UpperSet, ofUpper, reachX);
        var fy = new ValueCheck<V>(problem.Upper, [x, z], BilevelProblem.Y, lowerSet, ofUpper, reachY);
        var gx = new ValueCheck<V>(problem.Lower, [x, z], BilevelProblem.X, problem.UpperSet, ofLower, reachX);
        var gy = new ValueCheck<V>(problem.Lower, [x, z], BilevelProblem.Y, lowerSet, ofLower, reachY);
        double relative = Harmless * gx.Gradient.Norm();
        var found = Look(fx, "f", "x", Patterns(x, 4, 201), share, share)
            ?? Look(fy, "f", "y", [.. Patterns(z, 4, 202), .. ways], Allowed(share, ratio, fy.Gradient), share / ratio)
            ?? Look(gy, "g", "y", [.. Patterns(z, 4, 203), .. ways], Allowed(share, positions, gy.Gradient), share / positions)
            ?? Look(gx, "g", "x", Patterns(x, 2, 204), Math.Max(relative, ofLower.X), double.PositiveInfinity);
        if (found is not null) return found;

        // How errors of g_x and g_y change along m is what the products with m inherit.
        double size = m.Norm();
        if (!(size > 0) || !double.IsFinite(reachY / size)) return null;
        int settled = hidden.Count;
        double s = Sideways * reachY / size;
        for (int k = 0; k <= FurtherTimes; k++, s *= Further)
        {
            if (k > 0 && s * size > farY) break;
            hidden.RemoveRange(settled, hidden.Count - settled);
            if ((Beside(s) ?? Beside(-s)) is { } wrong) return wrong;
            if (hidden.Count == settled) break;
        }

        return null;

        string? Beside(double s)
        {
            var beside = z.Copy();
            beside.AddScaled(s, m);
            var besideX = new ValueCheck<V>(problem.Lower, [x, beside], BilevelProblem.X, problem.UpperSet, ofLower, reachX);
            var besideY = new ValueCheck<V>(problem.Lower, [x, beside], BilevelProblem.Y, lowerSet, ofLower, reachY);
            double matters = Math.Abs(s) * share;
            return Look(besideX, "g", "x", Patterns(x, 3, 205), matters, matters)
                ?? Look(besideY, "g", "y", Patterns(z, 3, 206), Allowed(matters, ratio, besideY.Gradient), matters / ratio);
        }
    }

    private static double Allowed(double share, double weight, V gradient) =>
        weight > 0 && double.IsFinite(weight) ? share / weight : Harmless * gradient.Norm();

    private string? Look(ValueCheck<V> check, string function, string variable, IReadOnlyList<V> directions, double allowed, double matters)
    {
        double blunt = 0;
        foreach (var direction in directions)
        {
            var seen = check.Along(direction, allowed);
            if (seen.Agreement == Agreement.Wrong)
            {
                return FormattableString.Invariant($"the gradient of {function} in {variable} contradicts its values at the answer: along one direction it gives {seen.Declared:G6}, differences of the values give {seen.Measured:G6}");
            }

            if (seen.Agreement == Agreement.Unseen) evidence.Add($"The gradient of {function} in {variable} could not be compared with values along one direction, where nothing is finite.");
            else if (seen.Agreement == Agreement.Blunt) blunt = Math.Max(blunt, seen.Sharpness);
        }

        if (blunt > Mention / Share * matters)
        {
            string clause = FormattableString.Invariant($"rounding of the values of {function} hides errors of its gradient in {variable} below {blunt:G3}, of which {Mention / Share * matters:G3} would matter at this tolerance");
            if (!hidden.Exists(e => e.StartsWith(clause[..40], StringComparison.Ordinal))) hidden.Add(clause);
        }

        return null;
    }

    /// <summary>
    /// Whether u' g_xy m and v' g_yy m, from differences along m and from differences along u and v, contradict each other, in
    /// words; null where they do not. It needs gradients alone, so that large values do not matter.
    /// </summary>
    /// <param name="x">The upper variable.</param>
    /// <param name="z">The lower level solved again.</param>
    /// <param name="multiplier">m with its products, and what they err.</param>
    /// <param name="ratio">What an error of g_yy m counts: |g_xy| / mu.</param>
    /// <param name="ofLower">Rounding of g.</param>
    /// <param name="reachX">A length in x over which the functions may be expected to change; 0 for unknown.</param>
    /// <param name="reachY">The same in y.</param>
    public string? Asymmetry(V x, V z, MultiplierBound<V> multiplier, double ratio, GradientRounding ofLower, double reachX, double reachY)
    {
        double share = AsymmetryShare * tolerance;
        var m = multiplier.Multiplier;
        double size = m.Norm(), lengthX = reachX > 0 ? reachX : 1;
        foreach (var u in Patterns(x, 2, 207).Append(multiplier.Mixed))
        {
            double norm = u.Norm();
            if (!(norm > 0)) continue;
            double expected = u.Dot(multiplier.Mixed);
            if (Differs(t => Turn([Moved(x, u, t, problem.UpperSet), z], [Moved(x, u, -t, problem.UpperSet), z], m, BilevelProblem.X, u), expected, share * Math.Min(1, norm), multiplier.MixedError * norm, 4 * ofLower.Y * size, lengthX / norm, FarWay / norm) is { } seen)
                return FormattableString.Invariant($"the gradients of g in x and y contradict each other at the answer: a mixed second derivative is {expected:G6} by the one and {seen:G6} by the other");
        }

        foreach (var v in Patterns(z, 2, 208))
        {
            double expected = v.Dot(multiplier.Image), norm = v.Norm();
            double allowed = ratio > 0 ? share / ratio : Harmless * multiplier.Image.Norm();
            if (norm > 0 && Differs(t => Turn([x, Moved(z, v, t, lowerSet)], [x, Moved(z, v, -t, lowerSet)], m, BilevelProblem.Y, v), expected, allowed, multiplier.ResidualError * norm, 4 * ofLower.Y * size, reachY / norm, FarWay / norm) is { } seen)
                return FormattableString.Invariant($"the gradient of g in y is no gradient at the answer: a second derivative is {expected:G6} one way and {seen:G6} the other way round");
        }

        return null;
    }

    // A second derivative by central differences at shrinking lengths; the value that stays apart from the expected one, or null.
    private static double? Differs(Func<double, double> at, double expected, double allowed, double error, double rounding, double reach, double farthest)
    {
        if (!double.IsFinite(expected) || !double.IsFinite(error)) return null;
        var (before, earlier) = (double.NaN, double.NaN);
        for (double t = 1e-2 * reach; t > 1e-10 * reach; t /= 10)
        {
            double seen = at(t), apart = Math.Abs(seen - expected), sure = (rounding / t) + error;
            if (!double.IsFinite(apart)) continue;
            if (apart <= allowed + (2 * sure)) return null;

            // Settled, and apart all the same: unless a longer way agrees, as where x is near zero and what g adds to it is not.
            if (Math.Abs(seen - before) <= apart / 10 && Math.Abs(before - earlier) <= apart / 10) return AgreesFurther() ? null : seen;
            (before, earlier) = (seen, before);
        }

        return null;

        bool AgreesFurther()
        {
            for (double t = 0.1 * reach; t <= farthest; t *= 10)
            {
                if (Math.Abs(at(t) - expected) <= allowed + (2 * ((rounding / t) + error))) return true;
            }

            return false;
        }
    }

    // m' (g_y(ahead) - g_y(behind)) over the length moved along u.
    private double Turn(V[] ahead, V[] behind, V m, int block, V u)
    {
        var turn = m.ZerosLike();
        new PreparedRequest<V>(problem.Lower, [ahead, behind], [new(BilevelProblem.Y, Output.Combined, turn)], [1, -1]).Evaluate();
        var between = ahead[block].Copy();
        between.AddScaled(-1, behind[block]);
        double along = between.Dot(u) / u.Dot(u), straight = between.Norm();

        // A set that bends the way leaves nothing to compare.
        return Math.Abs(straight - (along * u.Norm())) <= 1e-6 * straight ? m.Dot(turn) / along : double.NaN;
    }

    private static V Moved(V from, V along, double t, IFeasibleSet<V> set)
    {
        var moved = from.Copy();
        moved.AddScaled(t, along);
        if (!set.IsWholeSpace) set.Project(moved);
        return moved;
    }

    private List<V> Patterns(V like, int count, ulong key)
    {
        List<V> patterns = [];
        if (like is not IFillable) return patterns;
        for (int i = 0; i < Math.Min(count, like.Length); i++)
        {
            var pattern = like.ZerosLike();
            SignPattern.Fill(pattern, RandomBits.At(key, (ulong)i));
            if (key is 202 or 203 or 206 or 208) face?.Restrict(pattern);
            if (pattern.Norm() > 0) patterns.Add(pattern);
        }

        return patterns;
    }

    private V? Unit(V direction)
    {
        var unit = direction.Copy();
        face?.Restrict(unit);
        double norm = unit.Norm();
        if (!(norm > 0) || !double.IsFinite(norm)) return null;
        unit.Scale(1 / norm);
        return unit;
    }
}
