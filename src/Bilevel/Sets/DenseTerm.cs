using System.Numerics;

namespace Bilevel;

/// <summary>
/// A closed convex function of dense vectors with an exact proximal map; a <see cref="DenseSet{T}"/> is one that is zero on
/// its domain. The terms of this library hold no state that their maps change, so one instance can serve many threads.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public abstract class DenseTerm<T> : IProximalTerm<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public virtual bool IsWholeSpace => false;

    /// <summary>Replaces u by the minimiser of p(v) + |v - u|^2 / (2 step) over v.</summary>
    /// <param name="point">u on entry, the minimiser on return.</param>
    /// <param name="step">Positive.</param>
    /// <exception cref="ArgumentException"><see cref="Objection"/> has something against the length.</exception>
    public abstract void Prox(Span<T> point, double step);

    /// <summary>Replaces u by the minimiser of p(v) + |v - u|^2 / (2 step) over v.</summary>
    /// <param name="point">u on entry, the minimiser on return.</param>
    /// <param name="step">Positive.</param>
    /// <exception cref="ArgumentException"><see cref="Objection"/> has something against the length.</exception>
    public void Prox(DenseVector<T> point, double step)
    {
        ArgumentNullException.ThrowIfNull(point);
        Prox(point.Span, step);
    }

    /// <summary>Replaces <paramref name="point"/> by the nearest point of the domain, in the Euclidean norm.</summary>
    /// <exception cref="ArgumentException"><see cref="Objection"/> has something against the length.</exception>
    public abstract void Project(Span<T> point);

    /// <summary>Replaces <paramref name="point"/> by the nearest point of the domain, in the Euclidean norm.</summary>
    /// <exception cref="ArgumentException"><see cref="Objection"/> has something against the length.</exception>
    public void Project(DenseVector<T> point)
    {
        ArgumentNullException.ThrowIfNull(point);
        Project(point.Span);
    }

    /// <summary>p at a point of the domain.</summary>
    public abstract double Value(ReadOnlySpan<T> point);

    /// <summary>p at a point of the domain.</summary>
    public double Value(DenseVector<T> point)
    {
        ArgumentNullException.ThrowIfNull(point);
        return Value(point.Span);
    }

    /// <inheritdoc/>
    public abstract double DiameterAt(int length);

    /// <inheritdoc/>
    public abstract string? Objection(int length);

    /// <summary>Throws what <see cref="Objection"/> says of a length, if it says anything.</summary>
    /// <exception cref="ArgumentException">The length does not fit.</exception>
    protected void CheckLength(int length)
    {
        if (Objection(length) is { } objection) throw new ArgumentException(objection);
    }
}
