namespace Bilevel;

/// <summary>Reads the answer of a bilevel problem: f and g at (x, y*(x)), and the best of them for the leader where the follower has many.</summary>
internal static class BilevelAnswer
{
    // What lambda is multiplied by until the follower's loss vanishes in rounding, and how often.
    private const double Growth = 30;
    private const int Raises = 12;

    // Steps of a search for a better answer of the follower.
    private const int SearchSteps = 50;

    // One best answer is approached like 1/lambda, 30 times nearer with every raise; what comes nearer by less than this leans along a flat piece of g.
    private const double Nearer = 0.3;

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
        if (!double.IsFinite(value) || !double.IsFinite(lower.Value)) return null;
        double rounding = 64 * Precision.Of(z) * Math.Abs(lower.Value), first = FirstLambda(problem, x, z);
        // f / lambda + g with lambda raised: its minimisers tend to the follower's best answers that are best for the leader.
        (V Y, double Upper, double Lower)? best = null;
        foreach (var start in new[] { z, y })
        {
            var place = start.Copy();
            problem.LowerSet.Project(place);
            double lambda = first, before = double.NaN, apart = double.NaN, lossBefore = double.NaN;
            for (int raise = 0; raise < Raises; raise++, lambda *= Growth)
            {
                var leaning = LowerLevelSolver.Solve(new WeightedSum<V>(problem.Upper, 1 / lambda, problem.Lower), x, place, problem.LowerSet, 1e-3 * tolerance / lambda, 400);
                place.CopyFrom(leaning.Y);
                double upper = Value(problem.Upper, x, place), loss = Value(problem.Lower, x, place) - lower.Value;
                if (!double.IsFinite(upper)) break;
                var away = place.Copy();
                away.AddScaled(-1, z);
                double distance = away.Norm();
                if (distance <= Nearer * apart || !(distance > 0)) break;
                apart = distance;
                if (raise == 0) continue;

                // Done where nothing is left to lose, or where a raise changes f by less than matters, while the loss falls as it must: it stays where f outweighs g.
                bool settled = Math.Abs(upper - before) <= (1e-9 * Math.Abs(upper)) + (1e-6 * tolerance) && loss <= Nearer * lossBefore;
                (before, lossBefore) = (upper, loss);
                if (loss > rounding && !settled) continue;
                if (best is null || upper < best.Value.Upper) best = (place.Copy(), upper, loss + lower.Value);
                if (loss <= rounding || settled) break;
            }
        }

        return best is { } found && found.Upper < value - Math.Max(1e-6 * Math.Abs(value), tolerance * 1e-3) ? found : null;
    }

    /// <summary>A value of g at x below that of the answer, met from starts near and far; null where none was. On a convex function there is none.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable; not changed.</param>
    /// <param name="found">The lower level solved again.</param>
    /// <param name="reach">A length over which g may be expected to change.</param>
    public static double? Lower<V>(BilevelProblem<V> problem, V x, LowerSolution<V> found, double reach)
        where V : class, IVector<V>
    {
        if (found.Y is not IFillable) return null;
        double least = found.Value - (1e-6 * Math.Abs(found.Value)) - (1e-3 * Math.Abs(found.Value - Value(problem.Lower, x, found.Y.ZerosLike()))) - (1e3 * found.GradientNorm * reach);
        foreach (double share in new[] { 3.0, -3.0, 30.0, -30.0 })
        {
            var start = found.Y.ZerosLike();
            RandomDirection.Fill(start, key: 15);
            start.Scale(share * reach / start.Norm());
            start.AddScaled(1, found.Y);
            problem.LowerSet.Project(start);
            double value = Math.Min(Value(problem.Lower, x, start), LowerLevelSolver.Solve(problem.Lower, x, start, problem.LowerSet, found.GradientNorm, SearchSteps).Value);
            if (value < least && double.IsFinite(value)) return value;
        }

        return null;
    }

    /// <summary>
    /// The hypergradient where the follower may have many best answers, of which it takes the one that is best for the leader: that
    /// of the penalty function, with lambda raised until it settles; null where it does not before rounding shows.
    /// </summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable; not changed.</param>
    /// <param name="z">The lower level solved again; not changed.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static (V Direction, double Change)? OptimisticGradient<V>(BilevelProblem<V> problem, V x, V z, double tolerance)
        where V : class, IVector<V>
    {
        V place = z.Copy(), h = x.ZerosLike(), before = x.ZerosLike(), gx = x.ZerosLike();
        double lambda = FirstLambda(problem, x, z);
        for (int raise = 0; raise < Raises; raise++, lambda *= Growth)
        {
            var leaning = LowerLevelSolver.Solve(new WeightedSum<V>(problem.Upper, 1 / lambda, problem.Lower), x, place, problem.LowerSet, 1e-2 * tolerance / lambda, 400);
            place.CopyFrom(leaning.Y);
            before.CopyFrom(h);
            new PreparedRequest<V>(problem.Upper, [[x, place]], [new(BilevelProblem.X, 0, h)]).Evaluate();
            new PreparedRequest<V>(problem.Lower, [[x, place], [x, z]], [new(BilevelProblem.X, Output.Combined, gx)], [1, -1]).Evaluate();
            h.AddScaled(lambda, gx);
            before.AddScaled(-1, h);
            double change = before.Norm();
            if (!double.IsFinite(change) || 64 * Precision.Of(x) * lambda * gx.Norm() > h.Norm() + tolerance) return null;
            if (raise > 0 && change <= Math.Max(tolerance, 1e-3 * h.Norm())) return (h, change);
        }

        return null;
    }

    // Where f and g weigh alike, by the size of their gradients beside the answer; f's size may be in other units than g's.
    private static double FirstLambda<V>(BilevelProblem<V> problem, V x, V z)
        where V : class, IVector<V>
    {
        if (z is not IFillable) return 1;
        double upper = LocalConstants.Curvatures(problem.Upper, x, z).Largest, lower = LocalConstants.Curvatures(problem.Lower, x, z).Largest;
        return upper > 0 && lower > 0 && double.IsFinite(upper / lower) ? upper / lower : 1;
    }

    private static double Value<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var request = new PreparedRequest<V>(objective, [[x, y]], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }
}
