namespace Bilevel;

/// <summary>
/// Certifies |grad F(x)| (or the gradient mapping where x is constrained) for a lower level that is strongly convex
/// and unconstrained in y, from first derivatives and declared constants alone.
/// </summary>
/// <remarks>
/// Two bounds are computed and the smaller counts. The multiplier bound (penalty methods, section 2.7): for any m,
/// |grad F| &lt;= |f_x + g_xy m| + (|g_xy|/mu) |f_y + g_yy m| + (lipFy/mu) |g_y|, with m from conjugate gradients and
/// second derivatives along directions from differences of gradients, whose error the constant Lg2 bounds. The
/// penalty bound (sections 2.3 and 2.4): |grad F| &lt;= |h_lambda| + inexactness + bias.
/// </remarks>
public sealed record HypergradientCertificate
{
    /// <summary>Most steps of the solver that solves the lower level again.</summary>
    public int LowerSteps { get; init; } = 2000;

    /// <summary>Most steps of conjugate gradients.</summary>
    public int LinearSteps { get; init; } = 500;

    /// <summary>Checks a point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable to check.</param>
    /// <param name="y">The lower variable that came with it; only the start of the new solve.</param>
    /// <param name="tolerance">Tolerance for |grad F(x)|.</param>
    /// <param name="penalty">lambda of the method, to tell whether it was large enough; NaN for none.</param>
    public Certificate Check<V>(BilevelProblem<V> problem, V x, V y, double tolerance, double penalty)
        where V : class, IVector<V>
    {
        (x, y) = (x.Copy(), y.Copy());
        var calls = new OracleCounts(BilevelProblem.BlockCount);
        IObjective<V> upper = new CountingObjective<V>(problem.Upper, calls), lower = new CountingObjective<V>(problem.Lower, calls);
        var constants = problem.ConstantsAt?.Invoke(x) ?? problem.Constants;
        var signs = new List<string>();
        var numbers = new List<NamedNumber>();

        var fresh = LowerLevelSolver.Solve(lower, x, y, problem.LowerSet, TargetAccuracy(constants, tolerance, y), LowerSteps);
        var z = fresh.Y;
        V fx = x.ZerosLike(), fy = y.ZerosLike();
        var leader = new PreparedRequest<V>(upper, [[x, z]], [new(BilevelProblem.X, 0, fx), new(BilevelProblem.Y, 0, fy)], values: true);
        leader.Evaluate();
        double upperValue = leader.Values[0];
        double gap = ValueAt(lower, x, y) - fresh.Value;
        numbers.Add(new("lower_gradient", fresh.GradientNorm, "norm of g_y at the lower level solved again"));
        numbers.Add(new("lower_gap", gap, "g at the method's y minus g at the lower level solved again"));

        Certificate Verdict(Verdict verdict, string summary) =>
            new(verdict, tolerance, summary, numbers, signs, upperValue, fresh.Value, calls.Total);

        if (!double.IsFinite(upperValue) || !double.IsFinite(fresh.GradientNorm)) return Verdict(Bilevel.Verdict.NotCertified, "Not certified: the values at the answer are not finite.");
        if (!problem.LowerSet.IsWholeSpace) return Verdict(Bilevel.Verdict.NotCheckable, $"Not checkable: y is constrained to {problem.LowerSet}, and the hypergradient bounds hold for an unconstrained lower level only.");
        if (constants.LowerStrongConvexity is not > 0) return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: no strong convexity constant of the lower level is declared (ProblemConstants.LowerStrongConvexity).");
        if (constants is not { LowerSmoothness: { } smoothness, LowerCoupling: { } coupling, LowerHessianLipschitz: { } third, UpperSmoothness: { } upperSmoothness, UpperCoupling: { } upperCoupling })
            return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: the bounds need the declared constants LowerSmoothness, LowerCoupling, LowerHessianLipschitz, UpperSmoothness and UpperCoupling.");

        double mu = constants.LowerStrongConvexity.Value;
        var multiplier = new MultiplierBound<V>(lower, x, z, fx, fy, third, smoothness, coupling);
        multiplier.Solve(LinearSteps, mu * tolerance / (50 * Math.Max(coupling, 1e-300)));
        if (multiplier.SmallestCurvature < mu * (1 - 1e-3) - multiplier.CurvatureError)
        {
            signs.Add(FormattableString.Invariant($"the lower level curves by {multiplier.SmallestCurvature:G4} along some direction, less than the declared strong convexity {mu:G4}"));
            return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: the declared strong convexity of the lower level is contradicted by its gradients.");
        }

        // Distances: |z - y*| <= |g_y(x, z)| / mu; f_y and m at y* differ from those at z by at most their Lipschitz constants times that.
        double distance = (fresh.GradientNorm + multiplier.GradientRounding) / mu;
        double slope = fy.Norm() + (upperSmoothness * distance);
        double ratio = coupling / mu;
        double lipschitz = upperCoupling + (ratio * upperSmoothness) + (slope * third * (1 + ratio) / mu);
        double inexactness = (ratio * (multiplier.Residual + multiplier.ResidualError)) + multiplier.MixedError + (lipschitz * distance);
        double estimate = Stationarity(problem.UpperSet, x, multiplier.Hypergradient);
        double bound = estimate + inexactness;
        numbers.Add(new("hypergradient", estimate, problem.UpperSet.IsWholeSpace ? "norm of the hypergradient, estimated anew" : "norm of x - Proj(x - hypergradient), estimated anew"));
        numbers.Add(new("hypergradient_error", inexactness, "proved bound on the error of that estimate"));

        if (penalty > 0 && double.IsFinite(penalty))
        {
            var (penaltyNorm, penaltyInexact, penaltyBias) = PenaltyBound(problem, upper, lower, x, z, penalty, mu, coupling, third, upperSmoothness, upperCoupling, distance, tolerance);
            numbers.Add(new("penalty_gradient", penaltyNorm, FormattableString.Invariant($"the same from the penalty function at lambda = {penalty:G4}")));
            numbers.Add(new("penalty_inexactness", penaltyInexact, "proved bound on its error from the inner solves"));
            numbers.Add(new("penalty_bias", penaltyBias, "proved bound on its bias at this lambda"));
            bound = Math.Min(bound, penaltyNorm + penaltyInexact + penaltyBias);
            double seen = Math.Abs(penaltyNorm - estimate) - inexactness - penaltyInexact;
            if (seen > tolerance) signs.Add(FormattableString.Invariant($"lambda = {penalty:G4} is too small for this tolerance: its bias is at least {seen:G3}"));
        }

        numbers.Add(new("stationarity_bound", bound, "proved upper bound on the norm of the hypergradient"));
        if (bound <= tolerance) return Verdict(Bilevel.Verdict.Certified, FormattableString.Invariant($"Certified: the hypergradient at x is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, under the declared constants."));
        return Verdict(Bilevel.Verdict.NotCertified, estimate > tolerance
            ? FormattableString.Invariant($"Not certified: the hypergradient is {estimate:G3} in norm, above the tolerance {tolerance:G3}. Run longer.")
            : FormattableString.Invariant($"Not certified: the hypergradient is about {estimate:G3} in norm, but the error bound {bound - estimate:G3} leaves {bound:G3} above the tolerance {tolerance:G3}."));
    }

