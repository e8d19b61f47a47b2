using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>The penalty function of a bilevel minimax problem as a saddle function: w = (x1, y1, y2) minimises, v = (x2, z1, z2) maximises.</summary>
internal sealed class PenaltyFunction<V> : ISaddleFunction<V>
    where V : class, IVector<V>
{
    // A value is a sum of many products, each rounded.
    private const double RoundingUnits = 64;

    private readonly MinimaxPenalty<V> penalty;
    private readonly PreparedRequest<V> ofUpper, ofLower;
    private readonly IProximalTerm<V>[] terms;
    private readonly double upperSign, lowerSign;

    /// <param name="problem">The problem.</param>
    /// <param name="point">Its six blocks, changed in place.</param>
    public PenaltyFunction(BilevelMinimaxProblem<V> problem, V[] point)
    {
        Point = point;
        penalty = new MinimaxPenalty<V>(problem, point);
        ofUpper = new PreparedRequest<V>(problem.Upper, [[point[X1], point[X2], point[Y1], point[Y2]]], [], values: true);
        ofLower = new PreparedRequest<V>(problem.Lower, [[point[X1], point[Y1], point[Z2]], [point[X1], point[Z1], point[Y2]]], [], values: true);
        terms = [.. problem.Blocks.Select(b => b.Term)];
        (upperSign, lowerSign) = (problem.UpperSign, problem.LowerSign);
    }

    /// <summary>rho.</summary>
    public double Rho { get; set; } = 1;

    public V[] Point { get; }

    public IReadOnlyList<V> Rows => penalty.Rows;

    public bool Maximises(int block) => block is X2 or Z1 or Z2;

    public void Evaluate() => penalty.Evaluate(Rho);

    public void Prox(int block, V at, double step)
    {
        if (at.Length > 0) terms[block].Prox(at, step * (block is X1 or X2 ? 1 : Rho));
    }

    /// <summary>P at the point, proximal terms included (section 2.4), and what rounding may have made of it.</summary>
    public (double Value, double Rounding) Value()
    {
        ofUpper.Evaluate();
        double gap = AttainedGap();
        double ofLeader = (upperSign * ofUpper.Values[0]) + terms[X1].Value(Point[X1]) - terms[X2].Value(Point[X2]);
        double size = Math.Abs(ofLeader) + (Rho * (Math.Abs(ofLower.Values[0]) + Math.Abs(ofLower.Values[1])));
        return (ofLeader + (Rho * gap), RoundingUnits * Precision.Of(Point[X1]) * size);
    }

    /// <summary>g(x1, y1, z2) - g(x1, z1, y2), proximal terms included: at most the gap.</summary>
    public double AttainedGap()
    {
        ofLower.Evaluate();
        double ofTerms = terms[Y1].Value(Point[Y1]) - terms[Z2].Value(Point[Z2]) - terms[Z1].Value(Point[Z1]) + terms[Y2].Value(Point[Y2]);
        return (lowerSign * (ofLower.Values[0] - ofLower.Values[1])) + ofTerms;
    }
}
