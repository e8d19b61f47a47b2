using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The penalty function of a bilevel minimax problem (bilevel minimax, sections 2.3 and 2.6):
/// P = f(x1, x2, y1, y2) + rho (g(x1, y1, z2) - g(x1, z1, y2)), minimised over w = (x1, y1, y2) and maximised over
/// v = (x2, z1, z2). Its six gradient rows take one request to f and one to g, which answers both crosswise points in
/// one pass. A level that maximises enters with the opposite sign.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
internal sealed class MinimaxPenalty<V>
    where V : class, IVector<V>
{
    private readonly PreparedRequest<V> ofUpper;      // grad f at (x1, x2, y1, y2)
    private readonly PreparedRequest<V> ofLower;      // grad g at (x1, y1, z2) and (x1, z1, y2)
    private readonly V[] rows;
    private readonly V differenceX1;                  // g_x1(x1, y1, z2) - g_x1(x1, z1, y2)
    private readonly V gradY1, gradY2;                // g_z1(x1, y1, z2) and g_z2(x1, z1, y2)
    private readonly double upperSign, lowerSign;

    /// <summary>Prepares the requests at a point that is changed in place.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks.</param>
    /// <param name="values">Whether <see cref="Value"/> is wanted too.</param>
    public MinimaxPenalty(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, bool values = false)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (point.Count != BlockCount) throw new ArgumentException($"A point of a bilevel minimax problem has {BlockCount} blocks.", nameof(point));
        (upperSign, lowerSign) = (problem.UpperSign, problem.LowerSign);
        rows = [.. point.Select(b => b.ZerosLike())];
        differenceX1 = point[X1].ZerosLike();
        ofUpper = new PreparedRequest<V>(problem.Upper, [[point[X1], point[X2], point[Y1], point[Y2]]], [new(X1, 0, rows[X1]), new(X2, 0, rows[X2]), new(Y1, 0, rows[Y1]), new(Y2, 0, rows[Y2])], values: values);
        gradY1 = point[Y1].ZerosLike();
        gradY2 = point[Y2].ZerosLike();
        ofLower = new PreparedRequest<V>(
            problem.Lower,
            [[point[X1], point[Y1], point[Z2]], [point[X1], point[Z1], point[Y2]]],
            [new(Lower.X1, Output.Combined, differenceX1), new(Lower.Z1, 0, gradY1), new(Lower.Z2, 0, rows[Z2]), new(Lower.Z1, 1, rows[Z1]), new(Lower.Z2, 1, gradY2)],
            [1, -1],
            values);
    }

    /// <summary>
    /// The direction of every block away from what its player wants, after the last evaluation: grad P for x1, y1, y2,
    /// which minimise, and -grad P for x2, z1, z2, which maximise. Every player descends along its row.
    /// </summary>
    public IReadOnlyList<V> Rows => rows;

    /// <summary>P after the last evaluation at rho, without proximal terms; fails where no values were asked for.</summary>
    /// <param name="penalty">rho.</param>
    public double Value(double penalty) => (upperSign * ofUpper.Values[0]) + (penalty * lowerSign * (ofLower.Values[0] - ofLower.Values[1]));

    /// <summary>g(x1, y1, z2) - g(x1, z1, y2) after the last evaluation, without proximal terms; fails where no values were asked for.</summary>
    public double Difference => lowerSign * (ofLower.Values[0] - ofLower.Values[1]);

    /// <summary>Evaluates the six rows.</summary>
    /// <param name="penalty">rho.</param>
    /// <param name="sample">The sample; the same for both points of g.</param>
    public void Evaluate(double penalty, Sample sample = default)
    {
        ofUpper.Evaluate(sample);
        ofLower.Evaluate(sample);
        double rho = penalty * lowerSign;
        if (upperSign < 0)
        {
            rows[X1].Scale(-1);
            rows[Y1].Scale(-1);
            rows[Y2].Scale(-1);
        }
        else
        {
            rows[X2].Scale(-1);
        }

        rows[X1].AddScaled(rho, differenceX1);
        rows[Y1].AddScaled(rho, gradY1);
        rows[Y2].AddScaled(-rho, gradY2);
        rows[Z1].Scale(rho);
        rows[Z2].Scale(-rho);
    }
}
