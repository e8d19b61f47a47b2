namespace Bilevel.Tasks.Tests;

/// <summary>
/// Every minimax method on every minimax problem with a known answer. A new method is one line of <see cref="Methods"/>,
/// a new problem one line of <see cref="Problems"/> (and of the catalogue of known problems).
/// </summary>
public sealed class MinimaxMatrixTests
{
    private const long CertifyEvery = 20, MostCalls = 400_000, TrackingLimit = 20_000, ProximalLimit = 60_000;

    // Distance: |x1 - x1*| allowed as a multiple of epsilon, NaN where the hyperobjective is too flat for the residuals
    // to say where x1 is; Local: the local minimum that the start leads to, where it is not the global one; Figures: the
    // calls of the measured reference at 0.1, 0.01 and 0.001 (bilevel minimax, section 10.5), NaN where there are none.
    private static readonly ProblemRow[] Problems =
    [
        new("saddle-quadratic", Distance: 2, [300, 4600, 69200]),
        new("saddle-quadratic-nonconvex", Distance: 2, [double.NaN, double.NaN, double.NaN]) { Local = 1.1842321058 },
        new("saddle-merely-convex", Distance: 2, [600, 8400, 121900]),
        new("group-dro-small", Distance: double.NaN, [100, 352000, double.NaN]),
        new("group-dro-logistic", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]) { Reaches = 1, HasModuliOnly = true },
        new("saddle-generator", Distance: 20, [double.NaN, double.NaN, double.NaN]),
        new("saddle-generator-2", Distance: 20, [double.NaN, double.NaN, double.NaN]),
        new("partial-gradient", Distance: 3, [double.NaN, double.NaN, double.NaN]),
        new("partial-gradient-strong", Distance: 20, [double.NaN, double.NaN, double.NaN]),
        new("matrix-game", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]),
        new("constrained-qp-a", Distance: 2, [300, 4600, 66000]),
        new("constrained-qp-b", Distance: 2, [double.NaN, 4800, 87100]),
        new("constrained-qp-c", Distance: 2, [300, 4000, 59900]),
        new("constrained-linear", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]),
        new("two-lines", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]) { Reaches = 1 },
        new("two-lines-critical", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]) { Reaches = 1 },
    ];

    // Baselines for constrained lower levels are for these alone.
    private static readonly string[] Constrained = ["constrained-qp-a", "constrained-qp-b", "constrained-qp-c", "constrained-linear"];

    private static readonly MethodRow[] Methods =
    [
        new("auto", [0.1, 0.01, 0.001], (eps, _) => new Auto { Tolerance = eps }) { IsJudgedByFigures = true },
        new("ogda without constants", [0.1, 0.01, 0.001], (eps, _) => new Ogda { Tolerance = eps }) { Forgets = true, IsJudgedByFigures = true },
        new("ogda with stages of rho", [0.1, 0.01, 0.001], (eps, _) => new Ogda { Tolerance = eps, Schedule = new PenaltySchedule { RhoStart = 10 } }) { IsJudgedByFigures = true },
        new("ogda, reference", [0.1, 0.01], (eps, problem) => Ogda.Reference(eps, problem.Constants)) { NeedsSmoothness = true, Fails = (problem, eps) => problem is "two-lines" or "two-lines-critical" || (problem is "constrained-linear" && eps < 0.1) },
        new("extragradient", [0.1, 0.01, 0.001], (eps, _) => new Extragradient { Tolerance = eps }),
        new("smoothed extragradient", [0.1, 0.01], (eps, _) => new SmoothedExtragradient { Tolerance = eps }) { StopsWhereFlat = ["two-lines"] },
        new("proximal point", [0.1, 0.01], (eps, problem) => new ProximalPoint { Tolerance = eps, Diameter = double.IsFinite(problem.Z1.DiameterAt(1)) ? null : 10 }) { Fails = (problem, _) => problem is "two-lines" or "two-lines-critical", Limit = ProximalLimit },
        new("descent ascent", [0.1, 0.01], (eps, _) => new GradientDescentAscent { Tolerance = eps }) { Fails = (problem, eps) => problem is "saddle-merely-convex" or "matrix-game" or "two-lines" or "two-lines-critical" or "constrained-linear" || (problem is "constrained-qp-a" or "constrained-qp-c" && eps < 0.1) },
        new("sapd", [0.1, 0.01], (eps, _) => new Sapd { Tolerance = eps, Batch = 0 })
        {
            Limit = 5_000,
            Fails = (problem, eps) => problem is "two-lines" or "two-lines-critical" || (problem is "group-dro-small" or "matrix-game" && eps < 0.1) || (problem is "constrained-linear" && eps == 0.1),
        },
        new("ssgda", [0.1, 0.01], (eps, _) => new Ssgda { Perturbation = eps, StepUpper = 0.01 }) { Limit = TrackingLimit, Fails = CirclesTheSaddle },
        new("tsgda-1", [0.1, 0.01], (eps, _) => new Tsgda1 { Perturbation = eps }) { Limit = TrackingLimit, Fails = CirclesTheSaddle },
        new("tsgda-2", [0.1, 0.01], (eps, _) => new Tsgda2 { Perturbation = eps }) { Limit = TrackingLimit, Fails = (problem, eps) => CirclesTheSaddle(problem, eps) || problem is "constrained-linear" },

        // Its pairs are no KKT point where y and z are coupled, but its x1 is right.
        new("ssgda, corrected", [0.1, 0.01], (eps, _) => new Ssgda { UpperGradient = UpperGradient.FirstOrderCorrected, Perturbation = eps, StepUpper = 0.01 })
        {
            Limit = TrackingLimit,
            Fails = (problem, eps) => problem is not ("group-dro-small" or "group-dro-logistic" or "constrained-qp-b") && (problem is not "partial-gradient" || eps < 0.1),
            FindsX = problem => !CirclesTheSaddle(problem, 0.01),
        },

        // No problem here leaves y out of f.
        new("tsgda-1, partial", [0.01], (eps, _) => new Tsgda1 { UpperGradient = UpperGradient.Partial, StepUpper = 0.01 }) { Limit = TrackingLimit, Fails = (problem, _) => true },
        new("constrained quasi-newton", [0.1, 0.01, 0.001], (eps, _) => new ConstrainedQuasiNewton { Tolerance = eps }) { Problems = ["constrained-qp-a", "constrained-qp-b", "constrained-qp-c"] },
        new("lv-hba", [0.1, 0.01], (_, _) => new LvHba()) { Problems = Constrained, Fails = (problem, _) => problem is "constrained-linear", Limit = 20_000, FindsX = problem => problem is not "constrained-linear" },
        new("lu-mei", [0.1], (eps, _) => new FirstOrderPenalty { Tolerance = eps }) { Problems = Constrained, Fails = (problem, _) => problem is "constrained-linear" or "constrained-qp-a", Limit = 45_000 },
        new("lu-mei, fixed L", [0.1], (eps, _) => new FirstOrderPenalty { Tolerance = eps, AdaptiveSmoothness = false }) { Problems = Constrained, Fails = (_, _) => true, Limit = 5_000 },
        new("lu-mei, paper", [0.1], (eps, _) => new FirstOrderPenalty { Tolerance = eps, Mode = FirstOrderPenaltyMode.Paper }) { Problems = Constrained, Fails = (_, _) => true, Limit = 1_000 },
    ];

    public static TheoryData<string, string, double> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, double>();
            foreach (var method in Methods)
            {
                foreach (var problem in Problems.Where(p => method.Problems?.Contains(p.Name) != false))
                {
                    if (problem.HasModuliOnly && (method.Forgets || method.NeedsSmoothness)) continue;
                    foreach (double tolerance in method.Tolerances) cases.Add(method.Name, problem.Name, tolerance);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void MethodReachesACertifiedPoint(string methodName, string problemName, double tolerance)
    {
        var (method, row) = (Methods.Single(m => m.Name == methodName), Problems.Single(p => p.Name == problemName));
        var instance = Create(problemName);
        var answer = instance.Answer!;
        var problem = method.Forgets ? instance.Problem with { Constants = new MinimaxConstants() } : instance.Problem;
        double[][] start = [.. instance.Start.Select(b => b.ToDoubles())];

        var driver = new Driver { Stop = Stop.Certified(tolerance, CertifyEvery) | Stop.Iterations(method.Limit), CertifyAt = tolerance };
        var solution = driver.Run(method.Create(tolerance, problem), problem, instance.Start);

        Assert.Equal(start, instance.Start.Select(b => b.ToDoubles()));
        double distance = double.NaN;
        Assert.All(solution.Point, block => Assert.True(block.IsFinite()));
        if (method.Fails(problemName, tolerance) && solution.Status == SolveStatus.Diverged) return;
        var certificate = solution.Certificate!;
        double gap = answer.Gap!(solution["x1"], solution["y1"], solution["y2"]);
        Assert.InRange(gap, -1e-12, certificate["gap_bound"] + 1e-12);
        if (method.Fails(problemName, tolerance))
        {
            // It cycles, or its one fixed step is too short; it must not be called a success.
            Assert.Equal(Verdict.NotCertified, certificate.Verdict);
            Assert.False(solution.Converged);
            if (method.FindsX(problemName)) Assert.InRange(Distance(solution.X, row.Local is { } valley ? Vectors.Of(valley) : answer.X!), 0, row.Distance * tolerance);
            return;
        }

        Assert.True(solution.Converged && certificate.Verdict == Verdict.Certified, Report("not certified"));
        Assert.InRange(certificate["minimiser_residual"], 0, tolerance);
        Assert.InRange(certificate["maximiser_residual"], 0, tolerance);
        Assert.InRange(certificate["gap_bound"], 0, tolerance);
        if (answer.X is { } best) distance = Distance(solution.X, row.Local is { } local ? Vectors.Of(local) : best);
        Assert.True(!(distance > row.Distance * tolerance), Report("distance"));
        double above = answer.UpperValue is { } least ? (problem.UpperSense == Sense.Minimise ? 1 : -1) * (answer.Hyperobjective!(solution.X) - least) : double.NaN;
        Assert.True(!(above < -1e-9), Report("below F*"));
        Assert.True(!(above > row.Reaches * tolerance) || method.StopsWhereFlat.Contains(problemName), Report("above F*"));

        double figure = row.Figures[tolerance switch { 0.1 => 0, 0.01 => 1, _ => 2 }];
        if (method.IsJudgedByFigures && double.IsFinite(figure)) Assert.True(Calls(solution) <= 1.15 * figure, Report("too many calls"));

        string Report(string what) => FormattableString.Invariant($"{what}: {solution.Status} after {Calls(solution)} calls, x1 at {distance:G3}: {certificate}");
    }

    [Theory]
    [InlineData("saddle-quadratic", 0.25)]
    [InlineData("saddle-quadratic", 0.1)]
    [InlineData("saddle-merely-convex", 0.25)]
    [InlineData("saddle-merely-convex", 0.1)]
    [InlineData("constrained-qp-a", 0.25)]
    [InlineData("constrained-qp-a", 0.1)]
    [InlineData("group-dro-small", 0.25)]
    [InlineData("group-dro-small", 0.1)]
    public void SapdReachesACertifiedPointOnNoisyGradients(string problemName, double tolerance)
    {
        // Seeds that no default was chosen on.
        foreach (ulong seed in new ulong[] { 2001, 2002, 2003 })
        {
            var instance = Create(problemName);
            var exact = instance.Problem;
            var noisy = exact with { Upper = new GaussianNoise<double>(exact.Upper, 0.05), Lower = new GaussianNoise<double>(exact.Lower, 0.05) };
            var driver = new Driver { Stop = Stop.Certified(tolerance, CertifyEvery) | Stop.Iterations(4_000), CertifyAt = tolerance };
            var solution = driver.Run(new Sapd { Tolerance = tolerance, Batch = 1 }, noisy, instance.Start, seed);
            string what = FormattableString.Invariant($"seed {seed}: {solution.Status} after {Calls(solution)} calls, x1 {solution.X[0]}, {solution.Certificate}");
            Assert.True(solution.Converged, what);
            var certificate = new KktCertificate().Check(exact, solution.Point, tolerance, solution.Penalty, quick: false).Certificate;
            Assert.True(certificate.Verdict == Verdict.Certified, what);
            Assert.InRange(instance.Answer!.Gap!(solution["x1"], solution["y1"], solution["y2"]), -1e-12, tolerance);
            double allowed = Problems.Single(p => p.Name == problemName).Distance * tolerance;
            if (double.IsFinite(allowed)) Assert.True(Distance(solution.X, instance.Answer.X!) <= allowed, what);
        }
    }

    [Theory]
    [InlineData("saddle-quadratic", 0.1, 300)]
    [InlineData("saddle-quadratic", 0.03, 1300)]
    [InlineData("saddle-quadratic", 0.01, 4600)]
    [InlineData("saddle-quadratic", 0.001, 69200)]
    [InlineData("saddle-merely-convex", 0.1, 600)]
    [InlineData("saddle-merely-convex", 0.03, 2100)]
    [InlineData("saddle-merely-convex", 0.01, 8400)]
    [InlineData("saddle-merely-convex", 0.001, 121900)]
    [InlineData("constrained-qp-a", 0.1, 300)]
    [InlineData("constrained-qp-a", 0.03, 1300)]
    [InlineData("constrained-qp-a", 0.01, 4600)]
    [InlineData("constrained-qp-a", 0.001, 66000)]
    [InlineData("constrained-qp-b", 0.01, 4800)]
    [InlineData("constrained-qp-b", 0.001, 87100)]
    [InlineData("constrained-qp-c", 0.1, 300)]
    [InlineData("constrained-qp-c", 0.03, 1100)]
    [InlineData("constrained-qp-c", 0.01, 4000)]
    [InlineData("constrained-qp-c", 0.001, 59900)]
    [InlineData("group-dro-small", 0.1, 100)]
    [InlineData("group-dro-small", 0.03, 12000)]
    [InlineData("group-dro-small", 0.01, 352000)]
    public void TheReferenceTakesAsManyStepsAsItWasMeasuredToTake(string problemName, double tolerance, long steps)
    {
        var instance = Create(problemName);
        var driver = new Driver { Stop = Stop.Certified(tolerance, every: 100) | Stop.Iterations(MostCalls) };
        var solution = driver.Run(Ogda.Reference(tolerance, instance.Problem.Constants), instance.Problem, instance.Start);
        Assert.Equal((SolveStatus.Converged, steps), (solution.Status, solution.Iterations));
    }

    [Theory]
    [InlineData("extragradient", "saddle-quadratic", 0.03, 2600)]
    [InlineData("extragradient", "saddle-merely-convex", 0.1, 1400)]
    [InlineData("extragradient", "group-dro-small", 0.03, 24000)]
    [InlineData("smoothed-extragradient", "saddle-quadratic", 0.03, 24400)]
    [InlineData("smoothed-extragradient", "saddle-merely-convex", 0.1, 4800)]
    [InlineData("smoothed-extragradient", "group-dro-small", 0.1, 200)]
    [InlineData("gda", "saddle-quadratic", 0.03, 16000)]
    [InlineData("gda", "group-dro-small", 0.03, 22400)]
    public void TheOtherReferencesToo(string method, string problemName, double tolerance, long calls)
    {
        var instance = Create(problemName);
        var constants = instance.Problem.Constants;
        IBilevelMinimaxMethod reference = method switch
        {
            "extragradient" => Extragradient.Reference(tolerance, constants),
            "smoothed-extragradient" => SmoothedExtragradient.Reference(tolerance, constants),
            _ => GradientDescentAscent.Reference(tolerance, constants),
        };
        var driver = new Driver { Stop = Stop.Certified(tolerance, every: 100) | Stop.Iterations(MostCalls) };
        var solution = driver.Run(reference, instance.Problem, instance.Start);
        Assert.Equal(SolveStatus.Converged, solution.Status);

        // One more: F is evaluated where the last step ended.
        Assert.Equal(calls + 1, Calls(solution));
    }

    [Theory]
    [InlineData("saddle-quadratic")]
    [InlineData("saddle-merely-convex")]
    [InlineData("constrained-qp-a")]
    [InlineData("constrained-qp-b")]
    [InlineData("constrained-qp-c")]
    public void CallsGrowSlowerThanTheReferences(string problemName)
    {
        // The least-squares slope of log calls against log 1/eps.
        double[] tolerances = [0.1, 0.0316, 0.01, 0.00316, 0.001];
        double[] x = [.. tolerances.Select(eps => Math.Log(1 / eps))];
        double[] y = [.. tolerances.Select(eps =>
        {
            var instance = Create(problemName);
            var solution = new Driver { Stop = Stop.Certified(eps, CertifyEvery) | Stop.Iterations(MostCalls) }.Run(new Auto { Tolerance = eps }, instance.Problem, instance.Start);
            Assert.True(solution.Converged);
            return Math.Log(Calls(solution));
        })];
        double slope = x.Zip(y, (a, b) => (a - x.Average()) * (b - y.Average())).Sum() / x.Sum(a => (a - x.Average()) * (a - x.Average()));

        // A method of Newton's kind hardly needs more for more digits; none needs fewer.
        Assert.InRange(slope, 0, 1.6);
    }

    [Fact]
    public void AutoCertifiesRandomProblemsThatItsRulesWereNotChosenOn()
    {
        int certified = 0;
        foreach (int seed in Enumerable.Range(1000, 12))
        {
            foreach (var (upper, minimiser, maximiser) in new[] { (1, 1, 1), (3, 4, 2), (2, 3, 3), (6, 5, 9) })
            {
                foreach (double tolerance in new[] { 0.1, 0.01, 0.001 })
                {
                    var instance = SaddleGeneratorTask.Instance(new SaddleGeneratorSettings { DataSeed = seed, UpperSize = upper, MinimiserSize = minimiser, MaximiserSize = maximiser });
                    var driver = new Driver { Stop = Stop.Certified(tolerance, CertifyEvery) | Stop.Iterations(60_000), CertifyAt = tolerance };
                    var solution = driver.Run(new Auto { Tolerance = tolerance }, instance.Problem, instance.Start);
                    string what = FormattableString.Invariant($"seed {seed}, sizes {upper}, {minimiser}, {maximiser}, {tolerance}: {solution.StatusMessage}");
                    Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, what);
                    double gap = instance.Answer!.Gap!(solution["x1"], solution["y1"], solution["y2"]);
                    Assert.True(gap >= -1e-12 && gap <= solution.Certificate["gap_bound"] + 1e-12, what);
                    certified++;
                }
            }
        }

        Assert.Equal(144, certified);
    }

    private static MinimaxInstance<DenseVector<double>> Create(string name) => KnownProblems.Minimax.Single(p => p.Name == name).Create();

    // Without strong convexity and concavity of the lower level, descent ascent circles its saddle points.
    private static bool CirclesTheSaddle(string problem, double tolerance) =>
        problem is "saddle-merely-convex" or "two-lines" or "two-lines-critical" || (problem is "matrix-game" or "constrained-linear" && tolerance < 0.1);

    private static long Calls(Solution<DenseVector<double>> solution) => Math.Max(solution.UpperCalls.Points, (solution.LowerCalls.Points + 1) / 2);

    private static double Distance(DenseVector<double> x, DenseVector<double> solution)
    {
        var difference = x.Copy();
        difference.AddScaled(-1, solution);
        return difference.Norm();
    }

    private sealed record ProblemRow(string Name, double Distance, double[] Figures)
    {
        public double? Local { get; init; }

        // F(x1) - F* allowed as a multiple of epsilon, where x1* is not unique.
        public double Reaches { get; init; } = double.NaN;

        // Whether its model has no bounds, so that the gap hangs on the declared moduli, and no smoothness is declared.
        public bool HasModuliOnly { get; init; }
    }

    private sealed record MethodRow(string Name, double[] Tolerances, Func<double, BilevelMinimaxProblem<DenseVector<double>>, IMethod> Create)
    {
        // Whether it runs without the declared constants.
        public bool Forgets { get; init; }

        public bool NeedsSmoothness { get; init; }

        public bool IsJudgedByFigures { get; init; }

        // The problems that it is for; null for all.
        public string[]? Problems { get; init; }

        // Most iterations.
        public long Limit { get; init; } = MostCalls;

        // Where it is known not to get there within the limits.
        public Func<string, double, bool> Fails { get; init; } = (_, _) => false;

        // Where its x1 is right although its answer is not certified.
        public Func<string, bool> FindsX { get; init; } = _ => false;

        // Where it may end at another KKT point, in a flat region.
        public string[] StopsWhereFlat { get; init; } = [];
    }
}
