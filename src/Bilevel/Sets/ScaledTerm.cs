namespace Bilevel;

/// <summary>
/// A proximal term in other units: p(unit v) / size as a function of v. Its proximal map with step t is that of p with step
/// t unit^2 / size at unit v, over unit. With powers of two the scaling is exact.
/// </summary>
internal class ScaledTerm<V>(IProximalTerm<V> inner, double unit, double size) : IProximalTerm<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public bool IsWholeSpace => inner.IsWholeSpace;

    /// <summary>The term in units; one that units do not change is returned as it is.</summary>
    public static IProximalTerm<V> Of(IProximalTerm<V> inner, double unit, double size) =>
        inner is IFeasibleSet<V> set ? (unit == 1 || set.IsWholeSpace ? inner : new ScaledSet<V>(set, unit))
        : unit == 1 && size == 1 ? inner
        : new ScaledTerm<V>(inner, unit, size);

    /// <inheritdoc/>
    public void Prox(V point, double step)
    {
        point.Scale(unit);
        inner.Prox(point, step * unit * unit / size);
        point.Scale(1 / unit);
    }

    /// <inheritdoc/>
    public void Project(V point)
    {
        point.Scale(unit);
        inner.Project(point);
        point.Scale(1 / unit);
    }

    /// <inheritdoc/>
    public double Value(V point)
    {
        point.Scale(unit);
        double value = inner.Value(point) / size;
        point.Scale(1 / unit);
        return value;
    }

    /// <inheritdoc/>
    public double DiameterAt(int length) => inner.DiameterAt(length) / unit;

    /// <inheritdoc/>
    public string? Objection(int length) => inner.Objection(length);

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{inner} in units of {unit:G4}");
}

/// <summary>A set in other units.</summary>
internal sealed class ScaledSet<V>(IFeasibleSet<V> inner, double unit) : ScaledTerm<V>(inner, unit, 1), IFeasibleSet<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public double Diameter { get; } = inner.Diameter / unit;
}
