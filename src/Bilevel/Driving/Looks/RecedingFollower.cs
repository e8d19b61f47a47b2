using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Looks where a run on a lower level with constraints ended without converging: along the way that y took its objective may fall for ever while the
/// constraints go on holding, and then the follower has no best answer.
/// </summary>
internal static class RecedingFollower
{
    // Far is so many times the size of the start; how far constraints are looked at, in sizes of y; and by how much of their change they may be violated more.
    private const double Far = 10, Misaligned = 1e-3;

    private static readonly double[] Lengths = [10, 1e3, 1e6];

    /// <summary>Why the follower seems unbounded; null where it does not.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Where the run began.</param>
    /// <param name="point">Where it ended.</param>
    public static string? Unbounded<V>(IProblem<V> problem, IReadOnlyList<V> start, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        if (problem is not BilevelMinimaxProblem<V> { LowerMultipliers: { } multipliers } minimax || !point.All(b => b.IsFinite())) return null;
        V y = point[Y1], way = y.Copy();
        way.AddScaled(-1, start[Y1]);
        if (y.Length == 0 || double.IsFinite(minimax.Z1.DiameterAt(y.Length)) || !(way.Norm() > Far * (1 + start[Y1].Norm()))) return null;
        V[] at = [point[X1], y, point[Y2]];
        var objective = new BlockFunction<V>(multipliers.Objective, at, Lower.Z1, minimax.LowerSign);
        double value = objective.Evaluate(y);
        if (Ray.FallsForEver(objective, minimax.Z1, y, way) is not { } far || !Holds(multipliers, minimax.Z1, at, way)) return null;
        return FormattableString.Invariant($"The follower seems unbounded: its objective has no minimiser in y at this x as far as was looked, while its constraints hold. It is {Said.Value(minimax.LowerSign * value)} at {Said.Place("y", y.Norm())} and goes on at |y| = {far.Norm:G3}, where it is {minimax.LowerSign * far.Value:G4}. Add a term to it that grows with |y|, a constraint, or give y a bounded set.");
    }

    private static bool Holds<V>(Multipliers<V> multipliers, IProximalTerm<V> set, V[] at, V way)
        where V : class, IVector<V>
    {
        V here = Values(at[Lower.Z1]), y = at[Lower.Z1];
        double violated = multipliers.Violation(here);
        foreach (double length in Lengths)
        {
            var place = y.Copy();
            place.AddScaled(length * Math.Max(1, y.Norm()) / way.Norm(), way);
            set.Project(place);
            V there = Values(place);
            double now = multipliers.Violation(there);
            there.AddScaled(-1, here);
            if (!(now <= violated + (Misaligned * there.Norm()))) return false;
        }

        return true;

        V Values(V place)
        {
            var values = at[Lower.Z2].ZerosLike();
            if (values.Length > 0) new PreparedRequest<V>(multipliers.Constraints, [[at[Lower.X1], place, at[Lower.Z2]]], [new(Lower.Z2, 0, values)]).Evaluate();
            return values;
        }
    }
}
