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
}
