namespace Bilevel;

/// <summary>Reads the answer of a bilevel problem: f and g at (x, y*(x)), and the best of them for the leader where the follower has many.</summary>
internal static class BilevelAnswer
{
    // A curvature below this share of the largest is flat, where no modulus is declared.
    private const double Flat = 1e-9;

    // What lambda is multiplied by until the follower's loss vanishes in rounding, and how often.
    private const double Growth = 30;
    private const int Raises = 12, ProbeSteps = 24;

    /// <summary>Solves the lower level again at x and reads both objectives there.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable; not changed.</param>
    /// <param name="y">Start of the solve; not changed.</param>
    /// <param name="penalty">The penalty parameter of the method; NaN for none.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static Answer<V> Read<V>(BilevelProblem<V> problem, V x, V y, double penalty, double tolerance)
        where V : class, IVector<V>
    {
        double? mu = problem.Constants.LowerStrongConvexity is { } declared && declared > 0 ? declared : null;
        var slope = y.ZerosLike();
        new PreparedRequest<V>(problem.Upper, [[x, y]], [new(BilevelProblem.Y, 0, slope)]).Evaluate();

        // F is wanted to a thousandth of the tolerance: |f_y| |g_y| / mu is what the solve may leave of it.
        double accuracy = mu is { } modulus && slope.Norm() > 0 ? 1e-3 * modulus * tolerance / slope.Norm() : 1e-6 * tolerance;
        var lower = LowerLevelSolver.Solve(problem.Lower, x, y, problem.LowerSet, accuracy);
        double value = Value(problem.Upper, x, lower.Y);
        if (mu is null && Optimistic(problem, x, y, lower, value, tolerance) is { } better)
        {
            return new Answer<V>([x, better.Y], better.Upper, better.Lower, [FormattableString.Invariant(
                $"The follower has more than one best answer here: along some direction g does not change. Reported is the one that is best for the leader, f = {better.Upper:G6}; another, from the method's y, has f = {value:G6}.")]);
        }

        return new Answer<V>([x, lower.Y], value, lower.Value, []);
    }

    /// <summary>The follower's best answer that is best for the leader, where g is flat along some direction and that answer differs; null otherwise.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable; not changed.</param>
    /// <param name="y">The method's lower variable; not changed.</param>
    /// <param name="lower">The lower level solved again.</param>
    /// <param name="value">f there.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static (V Y, double Upper, double Lower)? Optimistic<V>(BilevelProblem<V> problem, V x, V y, LowerSolution<V> lower, double value, double tolerance)
        where V : class, IVector<V>
    {
        var z = lower.Y;
        if (!double.IsFinite(value) || !double.IsFinite(lower.Value) || !IsFlat(problem, x, z)) return null;
        double rounding = 64 * Precision.Of(z) * Math.Abs(lower.Value);
        V slope = z.ZerosLike(), own = z.ZerosLike();
        new PreparedRequest<V>(problem.Upper, [[x, z]], [new(BilevelProblem.Y, 0, slope)]).Evaluate();
        new PreparedRequest<V>(problem.Lower, [[x, y]], [new(BilevelProblem.Y, 0, own)]).Evaluate();

        // f / lambda + g with lambda raised: its minimisers tend to the follower's best answers that are best for the leader.
        (V Y, double Upper, double Lower)? best = null;
        foreach (var start in new[] { z, y })
        {
            var place = start.Copy();
            problem.LowerSet.Project(place);
            double lambda = 1, before = double.NaN;
            for (int raise = 0; raise < Raises; raise++, lambda *= Growth)
            {
                var leaning = LowerLevelSolver.Solve(new WeightedSum<V>(problem.Upper, 1 / lambda, problem.Lower), x, place, problem.LowerSet, 1e-3 * tolerance / lambda, 400);
                place.CopyFrom(leaning.Y);
                double upper = Value(problem.Upper, x, place), loss = Value(problem.Lower, x, place) - lower.Value;
                if (!double.IsFinite(upper)) break;

                // Done where nothing is left to lose, or where a raise changes f by less than matters.
                bool settled = Math.Abs(upper - before) <= (1e-9 * Math.Abs(upper)) + (1e-6 * tolerance);
                before = upper;
                if (loss > Math.Max(rounding, 1e-12 * Math.Abs(upper)) && !settled) continue;
                if (best is null || upper < best.Value.Upper) best = (place.Copy(), upper, loss + lower.Value);
                if (loss <= rounding || settled) break;
            }
        }

        return best is { } found && found.Upper < value - Math.Max(1e-6 * Math.Abs(value), tolerance * 1e-3) ? found : null;
    }

    // A direction along which g does not curve, among those of a Krylov space, and along which f would like to move.
    private static bool IsFlat<V>(BilevelProblem<V> problem, V x, V z)
        where V : class, IVector<V>
    {
        if (z is not IFillable) return false;
        var random = z.ZerosLike();
        RandomDirection.Fill(random, key: 9);
        var (smallest, largest) = new GradientDifference<V>(problem.Lower, x, z).Curvatures(random, ProbeSteps);
        if (!(smallest > Flat * largest)) return true;

        // In many dimensions the Krylov space of a random start may miss it; f_y, the direction that counts, is asked too.
        var slope = z.ZerosLike();
        new PreparedRequest<V>(problem.Upper, [[x, z]], [new(BilevelProblem.Y, 0, slope)]).Evaluate();
        return slope.Norm() > 0 && !(new GradientDifference<V>(problem.Lower, x, z).Curvatures(slope, ProbeSteps).Smallest > Flat * largest);
    }

    private static double Value<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var request = new PreparedRequest<V>(objective, [[x, y]], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }
}
