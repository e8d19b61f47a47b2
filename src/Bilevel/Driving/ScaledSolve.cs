namespace Bilevel;

/// <summary>Solves a bilevel minimax problem in its own units and says the answer in plain numbers.</summary>
internal static class ScaledSolve
{
    // Looser than this share of the units nothing is taken, however large the tolerance is for them.
    private const double LoosestShare = 1e-2;

    // The follower's answer at the start is found to this share of its units, or so many evaluations.
    private const double AnswerAccuracy = 1e-3;

    private const int AnswerLimit = 300;

    // The certificate is asked this often; a quasi-Newton step costs as much as many of it.
    private const long Every = 20, EveryCostly = 2;

    /// <summary>Runs the method that suits the problem.</summary>
    public static Solution<V> Run<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance, StoppingRule? limit, CancellationToken cancellation)
        where V : class, IVector<V>
    {
        // What cannot be evaluated is for the validator to refuse.
        if (Validator.Check([], problem, start).Any(f => f.Severity == Severity.Error)) return Solve(problem, start, tolerance, SaidUnits.One, limit, cancellation);
        OracleCounts upperCalls = new(BilevelMinimaxProblem.UpperCount), lowerCalls = new(BilevelMinimaxProblem.LowerCount);
        var counted = problem with { Upper = new CountingObjective<V>(problem.Upper, upperCalls), Lower = new CountingObjective<V>(problem.Lower, lowerCalls) };
        V[] begin = [.. Validator.Feasible(problem, start)];
        var units = MinimaxUnits.Of(counted, begin);
        if (ConstrainedClass.Suits(problem, begin))
        {
            Answer(counted, begin, units);
            units = MinimaxUnits.Of(counted, begin);
        }

        if (units.IsOne) return Solve(problem, start, tolerance, SaidUnits.One, limit, cancellation);
        var scaled = new ScaledMinimaxProblem<V>(problem, units);
        double share = units.Tolerance(tolerance, LoosestShare);
        var solution = Solve(scaled.Problem, scaled.Scale(begin), share, new SaidUnits(units.Upper, units.X1, units.ToString()), limit, cancellation);
        string inUnits = FormattableString.Invariant($"units of the problem found at the start ({units}), in which the tolerance {tolerance:G4} for the gradient in x1 is {share:G4}");
        solution.UpperCalls.Add(upperCalls);
        solution.LowerCalls.Add(lowerCalls);
        return solution with
        {
            Point = scaled.Restore(solution.Point),
            UpperValue = units.Upper * solution.UpperValue,
            LowerValue = units.Lower * solution.LowerValue,
            Trace = [.. solution.Trace.Select(row => row with { UpperValue = units.Upper * row.UpperValue, LowerValue = units.Lower * row.LowerValue })],
            Better = solution.Better is { } better ? scaled.Restore([.. better]) : null,
            StatusMessage = $"{solution.StatusMessage} Residuals, rho and what is beyond or within epsilon are in {inUnits}; values of F and norms of x1 are plain numbers.",
            Reason = $"{solution.Reason} Residuals and rho are in {inUnits}.",
            Certificate = solution.Certificate is { } certificate ? Plain(certificate, units, inUnits) : null,
        };
    }

    // The numbers in units, as they were judged, and after them those that have a plain meaning.
    private static Certificate Plain(Certificate certificate, MinimaxUnits units, string inUnits)
    {
        (string Name, double Unit, string Meaning)[] known =
        [
            ("x1_residual", units.Upper / units.X1, "x1_residual in plain numbers of the gradient of f in x1"),
            ("gap_bound", units.Lower, "gap_bound in plain numbers of g"),
            ("lower_gap_bound", units.Lower, "lower_gap_bound in plain numbers of g: at y1 the follower loses at most so much"),
            ("violation", units.Rows is { Length: > 0 } rows ? rows.Max() : units.Lower, "upper bound of violation in plain numbers of the constraints"),
            ("upper_violation", 1, "upper_violation, whose rows keep their units"),
        ];
        string Marked(string sentence) => $"{sentence} (numbers in these units)";
        return certificate with
        {
            Summary = $"{certificate.Summary} Measured in {inUnits}.",
            Residuals = [.. certificate.Residuals, .. known.Where(k => !double.IsNaN(certificate[k.Name])).Select(k => new NamedNumber("plain_" + k.Name, k.Unit * certificate[k.Name], k.Meaning))],
            Signs = [.. certificate.Signs.Select(Marked)],
            Evidence = [.. certificate.Evidence.Select(Marked)],
            UpperValue = units.Upper * certificate.UpperValue,
            LowerValue = units.Lower * certificate.LowerValue,
        };
    }

    // A start of y may be anything; units are those of the follower's answer. Its multipliers are left at their start.
    private static void Answer<V>(BilevelMinimaxProblem<V> problem, V[] point, MinimaxUnits units)
        where V : class, IVector<V>
    {
        var scaled = new ScaledMinimaxProblem<V>(problem, units);
        V[] u = scaled.Scale(point);
        new MultiplierFollower<V>(scaled.Problem, u[BilevelMinimaxProblem.X1], u[BilevelMinimaxProblem.X2], u[BilevelMinimaxProblem.Y1], u[BilevelMinimaxProblem.Y2], 0).Solve(AnswerAccuracy, AnswerLimit);
        V[] answered = scaled.Restore(u);
        if (!answered[BilevelMinimaxProblem.Y1].IsFinite()) return;
        point[BilevelMinimaxProblem.Y1].CopyFrom(answered[BilevelMinimaxProblem.Y1]);
        point[BilevelMinimaxProblem.Z1].CopyFrom(answered[BilevelMinimaxProblem.Y1]);
    }

    private static Solution<V> Solve<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance, SaidUnits units, StoppingRule? limit, CancellationToken cancellation)
        where V : class, IVector<V>
    {
        var method = new Auto { Tolerance = tolerance };
        long every = start.Count == BilevelMinimaxProblem.BlockCount && method.Choice(problem, start) is ConstrainedQuasiNewton ? EveryCostly : Every;
        var stop = Stop.Certified(tolerance, every) | Stop.Iterations(1_000_000);
        var driver = new Driver { Stop = limit is null ? stop : stop | limit, CertifyAt = tolerance, Certifier = new KktCertificate { FollowerSolvedAgain = true }, Units = units };
        return driver.Run(method, problem, start, seed: 0, cancellation);
    }
}
