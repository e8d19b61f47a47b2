using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// The scaled probability simplex {x : x_i &gt;= 0, sum x = total}. The projection is x_i = max(p_i - shift, 0) with the
/// shift that makes the sum right, found by Newton's method with a sort to fall back on: O(n) as a rule,
/// O(n log n) at worst, correct to rounding whatever the size of the components. A point with a component that is NaN or
/// infinite is left as it is, so that the failure stays visible.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// <code>
/// var simplex = new Simplex&lt;double&gt;(total: 1, length: 3);
/// var point = Vectors.Of(1, 0.5, -2);
/// simplex.Project(point);                     // (0.75, 0.25, 0)
/// </code>
/// </example>
public sealed class Simplex<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly double total;
    private readonly int? length;

    /// <summary>The simplex of the given total.</summary>
    /// <param name="total">What the components add up to; positive, and at most 1e280.</param>
    /// <param name="length">Number of components; null for any number but none.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The total, rounded to <typeparamref name="T"/>, is not positive and finite, or above 1e280; or the length is not positive.
    /// </exception>
    public Simplex(double total = 1, int? length = null)
    {
        T rounded = T.CreateTruncating(total);
        if (!(rounded > T.Zero) || !T.IsFinite(rounded) || total > ClippedShift.LargestTotal)
            throw new ArgumentOutOfRangeException(nameof(total), total, "The total of a simplex must be positive, finite and at most 1e280.");
        if (length < 1) throw new ArgumentOutOfRangeException(nameof(length), length, "A simplex needs one component or more.");
        this.total = total;
        this.length = length;
        Diameter = DiameterAt(length ?? 2);
    }

    /// <summary>The distance sqrt(2) * total of two corners; 0 for a length of 1, when the simplex is a point.</summary>
    public override double Diameter { get; }

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        double largest = double.NegativeInfinity;
        foreach (T x in point)
        {
            if (!T.IsFinite(x)) return;
            largest = Math.Max(largest, double.CreateTruncating(x));
        }

        if (point.Length == 1)
        {
            point[0] = T.CreateTruncating(total);
            return;
        }

        // The largest component exceeds the shift, by at most the total. From a start with no component above the
        // total the steps approach the root from one side; zero is such a start, and close, when the point is nearly feasible.
        var start = largest > 0 && largest < total ? default : new ClippedShift.Shift(largest, -total);
        ClippedShift.Project(point, 0, total, total, start);
    }

    /// <inheritdoc/>
    public override string? Objection(int length) =>
        this.length is { } n && n != length ? Invariant($"The simplex is for vectors of {n} components; this one has {length}.")
        : length == 0 ? "A vector of no components cannot lie in a simplex."
        : null;

    /// <inheritdoc/>
    public override string ToString() => Invariant($"the simplex of total {total}");

    /// <inheritdoc/>
    public override double DiameterAt(int length) => length == 1 ? 0 : total * Math.Sqrt(2);

    internal override bool HasFaces => true;

    // Components at zero stay there; the others keep their sum.
    internal override void Restrict(ReadOnlySpan<T> point, Span<T> direction)
    {
        double sum = 0;
        int free = 0;
        for (int i = 0; i < direction.Length; i++)
        {
            if (point[i] > T.Zero) (sum, free) = (sum + double.CreateTruncating(direction[i]), free + 1);
            else direction[i] = T.Zero;
        }

        T mean = T.CreateTruncating(sum / Math.Max(free, 1));
        for (int i = 0; i < direction.Length; i++)
        {
            if (point[i] > T.Zero) direction[i] -= mean;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
