namespace Bilevel;

/// <content>What is said where constants are missing.</content>
internal sealed partial class HypergradientCheck<V>
{
    // Where the gradient of g has not shrunk to this share of what it is around the follower's answer, that is no answer.
    private const double KinkedShare = 0.1;

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
}
