using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel;

/// <summary>
/// The box {x : lower_i &lt;= x_i &lt;= upper_i}, with bounds that may be infinite. The projection clips every
/// component, O(n), exact; a NaN stays NaN and an infinite component moves to its bound.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// <code>
/// var box = new Box&lt;double&gt;(0, 1, length: 2);
/// var halfPlane = new Box&lt;double&gt;([0, double.NegativeInfinity], [double.PositiveInfinity, double.PositiveInfinity]);
/// var point = Vectors.Of(-2, 0.5);
/// box.Project(point);                         // (0, 0.5)
/// Console.WriteLine(halfPlane.Contains(point, tolerance: 0));
/// </code>
/// </example>
public sealed class Box<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly T lower, upper;
    private readonly T[]? lowers, uppers;
    private readonly int? length;

    /// <summary>The box with the same two bounds for every component. The bounds are rounded to <typeparamref name="T"/>.</summary>
    /// <param name="lower">Lower bound; negative infinity for none.</param>
    /// <param name="upper">Upper bound, at least <paramref name="lower"/>; positive infinity for none.</param>
    /// <param name="length">
    /// Number of components; null for any number. Without it the diameter of the box is unknown and reported as
    /// infinite, so give it wherever the diameter is used.
    /// </param>
    /// <exception cref="ArgumentException">A bound is NaN, the bounds are out of order, or no finite number lies between them.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public Box(double lower, double upper, int? length = null)
    {
        if (length < 0) throw new ArgumentOutOfRangeException(nameof(length), length, "The length of a box must be zero or more.");
        this.lower = T.CreateTruncating(lower);
        this.upper = T.CreateTruncating(upper);
        this.length = length;
        CheckBounds(this.lower, this.upper, index: null);
        IsWholeSpace = Open(this.lower, this.upper);
        Diameter = length is { } n ? DiameterAt(n) : this.lower == this.upper ? 0 : double.PositiveInfinity;
    }

    /// <summary>The box with bounds of its own for every component. The bounds are copied.</summary>
    /// <param name="lower">Lower bounds; negative infinity for none.</param>
    /// <param name="upper">As many upper bounds, each at least its lower bound; positive infinity for none.</param>
    /// <exception cref="ArgumentException">
    /// The numbers of bounds differ, a bound is NaN, two bounds are out of order, or no finite number lies between them.
    /// </exception>
    public Box(ReadOnlySpan<T> lower, ReadOnlySpan<T> upper)
    {
        if (lower.Length != upper.Length)
            throw new ArgumentException(Invariant($"A box needs as many upper bounds as lower bounds; there are {upper.Length} and {lower.Length}."), nameof(upper));
        for (int i = 0; i < lower.Length; i++) CheckBounds(lower[i], upper[i], i);
        lowers = lower.ToArray();
        uppers = upper.ToArray();
        length = lower.Length;
        IsWholeSpace = lowers.Zip(uppers).All(b => Open(b.First, b.Second));
        Diameter = EuclideanNorm.Distance<T>(uppers, lowers);
    }

    /// <summary>
    /// The Euclidean norm of upper - lower: (upper - lower) * sqrt(n) for equal bounds. Infinite when a bound is, and
    /// when equal bounds came without a length (0 if they leave a single point).
    /// </summary>
    public override double Diameter { get; }

    /// <summary>Whether every bound is infinite.</summary>
    public override bool IsWholeSpace { get; }

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        if (lowers is null) TensorPrimitives.Clamp(point, lower, upper, point);
        else TensorPrimitives.Clamp(point, lowers, uppers, point);
    }

    /// <inheritdoc/>
    public override string? Objection(int length) =>
        this.length is { } n && n != length ? Invariant($"The box is for vectors of {n} components; this one has {length}.") : null;

    /// <inheritdoc/>
    public override string ToString() =>
        lowers is not null ? Invariant($"the box with bounds per component in {length} dimensions")
        : length is { } n ? Invariant($"the box [{lower}, {upper}]^{n}")
        : Invariant($"the box [{lower}, {upper}]");

    /// <inheritdoc/>
    public override double DiameterAt(int length)
    {
        // Equal infinite bounds are refused, so the difference is not NaN; no component, no distance.
        double width = double.CreateTruncating(upper) - double.CreateTruncating(lower);
        return lowers is not null ? Diameter : length == 0 ? 0 : width * Math.Sqrt(length);
    }

    internal override bool HasFaces => true;

    internal override void Restrict(ReadOnlySpan<T> point, Span<T> direction)
    {
        for (int i = 0; i < direction.Length; i++)
        {
            if (point[i] <= (lowers is null ? lower : lowers[i]) || point[i] >= (uppers is null ? upper : uppers[i])) direction[i] = T.Zero;
        }
    }

    private static bool Open(T lower, T upper) => T.IsNegativeInfinity(lower) && T.IsPositiveInfinity(upper);

    private static void CheckBounds(T lower, T upper, int? index)
    {
        string where = index is { } i ? Invariant($" of component {i}") : "";
        if (T.IsNaN(lower)) throw new ArgumentException($"The lower bound{where} is NaN.", nameof(lower));
        if (T.IsNaN(upper)) throw new ArgumentException($"The upper bound{where} is NaN.", nameof(upper));
        if (lower > upper)
            throw new ArgumentException(Invariant($"The lower bound{where}, {lower}, is above the upper bound, {upper}."), nameof(lower));
        if (T.IsPositiveInfinity(lower) || T.IsNegativeInfinity(upper))
            throw new ArgumentException(Invariant($"No number lies between the bounds{where}, {lower} and {upper}."), nameof(lower));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
