namespace Bilevel.Tests;

/// <summary>What the solver does where rounding or the scales leave no room.</summary>
public sealed class SolverLimitTests(ITestOutputHelper output)
{
    [Fact]
    public void A_tolerance_near_rounding_is_reached()
    {
        var q = QuadraticBilevel.Random(2, sizeX: 3, sizeY: 3);
        var solution = BilevelSolver.Solve(q.Problem(), Vectors.Of(1, 1, 1), Vectors.Zeros(3), 1e-9);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.InRange(Dense.Norm(q.Hypergradient(solution.X.ToDoubles())), 0, 1e-9);
    }

    [Fact]
    public void A_tolerance_below_rounding_is_neither_certified_nor_endless()
    {
        var q = QuadraticBilevel.Random(2, sizeX: 3, sizeY: 3);
        var solution = BilevelSolver.Solve(q.Problem(), Vectors.Of(1, 1, 1), Vectors.Zeros(3), 1e-13);
        double truth = Dense.Norm(q.Hypergradient(solution.X.ToDoubles()));
        output.WriteLine($"{solution.Status} after {solution.Iterations} at lambda {solution.Penalty:G3}, truth {truth:G3}: {solution.Certificate!.Summary}");
        Assert.Equal(SolveStatus.Stalled, solution.Status);
        Assert.True(truth <= solution.Certificate["stationarity_bound"] + 1e-14);
        Assert.NotEqual(Verdict.Certified, solution.Certificate.Verdict);
        Assert.True(truth <= 1e-4, $"the answer is still good: {truth}");
    }

    [Theory]
    [InlineData(1e-8, 1, 1, 1)]
    [InlineData(1e8, 1, 1, 1)]
    [InlineData(1, 1e-8, 1, 1)]
    [InlineData(1, 1e8, 1, 1)]
    [InlineData(1, 1, 1e-4, 1e4)]
    [InlineData(1, 1, 1e4, 1e-4)]
    public void Scales_of_the_levels_and_variables(double f, double g, double x, double y)
    {
        var q = QuadraticBilevel.Random(3, scaleF: f, scaleG: g, scaleX: x, scaleY: y, sizeX: 3, sizeY: 4);
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var solution = BilevelSolver.Solve(q.Problem(), Vectors.Of(x, x, x), Vectors.Zeros(4), 1e-3 * f / x, cancellation: timeout.Token);
        double truth = Dense.Norm(q.Hypergradient(solution.X.ToDoubles()));
        output.WriteLine($"{solution.Status} after {solution.Iterations} at lambda {solution.Penalty:G3}, truth {truth:G3}: {solution.Certificate?.Summary}");
        if (solution.Certificate is { } certificate) Assert.True(truth <= certificate["stationarity_bound"]);
        Assert.Equal(Verdict.Certified, solution.Certificate?.Verdict);
    }

    [Fact]
    public void A_limit_of_the_callers_ends_a_solve_with_its_status()
    {
        var q = QuadraticBilevel.Random(4, kappa: 1e3, sizeX: 6, sizeY: 6);
        Solution<DenseVector<double>> Solve(StoppingRule? limit) => BilevelSolver.Solve(q.Problem(), Vectors.Zeros(6), Vectors.Zeros(6), 1e-5, limit);
        Assert.Equal(SolveStatus.Converged, Solve(null).Status);
        Assert.Equal(SolveStatus.Converged, Solve(Stop.OracleCalls(1_000_000) | Stop.Time(TimeSpan.FromMinutes(5))).Status);
        long whole = Solve(null).OracleCalls;
        var iterations = Solve(Stop.Iterations(2));
        Assert.Equal((SolveStatus.IterationLimit, 2), (iterations.Status, iterations.Iterations));
        var calls = Solve(Stop.OracleCalls(whole / 4));
        Assert.Equal(SolveStatus.OracleLimit, calls.Status);
        Assert.InRange(calls.OracleCalls, whole / 4, whole - 1);
        Assert.StartsWith("Stopped before it converged. The limit of ", calls.StatusMessage, StringComparison.Ordinal);
        Assert.Equal(SolveStatus.TimeLimit, Solve(Stop.Time(TimeSpan.FromTicks(1))).Status);

        // The other overload.
        var saddle = new SmallSaddle().Problem;
        Solution<DenseVector<double>> Saddle(StoppingRule? limit) => BilevelSolver.Solve(saddle, SmallSaddle.Start(), 1e-4, limit);
        Assert.Equal(SolveStatus.Converged, Saddle(null).Status);
        var few = Saddle(Stop.Iterations(3));
        Assert.Equal((SolveStatus.IterationLimit, 3), (few.Status, few.Iterations));
        Assert.Equal(SolveStatus.OracleLimit, Saddle(Stop.OracleCalls(10)).Status);
    }

