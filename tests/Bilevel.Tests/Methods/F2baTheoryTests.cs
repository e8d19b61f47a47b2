using CsCheck;

namespace Bilevel.Tests;

public sealed class F2baTheoryTests(ITestOutputHelper output)
{
    // f = y and g = (y - phi(x))^2 / 2 with phi(x) = x^2/(1 + x^2) + cos(2x)/4 + x^2/50, so that F = phi.
    private static readonly Func<double, double> Slope = x => (2 * x / Math.Pow(1 + (x * x), 2)) - (Math.Sin(2 * x) / 2) + (x / 25);
    private static readonly Func<double, double> Phi = x => (x * x / (1 + (x * x))) + (Math.Cos(2 * x) / 4) + (x * x / 50);

    private static BilevelProblem<DenseVector<double>> LowerBound => new(
        new FunctionObjective<DenseVector<double>>((_, y) => y[0], (_, _, r) => r[0] = 0, (_, _, r) => r[0] = 1),
        new FunctionObjective<DenseVector<double>>(
            (x, y) => Math.Pow(y[0] - Phi(x[0]), 2) / 2, (x, y, r) => r[0] = -Slope(x[0]) * (y[0] - Phi(x[0])), (x, y, r) => r[0] = y[0] - Phi(x[0])))
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 2, LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 },
    };

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Oracle_calls_grow_no_faster_than_the_square_of_the_accuracy(bool nonconvex, bool accelerated)
    {
        var points = new List<(double, double)>();
        foreach (double eps in new[] { 1e-1, 1e-2, 1e-3, 1e-4 })
        {
            var solution = new Driver { Stop = Stop.Residual(eps) | Stop.Iterations(20_000) }.Run(
                new F2ba { Tolerance = eps, Accelerated = accelerated }, nonconvex ? LowerBound : PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0));
            Assert.Equal(SolveStatus.Converged, solution.Status);
            double gradient = nonconvex ? Slope(solution.X[0]) : PenaltyTheory.Gradient(solution.X[0]);
            Assert.True(Math.Abs(gradient) <= eps, $"{gradient} at {eps}");
            points.Add((1 / eps, solution.OracleCalls));
        }

        double slope = PenaltyTheory.Slope(points);
        output.WriteLine($"nonconvex {nonconvex}, accelerated {accelerated}: calls {string.Join(", ", points.Select(p => p.Item2))}, slope {slope:F3}");
        Assert.True(slope <= 2, $"slope {slope}");
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0.5)]
    public void Inner_steps_grow_with_the_condition_number(bool accelerated, double exponent)
    {
        var points = new List<(double, double)>();
        foreach (double kappa in new[] { 1e2, 1e3, 1e4 })
        {
            // Along the flattest direction, where plain gradients need kappa steps.
            var q = QuadraticBilevel.Random(7, kappa, sizeX: 3, sizeY: 6);
            var solution = new Driver { Stop = Stop.Iterations(1) }.Run(
                new F2ba { Lambda = 100 * kappa, Tolerance = 1e-6, Accelerated = accelerated, InnerLimit = 10_000_000 }, q.Problem(), Vectors.Of(1, 1, 1), Vectors.Zeros(6));
            points.Add((kappa, solution.LowerCalls.Gradients[BilevelProblem.Y] / 2.0));
        }

        double slope = PenaltyTheory.Slope(points);
        output.WriteLine($"accelerated {accelerated}: inner steps {string.Join(", ", points.Select(p => p.Item2))}, slope {slope:F3}");
        Assert.InRange(slope, exponent - 0.2, exponent + 0.2);
    }

    [Fact]
    public void Outer_steps_do_not_grow_with_lambda()
    {
        var counts = new List<long>();
        foreach (double lambda in new[] { 10, 1e2, 1e3, 1e4, 1e5, 1e6 })
        {
            var method = new F2ba { Lambda = lambda, Tolerance = 1e-6, Upper = new() { StepRule = StepRule.Plain } };
            counts.Add(new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(1000) }.Run(method, PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0)).Iterations);
        }

        output.WriteLine(string.Join(", ", counts));
        Assert.True(counts.Max() <= counts.Min() + 8 && counts.Max() < 200, string.Join(", ", counts));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(15)]
    [InlineData(20)]
    public void Matched_steps_converge_for_every_number_of_inner_steps_and_lambda(int innerSteps)
    {
        foreach (double lambda in new[] { 10, 1e2, 1e3, 1e4, 1e5, 1e6 })
        {
            var run = PenaltyTheory.Start(new F2ba { Lambda = lambda, InnerSteps = innerSteps, StepX = 0.1, Upper = new() });
            for (int k = 0; k < 400; k++) run.Step();
            Assert.Equal(PenaltyTheory.Stationary(lambda), run.Point[0][0], 1e-11);
        }
    }

    [Theory]
    [InlineData(1, 10, 100)]
    [InlineData(2, 10, 100)]
    [InlineData(5, 100, 1000)]
    [InlineData(10, 1e3, 1e4)]
    [InlineData(15, 1e5, 1e6)]
    [InlineData(20, 1e6, double.NaN)]
    public void The_published_y_step_diverges_from_some_lambda_on(int innerSteps, double converges, double diverges)
    {
        double Error(double lambda)
        {
            var run = PenaltyTheory.Start(F2ba.Published(lambda, innerSteps, 1, 0.1));
            for (int k = 0; k < 400; k++) run.Step();
            return Math.Abs(run.Point[0][0] - PenaltyTheory.Stationary(lambda));
        }

        Assert.True(Error(converges) < 1e-3, $"{Error(converges)} at {converges}");
        if (!double.IsNaN(diverges)) Assert.False(Error(diverges) < 100, $"{Error(diverges)} at {diverges}");
    }

    [Theory]
    [InlineData(10, 0.588235, 5.882e-2)]
    [InlineData(100, 0.598802, 5.988e-3)]
    [InlineData(1000, 0.599880, 5.999e-4)]
    public void The_published_method_reaches_the_closed_form(double lambda, double x, double gradient)
    {
        foreach (bool accelerated in new[] { false, true })
        {
            var run = PenaltyTheory.Start(F2ba.Published(lambda, 20, 1, 0.1) with { Accelerated = accelerated });
            for (int k = 0; k < 400; k++) run.Step();
            Assert.Equal(x, run.Point[0][0], 1e-6);
            Assert.Equal(gradient, Math.Abs(PenaltyTheory.Gradient(run.Point[0][0])), 2e-3 * gradient);
        }
    }

    [Fact]
    public void Inner_tolerances_keep_the_estimate_within_its_accuracy()
    {
        double worst = 0;
        Gen.Select(Gen.Int[0, 1 << 30], Gen.Int[0, 3], Gen.Int[1, 5], Gen.Int[-6, -1], Gen.Bool).Each(
            100,
            sample =>
            {
                var (seed, decades, lambdas, digits, accelerated) = sample;
                var q = QuadraticBilevel.Random(seed, Math.Pow(10, decades));
                double lambda = Math.Pow(10, lambdas) * 2 * q.Constants.UpperSmoothness!.Value / q.Mu, tolerance = Math.Pow(10, digits);
                double[] x = Dense.Normal(new Random(seed), q.SizeX);

                // A plain step of length 1, taken at the beginning of the second iteration, shows the estimate of the first.
                var run = new F2ba { Lambda = lambda, Tolerance = tolerance, InnerShare = 0.1, StepX = 1, Accelerated = accelerated, InnerLimit = 1_000_000, Upper = new() }
                    .Start(q.Problem(), Vectors.Of(x), Vectors.Zeros(q.SizeY), 0);
                run.Step();
                run.Step();
                double error = Dense.Norm(Dense.Sum(Dense.Sum(x, -1, run.Point[0].ToDoubles()), -1, q.PenaltyHypergradient(x, lambda)));
                double rounding = 1e-15 * Math.Pow(10, decades) * lambda * (1 + Dense.Norm(x));
                worst = Math.Max(worst, (error - rounding) / (0.1 * tolerance));
                return error <= (0.1 * tolerance) + rounding;
            });
        output.WriteLine($"largest share of the accuracy used: {worst:F3}");
    }

    [Theory]
    [InlineData(1e-2)]
    [InlineData(1e-3)]
    [InlineData(1e-4)]
    [InlineData(1e-5)]
    [InlineData(1e-6)]
    public void Continuation_ends_within_the_tolerance_and_certified(double tolerance)
    {
        Gen.Select(Gen.Int[0, 1 << 30], Gen.Bool).Each(
            25,
            sample =>
            {
                var (seed, known) = sample;
                var q = QuadraticBilevel.Random(seed);
                var problem = q.Problem(known);
                double[] start = Dense.Normal(new Random(seed), q.SizeX);
                var driver = new Driver { Stop = Stop.Residual(tolerance) | Stop.Iterations(20_000) };
                var solution = driver.Run(new F2ba { Tolerance = tolerance, Accelerated = seed % 2 == 0 }, problem, Vectors.Of(start), Vectors.Zeros(q.SizeY));
                double gradient = Dense.Norm(q.Hypergradient(solution.X.ToDoubles()));
                Assert.True(solution.Status == SolveStatus.Converged && gradient <= tolerance, $"{solution.StatusMessage} lambda {solution.Penalty}, gradient {gradient}");
                if (!known) return;
                var solved = BilevelSolver.Solve(problem, Vectors.Of(start), Vectors.Zeros(q.SizeY), tolerance);
                Assert.True(solved.Certificate!.Verdict == Verdict.Certified, $"{solved.StatusMessage} {solved.Certificate}");
            });
    }

    [Fact]
    public void A_bias_that_falls_late_is_not_taken_for_small()
    {
        // f curves a hundred thousand times more than g: at lambda = 10 doubling lambda hardly changes the hypergradient.
        var q = QuadraticBilevel.Scalar(a: 1e5, b: 1e5);
        var driver = new Driver { Stop = Stop.Residual(10) | Stop.Iterations(2000) };
        var solution = driver.Run(new F2ba { LambdaStart = 10, Tolerance = 10 }, q.Problem(), Vectors.Of(3), Vectors.Of(0));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.True(Math.Abs(q.Hypergradient(solution.X.ToDoubles())[0]) <= 10, $"{solution.StatusMessage} lambda {solution.Penalty}");
    }

    [Fact]
    public void The_adaptive_step_survives_a_corner()
    {
        // x is held at a corner for thousands of steps, where nothing is learnt of the curvature.
        var q = QuadraticBilevel.Random(11, sizeX: 2, sizeY: 2) with { Center = [100, 100] };
        var problem = q.Problem() with { UpperSet = new Box<double>(-0.01, 0.01) };
        var run = new F2ba { Lambda = 100 }.Start(problem, Vectors.Of(0, 0), Vectors.Zeros(2), 0);
        for (int k = 0; k < 5000; k++) run.Step();
        Assert.True(run.Point[0].IsFinite() && double.IsFinite(run.Residual));
    }

    [Fact]
    public void A_run_that_rounding_keeps_from_its_tolerance_ends_and_says_so()
    {
        const double Tolerance = 1e-8;
        int stalled = 0;
        for (int seed = 0; seed < 3; seed++)
        {
            var q = QuadraticBilevel.Random(seed, kappa: 1e5, sizeX: 3, sizeY: 4);
            var method = new F2ba { Accelerated = true, Tolerance = Tolerance };
            var solution = new Driver { Stop = Stop.Residual(Tolerance) | Stop.Iterations(600) }.Run(method, q.Problem(), Vectors.Of(1, 1, 1), Vectors.Zeros(4));
            double truth = Dense.Norm(q.Hypergradient(solution.X.ToDoubles()));
            if (solution.Converged) Assert.InRange(truth, 0, 2 * Tolerance);
            if (solution.Status != SolveStatus.Stalled) continue;
            stalled++;
            Assert.StartsWith("Stopped before it converged. Rounding ends the progress: at lambda = ", solution.StatusMessage, StringComparison.Ordinal);
            Assert.InRange(truth, 0, Tolerance);
            Assert.True(solution.Residual > Tolerance);
        }

        Assert.True(stalled > 0);
    }
}
