namespace Bilevel.Tasks;

/// <summary>A task that is a bilevel minimax problem.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="problem">The problem.</param>
/// <param name="start">The six blocks of the start.</param>
public sealed class MinimaxInstance<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start) : TaskInstance<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public override bool StopsByCertificate => true;

    /// <inheritdoc/>
    public override BilevelMinimaxProblem<V> Problem => problem;

    /// <inheritdoc/>
    public override IReadOnlyList<V> Start => start;
}
