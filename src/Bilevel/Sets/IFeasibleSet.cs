namespace Bilevel;

/// <summary>A closed convex set with an exact Euclidean projection.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IFeasibleSet<V>
    where V : class, IVector<V>
{
    /// <summary>Replaces <paramref name="point"/> by the nearest point of the set.</summary>
    void Project(V point);

    /// <summary>The largest distance between two points of the set; infinite for an unbounded set.</summary>
    double Diameter { get; }

    /// <summary>Whether the set is the whole space, so that projecting does nothing.</summary>
    bool IsWholeSpace { get; }

    /// <summary>What keeps a vector of this length from being projected, in a sentence; null when nothing does.</summary>
    string? Objection(int length);
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
    public bool IsWholeSpace => true;

    /// <inheritdoc/>
    public string? Objection(int length) => null;

    /// <inheritdoc/>
    public override string ToString() => "the whole space";
}
