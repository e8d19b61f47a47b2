using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Certifies an epsilon-KKT point of a bilevel minimax problem (bilevel minimax, sections 2.9 and 3): with
/// w = (x1, y1, y2), v = (x2, z1, z2) and the penalty function P, (K1) dist(0, d_w P) &lt;= eps, (K2) dist(0, d_v P)
/// &lt;= eps, (K3) the primal-dual gap of the lower level at (x1; y1, y2) is at most eps. The certificate belongs to the
/// point after one proximal step, which it returns.
/// </summary>
/// <remarks>
/// The bounds stand on convexity, so nothing is certified before gradients and values have been searched for a
/// contradiction to it. The quick form computes the three numbers from two evaluations of the penalty function, and
/// searches only where they pass; the full form also solves both one-sided lower problems again and looks for
/// signs of trouble.
/// </remarks>
public sealed record KktCertificate : ICertifier
{
    /// <summary>Most steps of each convex problem that is solved again (full form).</summary>
    public int SolveSteps { get; init; } = 1000;

    /// <summary>Most steps of each solve of the lower saddle problem (full form).</summary>
    public int SaddleSteps { get; init; } = 400;

    /// <summary>Most directions explored for the least curvature of a block, at each of two places.</summary>
    public int Directions { get; init; } = 24;

    /// <summary>Starts of the search where the lower level is declared to be neither convex nor concave (full form).</summary>
    public int Starts { get; init; } = 8;

    /// <summary>
    /// Whether the point has to hold with the follower of a constrained lower level solved again too, which is more than an epsilon-KKT point promises
    /// (full form): F(x1) is worse than f at the point by at most twice the tolerance, and where y1, z1 and their multipliers are solved for again the
    /// residual in x1 is at most twice the tolerance. <see cref="BilevelSolver"/> asks for it.
    /// </summary>
    public bool FollowerSolvedAgain { get; init; }

    /// <inheritdoc/>
    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V> =>
        problem is BilevelMinimaxProblem<V> minimax
            ? Check(minimax, point, tolerance, penalty, quick)
            : new(new Certificate(Verdict.NotCheckable, tolerance, "Not checkable: the KKT certificate is for bilevel minimax problems; lift the problem first.", [], [], double.NaN, double.NaN, 0), point);

    /// <summary>Checks a point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks (w, v); not changed.</param>
    /// <param name="tolerance">eps, for each of K1, K2 and K3.</param>
    /// <param name="penalty">rho; NaN for 1/tolerance.</param>
    /// <param name="quick">Whether only the verdict is wanted.</param>
    public CertifiedPoint<V> Check<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(point);
        CertifiedPoint<V> Refuse(string why) => new(new Certificate(Verdict.NotCheckable, tolerance, $"Not checkable: {why}", [], [], double.NaN, double.NaN, 0), point);
        if (!(tolerance > 0) || !double.IsFinite(tolerance)) return Refuse("the tolerance must be positive and finite.");
        if (double.IsNaN(penalty)) penalty = 1 / tolerance;
        if (!(penalty > 0) || !double.IsFinite(penalty)) return Refuse("the penalty parameter rho must be positive and finite.");
        if (Misfit(problem, point) is { } misfit) return Refuse(misfit);
        return new KktCheck<V>(this, problem, point, tolerance, penalty, quick).Run();
    }

    private static string? Misfit<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        if (point.Count != BlockCount) return FormattableString.Invariant($"the point has {point.Count} blocks in place of {BlockCount}.");
        if (point[Y1].Length != point[Z1].Length || point[Y2].Length != point[Z2].Length) return "the copies z1, z2 differ in length from y1, y2.";
        for (int b = 0; b < BlockCount; b++)
        {
            if (point[b].Length > 0 && problem.Blocks[b].Term.Objection(point[b].Length) is { } objection) return $"{problem.Blocks[b].Name} does not fit its set: {objection}";
        }

        return null;
    }
}
