namespace Bilevel;

/// <summary>A closed convex set with an exact Euclidean projection: the proximal term that is zero on it.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IFeasibleSet<V> : IProximalTerm<V>
    where V : class, IVector<V>
{
    /// <summary>The largest distance between two points of the set; infinite for an unbounded set.</summary>
    double Diameter { get; }

    /// <inheritdoc/>
    void IProximalTerm<V>.Prox(V point, double step) => Project(point);

    /// <inheritdoc/>
    double IProximalTerm<V>.Value(V point) => 0;
}

/// <summary>The whole space: no constraint.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed class WholeSpace<V> : IFeasibleSet<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public void Project(V point)
    {
    }

    /// <inheritdoc/>
    public double Diameter => double.PositiveInfinity;

    /// <inheritdoc/>
    public double DiameterAt(int length) => length == 0 ? 0 : double.PositiveInfinity;

    /// <inheritdoc/>
    public bool IsWholeSpace => true;

    /// <inheritdoc/>
    public string? Objection(int length) => null;

    /// <inheritdoc/>
    public override string ToString() => "the whole space";
}
