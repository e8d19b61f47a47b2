namespace Bilevel.Tasks.Tests;

/// <summary>A solution that is a given point, to try what a task says of it.</summary>
internal static class PointSolution
{
    public static Solution<DenseVector<double>> At(MinimaxInstance<DenseVector<double>> instance, params DenseVector<double>[] point) => new()
    {
        Status = SolveStatus.Converged,
        StatusMessage = "",
        Point = point,
        BlockNames = [.. instance.Problem.Blocks.Select(b => b.Name)],
        FollowerBlock = instance.Problem.FollowerBlock,
        UpperValue = double.NaN,
        LowerValue = double.NaN,
        Residual = double.NaN,
        Penalty = double.NaN,
        Iterations = 0,
        UpperCalls = new OracleCounts(4),
        LowerCalls = new OracleCounts(3),
        Seconds = 0,
        Trace = [],
        Findings = [],
    };
}
