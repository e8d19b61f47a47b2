using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// The sum of terms of consecutive slices of a vector; its proximal map is theirs, slice by slice. Where all of them are
/// sets, <see cref="ProductSet{T}"/> is the set that it amounts to.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class ProductTerm<T> : DenseTerm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly (int Length, DenseTerm<T> Term)[] slices;
    private readonly int length;
    private readonly double diameter;

    /// <summary>The sum of the given terms, in order. Use <see cref="DenseWholeSpace{T}"/> for a slice without any.</summary>
    /// <param name="slices">Length of each slice, at least 1, and its term.</param>
    /// <exception cref="ArgumentException">There is no slice, a slice has no component, or a term has an objection to its length.</exception>
    /// <exception cref="ArgumentNullException">A term is null.</exception>
    public ProductTerm(params ReadOnlySpan<(int Length, DenseTerm<T> Term)> slices)
    {
        if (slices.IsEmpty) throw new ArgumentException("A sum of terms needs one slice or more.", nameof(slices));
        this.slices = slices.ToArray();
        var diameters = new double[slices.Length];
        for (int i = 0; i < slices.Length; i++)
        {
            var (count, term) = slices[i];
            ArgumentNullException.ThrowIfNull(term, nameof(slices));
            if (count < 1) throw new ArgumentException(Invariant($"Slice {i} has {count} components; it needs one or more."), nameof(slices));
            if (term.Objection(count) is { } objection) throw new ArgumentException(Invariant($"Slice {i} does not fit its term. {objection}"), nameof(slices));
            diameters[i] = term.DiameterAt(count);
            length = checked(length + count);
        }

        diameter = EuclideanNorm.Of<double>(diameters);
        IsWholeSpace = Array.TrueForAll(this.slices, s => s.Term.IsWholeSpace);
    }

    /// <inheritdoc/>
    public override bool IsWholeSpace { get; }

    /// <inheritdoc/>
    public override void Prox(Span<T> point, double step)
    {
        CheckLength(point.Length);
        foreach (var (count, term) in slices)
        {
            term.Prox(point[..count], step);
            point = point[count..];
        }
    }

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        foreach (var (count, term) in slices)
        {
            term.Project(point[..count]);
            point = point[count..];
        }
    }

    /// <inheritdoc/>
    public override double Value(ReadOnlySpan<T> point)
    {
        CheckLength(point.Length);
        double sum = 0;
        foreach (var (count, term) in slices)
        {
            sum += term.Value(point[..count]);
            point = point[count..];
        }

        return sum;
    }

    /// <inheritdoc/>
    public override double DiameterAt(int length) => diameter;

    /// <inheritdoc/>
    public override string? Objection(int length) =>
        length == this.length ? null : Invariant($"The slices of the sum add up to {this.length} components; this vector has {length}.");

    /// <inheritdoc/>
    public override string ToString() =>
        Invariant($"the sum of {string.Join(", ", slices.Take(4).Select(s => Invariant($"{s.Term} ({s.Length})")))}{(slices.Length > 4 ? ", ..." : "")}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
