using System.Numerics;

namespace Bilevel;

/// <summary>
/// A node j of the difference formula sum_j a_j phi(j nu) / nu = phi'(0) + O(nu^p) and its weight a_j, a fraction in
/// lowest terms (penalty methods, section 13.2).
/// </summary>
/// <param name="J">The node, in units of nu.</param>
/// <param name="Numerator">Numerator of a_j.</param>
/// <param name="Denominator">Denominator of a_j, positive.</param>
internal readonly record struct DifferenceNode(int J, BigInteger Numerator, BigInteger Denominator)
{
    /// <summary>a_j, rounded once.</summary>
    public double Weight => (double)Numerator / (double)Denominator;

    /// <summary>The largest node of order p, in absolute value.</summary>
    public static int Farthest(int order) => (order + 1) / 2;

    /// <summary>
    /// The nodes of order p with their weights, the largest first: p/2 on either side of 0 for even p, where the weight
    /// of 0 vanishes; for odd p one more on the positive side, where sigma f + g is the more convex, and 0 itself.
    /// </summary>
    /// <param name="order">p.</param>
    public static DifferenceNode[] Of(int order)
    {
        // The moment conditions sum_j j^m a_j = [m = 1] for m = 0 .. p have one solution: a_j is the slope at 0 of
        // Lagrange's polynomial of node j, which for j other than 0 is prod (0 - i) / prod (j - i), i over the others.
        int[] others = [.. Enumerable.Range(-(order / 2), order + 1).Where(i => i != 0).OrderDescending()];
        var nodes = new List<DifferenceNode>();
        var rest = new DifferenceNode(0, 0, 1);
        foreach (int j in others)
        {
            var (above, below) = LagrangeAtZero(others, j);
            var node = Reduced(j, above, below * j);
            nodes.Add(node);
            rest = Reduced(0, (rest.Numerator * node.Denominator) - (node.Numerator * rest.Denominator), rest.Denominator * node.Denominator);
        }

        if (!rest.Numerator.IsZero) nodes.Insert(nodes.FindLastIndex(n => n.J > 0) + 1, rest);
        return [.. nodes];
    }

    /// <summary>The weights with which values at the nodes give that at 0, to O(nu^p) where 0 is none of them.</summary>
    /// <param name="nodes">The nodes.</param>
    public static double[] ValueAtZero(DifferenceNode[] nodes)
    {
        int[] all = [.. nodes.Select(n => n.J)];
        return [.. all.Select(j =>
        {
            var (above, below) = LagrangeAtZero(all, j);
            return Reduced(j, above, below).Weight;
        })];
    }

    // prod (0 - i) and prod (j - i) over the nodes i other than j.
    private static (BigInteger Above, BigInteger Below) LagrangeAtZero(int[] nodes, int j)
    {
        BigInteger above = 1, below = 1;
        foreach (int i in nodes.Where(i => i != j)) (above, below) = (above * -i, below * (j - i));
        return (above, below);
    }

    private static DifferenceNode Reduced(int j, BigInteger above, BigInteger below)
    {
        var divisor = BigInteger.GreatestCommonDivisor(above, below) * below.Sign;
        return new DifferenceNode(j, above / divisor, below / divisor);
    }
}
