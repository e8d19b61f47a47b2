namespace Bilevel;

/// <summary>
/// Looks around the x where a run ended short of its aim, on a problem whose constants are not declared, so that the check looks for no kink: the
/// follower's answer may have one there, where a bound that holds it becomes active, and F then has one too.
/// </summary>
internal static class KinkedFollower
{
    private const int Directions = 3;

    // How far from x is looked, in its sizes. The answer on both sides less twice that at x falls like the square of the length where it is smooth, and
    // like the length at a kink: what is left of it per length, when that is so much shorter.
    private const double Far = 1e-3, Near = 1e-5, Left = 0.5;

    // What that must be of the lengths that the answer moves.
    private const double Bent = 1e-3;

    /// <summary>That there is one, in a sentence or two; null where none was seen.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">Where it ended, finite.</param>
    public static string? At<V>(IProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        if (problem is not BilevelProblem<V> { LowerSet.IsWholeSpace: false, UpperSet.IsWholeSpace: true, ConstantsAt: null } bilevel || bilevel.Constants.LowerStrongConvexity > 0 || point[BilevelProblem.X] is not IFillable) return null;
        V x = point[BilevelProblem.X], y = point[BilevelProblem.Y];
        if (x.Length == 0 || y.Length == 0 || !x.IsFinite() || !y.IsFinite() || Precision.Of(x) > Near * Bent) return null;
        double size = Nearby.SizeOf(x);
        if (Nearby.Answer(bilevel, x, y) is not { } here) return null;
        return Nearby.Directions(x, Directions).Any(d => Bend(d, Near * size) is var near && near > Bent && near > Left * Bend(d, Far * size))
            ? "A bound that holds the follower's answer becomes active next to x, so that F has a kink there: where it is least at a kink no gradient need be small. With the constants of the problem declared, the check looks for a stationary point at a kink."
            : null;

        double Bend(V direction, double length)
        {
            if (Nearby.Answer(bilevel, Nearby.Moved(bilevel, x, direction, length), y) is not { } ahead || Nearby.Answer(bilevel, Nearby.Moved(bilevel, x, direction, -length), y) is not { } behind) return 0;
            double way = Math.Max(Nearby.Distance(ahead, here), Nearby.Distance(behind, here));
            return way > 0 ? 2 * Nearby.Distance(Nearby.Between(ahead, behind, 0.5), here) / way : 0;
        }
    }
}
