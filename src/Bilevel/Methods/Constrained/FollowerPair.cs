using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The two answers of a constrained follower that h = f_x + rho (g_x(x, y1, z2) - g_x(x, z1, y2)) is made of: (z1, y2) on phi and
/// (y1, z2) on f/rho + phi. They are apart by an amount of first order in 1/rho, which changes less with x than they do.
/// </summary>
internal sealed class FollowerPair<V>
    where V : class, IVector<V>
{
    private readonly (V Copy, V Of)[] pairs;                      // what f moves, and from where
    private readonly MultiplierFollower<V> answer, perturbed;

    /// <param name="problem">The problem.</param>
    /// <param name="u">The six blocks; y1, y2, z1 and z2 are changed in place.</param>
    /// <param name="rho">The penalty parameter.</param>
    public FollowerPair(BilevelMinimaxProblem<V> problem, V[] u, double rho)
    {
        pairs = [(u[Y1], u[Z1]), (u[Z2], u[Y2])];
        answer = new MultiplierFollower<V>(problem, u[X1], u[X2], u[Z1], u[Y2], 0);
        perturbed = new MultiplierFollower<V>(problem, u[X1], u[X2], u[Y1], u[Z2], 1 / rho);
    }

    /// <summary>1/rho.</summary>
    public double Sigma => perturbed.Sigma;

    /// <summary>An estimate of the curvature of phi in y.</summary>
    public double Smoothness => answer.Smoothness;

    /// <summary>Norm of f_y at the last point of y1 that was asked for.</summary>
    public double UpperSlope => perturbed.UpperSlope;

    /// <summary>The square of what both solves leave.</summary>
    public double SquaredResidual => (answer.Residual * answer.Residual) + (perturbed.Residual * perturbed.Residual);

    /// <summary>Solves for both at x; the second begins as far from the first as it was.</summary>
    /// <param name="tolerance">The residual aimed at.</param>
    /// <param name="limit">Most evaluations of each.</param>
    public void Solve(double tolerance, int limit)
    {
        foreach (var (copy, of) in pairs) copy.AddScaled(-1, of);
        answer.Solve(tolerance, limit);
        foreach (var (copy, of) in pairs) copy.AddScaled(1, of);
        perturbed.Solve(tolerance, limit);
    }

    /// <summary>Another rho, and the copies as much nearer to each other as it is larger.</summary>
    /// <param name="rho">The penalty parameter.</param>
    /// <param name="factor">How many times larger it is.</param>
    public void MoveTo(double rho, double factor)
    {
        perturbed.Sigma = 1 / rho;
        foreach (var (copy, of) in pairs)
        {
            copy.AddScaled(-1, of);
            copy.Scale(1 / factor);
            copy.AddScaled(1, of);
        }
    }

    /// <summary>Saves or loads what was learned; the copies belong to the caller.</summary>
    public void Transfer(IArchive<V> archive, double rho)
    {
        answer.Transfer(archive);
        perturbed.Transfer(archive);
        if (archive.Loading) perturbed.Sigma = 1 / rho;
    }
}
