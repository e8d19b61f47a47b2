namespace Bilevel;

/// <summary>Reads the answer of a bilevel minimax problem: the objectives without the multipliers of a lift.</summary>
internal static class MinimaxAnswer
{
    /// <summary>Reads both objectives at the point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks; not changed.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static Answer<V> Read<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance)
        where V : class, IVector<V>
    {
        var own = problem.With(problem.UpperMultipliers?.Objective ?? problem.Upper, problem.LowerMultipliers?.Objective ?? problem.Lower);
        var (upper, lower) = new ValueReader<V>(own, [.. point]).Read();
        return new Answer<V>(point, upper, lower, []);
    }
}
