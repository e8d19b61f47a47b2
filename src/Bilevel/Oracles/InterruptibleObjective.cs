namespace Bilevel;

/// <summary>Asks before every request whether to go on, so that a solve of many requests can be given up inside.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="inner">Who answers.</param>
/// <param name="check">Throws an <see cref="OperationCanceledException"/> where the solve is to be given up.</param>
public sealed class InterruptibleObjective<V>(IObjective<V> inner, Action check) : IObjective<V>
    where V : class, IVector<V>
{
    /// <summary>Throws where the solve is to be given up; who solves the same problem in other numbers asks it too.</summary>
    public Action Check { get; } = check;

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        Check();
        inner.Evaluate(request);
    }
}
