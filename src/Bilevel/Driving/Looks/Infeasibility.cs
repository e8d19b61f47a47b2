using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Looks whether a constrained follower has any feasible y at an x1, where its multipliers grow without end.</summary>
internal static class Infeasibility
{
    // Steps of the search, and the share of the violation at the point that counts as none.
    private const int Steps = 2000;
    private const double Share = 1e-6;

    /// <summary>That no y was found to satisfy the constraints at the x1 of a point, in a sentence; null where one was, or where there are none.</summary>
    public static string? At<V>(IProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        if (problem is not BilevelMinimaxProblem<V> { LowerMultipliers: { } multipliers } minimax || point[Y2].Length == 0 || !point[X1].IsFinite() || !point[Y1].IsFinite()) return null;

        // |[c(x1, y)]_+|^2 over y, a convex function: c alone in the place of the Lagrangian.
        var alone = minimax with { Lower = multipliers.Constraints, LowerSense = Sense.Minimise };
        var penalty = new BlockFunction<V>(new ConstraintPenalty<V>(alone, point[Y2], 1), [point[X1], point[Y1], point[Y2]], Lower.Z1, 1);
        double before = penalty.Evaluate(point[Y1]);
        var set = minimax.Z1 as IFeasibleSet<V> ?? new WholeSpace<V>();
        var best = ConvexSolver.Minimise(penalty, set, point[Y1], null, 0, Steps);
        penalty.Evaluate(best.Point);

        // Where a violation is left that no y lowers: the gradient is gone, or a bound from below is above zero.
        double slope = penalty.Gradient.Norm(), left = Math.Sqrt(Math.Max(best.Value, 0));
        bool isLeast = best.LowerBound > Share * best.Value || slope * Math.Max(1, best.Point.Norm()) <= Share * best.Value;
        return left > 0 && isLeast && best.Value > Share * before
            ? FormattableString.Invariant($"No y was found that satisfies the lower level's constraints at this x1: the least violation found is {left:G4}. Keep x1 where the follower has a feasible y.")
            : null;
    }
}
