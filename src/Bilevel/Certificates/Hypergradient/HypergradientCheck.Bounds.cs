namespace Bilevel;

/// <content>What is proved where all constants are declared.</content>
internal sealed partial class HypergradientCheck<V>
{
    // The hypergradient and the bound on its error, where there is one.
    private (V Gradient, double Error)? found;

    private string? disagreement;

    // What the bias of lambda is at least, where that is beyond the tolerance; no trouble to one who is certified all the same.
    private double biasSeen;

    // The bounds, all constants being declared.
    private Certificate Prove(BilevelProblem<V> seen, ISubspace<V>? face, MultiplierBound<V> multiplier, double smallest, double largest, double curvatureError, V fy, GradientRounding ofUpper, GradientRounding ofLower, double reach)
    {
        var z = fresh.Y;
        double mu = Modulus, smoothness = constants.LowerSmoothness!.Value, coupling = constants.LowerCoupling!.Value, third = constants.LowerHessianLipschitz!.Value;
        double upperSmoothness = constants.UpperSmoothness!.Value, upperCoupling = constants.UpperCoupling!.Value, ratio = coupling / mu;
        multiplier.Solve(settings.LinearSteps, ratio, tolerance / 20);

        // Distances: |z - y*| <= |g_y(x, z)| / mu; f_x + g_xy m and f_y + g_yy m at y* differ from those at z by at most their
        // Lipschitz constants for this m times that.
        double distance = (fresh.GradientNorm + ofLower.Y) / mu;
        double lipschitz = PenaltyBounds.HypergradientLipschitz(mu, mu * multiplier.Norm, coupling, third, MixedThird, upperSmoothness, upperCoupling);
        var (estimate, rounding) = Stationarity(multiplier.Hypergradient);
        (string Name, string Word, double Size)[] parts =
        [
            ("error_differences", "what the differences of gradients err", (ratio * multiplier.ResidualError) + multiplier.MixedError),
            ("error_multiplier", "how well the multiplier could be solved for", ratio * multiplier.Residual),
            ("error_lower", "how well the lower level could be solved", lipschitz * distance),
            ("error_rounding", "rounding of f's gradients", (ratio * ofUpper.Y) + ofUpper.X + rounding),
        ];
        double inexactness = parts.Sum(p => p.Size), bound = estimate + inexactness;
        found = (multiplier.Hypergradient, inexactness);
        numbers.Add(new("hypergradient", estimate, problem.UpperSet.IsWholeSpace ? "norm of the hypergradient, estimated anew" : "norm of the gradient mapping of F on the set of x, estimated anew"));
        numbers.Add(new("hypergradient_error", inexactness, "bound on the error of that estimate"));
        numbers.AddRange(parts.Select(p => new NamedNumber(p.Name, p.Size, $"of that, {p.Word}")));

        var penalised = face is null && HasPenalty ? PenaltyBound(multiplier, inexactness - rounding, distance, ofUpper, ofLower, ref bound) : null;
        numbers.Add(new("stationarity_bound", bound, $"upper bound on the norm of the {Subject}"));
        if (quick && !isAudited && !(bound <= tolerance)) return NotCertified(estimate, bound, parts);
        if (quick && !isAudited && SetObjection() is { } set) return Contradicted(set);

        List<V> steps = [fy, Step(y, z)];
        if (penalised is not null) steps.Add(Step(penalised, z));
        var audit = new GradientAudit<V>(seen, face, tolerance);
        double far = Math.Min(Math.Max(mu / third, reach), face?.Room ?? double.PositiveInfinity);
        if (audit.Contradiction(x, z, steps, multiplier, ratio, lipschitz / mu, ofUpper, ofLower, x.Norm(), reach, far) is { } wrong) return Contradicted(wrong);
        evidence.AddRange(audit.Evidence);
        isHidden = audit.Hidden.Count > 0;

        // A constant that is too small disturbs the second derivatives that the gradients are compared by, so constants come first.
        string? contradiction =
            smallest < (mu * (1 - 1e-3)) - curvatureError ? FormattableString.Invariant($"the lower level curves by {smallest:G4} along some direction, less than the declared strong convexity {mu:G4}")
            : largest > (smoothness * (1 + 1e-3)) + curvatureError ? FormattableString.Invariant($"the lower level curves by {largest:G4} along some direction, more than the declared smoothness {smoothness:G4}")
            : multiplier.Mixed.Norm() > (coupling * multiplier.Norm * (1 + 1e-3)) + multiplier.MixedError ? FormattableString.Invariant($"the mixed derivatives of the lower level exceed the declared coupling {coupling:G4}")
            : disagreement ?? ConstantsCheck.Contradiction(seen.Upper, seen.Lower, x, z, y, constants, [multiplier.Multiplier, fy], multiplier.Mixed, reach, face, problem.UpperSet, ofUpper, ofLower)
                ?? audit.Asymmetry(x, z, multiplier, ratio, ofLower, x.Norm(), reach);
        if (contradiction is not null) return Contradicted(contradiction);

        if (bound > tolerance && AtKink() is { } kinked) return kinked;
        if (bound <= tolerance && isHidden)
            return Conclude(Verdict.NotCertified, Certificate.Unconfirmed(FormattableString.Invariant($"the {Subject} is at most {bound:G3} in norm, within the tolerance {tolerance:G3}"), audit.Hidden)) with { IsUnconfirmed = true };
        if (bound <= tolerance) return Conclude(Verdict.Certified, FormattableString.Invariant($"Certified: the {Subject} at x is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, under the declared constants."));
        return NotCertified(estimate, bound, parts);
    }

