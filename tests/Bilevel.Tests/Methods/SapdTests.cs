using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>The stochastic penalty method, on gradients with noise whose exact values only the certificate and the ends of subproblems see.</summary>
public sealed class SapdTests(ITestOutputHelper output)
{
    private const double Deviation = 0.05;

    // SAPD iterations in one step of a run.
    private const int Bunch = 50;

    private static BilevelMinimaxProblem<DenseVector<double>> Exact(string name) => name == "T1" ? new SmallSaddle().Problem : KktProblems.T2();

    private static DenseVector<double>[] StartOf(string name) => name == "T1" ? SmallSaddle.Start() : KktProblems.Point([-1], [0], [-0.5, -0.5], [0]);

    private static BilevelMinimaxProblem<DenseVector<double>> Noisy(BilevelMinimaxProblem<DenseVector<double>> problem, double deviation = Deviation) => problem with
    {
        Upper = new GaussianNoise<double>(problem.Upper, deviation),
        Lower = new GaussianNoise<double>(problem.Lower, deviation),
    };

    private static long Calls(Solution<DenseVector<double>> solution) => Math.Max(solution.UpperCalls.Points, (solution.LowerCalls.Points + 1) / 2);

    [Theory]
    [InlineData("T1", 12, 0.37, 0.29, 400, -0.315)]
    [InlineData("T2", 8.94427191, 0.45, 0.4, 100, 0.987)]
    public void The_reference_ends_where_it_was_measured_to_end(string name, double diameter, double minimiserNoise, double maximiserNoise, long subproblems, double x)
    {
        // Shorter subproblems than the 20000 iterations of the measured run.
        var method = Sapd.Reference(0.25, Exact(name).Constants, diameter, minimiserNoise, maximiserNoise, 2000);
        Assert.Equal((2000, 2000), (method.Iterations, method.MostIterations));
        var solution = new Driver { Stop = Stop.Iterations(subproblems * 2000 / Bunch), CertifyAt = 0.25 }.Run(method, Noisy(Exact(name)), StartOf(name), 1);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.Equal(x, solution.X[0], 0.02);
    }

    [Theory]
    [InlineData("T1", 0.25)]
    [InlineData("T1", 0.1)]
    [InlineData("T1", 0.03)]
    [InlineData("T2", 0.25)]
    [InlineData("T2", 0.1)]
    [InlineData("T2", 0.03)]
    public void Certified_within_a_tenth_of_the_calls_of_the_reference(string name, double tolerance)
    {
        for (ulong seed = 1; seed <= 3; seed++)
        {
            foreach (int polish in tolerance == 0.25 ? new[] { 0, 2000 } : [2000])
            {
                var solution = new Driver { Stop = Stop.Certified(tolerance, 5) | Stop.OracleCalls(10_000_000), CertifyAt = tolerance }
                    .Run(new Sapd { Tolerance = tolerance, Batch = 1, PolishSteps = polish }, Noisy(Exact(name)), StartOf(name), seed);
                output.WriteLine(FormattableString.Invariant($"{name} {tolerance} polish {polish} seed {seed}: {solution.Status} {solution.Iterations} steps, {Calls(solution)} calls, x {solution.X[0]:F4}, {solution.Residual:G3} {solution.Certificate}"));
                Assert.Equal((SolveStatus.Converged, Verdict.Certified), (solution.Status, solution.Certificate!.Verdict));
                Assert.InRange(Calls(solution), 1, 1_600_000);
                Assert.Equal(name == "T1" ? SmallSaddle.Answer : 1, solution.X[0], 2 * tolerance);
            }
        }
    }

