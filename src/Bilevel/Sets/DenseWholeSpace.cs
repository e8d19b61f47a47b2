using System.Numerics;

namespace Bilevel;

/// <summary>All dense vectors of any length: no constraint. It stands for the free slices of a <see cref="ProductSet{T}"/>.</summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class DenseWholeSpace<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public override double Diameter => double.PositiveInfinity;

    /// <inheritdoc/>
    public override bool IsWholeSpace => true;

    /// <summary>Does nothing.</summary>
    public override void Project(Span<T> point)
    {
    }

    internal override bool HasFaces => true;

    /// <inheritdoc/>
    public override string? Objection(int length) => null;

    /// <inheritdoc/>
    public override string ToString() => "the whole space";
}
