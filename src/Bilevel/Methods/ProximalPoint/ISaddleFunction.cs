namespace Bilevel;

/// <summary>
/// min over some blocks, max over the others of a smooth function with simple terms, evaluated at a point that is changed
/// in place: what the proximal-point methods ask of a problem. It need not be convex in the blocks that minimise.
/// </summary>
internal interface ISaddleFunction<V>
    where V : class, IVector<V>
{
    /// <summary>The blocks, changed from outside.</summary>
    V[] Point { get; }

    /// <summary>After <see cref="Evaluate"/> the gradient for a block that minimises and its negative for one that maximises: every player descends along its row.</summary>
    IReadOnlyList<V> Rows { get; }

    /// <summary>The rows at the point.</summary>
    void Evaluate();

    /// <summary>Whether a block maximises.</summary>
    bool Maximises(int block);

    /// <summary>at = prox of the block's term, times step.</summary>
    void Prox(int block, V at, double step);
}
