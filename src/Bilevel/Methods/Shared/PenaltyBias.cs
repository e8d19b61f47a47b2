namespace Bilevel;

/// <summary>The inner stopping rule that keeps the estimate of the hypergradient within epsH (penalty methods, sections 2.3 and 2.4).</summary>
internal static class InnerTolerances
{
    /// <summary>Fills the tolerances for the gradients of g at z and of f/lambda + g at y.</summary>
    /// <param name="tolerances">Receives the two tolerances, z first.</param>
    /// <param name="epsH">Accuracy of the hypergradient estimate.</param>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="constants">Constants of the problem.</param>
    public static void Fill(Span<double> tolerances, double epsH, double lambda, LocalConstants constants)
    {
        // |z - y*| <= |g_y| / mu and |y - y_lambda*| <= 2 |f_y/lambda + g_y| / mu.
        FillDistances(tolerances, epsH, lambda, constants);
        tolerances[0] *= constants.LowerStrongConvexity;
        tolerances[1] *= constants.LowerStrongConvexity / 2;
    }

    /// <summary>Fills the distances of z from y* and of y from y_lambda* that keep the estimate within epsH.</summary>
    /// <param name="distances">Receives the two distances, z first.</param>
    /// <param name="epsH">Accuracy of the hypergradient estimate.</param>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="constants">Constants of the problem.</param>
    public static void FillDistances(Span<double> distances, double epsH, double lambda, LocalConstants constants)
    {
        // |error| <= (f_xy + lambda g_xy) |y - y_lambda*| + lambda g_xy |z - y*|, each half of epsH
        double coupling = Math.Max(lambda * constants.LowerCoupling, double.Epsilon);
        distances[0] = epsH / (2 * coupling);
        distances[1] = epsH / (2 * (constants.UpperCoupling + coupling));
    }
}

/// <summary>
/// Estimates the penalty bias |grad L_lambda* - grad F| from the hypergradient at lambda and 2 lambda: the bias falls
/// like 1/lambda, so it is about twice the difference (penalty methods, section 28). Where f curves upwards by Lf1 it
/// falls like 1/(lambda mu + Lf1) instead, and the difference is too small by the factor 1 + Lf1/(2 lambda mu).
/// </summary>
internal sealed class PenaltyBias<V>
    where V : class, IVector<V>
{
    private readonly V y, z, doubled;                 // doubled -> y_{2 lambda}*(x)
    private readonly Followers<V> follower;
    private readonly PenaltyGradient<V> hypergradient;
    private LocalConstants constants;
    private readonly double[] tolerances = new double[2];

    public PenaltyBias(BilevelProblem<V> problem, V x, V y, V z, LocalConstants constants)
    {
        (this.y, this.z, this.constants) = (y, z, constants);
        doubled = y.Copy();
        follower = new Followers<V>(problem, x, [doubled], [1], constants);
        hypergradient = new PenaltyGradient<V>(problem, x, doubled, z);
    }

    /// <summary>Changes the constants, to those that a checkpoint brings.</summary>
    public void SetConstants(LocalConstants value)
    {
        constants = value;
        follower.SetConstants(value);
    }

    /// <summary>Saves or loads what its steps have learned of the curvature.</summary>
    public void Transfer(IArchive archive) => follower.Transfer(archive);

    /// <summary>The estimate at the current point.</summary>
    /// <param name="lambda">Penalty parameter in force.</param>
    /// <param name="atLambda">The hypergradient estimate at lambda.</param>
    /// <param name="limit">Most inner steps.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public double Estimate(double lambda, V atLambda, int limit, double tolerance)
    {
        // y_lambda* - y* is of first order in 1/lambda, so the midpoint is right to second order.
        doubled.CopyFrom(y);
        doubled.AddScaled(1, z);
        doubled.Scale(0.5);
        follower.SetSigma(0, 1 / (2 * lambda));
        InnerTolerances.Fill(tolerances, tolerance / 10, 2 * lambda, constants);
        follower.Solve(tolerances.AsSpan(1), limit, accelerated: true, [1]);
        hypergradient.Evaluate(2 * lambda, Sample.All, Sample.All);
        hypergradient.Direction.AddScaled(-1, atLambda);
        double lag = constants.UpperSmoothness / (2 * lambda * constants.LowerStrongConvexity);
        return 2 * (1 + lag) * hypergradient.Direction.Norm();
    }
}
