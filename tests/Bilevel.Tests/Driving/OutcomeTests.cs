namespace Bilevel.Tests;

/// <summary>What is said of a run, for every way in which the rule that ended it and the certificate may meet.</summary>
public sealed class OutcomeTests
{
    private const string Objected = "The hypergradient is 45 in norm, above the tolerance 1.";

    private readonly BilevelProblem<DenseVector<double>> problem = new TwoVariables().Problem;

    private Solution<DenseVector<double>> Run(StoppingRule stop, Verdict verdict, string? objection, Func<long, double>? residual = null) =>
        new Driver { Stop = stop, CertifyAt = 1, Certifier = new Says(verdict, objection) }.Run(new ScriptedMethod(residual ?? (_ => 0.5)), problem, Vectors.Of(0), Vectors.Of(0));

    public static TheoryData<string, Verdict, bool, SolveStatus, string> Ways() => new()
    {
        { "residual", Verdict.Certified, false, SolveStatus.Converged, "Converged. The residual 0.5 is at most the tolerance 1. Certified: it holds." },
        { "limit", Verdict.Certified, false, SolveStatus.Converged, "Converged: the answer is certified, although the method's own rule was not met. The limit of 3 iterations was reached. Certified: it holds." },
        { "stall", Verdict.Certified, false, SolveStatus.Converged, "Converged: the answer is certified, although the method's own rule was not met. The residual has not" },
        { "residual", Verdict.NotCertified, true, SolveStatus.NotWithinTolerance, "Not within the tolerance, although the method's own rule was met: the hypergradient is 45 in norm, above the tolerance 1. The residual 0.5 is" },
        { "residual", Verdict.NotCheckable, true, SolveStatus.NotWithinTolerance, "Not within the tolerance, although the method's own rule was met: the hypergradient is 45" },
        { "limit", Verdict.NotCertified, true, SolveStatus.IterationLimit, "Stopped before it converged. The limit of 3 iterations was reached. Not within the tolerance: the hypergradient is 45 in norm, above the tolerance 1." },
        { "stall", Verdict.NotCertified, true, SolveStatus.Stalled, "Stopped before it converged. The residual has not" },
        { "residual", Verdict.NotCertified, false, SolveStatus.Converged, "Converged by the method's measure; not proved: the estimate is 0.9, but the error bound 0.4 leaves 1.3. The residual 0.5 is" },
        { "limit", Verdict.NotCertified, false, SolveStatus.IterationLimit, "Stopped before it converged. The limit of 3 iterations was reached. Not certified: the estimate" },
        { "residual", Verdict.NotCheckable, false, SolveStatus.Converged, "Converged by the method's measure; not checked: no constants are declared. The residual 0.5 is" },
        { "limit", Verdict.NotCheckable, false, SolveStatus.IterationLimit, "Stopped before it converged. The limit of 3 iterations was reached. Not checkable: no constants are declared." },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public void The_rule_and_the_certificate_make_one_sentence(string rule, Verdict verdict, bool objects, SolveStatus status, string said)
    {
        var stop = rule switch { "residual" => Stop.Residual(1), "limit" => Stop.Iterations(3), _ => Stop.Stalled(3) };
        var solution = Run(stop, verdict, objects ? Objected : null);
        Assert.Equal(status, solution.Status);
        Assert.StartsWith(said, solution.StatusMessage, StringComparison.Ordinal);
        Assert.EndsWith(".", solution.StatusMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Advice_is_only_given_to_a_run_that_needs_it_and_can_take_it()
    {
        string certified = Run(Stop.Stalled(3), Verdict.Certified, null).StatusMessage, stalled = Run(Stop.Stalled(3), Verdict.NotCertified, Objected).StatusMessage;
        Assert.Matches(@"The residual has not fallen .* hold the progress up\. Certified: it holds\.$", certified);
        Assert.Contains("Scale the variables", stalled, StringComparison.Ordinal);

        // A run at rest cannot run longer: neither its sentence nor its certificate says so.
        string longer = Objected + Certificate.RunLonger;
        var rests = Run(Stop.Stalled(3), Verdict.NotCertified, longer);
        Assert.DoesNotContain("longer", rests.StatusMessage + rests.Certificate!.Summary + rests.Certificate.Objection, StringComparison.Ordinal);
        Assert.Contains("longer", Run(Stop.Iterations(3), Verdict.NotCertified, longer).StatusMessage, StringComparison.Ordinal);
        var given = BilevelRun(new QuasiNewton { Lambda = 5, Tolerance = 1e-6 });
        Assert.Equal(SolveStatus.NotWithinTolerance, given.Status);
        Assert.Contains("raise lambda to about", given.StatusMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("longer", given.StatusMessage + given.Certificate!.Summary, StringComparison.Ordinal);

        Solution<DenseVector<double>> BilevelRun(QuasiNewton method) => new Driver { Stop = Stop.Residual(1e-6), CertifyAt = 1e-5 }.Run(method, problem, Vectors.Of(0), Vectors.Of(0));
    }

    [Fact]
    public void Certified_implies_converged_and_an_objection_forbids_it()
    {
        foreach (var ended in Enum.GetValues<SolveStatus>())
        {
            foreach (var verdict in Enum.GetValues<Verdict>())
            {
                foreach (string? objection in new[] { null, Objected })
                {
                    if (ended is SolveStatus.Cancelled or SolveStatus.Diverged or SolveStatus.Unbounded || (verdict == Verdict.Certified && objection is not null)) continue;
                    var outcome = Outcome.Of(ended, "The rule was met.", Says.CertificateOf(verdict, objection));
                    bool converged = outcome.Status == SolveStatus.Converged;
                    if (verdict == Verdict.Certified) Assert.True(converged, $"{ended} {verdict}: {outcome.Message}");
                    if (objection is not null) Assert.False(converged, $"{ended} {verdict}: {outcome.Message}");
                    Assert.Equal(converged, outcome.Message.StartsWith("Converged", StringComparison.Ordinal));
                    Assert.False(outcome.Message.Contains("Stopped before it converged", StringComparison.Ordinal) && outcome.Message.Contains("Certified:", StringComparison.Ordinal));
                }
            }
        }
    }

    [Fact]
    public void A_rule_that_asks_the_certificate_is_held_to_it()
    {
        // Asked by the stopping rule alone: nobody asks at the end.
        Solution<DenseVector<double>> Asked(Verdict verdict, string? objection) =>
            new Driver { Stop = Stop.Certified(1, every: 2) | Stop.Iterations(9), Certifier = new Says(verdict, objection) }.Run(new ScriptedMethod(_ => 0.5), problem, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal((SolveStatus.Converged, 2L), (Asked(Verdict.Certified, null).Status, Asked(Verdict.Certified, null).Iterations));
        Assert.Equal((SolveStatus.NotWithinTolerance, 2L), (Asked(Verdict.NotCheckable, Objected).Status, Asked(Verdict.NotCheckable, Objected).Iterations));
        var unknown = Asked(Verdict.NotCheckable, null);
        Assert.Equal((SolveStatus.Converged, "Converged by the method's measure; not checked: no constants are declared. The residual 0.5 is at most the tolerance 1."), (unknown.Status, unknown.StatusMessage));
        Assert.Null(unknown.Certificate);
    }

    [Fact]
    public void Missing_constants_leave_the_status_useful()
    {
        var quadratic = new TwoVariables();
        var solution = new Driver { Stop = Stop.Residual(1e-5), CertifyAt = 1e-4 }.Run(new F2ba { Tolerance = 1e-5 }, quadratic.Problem with { Constants = new() }, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.StartsWith("Converged by the method's measure; not checked: ", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Contains("constant", solution.StatusMessage, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(quadratic.Answer, solution.X[0], 1e-3);
    }

    [Fact]
    public void What_is_reported_is_read_with_the_follower_solved_again()
    {
        // The method's y leans towards the leader: at lambda = 2 by much.
        var quadratic = new TwoVariables();
        foreach (double? certify in new double?[] { null, 1e-4 })
        {
            var solution = new Driver { Stop = Stop.Iterations(7), CertifyAt = certify }.Run(new F2sa { Lambda = 2, LambdaGrowth = 1 }, quadratic.Problem, Vectors.Of(4), Vectors.Of(-7));
            double x = solution.X[0], y = quadratic.P * x;
            Assert.Equal(y, solution.Y[0], 1e-7);
            Assert.Equal(Math.Pow(y - 3, 2) + (x * x / 2), solution.UpperValue, 1e-6);
            Assert.Equal(0, solution.LowerValue, 1e-12);
            Assert.True(solution.FollowerSolvedAgain);
            Assert.NotEqual(solution.Trace[^1].UpperValue, solution.UpperValue);
        }
    }

    [Fact]
    public void A_lifted_problem_reports_no_multipliers()
    {
        var solution = new Driver { Stop = Stop.Iterations(2), CertifyAt = 1e-2 }.Run(new Ogda(), new ConstrainedQp().Problem, ConstrainedQp.Start(1.5));
        var (y, _) = ConstrainedQp.Solution(solution.X[0]);
        double own = ((Math.Pow(y[0] - 1, 2) + Math.Pow(y[1] - 1, 2)) / 2) + (Math.Pow(solution.X[0] - 1, 2) / 4);
        Assert.Equal(own, solution.UpperValue, 1e-4);
    }

    [Fact]
    public void An_unfinished_run_says_where_its_values_were_read()
    {
        using var source = new CancellationTokenSource();
        var solution = new Driver { Stop = Stop.Never, CertifyAt = 1 }.Run(new ScriptedMethod(_ => 1) { OnStep = k => { if (k == 4) source.Cancel(); } }, problem, Vectors.Of(0), Vectors.Of(0), cancellation: source.Token);
        Assert.Equal((4.0, 0.0), (solution.X[0], solution.Y[0]));
        Assert.Equal((9.0 + 8, 4.0), (solution.UpperValue, solution.LowerValue));
        Assert.False(solution.FollowerSolvedAgain);
        Assert.Equal("f and g are read where the run stood, with the follower as the method left it, because the run was interrupted.", Assert.Single(solution.Notes));
    }

    [Fact]
    public void The_lower_level_is_solved_again_once_per_run_and_not_per_iteration()
    {
        long Asked(int iterations)
        {
            var counts = new OracleCounts(BilevelProblem.BlockCount);
            new Driver { Stop = Stop.Iterations(iterations), RecordEvery = 1000, Validate = false }.Run(new ScriptedMethod(_ => 1), problem with { Lower = new CountingObjective<DenseVector<double>>(problem.Lower, counts) }, Vectors.Of(0), Vectors.Of(0));
            return counts.Total;
        }

        Assert.InRange(Asked(900), 1, 100);
        Assert.Equal(Asked(500), Asked(900), 20.0);
    }

    [Fact]
    public void The_remedy_of_a_breakdown_names_settings_that_the_method_has_and_works()
    {
        foreach (var entry in MethodCatalog.All)
        {
            string remedy = Remedies.Of(entry.Defaults);
            Assert.EndsWith(".", remedy, StringComparison.Ordinal);
            foreach (System.Text.RegularExpressions.Match named in System.Text.RegularExpressions.Regex.Matches(remedy, @"(?:lower|or|set) ([a-z-]+)( \(now (\S+)\))?"))
            {
                if (named.Groups[1].Value is "take" or "scale") continue;
                var setting = Assert.Single(entry.Schema.Settings, s => s.Name == named.Groups[1].Value);
                if (named.Groups[2].Success) Assert.Equal(setting.Read(entry.Defaults), named.Groups[3].Value);
            }
        }

        // Followed: the first setting that is named, a tenth of its value each time.
        // lambda is large from the start, for its bias counts.
        var method = new F2sa { StepX = 100, Lambda = 1e4, LambdaGrowth = 1 };
        var solution = new Driver { Stop = Stop.Residual(1e-3) | Stop.Iterations(20_000) }.Run(method, problem, Vectors.Of(1), Vectors.Of(0));
        Assert.Contains("lower step-x (now 100)", solution.StatusMessage, StringComparison.Ordinal);
        for (int times = 0; solution.Status == SolveStatus.Diverged && times < 4; times++)
        {
            method = method with { StepX = method.StepX / 10 };
            solution = new Driver { Stop = Stop.Residual(1e-3) | Stop.Iterations(20_000) }.Run(method, problem, Vectors.Of(1), Vectors.Of(0));
        }

        Assert.Equal(SolveStatus.Converged, solution.Status);
    }

    [Fact]
    public void The_advice_of_a_stall_works()
    {
        var rule = Stop.Residual(1e-9) | Stop.Stalled(50);
        static double Noisy(long k) => Math.Max(1e-6 * (2 + Math.Sin(k)), 1.0 / k / k / k);
        var solution = new Driver { Stop = rule }.Run(new ScriptedMethod(Noisy), problem, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal(SolveStatus.Stalled, solution.Status);
        string least = System.Text.RegularExpressions.Regex.Match(solution.StatusMessage, "fallen below (\\S+) for").Groups[1].Value;
        double above = 1.01 * double.Parse(least, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(SolveStatus.Converged, new Driver { Stop = Stop.Residual(above) | Stop.Stalled(50) }.Run(new ScriptedMethod(Noisy), problem, Vectors.Of(0), Vectors.Of(0)).Status);
    }

    // A certifier that says what it is told to.
    private sealed record Says(Verdict Verdict, string? Objection) : ICertifier
    {
        public static Certificate CertificateOf(Verdict verdict, string? objection) => new(
            verdict, 1, verdict switch
            {
                Verdict.Certified => "Certified: it holds.",
                Verdict.NotCertified => objection is null ? "Not certified: the estimate is 0.9, but the error bound 0.4 leaves 1.3." : $"Not certified: {objection}",
                _ => "Not checkable: no constants are declared.",
            },
            [], [], 0, 0, 0)
        { Objection = objection };

        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V> => new(CertificateOf(Verdict, Objection), point);
    }
}
