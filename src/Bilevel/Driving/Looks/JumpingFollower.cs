namespace Bilevel;

/// <summary>
/// Looks around the x where a run ended short of its aim: where the follower's answer jumps from one x to the next, F is not continuous, and no
/// gradient need be small where it is least.
/// </summary>
internal static class JumpingFollower
{
    private const int Directions = 2;

    // Cuts of the way over which is looked, which leave a hundred millionth of it; not in its middle, where what is symmetric has its jump.
    private const int Cuts = 30;
    private const double Cut = 0.45;

    // Of the difference of the answers at both ends, what a jump leaves when the way is so short; an answer that moves with x leaves next to nothing,
    // be it as steep as a root.
    private const double Left = 0.1;

    // Answers are known to so much of their size.
    private const double Known = 1e-4;

    // How far from x is looked, in sizes of x.
    private static readonly double[] Shares = [1e-4, 1e-2, 0.1, 1.3];

    /// <summary>Where the answer jumps and by how much, in a sentence or two; null where it was not seen to.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Where the run began.</param>
    /// <param name="point">Where it ended, finite.</param>
    public static string? Near<V>(IProblem<V> problem, IReadOnlyList<V> start, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        // A strongly convex g has an answer that moves with x; and what can jump is held by a set.
        if (problem is not BilevelProblem<V> { LowerSet.IsWholeSpace: false } bilevel || bilevel.Constants.LowerStrongConvexity > 0 || point[BilevelProblem.X] is not IFillable) return null;
        V x = point[BilevelProblem.X], y = point[BilevelProblem.Y];
        if (x.Length == 0 || y.Length == 0 || !x.IsFinite() || !y.IsFinite()) return null;
        var way = x.Copy();
        way.AddScaled(-1, start[BilevelProblem.X]);
        List<V> directions = [.. Nearby.Directions(x, Directions)];
        if (way.Norm() > 0) directions.Insert(0, way);
        double size = Nearby.SizeOf(x);
        foreach (double share in Shares)
        {
            foreach (var direction in directions)
            {
                V behind = Nearby.Moved(bilevel, x, direction, -share * size), ahead = Nearby.Moved(bilevel, x, direction, share * size);
                if (Between(bilevel, behind, ahead, y) is { } jump) return Words(bilevel, x, jump);
            }
        }

        return null;
    }

    private static (V X, V Before, V After)? Between<V>(BilevelProblem<V> problem, V from, V to, V y)
        where V : class, IVector<V>
    {
        if (Nearby.Answer(problem, from, y) is not { } before || Nearby.Answer(problem, to, y) is not { } after) return null;
        double first = Nearby.Distance(before, after), least = Math.Max(Left * first, Known * Math.Max(before.Norm(), after.Norm()));
        if (!(first > least)) return null;
        for (int k = 0; k < Cuts; k++)
        {
            V middle = Nearby.Between(from, to, Cut);
            if (Nearby.Answer(problem, middle, y) is not { } between) return null;
            double low = Nearby.Distance(before, between), high = Nearby.Distance(between, after);
            if (!(Math.Max(low, high) > least)) return null;
            if (low > high) (to, after) = (middle, between);
            else (from, before) = (middle, between);
        }

        // A follower with many best answers, or one solved too loosely, stays where its solve begins.
        return Returns(from, after, before) && Returns(to, before, after) ? (to, before, after) : null;

        bool Returns(V x, V begin, V answer) => Nearby.Answer(problem, x, begin) is { } again && Nearby.Distance(again, answer) <= Left * Nearby.Distance(before, after);
    }

    private static string Words<V>(BilevelProblem<V> problem, V x, (V X, V Before, V After) jump)
        where V : class, IVector<V>
    {
        double away = Nearby.Distance(x, jump.X);
        string where = away > 0 ? FormattableString.Invariant($"at a distance of {away:G3} from x") : "at x";
        double Value(V y) => new ValueReader<V>(problem, [jump.X, y]).Read().Upper;
        return FormattableString.Invariant(
            $"The follower's answer jumps {where}, by {Nearby.Distance(jump.Before, jump.After):G3}; F is {Said.Value(Value(jump.Before))} on one side and {Said.Value(Value(jump.After))} on the other. Where F is least at a jump no gradient need be small, and no run meets its tolerance. A term in g that is strongly convex in y, such as a small multiple of |y|^2, makes the answer move with x.");
    }
}
