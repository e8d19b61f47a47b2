namespace Bilevel.Tests;

/// <summary>Followers that are indifferent, at a maximum or in a worse valley, through the two-line entry.</summary>
public class FollowerWithManyAnswersTests
{
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData(1.0, 3.0, 0.0)]
    [InlineData(1.0, 5.0, 0.0)]
    [InlineData(2.0, 6.0, 0.0)]
    [InlineData(0.5, 2.0, 0.0)]
    [InlineData(1.0, 3.0, -5.0)]
    public void A_follower_with_a_dead_zone_takes_what_is_best_for_the_leader(double width, double wanted, double y0)
    {
        // Any y within the width of x is as good; f = (y - t)^2/2 + x^2/2 with y = x + w: x = (t - w)/2.
        double Beyond(double t) => Math.Sign(t) * Math.Max(0, Math.Abs(t) - width);
        var solution = Solve(
            Scalar((x, y) => ((y - wanted) * (y - wanted) / 2) + (x * x / 2), (x, _) => x, (_, y) => y - wanted),
            Scalar((x, y) => Beyond(y - x) * Beyond(y - x) / 2, (x, y) => -Beyond(y - x), (x, y) => Beyond(y - x)),
            0,
            y0);
        double best = (wanted - width) / 2;
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(best, solution.X[0], 1e-3);
        Assert.Equal(best * best, solution.UpperValue, 1e-3);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public void A_follower_that_does_not_care_leaves_y_to_the_leader(double weight)
    {
        var solution = Solve(
            Scalar((x, y) => ((y - 1) * (y - 1) / 2) + ((x - y) * (x - y) / 2), (x, y) => x - y, (x, y) => y - 1 - (x - y)),
            Scalar((x, _) => weight * x * x, (x, _) => 2 * weight * x, (_, _) => 0),
            5,
            0);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(1, solution.X[0], 1e-3);
        Assert.Equal(0, solution.UpperValue, 1e-6);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(2.0)]
    public void The_followers_maximum_is_no_answer(double x0)
    {
        var solution = Solve(
            Scalar((x, y) => ((y - 1) * (y - 1) / 2) + (x * x / 2), (x, _) => x, (_, y) => y - 1),
            Scalar((x, y) => -(y - x) * (y - x) / 2, (x, y) => y - x, (x, y) => -(y - x)),
            x0,
            0);
        Assert.False(solution.Converged, solution.StatusMessage);
    }

    [Fact]
    public void A_worse_valley_of_the_follower_is_no_answer()
    {
        // Near x = -1 the follower prefers y = -1.05, where F is 2.094.
        var solution = Solve(
            Scalar((x, y) => ((y - 1) * (y - 1) / 2) + ((x + 1) * (x + 1) / 2), (x, _) => x + 1, (_, y) => y - 1),
            Scalar((x, y) => (((y * y) - 1) * ((y * y) - 1) / 4) - (0.1 * x * y), (_, y) => -0.1 * y, (x, y) => (y * ((y * y) - 1)) - (0.1 * x)),
            1,
            1);
        Assert.False(solution.Converged, solution.StatusMessage);
    }

    [Fact]
    public void The_answer_is_read_with_the_bound_that_it_was_found_with()
    {
        // y <= x with the follower at 100 and the leader at 20: x = y = 20, multiplier 80, far above the first bound.
        var lower = new ConstrainedLowerLevel<double>(Scalar((_, y) => (y - 100) * (y - 100) / 2, (_, _) => 0, (_, y) => y - 100), new LinearConstraints<double>([-1], [1], [0]))
        {
            Set = new Box<double>(-1000, 1000, 1),
        };
        var problem = Lift.ConstrainedLowerLevel(Scalar((_, y) => (y - 20) * (y - 20) / 2, (_, _) => 0, (_, y) => y - 20), lower) with { X1 = new Box<double>(0, 200, 1) };
        var solution = BilevelSolver.Solve(problem, BilevelMinimaxProblem.Start(Vectors.Of(0), Vectors.Of(0), Vectors.Of(0)), 1e-3);
        Assert.True(solution.BoundDoublings > 0);
        Assert.Equal(20, solution.X[0], 0.01);
        Assert.Equal(0, solution.UpperValue, 0.01);
        Assert.Equal(3200, solution.LowerValue, 2.0);
    }

    private static Solution<DenseVector<double>> Solve(FunctionObjective<DenseVector<double>> upper, FunctionObjective<DenseVector<double>> lower, double x0, double y0) =>
        BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(upper, lower), Vectors.Of(x0), Vectors.Of(y0), Tolerance);

    private static FunctionObjective<DenseVector<double>> Scalar(Func<double, double, double> value, Func<double, double, double> alongX, Func<double, double, double> alongY) =>
        new((x, y) => value(x[0], y[0]), (x, y, r) => r[0] = alongX(x[0], y[0]), (x, y, r) => r[0] = alongY(x[0], y[0]));
}
