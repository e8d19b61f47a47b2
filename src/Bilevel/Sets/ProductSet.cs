using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// The product of sets on consecutive slices of a vector: x is in it when its first slice is in the first set, the next
/// slice in the next set, and so on. The projection projects slice by slice.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// Shares of a budget, and a number between 0 and 1 behind them.
/// <code>
/// var set = new ProductSet&lt;double&gt;((3, new Simplex&lt;double&gt;()), (1, new Box&lt;double&gt;(0, 1)));
/// var point = Vectors.Of(1, 0.5, -2, 7);
/// set.Project(point);                         // (0.75, 0.25, 0, 1)
/// </code>
/// </example>
public sealed class ProductSet<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly (int Length, DenseSet<T> Set)[] slices;
    private readonly int length;

    /// <summary>The product of the given sets, in order. Use <see cref="DenseWholeSpace{T}"/> for a slice without constraint.</summary>
    /// <param name="slices">Length of each slice, at least 1, and the set it is held to.</param>
    /// <exception cref="ArgumentException">There is no slice, a slice has no component, the lengths add up to too many, or a set has an objection to its length.</exception>
    /// <exception cref="ArgumentNullException">A set is null.</exception>
    public ProductSet(params ReadOnlySpan<(int Length, DenseSet<T> Set)> slices)
    {
        if (slices.IsEmpty) throw new ArgumentException("A product of sets needs one slice or more.", nameof(slices));
        this.slices = slices.ToArray();
        var diameters = new double[slices.Length];
        long sum = 0;
        for (int i = 0; i < slices.Length; i++)
        {
            var (count, set) = slices[i];
            ArgumentNullException.ThrowIfNull(set, nameof(slices));
            if (count < 1) throw new ArgumentException(Invariant($"Slice {i} has {count} components; it needs one or more."), nameof(slices));
            if (set.Objection(count) is { } objection) throw new ArgumentException(Invariant($"Slice {i} does not fit its set. {objection}"), nameof(slices));
            diameters[i] = set.DiameterAt(count);
            sum += count;
        }

        if (sum > Array.MaxLength) throw new ArgumentException(Invariant($"The slices add up to {sum} components, more than a vector can have."), nameof(slices));
        length = (int)sum;
        Diameter = EuclideanNorm.Of<double>(diameters);
        IsWholeSpace = Array.TrueForAll(this.slices, s => s.Set.IsWholeSpace);
    }

    /// <summary>
    /// The square root of the sum of the squared diameters; a box that leaves its length open takes that of its slice.
    /// </summary>
    public override double Diameter { get; }

    /// <summary>Whether every slice is without constraint.</summary>
    public override bool IsWholeSpace { get; }

    /// <summary>The lengths and sets of the slices, in order.</summary>
    internal IReadOnlyList<(int Length, DenseSet<T> Set)> Slices => slices;

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        foreach (var (count, set) in slices)
        {
            set.Project(point[..count]);
            point = point[count..];
        }
    }

    internal override bool HasFaces => Array.TrueForAll(slices, s => s.Set.HasFaces);

    internal override void Restrict(ReadOnlySpan<T> point, Span<T> direction)
    {
        foreach (var (count, set) in slices)
        {
            set.Restrict(point[..count], direction[..count]);
            point = point[count..];
            direction = direction[count..];
        }
    }

    /// <inheritdoc/>
    public override string? Objection(int length) =>
        length == this.length ? null : Invariant($"The slices of the product add up to {this.length} components; this vector has {length}.");

    /// <inheritdoc/>
    public override string ToString() =>
        Invariant($"the product of {string.Join(", ", slices.Take(4).Select(s => Invariant($"{s.Set} ({s.Length})")))}{(slices.Length > 4 ? ", ..." : "")}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