    // Four variables, y in a box that half of its components touch: F has kinks of its slope.
    private static (BilevelProblem<DenseVector<double>> Problem, Func<DenseVector<double>, double> Slope) Boxed(ulong seed)
    {
        const int Size = 4;
        double[] a = [.. Enumerable.Range(0, Size).Select(i => 3 * RandomBits.Normal(seed, (ulong)i))], w = [.. Enumerable.Range(0, Size).Select(i => Math.Pow(10, RandomBits.Uniform(seed, 10 + (ulong)i)))];
        double Answer(double x) => Math.Clamp(x, -1, 1);
        var problem = new BilevelProblem<DenseVector<double>>(
            new FunctionObjective<DenseVector<double>>(
                (x, y) => Enumerable.Range(0, Size).Sum(i => (w[i] * Math.Pow(y[i] - a[i], 2) / 2) + (0.3 * x[i] * x[i] / 2)), (x, _, r) => r.Fill(i => 0.3 * x[i]), (_, y, r) => r.Fill(i => w[i] * (y[i] - a[i]))),
            new FunctionObjective<DenseVector<double>>(
                (x, y) => Enumerable.Range(0, Size).Sum(i => (i + 1) * Math.Pow(y[i] - x[i], 2) / 2), (x, y, r) => r.Fill(i => (i + 1) * (x[i] - y[i])), (x, y, r) => r.Fill(i => (i + 1) * (y[i] - x[i]))))
        {
            LowerSet = new Box<double>(-1, 1),
            Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 4, LowerCoupling = 4, LowerHessianLipschitz = 0, UpperSmoothness = w.Max(), UpperCoupling = 0 },
        };

        // The least slope among those on both sides of the kinks at x = -1 and 1.
        return (problem, x => Math.Sqrt(Enumerable.Range(0, Size).Sum(i =>
        {
            double free = (0.3 * x[i]) + (w[i] * (Answer(x[i]) - a[i])), held = 0.3 * x[i], edge = Math.Abs(Math.Abs(x[i]) - 1);
            double slope = edge < 1e-4 ? (free * held <= 0 ? 0 : Math.Min(Math.Abs(free), Math.Abs(held))) : Math.Abs(x[i]) < 1 ? free : held;
            return slope * slope;
        })));
    }

    [Fact]
    public void Auto_does_by_the_driver_what_the_solver_does()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            var (problem, slope) = Boxed(seed);
            var solved = BilevelSolver.Solve(problem, Vectors.Zeros(4), Vectors.Zeros(4), 1e-3);
            var driven = new Driver { Stop = Stop.Residual(5e-4) | Stop.Iterations(20_000), CertifyAt = 1e-3 }.Run(new Auto { Tolerance = 5e-4 }, problem, Vectors.Zeros(4), Vectors.Zeros(4));
            Assert.True(driven.Converged || !solved.Converged, $"seed {seed}: {solved.Status}, but by the driver {driven.StatusMessage}");
            if (driven.Converged) Assert.True(slope(driven.X) <= 2e-3, $"seed {seed}: {slope(driven.X)}: {driven.StatusMessage}");

            // At a kink the one stops where it is certified, the other goes on.
            if (solved.Converged) Assert.Equal(solved.X[0], driven.X[0], solved.StatusMessage.Contains("kink", StringComparison.Ordinal) ? 1e-4 : 1e-9);
        }
    }

    [Fact]
    public void Auto_goes_from_one_way_to_the_next_and_is_resumed_to_the_bit()
    {
        // A border of f that F falls up to: the line searches of the first two ways come to rest there, the third goes on.
        double At(double x, double value) => Math.Abs(x) > 2 ? double.NaN : value;
        var problem = new BilevelProblem<DenseVector<double>>(
            new FunctionObjective<DenseVector<double>>((x, y) => At(x[0], -x[0] + (y[0] * y[0] / 40)), (x, _, r) => r[0] = At(x[0], -1), (x, y, r) => r[0] = At(x[0], y[0] / 20)),
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]));
        Solution<DenseVector<double>> Sittings(params long[] limits)
        {
            var store = new MemoryCheckpoints();
            Solution<DenseVector<double>>? solution = null;
            foreach (long limit in limits) solution = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(limit), Checkpoints = store, Resume = true }.Run(new Auto(), problem, Vectors.Of(0), Vectors.Of(0));
            return solution!;
        }

        var whole = Sittings(400);
        ResumeTests.AssertSame(whole, Sittings(50, 107, 211, 399, 400), "auto");
        var run = (PhasedRun<DenseVector<double>>)((IMethod)new Auto()).Start(problem, [Vectors.Of(0), Vectors.Of(0)], 0);
        for (int k = 0; k < 400; k++) run.Step();
        Assert.Equal(2, run.PhaseIndex);
    }
}
