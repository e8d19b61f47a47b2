using System.Globalization;
using System.Text.RegularExpressions;

namespace Bilevel.Tests;

/// <summary>The quasi-Newton outer loop: few iterations, the bias of its lambda, constraints, resume, allocation, bad input.</summary>
public sealed class QuasiNewtonTests
{
    // phi(x) = 100 (x2 - x1^2)^2 + (1 - x1)^2 as the hyperobjective: f = phi(x) + |y|^2/2 at y*(x) = 0.
    private static BilevelProblem<DenseVector<double>> Valley => new(
        new FunctionObjective<DenseVector<double>>(
            (x, y) => (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)) + Math.Pow(1 - x[0], 2) + (0.5 * y[0] * y[0]),
            (x, _, r) => (r[0], r[1]) = ((-400 * x[0] * (x[1] - (x[0] * x[0]))) - (2 * (1 - x[0])), 200 * (x[1] - (x[0] * x[0]))),
            (_, y, r) => r[0] = y[0]),
        new FunctionObjective<DenseVector<double>>((_, y) => 0.5 * y[0] * y[0], (_, _, r) => (r[0], r[1]) = (0, 0), (_, y, r) => r[0] = y[0]))
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 0, UpperSmoothness = 1, UpperCoupling = 0 },
    };

    [Fact]
    public void A_curved_valley_takes_a_few_dozen_iterations()
    {
        // The published first-order outer loops take 20,548 and at best 398 steps from here (penalty methods, section 10.7).
        var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(400) }.Run(new QuasiNewton { Lambda = 10, Tolerance = 1e-4 }, Valley, Vectors.Of(-1.2, 1), Vectors.Of(0));

        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.InRange(solution.Iterations, 5, 60);
        Assert.Equal(1, solution.X[0], 1e-4);
        Assert.Equal(1, solution.X[1], 2e-4);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(100)]
    [InlineData(1000)]
    public void At_a_fixed_lambda_it_ends_at_the_minimiser_of_the_penalty_function(double lambda)
    {
        var solution = new Driver { Stop = Stop.Residual(1e-9) | Stop.Iterations(100) }.Run(new QuasiNewton { Lambda = lambda, Tolerance = 1e-9 }, PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0));

        // The bias that it tells of is the slope of F there.
        Assert.Equal(SolveStatus.NotWithinTolerance, solution.Status);
        Assert.Equal(PenaltyTheory.Stationary(lambda), solution.X[0], 1e-8);
        double bias = double.Parse(Regex.Match(solution.StatusMessage, "its bias, about ([^,]+),").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(bias / Math.Abs(PenaltyTheory.Gradient(solution.X[0])), 0.8, 1.25);
        Assert.InRange(solution.Iterations, 1, 15);
    }

    [Theory]
    [InlineData(1e-3)]
    [InlineData(1e-5)]
    [InlineData(1e-7)]
    public void The_residual_bounds_the_hypergradient_where_lambda_is_chosen(double tolerance)
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            var start = Vectors.Of(5 * RandomBits.Normal(seed, 0));
            var solution = new Driver { Stop = Stop.Residual(tolerance) | Stop.Iterations(300) }.Run(new QuasiNewton { Tolerance = tolerance }, PenaltyTheory.Scalar, start, Vectors.Of(RandomBits.Normal(seed, 1)));

            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.InRange(Math.Abs(PenaltyTheory.Gradient(solution.X[0])), 0, 1.5 * tolerance);
        }
    }

    [Fact]
    public void A_box_of_the_leader_holds_it()
    {
        // grad F < 0 up to 5/9.5 = 0.5263..., so the bound 0.3 is touched and the projected gradient vanishes.
        var boxed = PenaltyTheory.Scalar with { UpperSet = new Box<double>(-2, 0.3) };
        var solution = new Driver { Stop = Stop.Residual(1e-8) | Stop.Iterations(100) }.Run(new QuasiNewton { Lambda = 1e4, Tolerance = 1e-8 }, boxed, Vectors.Of(-1), Vectors.Of(0));

        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(0.3, solution.X[0], 1e-12);
        Assert.Equal(0.45, solution.Y[0], 1e-6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stopped_at_any_iteration_and_resumed(bool constrained)
    {
        var problem = CurvedLevels.Problem<double>();
        if (constrained) problem = problem with { UpperSet = new Ball<double>(0.8) };
        DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4, -0.5);
        foreach (var method in new[] { new QuasiNewton { Tolerance = 1e-8, Memory = 3 }, new QuasiNewton { Lambda = 1000, LambdaStart = 10, Tolerance = 1e-8 } })
        {
            Solution<DenseVector<double>> Run(MemoryCheckpoints store, long limit) =>
                new Driver { Stop = Stop.Residual(1e-8) | Stop.Iterations(limit), Checkpoints = store, Resume = true }.Run(method, problem, x, y);
            var whole = Run(new MemoryCheckpoints(), 40);
            Assert.NotEqual(SolveStatus.Diverged, whole.Status);
            for (long stop = 1; stop < Math.Min(whole.Iterations, 20); stop++)
            {
                var store = new MemoryCheckpoints();
                Run(store, stop);
                var resumed = Run(store, 40);
                Assert.Equal(whole.X.ToDoubles(), resumed.X.ToDoubles());
                Assert.Equal(whole.Y.ToDoubles(), resumed.Y.ToDoubles());
                Assert.Equal((whole.Iterations, whole.OracleCalls), (resumed.Iterations, resumed.OracleCalls));
            }
        }
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        var run = new QuasiNewton { Lambda = 100, Tolerance = 1e-14 }.Start(new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0), 0);
        run.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) run.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.InRange(run.Estimate, 0, 1e-7);
    }

    [Fact]
    public void Float_reaches_what_its_digits_allow()
    {
        var solution = new Driver { Stop = Stop.Residual(2e-3) | Stop.Iterations(60) }
            .Run(new QuasiNewton { Lambda = 100, Tolerance = 2e-3 }, CurvedLevels.Problem<float>(), CurvedLevels.Vector<float>(3), CurvedLevels.Vector<float>(4));
        var exact = new Driver { Stop = Stop.Residual(1e-8) | Stop.Iterations(100) }
            .Run(new QuasiNewton { Lambda = 100, Tolerance = 1e-8 }, CurvedLevels.Problem<double>(), CurvedLevels.Vector<double>(3), CurvedLevels.Vector<double>(4));

        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(SolveStatus.NotWithinTolerance, exact.Status);
        Assert.Equal(exact.UpperValue, solution.UpperValue, 1e-4);
    }

    [Fact]
    public void An_upper_level_that_breaks_down_ends_the_run_at_a_sound_point()
    {
        // f is not finite beyond x = 1, which the first long move overshoots; the line search comes back.
        var wall = new FunctionObjective<DenseVector<double>>(
            (x, y) => x[0] >= 1 ? double.NaN : -Math.Log(1 - x[0]) - (2 * x[0]) + (0.5 * y[0] * y[0]),
            (x, _, r) => r[0] = x[0] >= 1 ? double.NaN : (1 / (1 - x[0])) - 2,
            (_, y, r) => r[0] = y[0]);
        var solution = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(100) }
            .Run(new QuasiNewton { Lambda = 10, FirstMove = 30 }, new BilevelProblem<DenseVector<double>>(wall, PenaltyTheory.Scalar.Lower) { Constants = PenaltyTheory.Scalar.Constants }, Vectors.Of(-0.5), Vectors.Of(0));

        Assert.NotEqual(SolveStatus.Diverged, solution.Status);
        Assert.True(double.IsFinite(solution.UpperValue), solution.UpperValue.ToString(CultureInfo.InvariantCulture));
        Assert.InRange(solution.X[0], -1, 1);
    }
}
