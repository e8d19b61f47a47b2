namespace Bilevel.Tasks.Tests;

/// <summary>
/// Every minimax method on every minimax problem with a known answer. A new method is one line of <see cref="Methods"/>,
/// a new problem one line of <see cref="Problems"/> (and of the catalogue of known problems).
/// </summary>
public sealed class MinimaxMatrixTests
{
    private const long CertifyEvery = 20, MostCalls = 400_000;

    // Distance: |x1 - x1*| allowed as a multiple of epsilon, NaN where the hyperobjective is too flat for the residuals
    // to say where x1 is; Local: the local minimum that the start leads to, where it is not the global one; Figures: the
    // calls of the measured reference at 0.1, 0.01 and 0.001 (bilevel minimax, section 10.5), NaN where there are none.
    private static readonly ProblemRow[] Problems =
    [
        new("saddle-quadratic", Distance: 2, [300, 4600, 69200]),
        new("saddle-quadratic-nonconvex", Distance: 2, [double.NaN, double.NaN, double.NaN]) { Local = 1.1842321058 },
        new("saddle-merely-convex", Distance: 2, [600, 8400, 121900]),
        new("group-dro-small", Distance: double.NaN, [100, 352000, double.NaN]),
        new("saddle-generator", Distance: 20, [double.NaN, double.NaN, double.NaN]),
        new("saddle-generator-2", Distance: 20, [double.NaN, double.NaN, double.NaN]),
        new("matrix-game", Distance: double.NaN, [double.NaN, double.NaN, double.NaN]),
    ];

    private static readonly MethodRow[] Methods =
    [
        new("auto", [0.1, 0.01, 0.001], (eps, _) => new Auto { Tolerance = eps }) { IsJudgedByFigures = true },
        new("ogda without constants", [0.1, 0.01, 0.001], (eps, _) => new Ogda { Tolerance = eps }) { Forgets = true, IsJudgedByFigures = true },
        new("ogda with stages of rho", [0.1, 0.01, 0.001], (eps, _) => new Ogda { Tolerance = eps, Penalty = new RhoStages { RhoStart = 10 } }) { IsJudgedByFigures = true },
        new("ogda, reference", [0.1, 0.01], (eps, problem) => Ogda.Reference(eps, problem.Constants)),
        new("extragradient", [0.1, 0.01, 0.001], (eps, _) => new Extragradient { Tolerance = eps }),
        new("smoothed extragradient", [0.1, 0.01], (eps, _) => new SmoothedExtragradient { Tolerance = eps }),
        new("descent ascent", [0.1, 0.01], (eps, _) => new GradientDescentAscent { Tolerance = eps }) { Cycles = ["saddle-merely-convex", "matrix-game"] },
    ];

    public static TheoryData<string, string, double> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, double>();
            foreach (var method in Methods)
            {
                foreach (var problem in Problems)
                {
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

        var driver = new Driver { Stop = Stop.Certified(tolerance, CertifyEvery) | Stop.Iterations(MostCalls), CertifyAt = tolerance };
        var solution = driver.Run(method.Create(tolerance, problem), problem, instance.Start);

        Assert.Equal(start, instance.Start.Select(b => b.ToDoubles()));
        double distance = double.NaN;
        Assert.All(solution.Point, block => Assert.True(block.IsFinite()));
        var certificate = solution.Certificate!;
        double gap = answer.Gap!(solution["x1"], solution["y1"], solution["y2"]);
        Assert.InRange(gap, -1e-12, certificate["gap_bound"] + 1e-12);
        if (method.Cycles.Contains(problemName))
        {
            // It must not be called a success.
            Assert.Equal(Verdict.NotCertified, certificate.Verdict);
            Assert.False(solution.Converged);
            return;
        }

        Assert.True(solution.Converged && certificate.Verdict == Verdict.Certified, Report("not certified"));
        Assert.InRange(certificate["minimiser_residual"], 0, tolerance);
        Assert.InRange(certificate["maximiser_residual"], 0, tolerance);
        Assert.InRange(certificate["gap_bound"], 0, tolerance);
        distance = Distance(solution.X, row.Local is { } local ? Vectors.Of(local) : answer.X!);
        Assert.True(!(distance > row.Distance * tolerance), Report("distance"));
        Assert.True(answer.Hyperobjective!(solution.X) - answer.UpperValue!.Value >= -1e-9, Report("below F*"));

        double figure = row.Figures[tolerance switch { 0.1 => 0, 0.01 => 1, _ => 2 }];
        if (method.IsJudgedByFigures && double.IsFinite(figure)) Assert.True(Calls(solution) <= 1.15 * figure, Report("too many calls"));

        string Report(string what) => FormattableString.Invariant($"{what}: {solution.Status} after {Calls(solution)} calls, x1 at {distance:G3}: {certificate}");
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
        Assert.InRange(slope, 0.1, 1.6);
    }

    private static MinimaxInstance<DenseVector<double>> Create(string name) => KnownProblems.Minimax.Single(p => p.Name == name).Create();

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
    }

    private sealed record MethodRow(string Name, double[] Tolerances, Func<double, BilevelMinimaxProblem<DenseVector<double>>, IMethod> Create)
    {
        // Whether it runs without the declared constants.
        public bool Forgets { get; init; }

        public bool IsJudgedByFigures { get; init; }

        public string[] Cycles { get; init; } = [];
    }
}
