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
public sealed record HypergradientCertificate : ICertifier
{
    /// <summary>Most steps of the solver that solves the lower level again.</summary>
    public int LowerSteps { get; init; } = 2000;

    /// <summary>Most steps of conjugate gradients.</summary>
    public int LinearSteps { get; init; } = 500;

    /// <inheritdoc/>
    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V> => new(
            problem is BilevelProblem<V> bilevel
                ? Check(bilevel, point[BilevelProblem.X], point[BilevelProblem.Y], tolerance, penalty)
                : new Certificate(Bilevel.Verdict.NotCheckable, tolerance, "Not checkable: the hypergradient certificate is for bilevel problems without maximising blocks.", [], [], double.NaN, double.NaN, 0),
            point);

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
        var constants = problem.ConstantsAt?.Invoke(x).Or(problem.Constants) ?? problem.Constants;
        var signs = new List<string>();
        var numbers = new List<NamedNumber>();

        V fx = x.ZerosLike(), fy = y.ZerosLike();
        var (fresh, upperValue) = SolveLower(upper, lower, problem.LowerSet, constants, x, y, fx, fy, tolerance, penalty);
        var z = fresh.Y;
        double gap = ValueAt(lower, x, y) - fresh.Value;
        numbers.Add(new("lower_gradient", fresh.GradientNorm, "norm of g_y at the lower level solved again"));
        numbers.Add(new("lower_gap", gap, "g at the method's y minus g at the lower level solved again"));

        Certificate Verdict(Verdict verdict, string summary) =>
            new(verdict, tolerance, summary, numbers, signs, upperValue, fresh.Value, calls.Total);

        if (!double.IsFinite(upperValue) || !double.IsFinite(fresh.GradientNorm)) return Verdict(Bilevel.Verdict.NotCertified, "Not certified: the values at the answer are not finite.");
        if (!problem.LowerSet.IsWholeSpace) return Verdict(Bilevel.Verdict.NotCheckable, $"Not checkable: y is constrained to {problem.LowerSet}, and the hypergradient bounds hold for an unconstrained lower level only.");
        if (constants.LowerStrongConvexity is not { } mu || !(mu > 0)) return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: no strong convexity constant of the lower level is declared (ProblemConstants.LowerStrongConvexity).");
        if (constants is not { LowerSmoothness: { } smoothness, LowerCoupling: { } coupling, LowerHessianLipschitz: { } third, UpperSmoothness: { } upperSmoothness, UpperCoupling: { } upperCoupling })
            return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: the bounds need the declared constants LowerSmoothness, LowerCoupling, LowerHessianLipschitz, UpperSmoothness and UpperCoupling.");
        double mixedThird = constants.LowerMixedHessianLipschitz ?? third;
        double?[] bounds = [coupling, third, mixedThird, constants.LowerThirdDerivativeLipschitz, constants.LowerMixedThirdDerivativeLipschitz, upperSmoothness, upperCoupling];
        if (!(smoothness >= mu) || !bounds.All(b => b is null or >= 0)) return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: a declared constant is negative or not a number, or the strong convexity exceeds the smoothness.");

        var ofUpper = GradientRounding.Of(upper, x, z, upperCoupling, upperSmoothness);
        var ofLower = GradientRounding.Of(lower, x, z, coupling, smoothness);
        var multiplier = new MultiplierBound<V>(lower, x, z, fx, fy, constants, ofLower);
        multiplier.Solve(LinearSteps, mu * tolerance / (50 * Math.Max(coupling, 1e-300)));

        var (smallest, largest, curvatureError) = multiplier.Curvatures();
        if (smallest < (mu * (1 - 1e-3)) - curvatureError)
        {
            signs.Add(FormattableString.Invariant($"the lower level curves by {smallest:G4} along some direction, less than the declared strong convexity {mu:G4}"));
            return Verdict(Bilevel.Verdict.NotCheckable, "Not checkable: the declared strong convexity of the lower level is contradicted by its gradients.");
        }

        string? contradiction = largest > (smoothness * (1 + 1e-3)) + curvatureError ? FormattableString.Invariant($"the lower level curves by {largest:G4} along some direction, more than the declared smoothness {smoothness:G4}")
            : multiplier.ContradictsCoupling ? FormattableString.Invariant($"the mixed derivatives of the lower level exceed the declared coupling {coupling:G4}")
            : ConstantsCheck.Contradiction(upper, lower, x, z, y, constants, ofUpper, ofLower);
        if (contradiction is not null)
        {
            signs.Add(contradiction);
            return Verdict(Bilevel.Verdict.NotCheckable, $"Not checkable: {contradiction}.");
        }

