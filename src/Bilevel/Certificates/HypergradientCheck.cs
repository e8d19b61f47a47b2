namespace Bilevel;

/// <summary>One check of one answer of a bilevel problem.</summary>
internal sealed partial class HypergradientCheck<V>
    where V : class, IVector<V>
{
    // Where the gradient of g has not shrunk to this share of what it is around the follower's answer, that is no answer.
    private const double KinkedShare = 0.1;

    private readonly HypergradientCertificate settings;
    private readonly double tolerance, penalty;
    private readonly bool quick;
    private readonly V x, y;
    private readonly OracleCounts calls = new(BilevelProblem.BlockCount);
    private readonly BilevelProblem<V> problem;
    private readonly ProblemConstants constants;
    private readonly List<string> signs = [], evidence = [];
    private readonly List<NamedNumber> numbers = [];
    private readonly GradientMapping<V> stationarity;
    private LowerSolution<V> fresh;
    private bool isAudited, isHidden;               // gradients are looked at whatever the bound; values were too coarse for it
    private double lowerTarget;                    // the norm of g_y to solve the lower level to at most; 0 for what the tolerance needs
    private double upperValue;

    public HypergradientCheck(HypergradientCertificate settings, BilevelProblem<V> problem, V x, V y, double tolerance, double penalty, bool quick)
    {
        (this.settings, this.tolerance, this.penalty, this.quick) = (settings, tolerance, penalty, quick);
        (this.x, this.y) = (x.Copy(), y.Copy());
        this.problem = problem with { Upper = new CountingObjective<V>(problem.Upper, calls), Lower = new CountingObjective<V>(problem.Lower, calls) };
        constants = problem.ConstantsAt?.Invoke(x).Or(problem.Constants) ?? problem.Constants;
        stationarity = new GradientMapping<V>(this.x, problem.UpperSet);
        fresh = new LowerSolution<V>(this.y, double.NaN, double.NaN, 0);
        upperValue = double.NaN;
    }

    private bool HasPenalty => penalty > 0 && double.IsFinite(penalty);

    // What is small at a solution: of the hypergradient, what the set of x lets through.
    private string Subject => problem.UpperSet.IsWholeSpace ? "hypergradient" : "projected hypergradient";

    private double Modulus => constants.LowerStrongConvexity is { } declared && declared > 0 ? declared : double.NaN;

    private double MixedThird => constants.LowerMixedHessianLipschitz ?? constants.LowerHessianLipschitz ?? double.NaN;

    public Certificate Run()
    {
        if (!(tolerance > 0) || !double.IsFinite(tolerance)) return Conclude(Verdict.NotCheckable, "Not checkable: the tolerance must be positive and finite.");
        SolveLower();
        var z = fresh.Y;
        V fx = x.ZerosLike(), fy = y.ZerosLike(), gy = y.ZerosLike();
        upperValue = Read(problem.Upper, z, fx, fy);
        Read(problem.Lower, z, null, gy);
        double gap = Value(problem.Lower, y) - fresh.Value;
        numbers.Add(new("lower_gradient", fresh.GradientNorm, problem.LowerSet.IsWholeSpace ? "norm of g_y at the lower level solved again" : "norm of the gradient mapping at the lower level solved again"));
        numbers.Add(new("lower_gap", gap, "g at the method's y minus g at the lower level solved again"));
        if (!double.IsFinite(upperValue) || !double.IsFinite(fresh.GradientNorm) || !fx.IsFinite() || !fy.IsFinite())
            return Conclude(Verdict.NotCertified, "Not certified: the values at the answer are not finite.", objects: true);
        if (!quick && SetObjection() is { } set) return Contradicted(set);
        if (Improper() is { } improper) return Conclude(Verdict.NotCheckable, $"Not checkable: {improper}.");
        var missing = Missing();

        var ofUpper = GradientRounding.Of(problem.Upper, x, z, constants.UpperCoupling ?? 0, constants.UpperSmoothness ?? 0);
        var ofLower = GradientRounding.Of(problem.Lower, x, z, constants.LowerCoupling ?? 0, constants.LowerSmoothness ?? 0);
        ISubspace<V>? face = null;
        if (!problem.LowerSet.IsWholeSpace)
        {
            string reason = "constants are missing";
            if (missing.Count == 0) face = LowerFace.Of(problem.LowerSet, z, gy, Modulus, constants.LowerSmoothness!.Value, ofLower.Y, out reason);
            if (face is null) return Lifted(reason);
            face.Restrict(fy);
            face.Restrict(gy);
            fresh = fresh with { GradientNorm = gy.Norm() };
        }

        var seen = face is null ? problem : problem with { Upper = new RestrictedObjective<V>(problem.Upper, face), Lower = new RestrictedObjective<V>(problem.Lower, face) };
        double reach = Reach(z, fy, face);
        var multiplier = new MultiplierBound<V>(seen.Lower, x, z, fx, fy, constants, ofLower, reach, face);
        var (smallest, largest, curvatureError) = multiplier.Curvatures();
        return missing.Count > 0
            ? Estimate(seen, multiplier, smallest, largest, fx, fy, ofUpper, ofLower, reach, missing)
            : Prove(seen, face, multiplier, smallest, largest, curvatureError, fy, ofUpper, ofLower, reach);
    }

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
            return Conclude(Verdict.NotCertified, FormattableString.Invariant($"Not certified: by the gradients the {Subject} is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, but values cannot confirm the gradients so sharply: {string.Join("; ", audit.Hidden)}. A larger tolerance, or an objective without large constants, lets them be compared.")) with { IsUnconfirmed = true };
        if (bound <= tolerance) return Conclude(Verdict.Certified, FormattableString.Invariant($"Certified: the {Subject} at x is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, under the declared constants."));
        return NotCertified(estimate, bound, parts);
    }

    // The hypergradient and the bound on its error, where there is one.
    private (V Gradient, double Error)? found;

    private string? disagreement;

    // What the bias of lambda is at least, where that is beyond the tolerance; no trouble to one who is certified all the same.
    private double biasSeen;

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

    private double this[string name] => numbers.Find(n => n.Name == name)?.Value ?? double.NaN;

    // What can be said without all constants: an estimate, with what it changes from one way of computing it to another.
    private Certificate Estimate(BilevelProblem<V> seen, MultiplierBound<V> multiplier, double smallest, double largest, V fx, V fy, GradientRounding ofUpper, GradientRounding ofLower, double reach, IReadOnlyList<string> missing)
    {
        var z = fresh.Y;
        double mu = double.IsNaN(Modulus) ? smallest : Modulus;
        string how = $"Not checked: {string.Join(", ", missing)} {(missing.Count == 1 ? "is" : "are")} not declared (ProblemConstants; bounds on second and third derivatives of g and f in y, which may be generous).";
        if (double.IsNaN(Modulus) && !quick && Kinked(reach) is { } kinked)
            return Conclude(Verdict.NotCheckable, $"Not checkable: {kinked}. {how}", objects: true);
        if (double.IsNaN(Modulus) && !(smallest > 1e-10 * largest))
        {
            // What curves downwards is a maximum or a saddle in y, where no follower stays.
            if (smallest < -1e-3 * Math.Abs(largest))
                return Contradicted(FormattableString.Invariant($"the lower level curves downwards by {-smallest:G3} along some direction at its answer, which is then no minimum: the lower level is not convex in y"));
            signs.Add(FormattableString.Invariant($"the lower level hardly curves along some direction (by {smallest:G3}, against {largest:G3} at most): its answer may not be unique"));
            if (!quick && BilevelAnswer.OptimisticGradient(problem, x, z, tolerance) is { } leaning && Stationarity(leaning.Direction).Norm is var norm && norm > 2 * (tolerance + leaning.Change))
                return Conclude(Verdict.NotCheckable, FormattableString.Invariant($"Not within the tolerance: with the follower's best answer for the leader the {Subject} is about {norm:G3} in norm (to {leaning.Change:G2}), above {tolerance:G3}. {how}"), objects: true);
            return Conclude(Verdict.NotCheckable, $"Not checkable: {how}");
        }

        if (!(fy.Norm() > 0)) multiplier.Solve(settings.LinearSteps, 0, tolerance / 20);
        else
        {
            var probe = new SecondDerivatives<V>(seen.Lower, x, z, constants, ofLower, reach).Along(fy, 1, double.PositiveInfinity);
            multiplier.Solve(settings.LinearSteps, Math.Max(constants.LowerCoupling ?? 0, probe.X.Norm() / fy.Norm()) / mu, tolerance / 20);
        }

        var (estimate, rounding) = Stationarity(multiplier.Hypergradient);
        double weight = multiplier.Norm > 0 ? multiplier.Mixed.Norm() / multiplier.Norm / mu : 0;
        double distance = (fresh.GradientNorm + ofLower.Y) / mu;
        double uncertainty = multiplier.MixedError + (3 * weight * (multiplier.Residual + multiplier.ResidualError + ofUpper.Y)) + ofUpper.X + rounding
            + (10 * (distance / reach) * (fx.Norm() + multiplier.Mixed.Norm()));
        if (!(fy.Norm() > 0)) uncertainty = ofUpper.X + rounding;
        numbers.Add(new("hypergradient", estimate, problem.UpperSet.IsWholeSpace ? "norm of the hypergradient, estimated anew" : "norm of the gradient mapping of F on the set of x, estimated anew"));
        numbers.Add(new("hypergradient_uncertainty", uncertainty, "how far that estimate may be off, itself an estimate"));
        double ratio = weight > 0 ? weight : (constants.LowerCoupling ?? 0) / mu;
        double positions = (weight * (fy.Norm() + multiplier.Image.Norm()) / reach / mu) + ((fx.Norm() + multiplier.Mixed.Norm()) / reach / mu);
        if (!quick)
        {
            var audit = new GradientAudit<V>(seen, null, tolerance);
            if ((audit.Contradiction(x, z, [fy, Step(y, z)], multiplier, ratio, positions, ofUpper, ofLower, x.Norm(), reach, reach)
                ?? audit.Asymmetry(x, z, multiplier, ratio, ofLower, x.Norm(), reach)) is { } wrong) return Contradicted(wrong);
            evidence.AddRange(audit.Evidence);
            evidence.AddRange(audit.Hidden.Select(h => FormattableString.Invariant($"{char.ToUpperInvariant(h[0])}{h[1..]}.")));
        }

        if (double.IsNaN(Modulus) && !quick && BilevelAnswer.Lower(problem, x, fresh, reach) is { } lower)
            return Contradicted(FormattableString.Invariant($"the follower has a better answer than the one that was found: g = {lower:G6} at another y, against {fresh.Value:G6}; the lower level is not convex in y"));
        if (estimate > 2 * tolerance && uncertainty < (estimate - tolerance) / 3)
        {
            // Where z lies at the end of a flat piece of g it curves there, and the leader's choice is elsewhere.
            if (double.IsNaN(Modulus) && BilevelAnswer.OptimisticGradient(problem, x, z, tolerance) is { } leaning && Stationarity(leaning.Direction).Norm <= tolerance + leaning.Change)
            {
                signs.Add("the follower's answer may not be unique: with the one that is best for the leader the hypergradient is within the tolerance, with the one that was found it is not");
                return Conclude(Verdict.NotCheckable, $"Not checkable: {how}");
            }

            return Conclude(Verdict.NotCheckable, FormattableString.Invariant($"Not within the tolerance: the {Subject} is about {estimate:G3} in norm (to {uncertainty:G2}), above {tolerance:G3}. {how}"), objects: true);
        }

        string within = estimate <= tolerance ? FormattableString.Invariant($" The {Subject} is about {estimate:G3} in norm, within the tolerance {tolerance:G3}, by an estimate.") : "";
        return Conclude(Verdict.NotCheckable, $"Not checkable: {how}{within}");
    }

    // A gradient of g at the follower's answer that is as large as around it: in words, or null.
    private string? Kinked(double reach)
    {
        if (!problem.LowerSet.IsWholeSpace || !(fresh.GradientNorm > tolerance) || y is not IFillable) return null;
        double around = double.PositiveInfinity;
        foreach (int side in new[] { 1, -1 })
        {
            V place = y.ZerosLike(), gradient = y.ZerosLike();
            RandomDirection.Fill(place, key: 16);
            place.Scale(side * reach / place.Norm());
            place.AddScaled(1, fresh.Y);
            Read(problem.Lower, place, null, gradient);
            around = Math.Min(around, gradient.Norm());
        }

        return fresh.GradientNorm > KinkedShare * around
            ? FormattableString.Invariant($"the follower could not be solved: its gradient is {fresh.GradientNorm:G3} in norm at the best y found, and {around:G3} at a distance of {reach:G3} from it, as where g has a kink; methods of first order need a g that is smooth in y")
            : null;
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

    // The verdict on the lift, where no bound on the hypergradient holds.
    private Certificate Lifted(string reason)
    {
        const string Meaning = "epsilon-KKT of the lifted problem";
        if (x is not IResizable<V> vectors) return Conclude(Verdict.NotCheckable, $"Not checkable: y is constrained to {problem.LowerSet} and {reason}, and vectors of this type cannot be lifted.");
        var lift = Lift.Bilevel(problem);
        var (point, rho, doubtful) = LiftedPoint.Of(problem, lift, [x, vectors.Zeros(0), fresh.Y, vectors.Zeros(0)], tolerance, settings.LowerSteps);
        var lifted = new KktCertificate().Check(lift, point, tolerance, rho, quick).Certificate;
        numbers.AddRange(lifted.Residuals.Select(r => r with { Meaning = $"{Meaning}: {r.Meaning}" }));
        signs.AddRange(lifted.Signs);
        evidence.AddRange(lifted.Evidence);
        evidence.Add($"No bound on the hypergradient: y is constrained to {problem.LowerSet}, and {reason}.");
        if (lifted.Verdict == Verdict.NotCertified && AtKink() is { } kinked) return kinked;
        string summary = lifted.Summary.Split(": ", 2) is [_, var rest] ? rest : lifted.Summary;
        return Conclude(lifted.Verdict, lifted.Verdict switch
        {
            Verdict.Certified => FormattableString.Invariant($"Certified as an {Meaning}, at epsilon = {tolerance:G4} with rho = {rho:G4}; this is no bound on the hypergradient, because {reason}."),
            Verdict.NotCertified => $"Not certified as an {Meaning}: {summary}",
            _ => $"Not checkable: {summary}",
        }) with
        { Objection = doubtful && lifted.Verdict == Verdict.NotCertified ? null : lifted.Objection, TouchedBound = lifted.TouchedBound, Touches = lifted.Touches };
    }

    // Solves the lower level so well that what is left of its error moves the hypergradient, and that of the penalty
    // function, by a tenth of the tolerance and F by a thousandth, as far as rounding lets. The size of f_y there, which that
    // depends on, is known only afterwards.
    private void SolveLower()
    {
        V fy = y.ZerosLike(), gy = y.ZerosLike(), start = y.Copy();
        problem.LowerSet.Project(start);
        for (int round = 0; round < 3; round++)
        {
            Read(problem.Upper, start, null, fy);
            double target;
            if (double.IsNaN(Modulus))
            {
                Read(problem.Lower, start, null, gy);
                target = Precision.Of(y) * gy.Norm();
            }
            else
            {
                double coupling = constants.LowerCoupling ?? 0, third = constants.LowerHessianLipschitz ?? 0;
                double lipschitz = PenaltyBounds.HypergradientLipschitz(Modulus, fy.Norm(), coupling, third, constants.LowerMixedHessianLipschitz ?? third, constants.UpperSmoothness ?? 0, constants.UpperCoupling ?? 0);
                double difference = HasPenalty ? Math.Min(penalty * coupling, 100 * lipschitz) : 0, slope = fy.Norm();
                double weight = Math.Max(10 * Math.Max(lipschitz, difference), 1000 * slope);
                double floor = Precision.Of(y) * (constants.LowerSmoothness ?? 0) * start.Norm();
                target = weight > 0 ? Math.Max(floor, Modulus * tolerance / weight) : Math.Max(floor, 1e-6 * Modulus * start.Norm());
            }

            if (lowerTarget > 0) target = Math.Min(target, lowerTarget);
            if (round > 0 && fresh.GradientNorm <= target) return;
            fresh = LowerLevelSolver.Solve(problem.Lower, x, start, problem.LowerSet, target, settings.LowerSteps);
            if (double.IsNaN(Modulus)) return;
            start = fresh.Y;
        }
    }

    // A length in y over which the functions may be expected to change.
    private double Reach(V z, V fy, ISubspace<V>? face)
    {
        double reach = Math.Max(z.Norm(), Step(y, z).Norm());
        if (constants.UpperSmoothness is { } smoothness && smoothness > 0) reach = Math.Max(reach, Math.Min(fy.Norm() / smoothness, reach > 0 ? 1e3 * reach : double.PositiveInfinity));
        if (!(reach > 0)) reach = 1;
        return face is null ? reach : Math.Min(reach, face.Room);
    }

    private List<string> Missing()
    {
        List<string> missing = [];
        foreach (var (name, value) in new[]
        {
            (nameof(ProblemConstants.LowerStrongConvexity), constants.LowerStrongConvexity > 0 ? constants.LowerStrongConvexity : null), (nameof(ProblemConstants.LowerSmoothness), constants.LowerSmoothness),
            (nameof(ProblemConstants.LowerCoupling), constants.LowerCoupling), (nameof(ProblemConstants.LowerHessianLipschitz), constants.LowerHessianLipschitz),
            (nameof(ProblemConstants.UpperSmoothness), constants.UpperSmoothness), (nameof(ProblemConstants.UpperCoupling), constants.UpperCoupling),
        })
        {
            if (value is null) missing.Add(name);
        }

        return missing;
    }

    private string? Improper()
    {
        double?[] bounds = [constants.LowerSmoothness, constants.LowerCoupling, constants.LowerHessianLipschitz, constants.LowerMixedHessianLipschitz, constants.LowerThirdDerivativeLipschitz, constants.LowerMixedThirdDerivativeLipschitz, constants.UpperSmoothness, constants.UpperCoupling];
        return bounds.All(b => b is null or >= 0) && !(constants.LowerSmoothness < constants.LowerStrongConvexity) ? null : "a declared constant is negative or not a number, or the strong convexity exceeds the smoothness";
    }

    private string? SetObjection() =>
        problem.UpperSet.IsWholeSpace && problem.LowerSet.IsWholeSpace ? null
        : SetCheck.Objection(problem.UpperSet, x, "x", 211) ?? SetCheck.Objection(problem.LowerSet, y, "y", 212);

    // |d|, or where x is constrained the norm of the gradient mapping, and what rounding of the points may hide of it.
    private (double Norm, double Rounding) Stationarity(V gradient)
    {
        double units = EvaluationRounding.Units * Precision.Of(x), size = gradient.Norm(), norm = stationarity.Norm(gradient, 1);
        return (norm, units * (problem.UpperSet.IsWholeSpace ? size : (x.Norm() / stationarity.Step) + size));
    }

    private double Read(IObjective<V> objective, V at, V? gradientX, V? gradientY)
    {
        List<Output<V>> outputs = [];
        if (gradientX is not null) outputs.Add(new(BilevelProblem.X, 0, gradientX));
        if (gradientY is not null) outputs.Add(new(BilevelProblem.Y, 0, gradientY));
        var request = new PreparedRequest<V>(objective, [[x, at]], [.. outputs], values: true);
        request.Evaluate();
        return request.Values[0];
    }

    private double Value(IObjective<V> objective, V at) => Read(objective, at, null, null);

    private static V Step(V to, V from)
    {
        var step = to.Copy();
        step.AddScaled(-1, from);
        return step;
    }

    private Certificate Contradicted(string contradiction)
    {
        signs.Add(contradiction);
        return Conclude(Verdict.NotCheckable, $"Not checkable: {contradiction}.", objects: true);
    }

    private Certificate Conclude(Verdict verdict, string summary, bool objects = false) =>
        new(verdict, tolerance, summary, numbers, signs, upperValue, fresh.Value, calls.Total) { Evidence = evidence, Objection = objects ? summary : null };
}