    [Fact]
    public void The_noise_of_g_cancels_in_the_row_of_x1_and_grows_with_rho_in_that_of_z()
    {
        var exact = new SmallSaddle().Problem;
        var point = SmallSaddle.Start();
        var (clean, noisy) = (new MinimaxPenalty<DenseVector<double>>(exact, point), new MinimaxPenalty<DenseVector<double>>(exact with { Lower = Noisy(exact).Lower }, point));
        double[] last = [0, 0];
        foreach (double rho in new[] { 10.0, 1000 })
        {
            clean.Evaluate(rho);
            noisy.Evaluate(rho, new SampleStream(7).Next(1));
            Assert.Equal(clean.Rows[X1][0], noisy.Rows[X1][0], 1e-12);
            double noise = noisy.Rows[Z1][0] - clean.Rows[Z1][0];
            Assert.True(Math.Abs(noise) > 1e-3 * rho);
            if (rho > 10) Assert.Equal(100 * last[0], noise, 1e-8);
            last[0] = noise;
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public void Two_samples_for_the_two_terms_of_g_make_the_noise_of_x1_grow_with_rho(double apart)
    {
        // z = y + apart. The noise of rho g_x1(x1, y1, z2; one sample) - rho g_x1(x1, z1, y2; another) has variance 2 (rho deviation)^2.
        const int Draws = 4000;
        var exact = Exact("T1");
        var noisy = Noisy(exact).Lower;
        var point = SmallSaddle.Start(0.5, -0.3);
        point[Z1][0] = point[Y1][0] + apart;
        point[Z2][0] = point[Y2][0] + apart;
        DenseVector<double> first = Vectors.Of(0), second = Vectors.Of(0);
        var ofFirst = new PreparedRequest<DenseVector<double>>(noisy, [[point[X1], point[Y1], point[Z2]]], [new(Lower.X1, 0, first)]);
        var ofSecond = new PreparedRequest<DenseVector<double>>(noisy, [[point[X1], point[Z1], point[Y2]]], [new(Lower.X1, 0, second)]);
        var penalty = new MinimaxPenalty<DenseVector<double>>(exact with { Lower = noisy }, point);
        var clean = new MinimaxPenalty<DenseVector<double>>(exact, point);
        foreach (double rho in new[] { 10.0, 100, 1000 })
        {
            clean.Evaluate(rho);
            double row = clean.Rows[X1][0];
            var samples = new SampleStream(11);
            double apartSquares = 0, commonSquares = 0;
            clean.Evaluate(0);
            double ofUpper = clean.Rows[X1][0];
            for (int i = 0; i < Draws; i++)
            {
                ofFirst.Evaluate(samples.Next(1));
                ofSecond.Evaluate(samples.Next(1));
                apartSquares += Math.Pow(ofUpper + (rho * (first[0] - second[0])) - row, 2);
                penalty.Evaluate(rho, samples.Next(1));
                commonSquares += Math.Pow(penalty.Rows[X1][0] - row, 2);
            }

            // Five standard errors of an estimated deviation, which are 5/sqrt(2 Draws) of it.
            double expected = Math.Sqrt(2) * rho * Deviation;
            Assert.Equal(expected, Math.Sqrt(apartSquares / Draws), 5 / Math.Sqrt(2.0 * Draws) * expected);
            Assert.InRange(Math.Sqrt(commonSquares / Draws), 0, 1e-12 * rho);
        }
    }

    [Fact]
    public void Without_noise_the_subproblem_has_the_solution_of_its_linear_equations()
    {
        const double Eps = 0.25, R2 = Eps / 24;
        var problem = new SmallSaddle().Problem;
        double step = 0.5 / problem.Constants.PenaltySmoothness(1 / Eps)!.Value;
        var method = Sapd.Reference(Eps, problem.Constants, 12, 1e-9, 1e-9, 20_000) with { Batch = 0, TailShare = 0.01 };
        var start = SmallSaddle.Start();
        var run = method.Start(problem, start, 0);
        for (int i = 0; i < method.Iterations; i += Bunch) run.Step();

        // F is affine inside the sets: F(u) = M u + b. The subproblem asks F(u) + R (u - start) = 0.
        var point = start.Select(b => b.Copy()).ToArray();
        var penalty = new MinimaxPenalty<DenseVector<double>>(problem, point);
        double[] At(double[] u)
        {
            for (int i = 0; i < BlockCount; i++) point[i][0] = u[i];
            penalty.Evaluate(1 / Eps);
            return [.. penalty.Rows.Select(r => r[0])];
        }

        double[] b = At(new double[BlockCount]);
        var system = new double[BlockCount, BlockCount + 1];
        for (int j = 0; j < BlockCount; j++)
        {
            var unit = new double[BlockCount];
            unit[j] = 1;
            double[] column = At(unit), weights = [1 / step, R2, 1 / step, 1 / step, R2, R2];
            for (int i = 0; i < BlockCount; i++) system[i, j] = column[i] - b[i] + (i == j ? weights[j] : 0);
            system[j, BlockCount] = (weights[j] * start[j][0]) - b[j];
        }

        double[] saddle = Solve(system), rows = At(saddle);

        // And then one proximal step of 0.9 s, which stays inside the sets.
        for (int i = 0; i < BlockCount; i++) Assert.Equal(saddle[i] - (0.9 * step * rows[i]), run.Point[i][0], 1e-8);
    }

    [Fact]
    public void A_step_is_a_bounded_bunch_and_shows_the_end_of_the_last_subproblem()
    {
        long evaluations = 0;
        var problem = Watched(Noisy(Exact("T1")), _ => evaluations++);
        var run = new Sapd { Tolerance = 0.1, Batch = 1, Iterations = 3190, MostIterations = 3190 }.Start(problem, StartOf("T1"), 3);
        run.Step();
        for (int subproblem = 0; subproblem < 3; subproblem++)
        {
            double residual = run.Residual;
            double[] point = [.. run.Point.ToArray().SelectMany(b => b.ToDoubles())];
            for (int i = subproblem == 0 ? 1 : 0; i < 64; i++)
            {
                Assert.Equal(residual, run.Residual);
                Assert.Equal(point, run.Point.ToArray().SelectMany(b => b.ToDoubles()));
                evaluations = 0;
                run.Step();

                // Two per iteration; the last bunch has 40, and the proximal step, perhaps tried twice.
                Assert.InRange(evaluations, i < 63 ? 100 : 81, i < 63 ? 100 : 82);
            }

            Assert.NotEqual(residual, run.Residual);
            Assert.NotEqual(point, run.Point.ToArray().SelectMany(b => b.ToDoubles()));
        }
    }

    [Fact]
    public void Growth_polish_and_samples_resume_to_the_bit()
    {
        const int Total = 250;
        var samples = new List<Sample>();
        var method = new Sapd { Tolerance = 0.01, Batch = 2, Iterations = 40, MostIterations = 120, PolishSteps = 3 };
        (Solution<DenseVector<double>> Solution, Sample[] Samples) Sittings(params long[] limits)
        {
            var store = new MemoryCheckpoints();
            Solution<DenseVector<double>>? solution = null;
            samples.Clear();
            foreach (long limit in limits)
                solution = new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true, Validate = false }.Run(method, Watched(Noisy(Exact("T1"), 1), samples.Add), StartOf("T1"), 5);
            return (solution!, [.. samples]);
        }

        var whole = Sittings(Total);

        // Between two exact evaluations there are 2N - 1 on minibatches; in the polish all are exact.
        var lengths = new List<int> { 0 };
        int exact = 0, longest = 0;
        foreach (var sample in whole.Samples)
        {
            exact = sample.IsAll ? exact + 1 : 0;
            longest = Math.Max(longest, exact);
            if (!sample.IsAll) lengths[^1]++;
            else if (lengths[^1] > 0) lengths.Add(0);
        }

        Assert.Superset(new HashSet<int> { 79, 159, 239 }, lengths.ToHashSet());
        Assert.InRange(longest, 3 * 80, 4 * 80);
        Assert.Equal(whole.Samples.Count(s => !s.IsAll), whole.Samples.Where(s => !s.IsAll).Distinct().Count());
        for (long stop = 1; stop < Total; stop += 7)
        {
            var resumed = Sittings(stop, Math.Min(stop + 20, Total), Total);
            ResumeTests.AssertSame(whole.Solution, resumed.Solution, FormattableString.Invariant($"stopped at {stop}"));
        }
    }

    [Fact]
    public void A_limit_below_the_first_number_of_iterations_is_refused()
    {
        var finding = Assert.Single(new Sapd { Iterations = 100, MostIterations = 50 }.Validate(new SmallSaddle().Problem));
        Assert.Equal((Severity.Error, "most-iterations = 50 is below iterations = 100."), (finding.Severity, finding.What));
    }

    // f answers as before, and every request to it is seen.
    private static BilevelMinimaxProblem<DenseVector<double>> Watched(BilevelMinimaxProblem<DenseVector<double>> problem, Action<Sample> see) => problem with { Upper = new WatchedObjective(problem.Upper, see) };

    private sealed class WatchedObjective(IObjective<DenseVector<double>> inner, Action<Sample> see) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            if (request.Gradients.Length > 0) see(request.Sample);
            inner.Evaluate(request);
        }
    }

    // Gauss-Jordan with pivoting.
    private static double[] Solve(double[,] system)
    {
        int n = system.GetLength(0);
        for (int k = 0; k < n; k++)
        {
            int pivot = Enumerable.Range(k, n - k).MaxBy(i => Math.Abs(system[i, k]));
            for (int j = 0; j <= n; j++) (system[k, j], system[pivot, j]) = (system[pivot, j], system[k, j]);
            for (int i = 0; i < n; i++)
            {
                if (i == k) continue;
                double factor = system[i, k] / system[k, k];
                for (int j = k; j <= n; j++) system[i, j] -= factor * system[k, j];
            }
        }

        return [.. Enumerable.Range(0, n).Select(i => system[i, n] / system[i, i])];
    }
}
