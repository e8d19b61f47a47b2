using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The two answers of a constrained follower that the penalty function is made of, solved for again at x1: what y1, z1 and their multipliers
/// leave of K1 is multiplied in the gradient in x1 by how strongly they move with x1, and K1 itself does not tell by how much.
/// </summary>
internal static class PenaltyAnswers
{
    // The residual of the answers, times rho, is at most this share of the tolerance; a solve takes so many evaluations at most.
    private const double Share = 1e-2;
    private const int Limit = 4_000;

    /// <summary>The part of K1 in x1 with both answers solved for again; NaN where the follower is of another kind, or was not solved closely.</summary>
    public static double ResidualX1<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double penalty, double tolerance)
        where V : class, IVector<V>
    {
        if (!ConstrainedClass.Suits(problem, point)) return double.NaN;
        V[] u = point.CopyBlocks();
        var answer = new MultiplierFollower<V>(problem, u[X1], u[X2], u[Z1], u[Y2], 0);
        var perturbed = new MultiplierFollower<V>(problem, u[X1], u[X2], u[Y1], u[Z2], 1 / penalty);
        foreach (var follower in new[] { answer, perturbed })
        {
            follower.Solve(Share * tolerance / penalty, Limit);
            if (!(penalty * follower.Residual <= tolerance)) return double.NaN;
        }

        return new KktResiduals<V>(problem, u, penalty).ResidualX1;
    }
}
