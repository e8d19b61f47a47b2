using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>One check of one point.</summary>
internal sealed class KktCheck<V>
    where V : class, IVector<V>
{
    private readonly KktCertificate settings;
    private readonly BilevelMinimaxProblem<V> problem;
    private readonly double tolerance, penalty;
    private readonly bool quick;
    private readonly OracleCounts upperCalls = new(UpperCount), lowerCalls = new(LowerCount);
    private readonly KktResiduals<V> kkt;
    private readonly List<NamedNumber> numbers = [];
    private readonly List<string> signs = [], evidence = [];
    private readonly V x1, x2, y1, y2, z1, z2;
    private List<NamedNumber> deciding;
    private double upperValue;

    public KktCheck(KktCertificate settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
    {
        (this.settings, this.tolerance, this.penalty, this.quick) = (settings, tolerance, penalty, quick);
        this.problem = problem with { Upper = new CountingObjective<V>(problem.Upper, upperCalls), Lower = new CountingObjective<V>(problem.Lower, lowerCalls) };
        kkt = new KktResiduals<V>(this.problem, point, penalty);
        (x1, x2, y1, y2, z1, z2) = (kkt.Point[X1], kkt.Point[X2], kkt.Point[Y1], kkt.Point[Y2], kkt.Point[Z1], kkt.Point[Z2]);
        upperValue = kkt.UpperValue;
        deciding = Deciding();
    }

    private string? Touched => problem.Touched(kkt.Point);

    public CertifiedPoint<V> Run()
    {
        if (!double.IsFinite(kkt.ResidualW) || !double.IsFinite(kkt.ResidualV) || !double.IsFinite(kkt.UpperValue) || !double.IsFinite(kkt.LowerValue))
        {
            List();
            return Conclude(Verdict.NotCertified, "Not certified: the values or gradients at the point are not finite.");
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
        if (!quick || Failing().All(IsViolation))
        {
            kkt.MeasureRounding();
            deciding = Deciding();
            contradiction = MinimaxAssumptions.Contradiction(problem, kkt.Point, settings.Directions, thorough: true)?.Sentence;
        }

        List();
        if (!quick && contradiction is null) contradiction = SolveAgain();
        if (contradiction is not null)
        {
            signs.Add(contradiction);
            return Conclude(Verdict.NotCheckable, $"Not checkable: {contradiction}.");
        }

        var failing = Failing();
        if (!quick) LookForSigns(failing.Count == 0);
        if (Touched is { } touched && failing.All(IsViolation))
            return Conclude(Verdict.NotCertified, $"Not certified: {touched}", touched);
        if (failing.Count == 0) return Conclude(Verdict.Certified, FormattableString.Invariant($"Certified: an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}, if the lower level is convex-concave as declared."));
        string rounding = kkt.Rounding.Residual > tolerance ? FormattableString.Invariant($" Rounding alone may hide {kkt.Rounding.Residual:G3} of the residuals: take a larger tolerance, a smaller rho or more digits.")
            : kkt.Rounding.Gap > tolerance ? FormattableString.Invariant($" Rounding alone may hide {kkt.Rounding.Gap:G3} of the gap: take a larger tolerance or more digits.") : "";
        return Conclude(Verdict.NotCertified, FormattableString.Invariant($"Not certified at {tolerance:G4}: {string.Join(", ", failing.Select(n => FormattableString.Invariant($"{n.Name} = {n.Value:G4}")))}.{rounding}"));
    }

    // The numbers that the verdict stands on.
    private List<NamedNumber> Deciding()
    {
        List<NamedNumber> deciding =
        [
            new("minimiser_residual", kkt.ResidualW, "K1: distance of 0 from the subdifferential of the penalty function in (x1, y1, y2)"),
            new("maximiser_residual", kkt.ResidualV, "K2: the same in (x2, z1, z2)"),
            new("gap_bound", kkt.GapBound, "K3: upper bound of the primal-dual gap of the lower level"),
        ];
        if (problem.LowerMultipliers is { } lower)
        {
            deciding.Add(new("violation", Violation(lower, [x1, y1, y2], Lower.Z2, kkt.ConstraintRounding), "how far the lower constraints are violated at (x1, y1)"));
            deciding.Add(new("lower_gap_bound", LowerObjective(lower) - kkt.DualBound, "upper bound of the follower's objective at y1 less its best"));
        }

        if (problem.UpperMultipliers is { } upper)
            deciding.Add(new("upper_violation", Violation(upper, [x1, x2, y1, y2], X2, 0), "how far the upper constraints are violated at the point"));
        return deciding;
    }

    private List<NamedNumber> Failing() => [.. deciding.Where(n => !(n.Value <= tolerance))];

    // Multipliers at a bound that is too small leave their constraint violated: the bound is to blame, not the point.
    private static bool IsViolation(NamedNumber number) => number.Name is "violation" or "upper_violation";

    private void List()
    {
        numbers.AddRange(deciding);
        numbers.Add(new("rounding", Math.Max(kkt.Rounding.Residual, kkt.Rounding.Gap), "what rounding may hide of these numbers; included in them"));
        if (problem.LowerMultipliers is not { } lower) return;
        numbers.Add(new("multiplier", Largest(y2), FormattableString.Invariant($"largest multiplier in y2; the bound is {lower.Bound:G4}")));
        if (lower.OptimalBound is not { } least || lower.Margin is not { } margin) return;
        if (!(margin > 0))
        {
            signs.Add(FormattableString.Invariant($"the bound {lower.Bound:G4} on the multipliers is not above {least:G4}, which optimal multipliers may reach: a small gap then does not imply feasibility"));
            return;
        }

        // Section 8.3: with a gap of delta, V <= delta/(B - B0) and phi - phi* >= -B0 delta/(B - B0).
        double bound = Math.Max(kkt.GapBound, 0) / margin;
        numbers.Add(new("violation_bound", bound, "what the gap implies for the violation"));
        numbers.Add(new("lower_gap_least", -least * bound, "lower bound of the follower's objective at y1 less its best"));
    }

    private static double Violation(Multipliers<V> multipliers, V[] at, int block, double rounding)
    {
        var constraints = at[block].ZerosLike();
        if (constraints.Length == 0) return 0;
        new PreparedRequest<V>(multipliers.Constraints, [at], [new(block, 0, constraints)]).Evaluate();
        rounding = Math.Max(rounding, EvaluationRounding.Units * Precision.Of(constraints) * constraints.Norm());
        return multipliers.Violation(constraints) + (Math.Sqrt(constraints.Length) * rounding);
    }

    // phi at (x1, y1), so signed that the follower minimises it.
    private double LowerObjective(Multipliers<V> multipliers)
    {
        var request = new PreparedRequest<V>(multipliers.Objective, [[x1, y1, y2]], [], values: true);
        request.Evaluate();
        double value = request.Values[0];
        return (problem.LowerSign * value) + problem.Z1.Value(y1) + (EvaluationRounding.Units * Precision.Of(y1) * Math.Abs(value));
    }

    private static double Largest(V vector) => vector switch
    {
        DenseVector<double> dense => dense.ToDoubles().Select(Math.Abs).DefaultIfEmpty().Max(),
        DenseVector<float> dense => dense.ToDoubles().Select(Math.Abs).DefaultIfEmpty().Max(),
        _ => vector.Norm(),
    };

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

    // The lower level solved again from both sides, by a solver of its own; a contradiction in words, or null.
    private string? SolveAgain()
    {
        var worst = Best(problem.Lower, [x1, y1, z2], Lower.Z2, -problem.LowerSign, problem.Z2, problem.Constants.LowerStrongConcavity, y2);
        var dual = Best(problem.Lower, [x1, z1, y2], Lower.Z1, problem.LowerSign, problem.Z1, problem.Constants.LowerStrongConvexity, y1);
        var leader = Best(problem.Upper, [x1, x2, y1, y2], X2, -problem.UpperSign, problem.X2, null, x2);
        double terms = problem.Z1.Value(y1) + problem.Z2.Value(y2);
        double gap = terms - worst.Value - dual.Value, bound = terms - worst.LowerBound - dual.LowerBound;
        numbers.Add(new("gap_resolved", gap, "the gap attained where both one-sided lower problems were solved again: at most the true gap"));
        numbers.Add(new("gap_resolved_bound", bound, "upper bound of the gap from that solve"));

        double maximum = problem.X1.Value(x1) - leader.Value;
        double missed = maximum - (problem.UpperSign * upperValue);
        numbers.Add(new("upper_gap", missed, "what f rises where x2 is solved again"));
        upperValue = problem.UpperSign * maximum;
        double slack = 2 * kkt.Rounding.Gap;
        if (gap > kkt.GapBound + slack)
            return FormattableString.Invariant($"the lower level is not convex-concave: solving it again attains a gap of {gap:G4}, above the bound {kkt.GapBound:G4} that convexity in z1 and concavity in z2 imply");
        if (missed > kkt.UpperExcess)
            return FormattableString.Invariant($"f is not concave in x2: it rises by {missed:G4}, more than the {kkt.UpperExcess:G4} that its gradient allows a concave function");
        return null;
    }

    // The best of the solutions from the point, from another known point and from a random one.
    private ConvexSolution<V> Best(IObjective<V> objective, V[] at, int block, double sign, IProximalTerm<V> term, double? modulus, V other)
    {
        var function = new BlockFunction<V>(objective, at, block, sign);
        List<V> starts = [at[block], other];
        if (at[block] is IFillable) starts.Add(Feasible(term, at[block], 1, 7));
        ConvexSolution<V>? best = null;
        foreach (var start in starts.DistinctBy(s => s, ReferenceEqualityComparer.Instance))
        {
            var solution = ConvexSolver.Minimise(function, term, start, modulus, tolerance / 1000, settings.SolveSteps);
            best = best is null ? solution
                : (solution.Value < best.Value ? solution : best) with { LowerBound = Math.Max(solution.LowerBound, best.LowerBound) };
            if (at[block].Length == 0) break;
        }

        return best!;
    }

    private static V Feasible(IProximalTerm<V> term, V centre, double share, ulong key)
    {
        double diameter = term.DiameterAt(centre.Length), reach = double.IsFinite(diameter) ? diameter : 10 * (1 + centre.Norm());
        var point = centre.ZerosLike();
        if (centre.Length == 0) return point;
        if (point is IFillable)
        {
            RandomDirection.Fill(point, key);
            point.Scale(share * reach / Math.Sqrt(point.Length));
        }

        point.AddScaled(1, centre);
        term.Project(point);
        return point;
    }

    private void LookForSigns(bool isKkt)
    {
        if (Touched is { } touched) signs.Add(touched);
        if (x1 is not IFillable) return;

        // Two saddle points of the lower level, from the answer and from afar.
        double target = 1e-4 * Math.Min(tolerance, 1e-2 * Math.Max(1e-300, Math.Abs(kkt.LowerValue) + Math.Max(kkt.GapBound, 0)));
        var near = LowerSaddleSolver.Solve(problem, x1, y1, y2, target, settings.SaddleSteps);
        var far = LowerSaddleSolver.Solve(problem, x1, Feasible(problem.Z1, y1, 1, 21), Feasible(problem.Z2, y2, 1, 22), target, settings.SaddleSteps);
        CompareSaddles(near, far);
        if (isKkt) MoveX1(near);
    }

    private void CompareSaddles(LowerSaddle<V> near, LowerSaddle<V> far)
    {
        V d1 = near.Z1.Copy(), d2 = near.Z2.Copy();
        d1.AddScaled(-1, far.Z1);
        d2.AddScaled(-1, far.Z2);
        double apart = Math.Sqrt(d1.Dot(d1) + d2.Dot(d2)), gaps = Math.Sqrt(near.Gap) + Math.Sqrt(far.Gap);
        if (!(apart > 0) || !(Math.Max(near.Gap, far.Gap) <= tolerance)) return;

        // Under strong convexity and concavity by mu, each is within sqrt(2 gap/mu) of the saddle point; what they imply for mu, against the curvature there is.
        double implied = 2 * gaps * gaps / (apart * apart);
        double curvature = problem.Constants.LowerSmoothness ?? SeenCurvature(near, far, apart);
        double size = 1e-6 * (1 + near.Z1.Norm() + near.Z2.Norm());
        if (apart > size && implied < 1e-3 * curvature)
            signs.Add(FormattableString.Invariant($"the saddle point of the lower level seems not to be unique: two were found {apart:G3} apart with gaps of at most {near.Gap:G3} and {far.Gap:G3}; the leader may choose among them, and F is known at the one chosen only"));
    }

    private double SeenCurvature(LowerSaddle<V> near, LowerSaddle<V> far, double apart)
    {
        V[] a = [y1.ZerosLike(), y2.ZerosLike()], b = [y1.ZerosLike(), y2.ZerosLike()];
        new PreparedRequest<V>(problem.Lower, [[x1, near.Z1, near.Z2], [x1, far.Z1, far.Z2]], [new(Lower.Z1, 0, a[0]), new(Lower.Z2, 0, a[1]), new(Lower.Z1, 1, b[0]), new(Lower.Z2, 1, b[1])]).Evaluate();
        for (int i = 0; i < 2; i++) a[i].AddScaled(-1, b[i]);
        return Math.Sqrt(a[0].Dot(a[0]) + a[1].Dot(a[1])) / apart;
    }

    // F with the lower level solved again at x1 and at other points of X1.
    private void MoveX1(LowerSaddle<V> near)
    {
        if (x1.Length == 0) return;
        double diameter = problem.X1.DiameterAt(x1.Length), length = 0.1 * (double.IsFinite(diameter) ? diameter : 1 + x1.Norm());
        if (!(length > 0) || !(near.Gap <= tolerance)) return;
        double here = F(x1, near);
        var downhill = kkt.DirectionX1();
        var random = x1.ZerosLike();
        RandomDirection.Fill(random, 31);
        List<(double Change, double Distance)> seen = [];
        foreach (var (direction, sign) in new[] { (downhill, 1), (downhill, -1), (random, 1), (random, -1) })
        {
            double norm = direction.Norm();
            if (!(norm > 0)) continue;
            var there = x1.Copy();
            there.AddScaled(sign * length / norm, direction);
            problem.X1.Project(there);
            var moved = there.Copy();
            moved.AddScaled(-1, x1);
            double distance = moved.Norm();
            if (!(distance > 1e-3 * length)) continue;
            var saddle = LowerSaddleSolver.Solve(problem, there, near.Z1, near.Z2, 1e-2 * tolerance, settings.SaddleSteps);
            if (saddle.Gap <= tolerance && F(there, saddle) - here is var change && double.IsFinite(change)) seen.Add((change, distance));
            if (seen.Count >= 2 && x1.Length == 1) break;
        }

        if (seen.Count == 0) return;
        var lowest = seen.MinBy(s => s.Change);
        var steepest = seen.MaxBy(s => Math.Abs(s.Change) / s.Distance);
        if (Math.Abs(steepest.Change) < tolerance * steepest.Distance)
        {
            signs.Add(FormattableString.Invariant($"the upper level is flat: F changes by {Math.Abs(steepest.Change):G3} at most where x1 moves by {steepest.Distance:G3}, less than epsilon times the distance, so x1 may be far from an optimum although the point is epsilon-KKT; take a smaller tolerance"));
        }
        else if (lowest.Change < -tolerance * lowest.Distance)
        {
            signs.Add(FormattableString.Invariant($"F is better by {-lowest.Change:G3} at another x1, {lowest.Distance:G3} away, so x1 is not the global optimum; start there"));
        }
    }

    private double F(V at, LowerSaddle<V> saddle)
    {
        var leader = ConvexSolver.Minimise(new BlockFunction<V>(problem.Upper, [at, x2, saddle.Z1, saddle.Z2], X2, -problem.UpperSign), problem.X2, x2, null, 1e-3 * tolerance, settings.SaddleSteps);
        return problem.X1.Value(at) - leader.Value;
    }

    // What can be seen of a lower level of any shape: how far z1 and z2 improve on the answer from many starts.
    private void Search()
    {
        if (y1 is not IFillable) return;
        double terms = problem.Z1.Value(y1) - problem.Z2.Value(y2);
        double at = (problem.LowerSign * kkt.LowerValue) - terms;
        double follower = double.PositiveInfinity, opponent = double.PositiveInfinity;
        BlockFunction<V> first = new(problem.Lower, [x1, y1, y2], Lower.Z1, problem.LowerSign), second = new(problem.Lower, [x1, y1, y2], Lower.Z2, -problem.LowerSign);
        for (int s = 0; s < settings.Starts; s++)
        {
            double share = s == 0 ? 0 : s % 2 == 0 ? 1 : 0.1;
            follower = Math.Min(follower, ConvexSolver.Minimise(first, problem.Z1, Feasible(problem.Z1, y1, share, 40 + (ulong)s), null, 0, settings.SaddleSteps).Value);
            opponent = Math.Min(opponent, ConvexSolver.Minimise(second, problem.Z2, Feasible(problem.Z2, y2, share, 60 + (ulong)s), null, 0, settings.SaddleSteps).Value);
        }

        string found = y2.Length == 0
            ? FormattableString.Invariant($"found a lower value that is better by {at + problem.Z1.Value(y1) - follower:G4} than at y1")
            : FormattableString.Invariant($"found that z1 alone can gain {at + problem.Z1.Value(y1) - follower:G4} and z2 alone {-at + problem.Z2.Value(y2) - opponent:G4}");
        evidence.Add(FormattableString.Invariant($"the best of {settings.Starts} starts {found}; this is not a proof"));
    }

    private CertifiedPoint<V> Conclude(Verdict verdict, string summary, string? touched = null) => new(
        new Certificate(verdict, tolerance, summary, numbers, [.. signs.Distinct()], upperValue, kkt.LowerValue, upperCalls.Total + lowerCalls.Total) { TouchedBound = touched, Touches = Touched, Evidence = evidence },
        kkt.Point);
}