        // Distances: |z - y*| <= |g_y(x, z)| / mu; f_x + g_xy m and f_y + g_yy m at y* differ from those at z by at most their
        // Lipschitz constants for this m times that.
        double ratio = coupling / mu;
        double distance = (fresh.GradientNorm + ofLower.Y) / mu;
        double lipschitz = PenaltyBounds.HypergradientLipschitz(mu, mu * multiplier.Norm, coupling, third, mixedThird, upperSmoothness, upperCoupling);
        double inexactness = (ratio * (multiplier.Residual + multiplier.ResidualError + ofUpper.Y)) + multiplier.MixedError + ofUpper.X + (lipschitz * distance);
        var (estimate, rounding) = Stationarity(problem.UpperSet, x, multiplier.Hypergradient);
        inexactness += rounding;
        double bound = estimate + inexactness;
        numbers.Add(new("hypergradient", estimate, problem.UpperSet.IsWholeSpace ? "norm of the hypergradient, estimated anew" : "norm of x - Proj(x - hypergradient), estimated anew"));
        numbers.Add(new("hypergradient_error", inexactness, "proved bound on the error of that estimate"));

        if (penalty > 0 && double.IsFinite(penalty))
        {
            if (PenaltyBounds.Modulus(penalty, mu, upperSmoothness) > 0)
            {
                double accuracy = mu * tolerance / (100 * penalty * Math.Max(coupling, 1e-300));
                var follower = LowerLevelSolver.Solve(new WeightedSum<V>(upper, 1 / penalty, lower), x, z, problem.LowerSet, accuracy, LowerSteps);
                var (norm, inexact, bias) = PenaltyBound(problem.UpperSet, upper, lower, x, z, follower, penalty, constants, distance, ofUpper, ofLower);
                numbers.Add(new("penalty_gradient", norm, FormattableString.Invariant($"the same from the penalty function at lambda = {penalty:G4}")));
                numbers.Add(new("penalty_inexactness", inexact, "proved bound on its error from the inner solves and rounding"));
                numbers.Add(new("penalty_bias", bias, "proved bound on its bias at this lambda"));
                double total = norm + inexact + bias;
                if (total < bound) bound = total;
                double seen = Math.Abs(norm - estimate) - inexactness - inexact;
                if (seen > tolerance) signs.Add(FormattableString.Invariant($"lambda = {penalty:G4} is too small for this tolerance: its bias is at least {seen:G3}"));
            }
            else if (bound > tolerance)
            {
                signs.Add(FormattableString.Invariant($"lambda = {penalty:G4} is at most Lf1/mu = {upperSmoothness / mu:G4}, where the penalty function need not be convex in y"));
            }
        }

