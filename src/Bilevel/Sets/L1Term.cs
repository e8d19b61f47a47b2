using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// weight * |x|_1, with bounds on the components or none. The proximal map moves every component towards zero by
/// step * weight, stopping there, and then clips it, which is exact as the components are apart; O(n).
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class L1Term<T> : DenseTerm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly double weight;
    private readonly DenseSet<T> box;

    /// <summary>The term.</summary>
    /// <param name="weight">Weight, zero or more.</param>
    /// <param name="box">Bounds on the components; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is negative or not finite.</exception>
    public L1Term(double weight, Box<T>? box = null)
    {
        if (!(weight >= 0) || double.IsInfinity(weight)) throw new ArgumentOutOfRangeException(nameof(weight), weight, "The weight of a norm must be finite and not negative.");
        this.weight = weight;
        this.box = (DenseSet<T>?)box ?? new DenseWholeSpace<T>();
    }

    /// <inheritdoc/>
    public override bool IsWholeSpace => box.IsWholeSpace;

    /// <inheritdoc/>
    public override void Prox(Span<T> point, double step)
    {
        CheckLength(point.Length);
        T shift = T.CreateTruncating(step * weight);
        for (int i = 0; i < point.Length; i++) point[i] -= T.Clamp(point[i], -shift, shift);
        box.Project(point);
    }

    /// <inheritdoc/>
    public override void Project(Span<T> point) => box.Project(point);

    /// <inheritdoc/>
    public override double Value(ReadOnlySpan<T> point)
    {
        double sum = 0;
        foreach (T x in point) sum += Math.Abs(double.CreateTruncating(x));
        return weight * sum;
    }

    /// <inheritdoc/>
    public override double DiameterAt(int length) => box.DiameterAt(length);

    /// <inheritdoc/>
    public override string? Objection(int length) => box.Objection(length);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{weight} times the l1 norm on {box}");
}
