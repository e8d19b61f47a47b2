namespace Bilevel;

/// <summary>
/// A closed convex function p on a closed convex domain, simple enough for an exact proximal map. A feasible set is
/// the one that is zero on its domain; an objective has no other part that is not smooth.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IProximalTerm<V>
    where V : class, IVector<V>
{
    /// <summary>Replaces u by the minimiser of p(v) + |v - u|^2 / (2 step) over v.</summary>
    /// <param name="point">u on entry, the minimiser on return.</param>
    /// <param name="step">Positive.</param>
    void Prox(V point, double step);

    /// <summary>Replaces <paramref name="point"/> by the nearest point of the domain.</summary>
    void Project(V point);

    /// <summary>p at a point of the domain.</summary>
    double Value(V point);

    /// <summary>The largest distance between two points of the domain among vectors of this length; infinite for an unbounded one.</summary>
    double DiameterAt(int length);

    /// <summary>Whether the domain is the whole space, so that projecting does nothing.</summary>
    bool IsWholeSpace { get; }

    /// <summary>What keeps a vector of this length from being used, in a sentence; null when nothing does.</summary>
    string? Objection(int length);
}
