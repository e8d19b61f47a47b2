using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Followers without a feasible y at the leader's x: said as such, with the least violation.</summary>
public sealed class InfeasibilityTests
{
    // y <= -1 - x and -y <= -1 + x, that is y >= 1 - x: both hold nowhere, and the violations 1 + x + y and 1 - x - y add up to 2: |[c]_+| is least at sqrt(2).
    private static BilevelMinimaxProblem<DenseVector<double>> Contradicting(double gap) => Lift.ConstrainedLowerLevel(
        new FunctionObjective<DenseVector<double>>((x, y) => ((x[0] * x[0]) + (y[0] * y[0])) / 2, (x, y, r) => r[0] = x[0], (x, y, r) => r[0] = y[0]),
        new ConstrainedLowerLevel<double>(
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]),
            new LinearConstraints<double>([1, -1], [1, -1], [-gap, -gap]))
        { StrongConvexity = 1 });

    [Fact]
    public void The_least_violation_is_said_where_no_y_is_feasible_and_nothing_where_one_is()
    {
        foreach (double at in new[] { -3.0, 0, 5 })
        {
            IReadOnlyList<DenseVector<double>> point = Start(Vectors.Of(at), Vectors.Of(2), Vectors.Of(9, 9));
            string said = Assert.IsType<string>(Infeasibility.At(Contradicting(1), point));
            Assert.Contains("the least violation found is 1.414.", said, StringComparison.Ordinal);
            Assert.Null(Infeasibility.At(Contradicting(-1), point));
            Assert.Null(Infeasibility.At(Contradicting(0), point));
        }
    }

    [Fact]
    public void A_run_whose_multipliers_grow_for_it_says_so()
    {
        var solution = BilevelSolver.Solve(Contradicting(1), Start(Vectors.Of(1), Vectors.Of(1), Vectors.Of(0, 0)));
        Assert.False(solution.Converged, solution.StatusMessage);
        Assert.Contains("No y was found that satisfies the lower level's constraints at this x1", solution.StatusMessage, StringComparison.Ordinal);
    }
}