    // Accuracy at which the error of the hypergradient from an inexact y is a tenth of the tolerance, as far as rounding lets.
    private static double TargetAccuracy<V>(ProblemConstants constants, double tolerance, V y)
        where V : class, IVector<V>
    {
        double mu = constants.LowerStrongConvexity ?? 1;
        double ratio = (constants.LowerCoupling ?? 1) / mu;
        return Math.Max(Precision.Of(y), tolerance * 1e-3 * Math.Min(1, mu) / (1 + ratio) / (1 + (constants.UpperSmoothness ?? 1) + (constants.LowerHessianLipschitz ?? 1)));
    }

    private static double ValueAt<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var request = new PreparedRequest<V>(objective, [[x, y]], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }

    private static double Stationarity<V>(IFeasibleSet<V> set, V x, V gradient)
        where V : class, IVector<V>
    {
        if (set.IsWholeSpace) return gradient.Norm();
        var moved = x.Copy();
        moved.AddScaled(-1, gradient);
        set.Project(moved);
        moved.AddScaled(-1, x);
        return moved.Norm();
    }

    private (double Norm, double Inexactness, double Bias) PenaltyBound<V>(
        BilevelProblem<V> problem, IObjective<V> upper, IObjective<V> lower, V x, V z, double lambda, double mu, double coupling, double third, double upperSmoothness, double upperCoupling, double distanceZ, double tolerance)
        where V : class, IVector<V>
    {
        if (lambda * mu <= upperSmoothness) return (double.NaN, double.PositiveInfinity, double.PositiveInfinity);
        double modulus = mu - (upperSmoothness / lambda);
        var penalised = LowerLevelSolver.Solve(new WeightedSum<V>(upper, 1 / lambda, lower), x, z, problem.LowerSet, mu * tolerance / (100 * lambda * Math.Max(coupling, 1e-300)), LowerSteps);
        var y = penalised.Y;
        V fx = x.ZerosLike(), fy = y.ZerosLike(), gx = x.ZerosLike();
        new PreparedRequest<V>(upper, [[x, y]], [new(BilevelProblem.X, 0, fx), new(BilevelProblem.Y, 0, fy)]).Evaluate();
        new PreparedRequest<V>(lower, [[x, y], [x, z]], [new(BilevelProblem.X, Output.Combined, gx)], [1, -1]).Evaluate();
        fx.AddScaled(lambda, gx);
        double distanceY = penalised.GradientNorm / modulus;
        double inexactness = ((upperCoupling + (lambda * coupling)) * distanceY) + (lambda * coupling * distanceZ);

        // |y_lambda* - y*| <= |f_y(y_lambda*)| / (lambda mu); the rest is section 2.3, proof (c), with the constants kept apart.
        double apart = (fy.Norm() + (upperSmoothness * distanceY)) / (lambda * mu);
        double bias = (upperCoupling * apart) + (lambda * third * apart * apart / 2) + (coupling / mu * ((upperSmoothness * apart) + (lambda * third * apart * apart / 2)));
        return (Stationarity(problem.UpperSet, x, fx), inexactness, bias);
    }
}
