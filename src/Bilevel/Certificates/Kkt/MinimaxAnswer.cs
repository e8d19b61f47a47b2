using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>The upper level at one x1 with the lower level and x2 solved again: F(x1) and g there, the user's own.</summary>
/// <param name="Saddle">The lower saddle point.</param>
/// <param name="X2">The best x2 against it.</param>
/// <param name="Upper">f, with its proximal terms, without the multipliers of a lift.</param>
/// <param name="Lower">g, likewise.</param>
/// <param name="Penalised">s f with the multipliers of the upper constraints at their worst, so signed that less is better: what violating them costs included.</param>
internal sealed record MinimaxValues<V>(LowerSaddle<V> Saddle, V X2, double Upper, double Lower, double Penalised)
    where V : class, IVector<V>;

/// <summary>Reads the answer of a bilevel minimax problem: the objectives without the multipliers of a lift, with the lower level and x2 solved again.</summary>
internal static class MinimaxAnswer
{
    // Of the solve, in steps of a few gradients; and the gap it stops at, relative to the value and to the tolerance.
    private const int Steps = 1000;
    private const double Digits = 1e-13, Share = 1e-8;

    /// <summary>Reads both objectives at x1; the point itself stays as it is, for its y belongs to its certificate.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks; not changed.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static Answer<V> Read<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance)
        where V : class, IVector<V>
    {
        var (upper, lower) = new ValueReader<V>(Own(problem), [.. point]).Read();
        Answer<V> AtThePoint(string why) => new(point, upper, lower, [$"f and g are read at the point itself: {why}."]) { SolvedAgain = false };
        if (!double.IsFinite(upper) || !double.IsFinite(lower)) return new Answer<V>(point, upper, lower, []) { SolvedAgain = false };
        if (problem.Shape != LowerShape.ConvexConcave) return AtThePoint("the lower level is not declared convex-concave, so nothing says that it can be solved again");
        double close = tolerance > 0 && double.IsFinite(tolerance) ? tolerance : 1e-6 * Math.Abs(lower);
        double reach = Reach(point[Y1]) + Reach(point[Y2]);
        var saddle = LowerSaddleSolver.Solve(problem, point[X1], point[Y1], point[Y2], Target(close, lower), Steps, reach);
        if (!(saddle.Gap <= close))
            return AtThePoint(FormattableString.Invariant($"solving the lower level again left a gap of {saddle.Gap:G3}, above {close:G3}"));
        var values = At(problem, point[X1], point[X2], saddle, close, Steps);
        if (!double.IsFinite(values.Upper) || !double.IsFinite(values.Lower)) return AtThePoint("they are not finite where the lower level is solved again");
        if (OtherSaddles<V>.IsDeclaredUnique(problem, point[Y1], point[Y2]) || point[X1] is not IFillable) return new Answer<V>(point, values.Upper, values.Lower, []);
        var others = new OtherSaddles<V>(problem, point[X1], point[X2], point[Y1], point[Y2], close, Target(close, lower), Steps, 0);
        return others.Best(values) is { } best && problem.UpperSign * (best.Upper - values.Upper) < -1e-6 * Math.Abs(values.Upper)
            ? new Answer<V>(point, best.Upper, best.Lower, [FormattableString.Invariant($"The follower has more than one best answer here, as far as {close:G3} of g tells. Reported is the one that is best for the leader, f = {best.Upper:G6}; at the nearest to the method's y it is {values.Upper:G6}.")])
            : new Answer<V>(point, values.Upper, values.Lower, []);
    }

    /// <summary>The gap at which a solve for values stops.</summary>
    public static double Target(double tolerance, double value) => Math.Max(Share * tolerance, Digits * Math.Abs(value));

    /// <summary>Both objectives at x1 and a saddle point, with x2 solved again.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x1">The upper minimiser.</param>
    /// <param name="x2">Where to start x2 from.</param>
    /// <param name="saddle">The saddle point.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    /// <param name="steps">Most steps for x2.</param>
    public static MinimaxValues<V> At<V>(BilevelMinimaxProblem<V> problem, V x1, V x2, LowerSaddle<V> saddle, double tolerance, int steps)
        where V : class, IVector<V>
    {
        var leader = ConvexSolver.Minimise(new BlockFunction<V>(problem.Upper, [x1, x2, saddle.Z1, saddle.Z2], BilevelMinimaxProblem.X2, -problem.UpperSign), problem.X2, x2, null, 1e-4 * tolerance, steps);
        double penalised = problem.X1.Value(x1) - leader.Value;
        var (upper, lower) = new ValueReader<V>(Own(problem), [x1, leader.Point, saddle.Z1, saddle.Z2, saddle.Z1, saddle.Z2]).Read();
        return new MinimaxValues<V>(saddle, leader.Point, upper, lower, penalised);
    }

    /// <summary>The problem with the user's own objectives, where a lift has added multipliers.</summary>
    public static IProblem<V> Own<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> => problem.With(problem.UpperMultipliers?.Objective ?? problem.Upper, problem.LowerMultipliers?.Objective ?? problem.Lower);

    private static double Reach<V>(V block)
        where V : class, IVector<V> => block.Length == 0 ? 0 : block.Norm() is > 0 and var size ? 2 * size : 1;
}
