namespace Bilevel;

/// <summary>A set with flat faces that can tell the directions along the face of a point, for methods that work on it as if it were free.</summary>
/// <typeparam name="V">Vector type.</typeparam>
internal interface IFacetedSet<V>
    where V : class, IVector<V>
{
    /// <summary>Whether the faces are known.</summary>
    bool HasFaces { get; }

    /// <summary>Projects a direction onto the span of the smallest face that holds a point.</summary>
    /// <param name="point">A point of the set, as the projection leaves it.</param>
    /// <param name="direction">The direction, changed in place.</param>
    void Restrict(V point, V direction);
}
