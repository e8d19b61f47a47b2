using System.Globalization;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>A contradiction to what a bilevel minimax problem assumes.</summary>
/// <param name="Sentence">It in words, without a full stop.</param>
/// <param name="Remedy">What to do.</param>
internal sealed record BrokenAssumption(string Sentence, string Remedy);

/// <summary>
/// Searches a bilevel minimax problem for contradictions at one x1: f and g agree with their gradients, g is convex in z1
/// and concave in z2, f is concave in x2, and the declared constants hold.
/// </summary>
internal static class MinimaxAssumptions
{
    /// <summary>Whether nothing bounds the gap that a copy leaves.</summary>
    public static bool Unbounded<V>(IProximalTerm<V> term, int length, double? modulus)
        where V : class, IVector<V> => length > 0 && !double.IsFinite(term.DiameterAt(length)) && !(modulus > 0);

    /// <summary>The first contradiction found, or null.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks, feasible; not changed.</param>
    /// <param name="directions">Most directions explored for the least curvature of a block.</param>
    /// <param name="thorough">Whether to look at other opponents and to compare values with gradients, too.</param>
    /// <param name="sightings">Where to count the points looked at.</param>
    public static BrokenAssumption? Contradiction<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, int directions, bool thorough, Sightings? sightings = null)
        where V : class, IVector<V>
    {
        V x1 = point[X1], x2 = point[X2], y1 = point[Y1], y2 = point[Y2], z1 = point[Z1], z2 = point[Z2];
        var known = problem.Constants;
        double smooth = known.LowerSmoothness ?? double.PositiveInfinity, mu1 = known.LowerStrongConvexity ?? 0, mu2 = known.LowerStrongConcavity ?? 0;
        double up = problem.UpperSign, low = problem.LowerSign;
        foreach (var (name, term, at, key) in new[] { ("x1", problem.X1, x1, 111UL), ("x2", problem.X2, x2, 112UL), ("z1", problem.Z1, y1, 113UL), ("z2", problem.Z2, y2, 114UL) })
        {
            if (SetCheck.Objection(term, at, name, key) is { } seen) return new(seen, "Correct the projection or proximal map, the values or the diameter.");
        }

        if (thorough)
        {
            if (SegmentCheck.Find(problem.Upper, [x1, x2, y1, y2], [problem.X1, problem.X2, problem.Z1, problem.Z2], 101) is { } upper) return Mismatch("f", problem.Blocks[upper.Block].Name, upper);
            foreach (var (first, second) in new[] { (y1, z2), (z1, y2) })
            {
                if (SegmentCheck.Find(problem.Lower, [x1, first, second], [problem.X1, problem.Z1, problem.Z2], 102) is { } lower) return Mismatch("g", problem.LowerBlockNames[lower.Block], lower);
            }
        }

        var inX2 = ConvexityProbe<V>.Find(problem.Upper, [x1, x2, y1, y2], X2, -up, problem.X2, [x2], 0, known.UpperSmoothness ?? double.PositiveInfinity, directions, 103, thorough, sightings, "f in x2");
        if (inX2 is not null)
        {
            string concave = problem.UpperSense == Sense.Minimise ? "concave" : "convex";
            return Describe(inX2, "f", "x2", concave, up > 0, nameof(known.UpperSmoothness), 0, known.UpperSmoothness, inX2.Reversed
                ? "Check the sign of f and UpperSense: x2 plays against the leader."
                : $"The upper opponent x2 must face a function that is {concave} in it; replace what is not, or let x1 carry it.");
        }

        V other1 = thorough ? Elsewhere(problem.Z1, y1, 5) : y1, other2 = thorough ? Elsewhere(problem.Z2, y2, 6) : y2;
        var inZ1 = InZ1(y2) ?? (thorough ? InZ1(z2) ?? InZ1(other2) : null);
        var inZ2 = InZ2(y1) ?? (thorough ? InZ2(z1) ?? InZ2(other1) : null);
        if (inZ1 is null && inZ2 is null) return null;
        bool reversed = (inZ1?.Reversed ?? y1.Length == 0 || Flips(InZ1Reversed())) && (inZ2?.Reversed ?? y2.Length == 0 || Flips(InZ2Reversed()));
        string remedy = reversed && problem.LowerMultipliers is not null
            ? "The follower's objective goes the other way: set the Sense of the constrained lower level before it is lifted (never LowerSense afterwards), or change the sign of the objective."
            : reversed
            ? string.Create(CultureInfo.InvariantCulture, $"The lower level goes the other way: set LowerSense = {(problem.LowerSense == Sense.Minimise ? nameof(Sense.Maximise) : nameof(Sense.Minimise))}, or change the sign of g.")
            : "Declare Shape = LowerShape.General to run without a certificate, or correct the sign of what is not convex in z1 and concave in z2.";
        string convexIn1 = problem.LowerSense == Sense.Minimise ? "convex" : "concave", concaveIn2 = problem.LowerSense == Sense.Minimise ? "concave" : "convex";
        return inZ1 is not null
            ? Describe(inZ1, "g", "z1", convexIn1, low < 0, nameof(known.LowerSmoothness), mu1, known.LowerSmoothness, remedy)
            : Describe(inZ2!, "g", "z2", concaveIn2, low > 0, nameof(known.LowerSmoothness), mu2, known.LowerSmoothness, remedy);

        Contradiction? InZ1(V opponent) => ConvexityProbe<V>.Find(problem.Lower, [x1, z1, opponent], Lower.Z1, low, problem.Z1, [z1, y1], mu1, smooth, directions, 104, thorough && ReferenceEquals(opponent, y2), sightings, "g in z1");
        Contradiction? InZ2(V player) => ConvexityProbe<V>.Find(problem.Lower, [x1, player, z2], Lower.Z2, -low, problem.Z2, [z2, y2], mu2, smooth, directions, 105, thorough && ReferenceEquals(player, y1), sightings, "g in z2");

        // With the sign changed, is it still without contradiction?
        Contradiction? InZ1Reversed() => ConvexityProbe<V>.Find(problem.Lower, [x1, z1, y2], Lower.Z1, -low, problem.Z1, [z1, y1], 0, double.PositiveInfinity, directions, 104);
        Contradiction? InZ2Reversed() => ConvexityProbe<V>.Find(problem.Lower, [x1, y1, z2], Lower.Z2, low, problem.Z2, [z2, y2], 0, double.PositiveInfinity, directions, 105);
        static bool Flips(Contradiction? found) => found is null;
    }

    private static V Elsewhere<V>(IProximalTerm<V> term, V from, ulong key)
        where V : class, IVector<V>
    {
        var point = from.Copy();
        if (point is not IFillable || point.Length == 0) return point;
        double diameter = term.DiameterAt(point.Length), reach = double.IsFinite(diameter) ? diameter : 1 + from.Norm();
        RandomDirection.Fill(point, key);
        point.Scale(reach / Math.Sqrt(point.Length));
        point.AddScaled(1, from);
        term.Project(point);
        return point;
    }

    private static BrokenAssumption Mismatch(string objective, string block, (int Block, double Declared, double Measured) seen) => new(
        FormattableString.Invariant($"the gradient of {objective} in {block} contradicts its values: along a segment it gives {seen.Declared:G4}, the values give {seen.Measured:G4}"),
        "Check the gradient's formula and sign.");

    // The function was probed with the sign that should make it convex; its own curvature has the other where that sign is negative.
    private static BrokenAssumption Describe(Contradiction found, string objective, string block, string shape, bool negative, string smoothness, double modulus, double? declared, string remedy)
    {
        double seen = negative ? -found.Seen : found.Seen;
        return found.What switch
        {
            Contradicted.Smoothness => new(
                FormattableString.Invariant($"the declared {smoothness} {declared:G4} is contradicted: the gradient of {objective} in {block} turns by {found.Seen:G4} per unit length"),
                "Declare a larger constant, or leave it null."),
            Contradicted.Modulus => new(
                FormattableString.Invariant($"the declared strong {(block == "z1" ? "convexity" : "concavity")} {modulus:G4} of {objective} in {block} is contradicted: a segment curves by {found.Seen:G4}"),
                "Declare a smaller constant, or leave it null and give the block bounds."),
            Contradicted.Values => new(
                FormattableString.Invariant($"{objective} is not {shape} in {block}, or its gradient contradicts its values: along a segment the values depart from the tangents by {seen:G4} per squared length"),
                remedy),
            _ => new(FormattableString.Invariant($"{objective} is not {shape} in {block}: along a segment its curvature is {seen:G4}"), remedy),
        };
    }
}