    private Certificate NotCertified(double estimate, double bound, (string Name, string Word, double Size)[] parts)
    {
        if (biasSeen > 0) signs.Add(FormattableString.Invariant($"lambda = {penalty:G4} is too small for this tolerance: its bias is at least {biasSeen:G3}"));
        if (estimate > tolerance)
        {
            double seen = this["penalty_gradient"];
            string advice = this["kink_bound"] >= 0 ? KinkAdvice : seen <= tolerance ? FormattableString.Invariant($" The penalty function at lambda = {penalty:G4} is stationary here, so a larger lambda is needed.") : Certificate.RunLonger;
            return Conclude(Verdict.NotCertified, FormattableString.Invariant($"Not certified: the {Subject} is {estimate:G3} in norm, above the tolerance {tolerance:G3}.{advice}"), objects: true);
        }

        string largest = parts.MaxBy(p => p.Size).Word;
        string remedy = constants.LowerThirdDerivativeLipschitz is null && constants.LowerHessianLipschitz > 0 && largest == parts[0].Word ? ", which declaring LowerThirdDerivativeLipschitz may reduce" : "";
        return Conclude(Verdict.NotCertified, FormattableString.Invariant($"Not certified: the {Subject} is about {estimate:G3} in norm, within the tolerance {tolerance:G3}, but its error bound {bound - estimate:G3} is not; most of that is {largest}{remedy}. Running longer will not help."));
    }

    // Sections 2.3 and 2.4, with the rounding errors of every gradient; y_lambda, or null where there is no bound.
    private V? PenaltyBound(MultiplierBound<V> multiplier, double multiplierError, double distanceZ, GradientRounding ofUpper, GradientRounding ofLower, ref double bound)
    {
        double mu = Modulus, lambda = penalty, coupling = constants.LowerCoupling!.Value, upperSmoothness = constants.UpperSmoothness!.Value, upperCoupling = constants.UpperCoupling!.Value;
        if (!(PenaltyBounds.Modulus(lambda, mu, upperSmoothness) > 0))
        {
            if (bound > tolerance) signs.Add(FormattableString.Invariant($"lambda = {lambda:G4} is at most Lf1/mu = {upperSmoothness / mu:G4}, where the penalty function need not be convex in y"));
            return null;
        }

        var z = fresh.Y;
        double accuracy = coupling > 0 ? mu * tolerance / (100 * lambda * coupling) : 1e-3 * fresh.GradientNorm;
        var start = z.Copy();
        start.AddScaled(1 / lambda, multiplier.Multiplier);
        var follower = LowerLevelSolver.Solve(new WeightedSum<V>(problem.Upper, 1 / lambda, problem.Lower), x, start, problem.LowerSet, Math.Max(accuracy, ofLower.Y), settings.LowerSteps);
        var penalised = follower.Y;
        V fx = x.ZerosLike(), fy = z.ZerosLike(), gx = x.ZerosLike();
        Read(problem.Upper, penalised, fx, fy);
        new PreparedRequest<V>(problem.Lower, [[x, penalised], [x, z]], [new(BilevelProblem.X, Output.Combined, gx)], [1, -1]).Evaluate();
        fx.AddScaled(lambda, gx);

        // y may lie away from z, where the rounding errors were bounded.
        double away = EvaluationRounding.Units * Precision.Of(z) * Step(penalised, z).Norm();
        double distanceY = (follower.GradientNorm + ofLower.Y + (away * constants.LowerSmoothness!.Value) + ((ofUpper.Y + (away * upperSmoothness)) / lambda)) / PenaltyBounds.Modulus(lambda, mu, upperSmoothness);
        var (norm, rounding) = Stationarity(fx);
        double inexact = PenaltyBounds.Inexactness(lambda, coupling, upperCoupling, distanceY, distanceZ) + ofUpper.X + (away * upperCoupling) + (lambda * ((2 * ofLower.X) + (away * coupling)));

        // |y_lambda* - y*| <= |f_y(y_lambda*)| / (lambda mu), by the optimality of y_lambda*.
        double slope = fy.Norm() + ofUpper.Y + (upperSmoothness * (distanceY + away));
        double bias = PenaltyBounds.GradientGap(lambda, mu, PenaltyBounds.Distance(lambda, mu, slope), coupling, constants.LowerHessianLipschitz!.Value, MixedThird, upperSmoothness, upperCoupling);
        numbers.Add(new("penalty_gradient", norm, FormattableString.Invariant($"the same from the penalty function at lambda = {lambda:G4}")));
        numbers.Add(new("penalty_inexactness", inexact + rounding, "bound on its error from the inner solves and rounding"));
        numbers.Add(new("penalty_bias", bias, "bound on its bias at this lambda"));

        // Both are the gradient of F but for their errors, so that they may not be further apart than these.
        double apart = Step(fx, multiplier.Hypergradient).Norm(), margin = inexact + multiplierError + (1e-12 * (fx.Norm() + multiplier.Hypergradient.Norm()));
        if (apart > (1.001 * bias) + margin)
            disagreement = FormattableString.Invariant($"the declared constants or the gradients contradict each other: the hypergradient from the multiplier and that from the penalty function differ by {apart:G4}, and their bounds allow {bias + margin:G4}");
        else if (apart - margin > tolerance)
            biasSeen = apart - margin;
        bound = Math.Min(bound, norm + inexact + rounding + bias);
        return penalised;
    }
}
