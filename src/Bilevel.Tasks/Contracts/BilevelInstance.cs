namespace Bilevel.Tasks;

/// <summary>A task that is a bilevel problem.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="problem">The problem.</param>
/// <param name="x">Start of the upper variable.</param>
/// <param name="y">Start of the lower variable.</param>
public sealed class BilevelInstance<V>(BilevelProblem<V> problem, V x, V y) : TaskInstance<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public override BilevelProblem<V> Problem => problem;

    /// <summary>Start of the upper variable.</summary>
    public V X => x;

    /// <summary>Start of the lower variable.</summary>
    public V Y => y;

    /// <inheritdoc/>
    public override IReadOnlyList<V> Start { get; } = [x, y];
}
