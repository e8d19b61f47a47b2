using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// weight/2 * |x - centre|^2 on any set. The proximal map projects (u + step weight centre) / (1 + step weight), which is
/// exact: the two squares add up to a multiple of one square and a constant.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class SquaredNormTerm<T> : DenseTerm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly double weight;
    private readonly T[]? centre;
    private readonly DenseSet<T> set;

    /// <summary>The term about the origin.</summary>
    /// <param name="weight">Weight, zero or more.</param>
    /// <param name="set">Its domain; null for the whole space.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is negative or not finite.</exception>
    public SquaredNormTerm(double weight, DenseSet<T>? set = null)
    {
        if (!(weight >= 0) || double.IsInfinity(weight)) throw new ArgumentOutOfRangeException(nameof(weight), weight, "The weight of a norm must be finite and not negative.");
        this.weight = weight;
        this.set = set ?? new DenseWholeSpace<T>();
    }

    /// <summary>The term about a point, which is copied, for vectors of its length.</summary>
    /// <param name="weight">Weight, zero or more.</param>
    /// <param name="centre">Centre; all components finite.</param>
    /// <param name="set">Its domain; null for the whole space.</param>
    /// <exception cref="ArgumentException">A component of the centre is NaN or infinite, or the set does not fit the centre.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The weight is negative or not finite.</exception>
    public SquaredNormTerm(double weight, ReadOnlySpan<T> centre, DenseSet<T>? set = null)
        : this(weight, set)
    {
        this.centre = centre.ToArray();
        if (!Array.TrueForAll(this.centre, T.IsFinite)) throw new ArgumentException("The centre must be finite.", nameof(centre));
        if (this.set.Objection(centre.Length) is { } objection) throw new ArgumentException($"The set does not fit the centre. {objection}", nameof(set));
    }

    /// <inheritdoc/>
    public override bool IsWholeSpace => set.IsWholeSpace;

    /// <inheritdoc/>
    public override void Prox(Span<T> point, double step)
    {
        CheckLength(point.Length);
        double pull = step * weight, share = 1 / (1 + pull), ofCentre = double.IsInfinity(pull) ? 1 : pull / (1 + pull);
        for (int i = 0; i < point.Length; i++)
            point[i] = T.CreateTruncating((share * double.CreateTruncating(point[i])) + (centre is null ? 0 : ofCentre * double.CreateTruncating(centre[i])));
        set.Project(point);
    }

    /// <inheritdoc/>
    public override void Project(Span<T> point) => set.Project(point);

    /// <inheritdoc/>
    public override double Value(ReadOnlySpan<T> point)
    {
        double distance = EuclideanNorm.Distance(point, centre);
        return weight / 2 * distance * distance;
    }

    /// <inheritdoc/>
    public override double DiameterAt(int length) => set.DiameterAt(length);

    /// <inheritdoc/>
    public override string? Objection(int length) => centre is { } c && c.Length != length
        ? string.Create(CultureInfo.InvariantCulture, $"The centre of the squared norm has {c.Length} components; this vector has {length}.")
        : set.Objection(length);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{weight} times half the squared norm on {set}");
}
