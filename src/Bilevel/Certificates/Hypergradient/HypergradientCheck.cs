namespace Bilevel;

/// <summary>One check of one answer of a bilevel problem.</summary>
internal sealed partial class HypergradientCheck<V>
    where V : class, IVector<V>
{
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

    private double this[string name] => numbers.Find(n => n.Name == name)?.Value ?? double.NaN;

    private Certificate Contradicted(string contradiction)
    {
        signs.Add(contradiction);
        return Conclude(Verdict.NotCheckable, $"Not checkable: {contradiction}.", objects: true);
    }

    private Certificate Conclude(Verdict verdict, string summary, bool objects = false) =>
        new(verdict, tolerance, summary, numbers, signs, upperValue, fresh.Value, calls.Total) { Evidence = evidence, Objection = objects ? summary : null };
}
