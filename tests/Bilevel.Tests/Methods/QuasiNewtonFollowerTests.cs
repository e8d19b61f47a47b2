namespace Bilevel.Tests;

/// <summary>The quasi-Newton method where followers are far, stiff, curved, held by a set or not finite, and where lambda takes stages.</summary>
public sealed class QuasiNewtonFollowerTests
{
    private static readonly FunctionObjective<DenseVector<double>> WantsTwo = Scalar((_, y) => (y - 2) * (y - 2) / 2, (_, _) => 0, (_, y) => y - 2);

    private static readonly FunctionObjective<DenseVector<double>> Follows = Scalar((x, y) => (y - x) * (y - x) / 2, (x, y) => x - y, (x, y) => y - x);

    // y* = x, so F = (x - 1)^2/2.
    private static readonly BilevelProblem<DenseVector<double>> Still = new(Scalar((_, y) => (y - 1) * (y - 1) / 2, (_, _) => 0, (_, y) => y - 1), Follows);

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(-100)]
    [InlineData(1e6)]
    public void A_follower_that_starts_far_away_does_not_stop_the_run_at_its_start(double y0)
    {
        foreach (int order in new[] { 1, 2 })
        {
            var solution = Run(new QuasiNewton { Tolerance = 1e-5, Order = order }, Still, 1.5, y0, 1e-5);
            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.InRange(Math.Abs(solution.X[0] - 1), 0, 1e-5);
            Assert.InRange(Math.Abs(solution.Y[0] - 1), 0, 1e-4);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300)]
    public void A_given_lambda_is_reached_in_stages(double first)
    {
        var solution = Run(new QuasiNewton { Lambda = 1e4, LambdaStart = first, Tolerance = 1e-7 }, PenaltyTheory.Scalar, 3, 0, 1e-7);
        Assert.Equal(SolveStatus.NotWithinTolerance, solution.Status);
        Assert.Equal(1e4, solution.Penalty);
        Assert.Equal(PenaltyTheory.Stationary(1e4), solution.X[0], 1e-6);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    [InlineData(100.0)]
    public void A_quartic_follower(double x0)
    {
        // y^3 + y = x, and y = 2 is wanted: x = 10, where y' = 1/13.
        var problem = new BilevelProblem<DenseVector<double>>(WantsTwo, Scalar((x, y) => (y * y * y * y / 4) + (y * y / 2) - (x * y), (_, y) => -y, (x, y) => (y * y * y) + y - x));
        Solved(problem, x0, 0, x =>
        {
            double y = 2;
            for (int i = 0; i < 100; i++) y -= ((y * y * y) + y - x) / ((3 * y * y) + 1);
            return (y - 2) / ((3 * y * y) + 1);
        });
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(5.0)]
    [InlineData(-5.0)]
    public void A_follower_whose_curvature_is_an_exponential(double x0)
    {
        // y* = e^-x
        var leader = Scalar((x, y) => ((y - 0.1) * (y - 0.1) / 2) + (1e-3 * x * x), (x, _) => 2e-3 * x, (_, y) => y - 0.1);
        var problem = new BilevelProblem<DenseVector<double>>(leader, Scalar((x, y) => (Math.Exp(x) * y * y / 2) - y, (x, y) => Math.Exp(x) * y * y / 2, (x, y) => (Math.Exp(x) * y) - 1));
        Solved(problem, x0, 0, x => (-(Math.Exp(-x) - 0.1) * Math.Exp(-x)) + (2e-3 * x));
    }

    [Theory]
    [InlineData(1.0, 1.0, false)]
    [InlineData(0.2, 5.0, false)]
    [InlineData(10.0, 5.0, false)]
    [InlineData(40.0, 1.0, true)]
    public void A_follower_that_is_not_finite_everywhere(double x0, double y0, bool bounded)
    {
        // y* = x; the logarithm is NaN for y <= 0 while the derivative is finite there, and for x < 0 there is no minimiser.
        var problem = new BilevelProblem<DenseVector<double>>(WantsTwo, Scalar((x, y) => y - (x * Math.Log(y)), (_, y) => -Math.Log(y), (x, y) => 1 - (x / y)));
        Solved(bounded ? problem with { UpperSet = new Box<double>(0.1, 50) } : problem, x0, y0, x => x - 2);
    }

    [Theory]
    [InlineData(0.6)]
    [InlineData(2.0)]
    public void A_follower_in_a_ball_or_a_box(double radius)
    {
        // f = (y - 1)^2/2 + x^2/2 and y* = x inside: x = 1/2.
        var leader = Scalar((x, y) => ((y - 1) * (y - 1) / 2) + (x * x / 2), (x, _) => x, (_, y) => y - 1);
        foreach (IFeasibleSet<DenseVector<double>> set in new IFeasibleSet<DenseVector<double>>[] { new Ball<double>(radius), new Box<double>(-radius, radius) })
        {
            var solution = Run(new QuasiNewton { Tolerance = 1e-6 }, new BilevelProblem<DenseVector<double>>(leader, Follows) { LowerSet = set }, 0, 0, 1e-6);
            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.Equal(0.5, solution.X[0], 1e-6);
        }
    }

    [Fact]
    public void A_follower_held_at_its_bound_leaves_the_leader_alone()
    {
        // y* = min(x, 0.3): beyond 0.3 the follower does not answer, and f = (x - 2)^2/2 - y is least at x = 2.
        var leader = Scalar((x, y) => ((x - 2) * (x - 2) / 2) - y, (x, _) => x - 2, (_, _) => -1);
        var solution = Run(new QuasiNewton { Tolerance = 1e-7 }, new BilevelProblem<DenseVector<double>>(leader, Follows) { LowerSet = new Box<double>(-1, 0.3) }, -1, 0, 1e-7);
        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(2, solution.X[0], 1e-6);
        Assert.Equal(0.3, solution.Y[0], 1e-12);
    }

    [Theory]
    [InlineData(1e4)]
    [InlineData(1e6)]
    public void Twenty_variables_of_a_wide_spectrum(double condition)
    {
        // g = sum_i k_i (y_i - x_i)^2/2 with k from 1 to the condition number, f = |y - 1|^2/2 + |x|^2/2: y* = x, x = 1/2.
        const int n = 20;
        double[] k = [.. Enumerable.Range(0, n).Select(i => Math.Pow(condition, i / (n - 1.0)))];
        var problem = new BilevelProblem<DenseVector<double>>(
            Many((x, y) => Sum(i => ((y[i] - 1) * (y[i] - 1) / 2) + (x[i] * x[i] / 2)), (x, _, i) => x[i], (_, y, i) => y[i] - 1),
            Many((x, y) => Sum(i => k[i] * (y[i] - x[i]) * (y[i] - x[i]) / 2), (x, y, i) => k[i] * (x[i] - y[i]), (x, y, i) => k[i] * (y[i] - x[i])))
        {
            Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = condition, LowerCoupling = condition, LowerHessianLipschitz = 0, UpperSmoothness = 1, UpperCoupling = 0 },
        };
        foreach (var set in new IFeasibleSet<DenseVector<double>>[] { new WholeSpace<DenseVector<double>>(), new Box<double>(-20, 20) })
        {
            var start = Vectors.Of([.. Enumerable.Range(0, n).Select(i => 10 * Math.Cos(i))]);
            var solution = new Driver { Stop = Stop.Residual(1e-3) | Stop.OracleCalls(50_000) }.Run(new QuasiNewton { Tolerance = 1e-3 }, problem with { LowerSet = set }, start, Vectors.Zeros(n));
            Assert.True(solution.Converged, solution.StatusMessage);

            // grad F = 2 x - 1
            Assert.InRange(Math.Sqrt(solution.X.ToDoubles().Sum(x => ((2 * x) - 1) * ((2 * x) - 1))), 0, 1e-3);
        }

        double Sum(Func<int, double> term) => Enumerable.Range(0, n).Sum(term);
    }

    [Theory]
    [InlineData(1e-6, 1, 1, 1)]
    [InlineData(1e6, 1e-6, 1, 1)]
    [InlineData(1, 1e6, 1, 1)]
    [InlineData(1, 1, 1e-6, 1e6)]
    [InlineData(1e3, 1e-4, 1e6, 1e-5)]
    public void Units_do_not_matter(double f, double g, double x, double y)
    {
        // The scalar quadratic in other units, from a thousand away: the same tolerance relative to the gradient at the start.
        var problem = new BilevelProblem<DenseVector<double>>(
            Scalar((u, v) => f * ((((v / y) - 1) * ((v / y) - 1)) + (0.25 * u / x * u / x)), (u, _) => f * 0.5 * u / (x * x), (_, v) => f * 2 * ((v / y) - 1) / y),
            Scalar((u, v) => g * Math.Pow((v / y) - (1.5 * u / x), 2) / 2, (u, v) => -1.5 * g * ((v / y) - (1.5 * u / x)) / x, (u, v) => g * ((v / y) - (1.5 * u / x)) / y))
        {
            Constants = new() { LowerStrongConvexity = g / (y * y), LowerSmoothness = g / (y * y), LowerCoupling = 1.5 * g / (x * y), LowerHessianLipschitz = 0, UpperSmoothness = 2 * f / (y * y), UpperCoupling = 0 },
        };
        double tolerance = 1e-4 * f / x * PenaltyTheory.Gradient(1000);
        var solution = BilevelSolver.Solve(problem, Vectors.Of(1000 * x), Vectors.Of(0), tolerance);
        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.InRange(Math.Abs(PenaltyTheory.Gradient(solution.X[0] / x)), 0, 1e-4 * PenaltyTheory.Gradient(1000));
        Assert.InRange(solution.OracleCalls, 1, 500);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(-1.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_tolerance_must_be_positive_and_finite(double tolerance) =>
        Assert.Throws<ArgumentOutOfRangeException>("tolerance", () => BilevelSolver.Solve(Still, Vectors.Of(1), Vectors.Of(0), tolerance));

    // The answer of both orders and of the two-line entry, held to grad F.
    private static void Solved(BilevelProblem<DenseVector<double>> problem, double x0, double y0, Func<double, double> gradient)
    {
        const double tolerance = 1e-6;
        Solution<DenseVector<double>>[] solutions =
        [
            Run(new QuasiNewton { Tolerance = tolerance }, problem, x0, y0, tolerance),
            Run(new QuasiNewton { Tolerance = tolerance, Order = 2 }, problem, x0, y0, tolerance),
            BilevelSolver.Solve(problem, Vectors.Of(x0), Vectors.Of(y0), tolerance),
        ];
        foreach (var solution in solutions)
        {
            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.InRange(Math.Abs(gradient(solution.X[0])), 0, tolerance);
        }
    }

    private static Solution<DenseVector<double>> Run(QuasiNewton method, BilevelProblem<DenseVector<double>> problem, double x, double y, double tolerance) =>
        new Driver { Stop = Stop.Residual(tolerance) | Stop.Iterations(300) }.Run(method, problem, Vectors.Of(x), Vectors.Of(y));

    private static FunctionObjective<DenseVector<double>> Scalar(Func<double, double, double> value, Func<double, double, double> alongX, Func<double, double, double> alongY) =>
        new((x, y) => value(x[0], y[0]), (x, y, r) => r[0] = alongX(x[0], y[0]), (x, y, r) => r[0] = alongY(x[0], y[0]));

    private static FunctionObjective<DenseVector<double>> Many(Func<DenseVector<double>, DenseVector<double>, double> value, Func<DenseVector<double>, DenseVector<double>, int, double> alongX, Func<DenseVector<double>, DenseVector<double>, int, double> alongY) =>
        new(
            value,
            (x, y, r) =>
            {
                for (int i = 0; i < r.Length; i++) r[i] = alongX(x, y, i);
            },
            (x, y, r) =>
            {
                for (int i = 0; i < r.Length; i++) r[i] = alongY(x, y, i);
            });
}
