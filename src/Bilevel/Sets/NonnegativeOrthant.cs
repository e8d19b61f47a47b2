using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel;

/// <summary>
/// The nonnegative orthant {x : x_i &gt;= 0} of any length. The projection replaces every negative component by zero,
/// O(n), exact; a NaN stays NaN.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class NonnegativeOrthant<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Infinite.</summary>
    public override double Diameter => double.PositiveInfinity;

    /// <inheritdoc/>
    public override void Project(Span<T> point) => TensorPrimitives.Max(point, T.Zero, point);

    /// <inheritdoc/>
    public override string? Objection(int length) => null;

    internal override bool HasFaces => true;

    internal override void Restrict(ReadOnlySpan<T> point, Span<T> direction)
    {
        for (int i = 0; i < direction.Length; i++)
        {
            if (point[i] <= T.Zero) direction[i] = T.Zero;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => "the nonnegative orthant";
}
