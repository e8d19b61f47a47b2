namespace Bilevel;

/// <summary>
/// Looks where a run came to the edge of where F, the follower solved again, is finite: F may fall without end towards it, as log x does towards 0.
/// </summary>
internal static class FallingEdge
{
    // Beyond the run's last point, in lengths of its way, where F is looked for to be not finite.
    private const double Ahead = 2;

    // Halvings between there and the start, which find the edge to rounding; and those towards it from the start, the last of which must fall
    // by as much of those before as Lasting: a value that F tends to leaves next to nothing.
    private const int Halvings = 60, Looks = 30, Block = 8;

    private const double Lasting = 0.5;

    // An edge that is so near to 0 is there.
    private const double Negligible = 1e-12;

    /// <summary>Why the leader seems unbounded; null where it does not.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Where the run began.</param>
    /// <param name="point">Where it ended, finite.</param>
    public static string? Unbounded<V>(IProblem<V> problem, IReadOnlyList<V> start, V[] point)
        where V : class, IVector<V>
    {
        if (problem is not BilevelProblem<V> bilevel || !(Nearby.Distance(start[BilevelProblem.X], point[BilevelProblem.X]) > 0)) return null;
        V from = start[BilevelProblem.X], x = point[BilevelProblem.X], y = point[BilevelProblem.Y];
        V outside = Nearby.Between(from, x, 1 + Ahead);
        bilevel.UpperSet.Project(outside);
        if (!double.IsFinite(Value(from)) || double.IsFinite(Value(outside))) return null;
        V inside = from;
        for (int k = 0; k < Halvings; k++)
        {
            V middle = Nearby.Between(inside, outside, 0.5);
            if (double.IsFinite(Value(middle))) inside = middle;
            else outside = middle;
        }

        double[] values = [.. Enumerable.Range(0, Looks).Select(k => Value(Nearby.Between(outside, from, Math.Pow(0.5, k))))];
        double last = values[^(Block + 1)] - values[^1], before = values[^((2 * Block) + 1)] - values[^(Block + 1)];
        if (!(last > 0) || !(last >= Lasting * before) || !(last > 1e-6 * Math.Abs(values[^1]))) return null;
        double way = Nearby.Distance(outside, from), away = way * Math.Pow(0.5, Looks - 1);
        if (outside.Norm() < Negligible * way) outside.Scale(0);
        return FormattableString.Invariant(
            $"The leader seems unbounded: F falls without end towards the edge of where it is finite, {Said.Exactly("x", outside)}. It is {Said.Value(values[0])} at the start and {values[^1]:G4} at a distance of {away:G2} from the edge. Add a term to f that grows there, or give x a set that keeps away from it.");

        double Value(V at) => Nearby.Solve(bilevel, at, y) is var solved && double.IsFinite(solved.Value) ? new ValueReader<V>(problem, [at, solved.Y]).Read().Upper : double.NaN;
    }
}
