using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>One check of one point.</summary>
internal sealed partial class KktCheck<V>
    where V : class, IVector<V>
{
    // A multiplier may exceed the declared bound of optimal ones by so much, for it is approximate.
    private const double Slack = 1e-2;

    // Where the follower is solved again, f at the point may be better than F(x1) by so many tolerances, and the residual in x1 may be so many of them.
    private const double Slacker = 2;

    // The most that a gap or a violation may be in units of the follower.
    private const double Loosest = 0.1;

    private readonly KktCertificate settings;
    private readonly BilevelMinimaxProblem<V> problem;
    private readonly double tolerance, penalty;
    private readonly bool quick;
    private readonly OracleCounts upperCalls = new(UpperCount), lowerCalls = new(LowerCount);
    private readonly KktResiduals<V> kkt;
    private readonly List<NamedNumber> numbers = [];
    private readonly List<string> signs = [], evidence = [], hidden = [];
    private readonly V x1, x2, y1, y2, z1, z2;
    private readonly KktSigns<V> trouble;
    private readonly Sightings sightings = new();
    private List<Deciding> deciding;
    private double penalised;                      // s f at the point with x2 solved again, with the multipliers of the upper level

    public KktCheck(KktCertificate settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
    {
        (this.settings, this.tolerance, this.penalty, this.quick) = (settings, tolerance, penalty, quick);
        this.problem = problem with { Upper = new CountingObjective<V>(problem.Upper, upperCalls), Lower = new CountingObjective<V>(problem.Lower, lowerCalls) };
        kkt = new KktResiduals<V>(this.problem, point, penalty);
        (x1, x2, y1, y2, z1, z2) = (kkt.Point[X1], kkt.Point[X2], kkt.Point[Y1], kkt.Point[Y2], kkt.Point[Z1], kkt.Point[Z2]);
        penalised = problem.UpperSign * kkt.UpperValue;
        trouble = new KktSigns<V>(settings, this.problem, kkt, tolerance);
        deciding = Decide();
    }

    private string? Touched => problem.Touched(kkt.Point);

    public CertifiedPoint<V> Run()
    {
        if (!double.IsFinite(kkt.ResidualW) || !double.IsFinite(kkt.ResidualV) || !double.IsFinite(kkt.UpperValue) || !double.IsFinite(kkt.LowerValue))
        {
            List();
            const string NotFinite = "the values or gradients at the point are not finite";
            return Conclude(Verdict.NotCertified, $"Not certified: {NotFinite}.", objection: NotFinite);
        }

        if (problem.Shape != LowerShape.ConvexConcave)
        {
            List();
            if (!quick) Search();
            return Conclude(Verdict.NotCheckable, "Not checkable: the lower level is not declared convex-concave (Shape), so no gap bound holds.");
        }

        if (Unbounded() is { } unbounded)
        {
            List();
            return Conclude(Verdict.NotCheckable, $"Not checkable: {unbounded}");
        }

        // Rounding is measured, and the assumptions searched, only where the verdict would hang on them.
        string? contradiction = null;
        if (quick && Failing().Count == 0 && Coarse() is { } loose)
        {
            List();
            return Conclude(Verdict.NotCertified, $"Not certified: {loose}.", objection: loose);
        }

        if (!quick || Failing().All(IsViolation))
        {
            kkt.MeasureRounding();
            deciding = Decide();
            contradiction = MinimaxAssumptions.Contradiction(problem, kkt.Point, settings.Directions, thorough: true, sightings)?.Sentence ?? KktAudit.Contradiction(problem, kkt, penalty, tolerance, hidden);
        }

        List();
        if (!quick && contradiction is null) contradiction = SolveAgain();
        if (contradiction is null && (!quick || Failing().Count == 0)) contradiction = MultipliersContradict();
        if (contradiction is not null)
        {
            signs.Add(contradiction);
            return Conclude(Verdict.NotCheckable, $"Not checkable: {contradiction}.", objection: contradiction);
        }

        var failing = Failing();
        if (sightings.Seen < sightings.Asked)
            signs.Add(FormattableString.Invariant($"the search for contradictions saw only {sightings.Seen} of {sightings.Asked} points: f or g is not finite at the others"));
        if (!quick)
        {
            if (Touched is { } touching) signs.Add(touching);
            trouble.Look(penalised, failing.Count == 0);
            numbers.AddRange(trouble.Numbers);
            signs.AddRange(trouble.Signs);
        }

        if (failing.Count == 0 && sightings.Blind is { } blind)
            return Conclude(Verdict.NotCheckable, FormattableString.Invariant($"Not checkable: next to nothing could be seen of {blind}, which is not finite on most of its set ({sightings.Seen} of {sightings.Asked} points were); make the set smaller."));
        if (Touched is { } touched && failing.All(IsViolation))
            return Conclude(Verdict.NotCertified, $"Not certified: {touched}", touched, Objection(failing));
        if (failing.Count == 0 && !quick && Leaning() is { } leaning) return Conclude(Verdict.NotCertified, $"Not certified: {leaning}.", objection: leaning, isLeaning: true);
        if (failing.Count == 0 && Coarse() is { } coarse) return Conclude(Verdict.NotCertified, $"Not certified: {coarse}.", objection: coarse);
        if (failing.Count == 0 && hidden.Count > 0)
            return Conclude(Verdict.NotCertified, Certificate.Unconfirmed(FormattableString.Invariant($"it is an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}"), hidden));
        if (failing.Count == 0) return Conclude(Verdict.Certified, FormattableString.Invariant($"Certified: an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}, if the lower level is convex-concave as declared."));
        string rounding = kkt.Rounding.Residual > tolerance ? FormattableString.Invariant($" Rounding alone may hide {kkt.Rounding.Residual:G3} of the residuals: take a larger tolerance, a smaller rho or more digits.")
            : kkt.Rounding.Gap > tolerance ? FormattableString.Invariant($" Rounding alone may hide {kkt.Rounding.Gap:G3} of the gap: take a larger tolerance or more digits.") : "";
        return Conclude(Verdict.NotCertified, FormattableString.Invariant($"Not certified at {tolerance:G4}: {string.Join(", ", failing.Select(n => FormattableString.Invariant($"{n.Number.Name} = {n.Number.Value:G4}")))}.{rounding}"), objection: Objection(failing));
    }

    // Numbers within an epsilon that is no small number for the follower: what is allowed is more than it has to lose, or than its constraints ask for. What
    // counts as one of its objective is told by its curvature.
    private string? Coarse()
    {
        if (problem.LowerMultipliers is null || !(problem.Constants.LowerStrongConvexity > 0)) return null;
        var units = MinimaxUnits.Of(problem, kkt.Point);
        double gap = kkt.GapBound / units.Lower, violation = deciding.Where(d => d.Number.Name == "violation").Select(d => d.Number.Value).FirstOrDefault() / (units.Rows is { Length: > 0 } rows ? rows.Max() : 1);
        return units.IsOne || (gap <= Loosest && violation <= Loosest) ? null : FormattableString.Invariant(
            $"epsilon = {tolerance:G4} is no small number for the follower: beside what counts as one of its objective and of its constraints at the point ({units}) its gap is {gap:G3} and the violation {violation:G3}; take a smaller epsilon, or BilevelSolver.Solve, which finds units of its own");
    }

    // What a constrained follower's y and multipliers make of numbers that are within the tolerance: the leader gains by where they lean, or where
    // they are solved for again the gradient in x1 is another one. In words, or null.
    private string? Leaning()
    {
        if (!settings.FollowerSolvedAgain || problem.LowerMultipliers is null) return null;
        double resolved = PenaltyAnswers.ResidualX1(problem, kkt.Point, penalty, tolerance);
        if (!double.IsNaN(resolved)) numbers.Add(new("x1_residual_resolved", resolved, "x1_residual where y1, z1 and their multipliers were solved for again"));
        return trouble.Lead > Slacker * tolerance ? FormattableString.Invariant($"by its residuals it is an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}, but f at the point is better by {trouble.Lead:G4} than F(x1), which has the lower level solved again: y and the multipliers lean to the leader by what the gap allows. A larger rho leaves less")
            : resolved > Slacker * tolerance ? FormattableString.Invariant($"by its residuals it is an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}, but where y and the multipliers are solved for again x1_residual is {resolved:G4}")
            : null;
    }

    // A number that the verdict stands on, and what is known of it from below: without what rounding and the proof add.
    private readonly record struct Deciding(NamedNumber Number, double Seen);

    private List<Deciding> Decide()
    {
        List<Deciding> deciding =
        [
            new(new("minimiser_residual", kkt.ResidualW, "K1: distance of 0 from the subdifferential of the penalty function in (x1, y1, y2)"), kkt.Seen.W),
            new(new("maximiser_residual", kkt.ResidualV, "K2: the same in (x2, z1, z2)"), kkt.Seen.V),
            new(new("gap_bound", kkt.GapBound, "K3: upper bound of the primal-dual gap of the lower level"), kkt.Seen.Gap),
        ];
        if (problem.LowerMultipliers is { } lower)
        {
            var (violation, seen) = Violations(lower, [x1, y1, y2], Lower.Z2, kkt.ConstraintRounding);
            var (objective, rounding) = LowerObjective(lower);
            deciding.Add(new(new("violation", violation, "how far the lower constraints are violated at (x1, y1)"), seen));
            deciding.Add(new(new("lower_gap_bound", objective + rounding - kkt.DualBound, "upper bound of the follower's objective at y1 less its best"), objective - rounding - kkt.DualSeen));
        }

        if (problem.UpperMultipliers is { } upper)
        {
            var (violation, seen) = Violations(upper, [x1, x2, y1, y2], X2, 0);
            deciding.Add(new(new("upper_violation", violation, "how far the upper constraints are violated at the point"), seen));
        }

        return deciding;
    }

    private List<Deciding> Failing() => [.. deciding.Where(n => !(n.Number.Value <= tolerance))];

    // Multipliers at a bound that is too small leave their constraint violated: the bound is to blame, not the point.
    private static bool IsViolation(Deciding number) => number.Number.Name is "violation" or "upper_violation";

    // The numbers that are beyond the tolerance whatever rounding and the proof add. The follower's objective may lie below its best by what a violation buys.
    private string? Objection(List<Deciding> failing)
    {
        var beyond = failing.Where(n => n.Seen > tolerance).ToList();
        return beyond.Count == 0 ? null : FormattableString.Invariant($"beyond the tolerance {tolerance:G4}: {string.Join(", ", beyond.Select(n => FormattableString.Invariant($"{n.Number.Name} = {n.Seen:G4}")))}");
    }

    private void List()
    {
        numbers.AddRange(deciding.Select(d => d.Number));
        numbers.Add(new("x1_residual", kkt.ResidualX1, "the part of K1 in x1"));
        numbers.Add(new("rounding", Math.Max(kkt.Rounding.Residual, kkt.Rounding.Gap), "what rounding may hide of these numbers; included in them"));
        if (problem.LowerMultipliers is not { } lower) return;
        var (size, over) = lower.Sizes(y2);
        numbers.Add(new("multiplier", size, FormattableString.Invariant($"largest multiplier in y2; the bound is {lower.Bound:G4}")));
        if (lower.OptimalBound is not { } least || lower.Margin is not { } margin) return;
        if (!(margin > 0))
        {
            signs.Add(FormattableString.Invariant($"the bound {lower.Bound:G4} on the multipliers is not above {least:G4}, which optimal multipliers may reach: a small gap then does not imply feasibility"));
            return;
        }

        if (over > 1 + Slack)
        {
            signs.Add(FormattableString.Invariant($"the multipliers are {over:G4} times {nameof(lower.OptimalBound)}, the declared bound of optimal ones: it is too small, or the multipliers are not near optimal ones, and what the gap implies for the violation is not known"));
            return;
        }

        // Section 8.3: with a gap of delta, V <= delta/(B - B0) and phi - phi* >= -B0 delta/(B - B0).
        double bound = Math.Max(kkt.GapBound, 0) / margin;
        numbers.Add(new("violation_bound", bound, "what the gap implies for the violation"));
        numbers.Add(new("lower_gap_least", -least * bound, "lower bound of the follower's objective at y1 less its best"));
    }

    /// <summary>How far constraints are violated, with what rounding may hide.</summary>
    internal static double Violation(Multipliers<V> multipliers, V[] at, int block, double rounding) => Violations(multipliers, at, block, rounding).Violation;

    private static (double Violation, double Seen) Violations(Multipliers<V> multipliers, V[] at, int block, double rounding)
    {
        var constraints = at[block].ZerosLike();
        if (constraints.Length == 0) return default;
        new PreparedRequest<V>(multipliers.Constraints, [at], [new(block, 0, constraints)]).Evaluate();
        rounding = Math.Sqrt(constraints.Length) * Math.Max(rounding, EvaluationRounding.Units * Precision.Of(constraints) * constraints.Norm());
        double violation = multipliers.Violation(constraints);
        return (violation + rounding, violation - rounding);
    }

    // phi at (x1, y1), so signed that the follower minimises it, and what rounding may hide.
    private (double Value, double Rounding) LowerObjective(Multipliers<V> multipliers)
    {
        var request = new PreparedRequest<V>(multipliers.Objective, [[x1, y1, y2]], [], values: true);
        request.Evaluate();
        double value = request.Values[0];
        return ((problem.LowerSign * value) + problem.Z1.Value(y1), EvaluationRounding.Units * Precision.Of(y1) * Math.Abs(value));
    }

    // What keeps K3 from being computed.
    private string? Unbounded()
    {
        foreach (var (name, y, term, modulus, constant) in new[]
        {
            ("z1", y1, problem.Z1, problem.Constants.LowerStrongConvexity, nameof(MinimaxConstants.LowerStrongConvexity)),
            ("z2", y2, problem.Z2, problem.Constants.LowerStrongConcavity, nameof(MinimaxConstants.LowerStrongConcavity)),
        })
        {
            if (MinimaxAssumptions.Unbounded(term, y.Length, modulus)) return $"{name} has no bounds and no {constant} is declared, so nothing bounds the gap; give {name} a bounded set, or declare the constant.";
        }

        return null;
    }

    private CertifiedPoint<V> Conclude(Verdict verdict, string summary, string? touched = null, string? objection = null, bool isLeaning = false)
    {
        // Where both levels were not solved again, the user's own objectives at the point.
        var (upper, lower) = trouble.Values is { } solved ? (solved.Upper, solved.Lower) : AtPoint();
        var words = problem.Words;
        var certificate = new Certificate(verdict, tolerance, words.In(summary), numbers, [.. signs.Distinct().Select(words.In)], upper, lower, upperCalls.Total + lowerCalls.Total)
        {
            TouchedBound = touched,
            Touches = Touched,
            Objection = words.InOptional(objection),
            Evidence = [.. evidence.Select(words.In)],
            IsLeaning = isLeaning,
            IsUnconfirmed = verdict == Verdict.NotCertified && hidden.Count > 0 && Failing().Count == 0,
        };
        return new CertifiedPoint<V>(certificate, kkt.Point) { Better = trouble.Better?.Point, BetterValue = trouble.Better?.Value ?? double.NaN };
    }

    private (double Upper, double Lower) AtPoint()
    {
        var (upper, lower) = (kkt.UpperValue, kkt.LowerValue);
        if (problem.UpperMultipliers is null && problem.LowerMultipliers is null) return (quick ? upper : problem.UpperSign * penalised, lower);
        return new ValueReader<V>(MinimaxAnswer.Own(problem), kkt.Point).Read();
    }
}
