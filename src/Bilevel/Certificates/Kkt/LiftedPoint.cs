using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>The point of the lift of a bilevel problem at which its epsilon-KKT is judged.</summary>
internal static class LiftedPoint
{
    // rho is raised by a factor, at most so often, until the largest number is this share of the tolerance.
    private const double RhoFactor = 10, Share = 0.5;
    private const int MostRaises = 7;

    /// <summary>
    /// The point and the least rho from 1/epsilon on at which its numbers are within the tolerance, or the best of those looked at: what x and y leave at a
    /// rho falls like 1/rho, until rounding shows. The method's lambda may belong to another difference. Doubtful is an objection where little is
    /// left of the residuals as rho goes to infinity, by what they were at two of them.
    /// </summary>
    /// <param name="problem">The problem.</param>
    /// <param name="lift">Its lift.</param>
    /// <param name="at">x1, x2, y1, y2 with the lower level solved again; not changed.</param>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="steps">Most steps of a solve of the lower level.</param>
    public static (V[] Point, double Rho, bool IsDoubtful) Of<V>(BilevelProblem<V> problem, BilevelMinimaxProblem<V> lift, V[] at, double tolerance, int steps)
        where V : class, IVector<V>
    {
        V[] best = [];
        double bestRho = double.NaN, least = double.PositiveInfinity, before = double.NaN, rho = 1 / (RhoFactor * tolerance), left = double.NaN;
        V place = at[Y1];
        for (int raise = 0; raise <= MostRaises; raise++, rho *= RhoFactor)
        {
            place = LowerLevelSolver.Solve(new WeightedSum<V>(problem.Upper, 1 / rho, problem.Lower), at[X1], place, problem.LowerSet, 0.1 * tolerance / rho, steps).Y;
            V[] point = Start(at[X1], at[X2], at[Y1], at[Y2]);
            (point[Y1], point[Z1]) = (place.Copy(), at[Y1].Copy());
            var kkt = new KktResiduals<V>(lift, point, rho);
            double gap = double.IsInfinity(kkt.GapBound) ? kkt.Seen.Gap : kkt.GapBound, residual = Math.Max(kkt.ResidualW, kkt.ResidualV), worst = Math.Max(residual, gap);
            if (raise > 0 && (raise == 1 || worst < least)) (best, bestRho, least) = (point, rho, worst);
            if (kkt.Rounding.Residual > residual / 2 && raise > 1) break;
            left = ((RhoFactor * residual) - before) / (RhoFactor - 1);
            before = residual;
            if (raise > 0 && (worst <= Share * tolerance || !double.IsFinite(worst))) break;
        }

        return (best, bestRho, left <= tolerance);
    }
}
