namespace Bilevel.Tests;

/// <summary>Values too coarse to confirm the gradients: no certificate, no objection, and no run to the limit for it.</summary>
public sealed class CoarseValuesTests
{
    // A follower y* = x without an opponent, and a leader who wants x near 1 and y near 0.
    private static BilevelMinimaxProblem<DenseVector<double>> Game(double offset)
    {
        var f = new ArrayObjective<double>(at => ((at[0][0] - 1) * (at[0][0] - 1) / 2) + (at[2][0] * at[2][0] / 2) + offset, (at, block) => [block switch { 0 => at[0][0] - 1, 2 => at[2][0], _ => 0 }]);
        var g = new ArrayObjective<double>(at => (at[1][0] - at[0][0]) * (at[1][0] - at[0][0]) / 2, (at, block) => [block switch { 0 => at[0][0] - at[1][0], 1 => at[1][0] - at[0][0], _ => 0 }]);
        return new BilevelMinimaxProblem<DenseVector<double>>(f, g)
        {
            X1 = new Box<double>(-10, 10),
            Z1 = new Box<double>(-10, 10),
            Shape = LowerShape.ConvexConcave,
        };
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e15)]
    public void A_game_with_a_large_constant_is_not_certified_and_ends_all_the_same(double offset)
    {
        DenseVector<double>[] start = BilevelMinimaxProblem.Start(Vectors.Of(3), Vectors.Of(), Vectors.Of(2), Vectors.Of());
        var solution = new Driver { Stop = Stop.Certified(1e-3, 20) | Stop.Iterations(100_000), CertifyAt = 1e-3 }.Run(new Auto { Tolerance = 1e-3 }, Game(offset), start);

        // F = (x - 1)^2/2 + x^2/2.
        Assert.Equal(0.5, solution.Point[0][0], 5e-3);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Null(solution.Certificate!.Objection);
        Assert.True((solution.Certificate.Verdict == Verdict.Certified) == (offset == 0), solution.StatusMessage);
        if (offset > 0) Assert.Contains("values cannot confirm", solution.StatusMessage, StringComparison.Ordinal);
    }
}