        numbers.Add(new("stationarity_bound", bound, "proved upper bound on the norm of the hypergradient"));
        if (bound <= tolerance) return Verdict(Bilevel.Verdict.Certified, FormattableString.Invariant($"Certified: the hypergradient at x is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, under the declared constants."));
        return Verdict(Bilevel.Verdict.NotCertified, estimate > tolerance
            ? FormattableString.Invariant($"Not certified: the hypergradient is {estimate:G3} in norm, above the tolerance {tolerance:G3}. Run longer.")
            : FormattableString.Invariant($"Not certified: the hypergradient is about {estimate:G3} in norm, but the error bound {bound - estimate:G3} leaves {bound:G3} above the tolerance {tolerance:G3}."));
    }

    // Solves the lower level so well that what is left of its error moves the hypergradient, and that of the penalty
    // function, by a tenth of the tolerance and F by a thousandth, as far as rounding lets, and reads f there. The size of f_y, which that depends on, is known only afterwards.
    private (LowerSolution<V> Solution, double UpperValue) SolveLower<V>(
        IObjective<V> upper, IObjective<V> lower, IFeasibleSet<V> set, ProblemConstants constants, V x, V y, V fx, V fy, double tolerance, double penalty)
        where V : class, IVector<V>
    {
        double mu = constants.LowerStrongConvexity is { } declared && declared > 0 ? declared : 1;
        double target = 1e-3 * tolerance * Math.Min(1, mu);
        double difference = penalty > 0 && double.IsFinite(penalty) ? penalty * (constants.LowerCoupling ?? 0) : 0;
        var start = y;
        for (int round = 0; ; round++)
        {
            var solution = LowerLevelSolver.Solve(lower, x, start, set, target, LowerSteps);
            var leader = new PreparedRequest<V>(upper, [[x, solution.Y]], [new(BilevelProblem.X, 0, fx), new(BilevelProblem.Y, 0, fy)], values: true);
            leader.Evaluate();
            double lipschitz = PenaltyBounds.HypergradientLipschitz(
                mu, fy.Norm(), constants.LowerCoupling ?? 1, constants.LowerHessianLipschitz ?? 1, constants.LowerMixedHessianLipschitz ?? constants.LowerHessianLipschitz ?? 1, constants.UpperSmoothness ?? 1, constants.UpperCoupling ?? 1);
            double floor = Precision.Of(y) * (constants.LowerSmoothness ?? 1) * solution.Y.Norm();
            target = Math.Max(floor, mu * tolerance / Math.Max(10 * Math.Max(lipschitz, difference), Math.Max(1000 * fy.Norm(), 1e-300)));
            if (solution.GradientNorm <= target || round == 2) return (solution, leader.Values[0]);
            start = solution.Y;
        }
    }

    private static double ValueAt<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var request = new PreparedRequest<V>(objective, [[x, y]], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }

    // |d|, or |x - Proj(x - d)| where x is constrained, and what rounding of the points may hide of the latter.
    private static (double Norm, double Rounding) Stationarity<V>(IFeasibleSet<V> set, V x, V gradient)
        where V : class, IVector<V>
    {
        double units = GradientRounding.Units * Precision.Of(x), norm = gradient.Norm();
        if (set.IsWholeSpace) return (norm, units * norm);
        var moved = x.Copy();
        moved.AddScaled(-1, gradient);
        set.Project(moved);
        moved.AddScaled(-1, x);
        return (moved.Norm(), units * (x.Norm() + norm));
    }

    // Sections 2.3 and 2.4, with the rounding errors of every gradient.
    private static (double Norm, double Inexactness, double Bias) PenaltyBound<V>(
        IFeasibleSet<V> set, IObjective<V> upper, IObjective<V> lower, V x, V z, LowerSolution<V> follower, double lambda, ProblemConstants constants, double distanceZ, GradientRounding ofUpper, GradientRounding ofLower)
        where V : class, IVector<V>
    {
        double mu = constants.LowerStrongConvexity!.Value, coupling = constants.LowerCoupling!.Value, upperSmoothness = constants.UpperSmoothness!.Value, upperCoupling = constants.UpperCoupling!.Value;
        var y = follower.Y;
        V fx = x.ZerosLike(), fy = y.ZerosLike(), gx = x.ZerosLike();
        new PreparedRequest<V>(upper, [[x, y]], [new(BilevelProblem.X, 0, fx), new(BilevelProblem.Y, 0, fy)]).Evaluate();
        new PreparedRequest<V>(lower, [[x, y], [x, z]], [new(BilevelProblem.X, Output.Combined, gx)], [1, -1]).Evaluate();
        fx.AddScaled(lambda, gx);

        // y may lie away from z, where the rounding errors were bounded.
        var step = y.Copy();
        step.AddScaled(-1, z);
        double away = GradientRounding.Units * Precision.Of(y) * step.Norm();
        double distanceY = (follower.GradientNorm + ofLower.Y + (away * constants.LowerSmoothness!.Value) + ((ofUpper.Y + (away * upperSmoothness)) / lambda)) / PenaltyBounds.Modulus(lambda, mu, upperSmoothness);
        var (norm, rounding) = Stationarity(set, x, fx);
        rounding += ofUpper.X + (away * upperCoupling) + (lambda * ((2 * ofLower.X) + (away * coupling)));
        double inexactness = PenaltyBounds.Inexactness(lambda, coupling, upperCoupling, distanceY, distanceZ) + rounding;

        // |y_lambda* - y*| <= |f_y(y_lambda*)| / (lambda mu), by the optimality of y_lambda*.
        double slope = fy.Norm() + ofUpper.Y + (upperSmoothness * (distanceY + away));
        double apart = PenaltyBounds.Distance(lambda, mu, slope);
        return (norm, inexactness, PenaltyBounds.GradientGap(lambda, mu, apart, coupling, constants.LowerHessianLipschitz!.Value, constants.LowerMixedHessianLipschitz ?? constants.LowerHessianLipschitz!.Value, upperSmoothness, upperCoupling));
    }
}
