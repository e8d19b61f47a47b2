using System.Buffers;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// A closed convex set of dense vectors. A set of one's own needs <see cref="DenseTerm{T}.Project(Span{T})"/>,
/// <see cref="Diameter"/> and <see cref="DenseTerm{T}.Objection"/>. The sets of this library hold no state that projecting
/// changes, so one instance can serve many threads.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// <code>
/// /// &lt;summary&gt;The points whose components add up to zero.&lt;/summary&gt;
/// internal sealed class ZeroSum : DenseSet&lt;double&gt;
/// {
///     public override double Diameter =&gt; double.PositiveInfinity;
///
///     public override void Project(Span&lt;double&gt; point)
///     {
///         double mean = 0;
///         foreach (double x in point) mean += x / point.Length;
///         foreach (ref double x in point) x -= mean;
///     }
///
///     public override string? Objection(int length) =&gt; length &lt; 2 ? "A vector that adds up to zero needs two components or more." : null;
///
///     public override string ToString() =&gt; "the vectors that add up to zero";
/// }
/// </code>
/// </example>
public abstract class DenseSet<T> : DenseTerm<T>, IFeasibleSet<DenseVector<T>>, IFacetedSet<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public abstract double Diameter { get; }

    /// <summary>The nearest point of the set, whatever the step.</summary>
    public sealed override void Prox(Span<T> point, double step) => Project(point);

    /// <summary>0.</summary>
    public sealed override double Value(ReadOnlySpan<T> point) => 0;

    /// <summary>
    /// Whether ||point - projection|| is at most <paramref name="tolerance"/> * (1 + ||point||). Costs one projection;
    /// a point with a component that is NaN is in no set.
    /// </summary>
    /// <exception cref="ArgumentException"><see cref="DenseTerm{T}.Objection"/> has something against the length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or NaN.</exception>
    public bool Contains(DenseVector<T> point, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(point);
        if (!(tolerance >= 0)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "The tolerance must be zero or more.");
        double norm = EuclideanNorm.Of<T>(point.Span);
        if (!double.IsFinite(norm)) return false;

        var buffer = ArrayPool<T>.Shared.Rent(point.Length);
        try
        {
            var nearest = buffer.AsSpan(0, point.Length);
            point.Span.CopyTo(nearest);
            Project(nearest);
            return EuclideanNorm.Distance<T>(point.Span, nearest) <= tolerance * (1 + norm);
        }
        finally
        {
            ArrayPool<T>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public override double DiameterAt(int length) => length == 0 ? 0 : Diameter;

    bool IFacetedSet<DenseVector<T>>.HasFaces => HasFaces;

    internal virtual bool HasFaces => false;

    void IFacetedSet<DenseVector<T>>.Restrict(DenseVector<T> point, DenseVector<T> direction) => Restrict(point.Span, direction.Span);

    internal virtual void Restrict(ReadOnlySpan<T> point, Span<T> direction)
    {
    }
}
