using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel;

/// <summary>Which set holds the multipliers (bilevel minimax, sections 8.2 and 8.3).</summary>
public enum MultiplierSet
{
    /// <summary>{m >= 0, sum m &lt;= B}, for inequalities; its size does not grow with their number.</summary>
    Sum,

    /// <summary>The box [0, B]^m, for inequalities.</summary>
    Box,

    /// <summary>The ball |m| &lt;= B about the origin, for affine equalities, whose multipliers have either sign.</summary>
    Ball,
}

/// <summary>A run of the components of a block that holds multipliers: one bounded set of multipliers, or other variables.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed record MultiplierSlice<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private MultiplierSlice(int length, MultiplierSet? kind, double bound, double? optimalBound, DenseSet<T> set) =>
        (Length, Kind, Bound, OptimalBound, Set) = (length, kind, bound, optimalBound, set);

    /// <summary>Number of components.</summary>
    public int Length { get; }

    /// <summary>Which set of multipliers it is; null for variables that are none.</summary>
    public MultiplierSet? Kind { get; }

    /// <summary>B, the bound of the set; 0 for variables that are no multipliers.</summary>
    public double Bound { get; }

    /// <summary>B0, a bound that every optimal multiplier obeys in the norm of the set; null when unknown.</summary>
    public double? OptimalBound { get; }

    /// <summary>The set.</summary>
    public DenseSet<T> Set { get; }

    /// <summary>The largest Euclidean norm in a set of multipliers; 0 for variables that are none.</summary>
    public double LargestNorm => Kind == MultiplierSet.Box ? Math.Sqrt(Length) * Bound : Bound;

    /// <summary>Multipliers in a bounded set.</summary>
    /// <param name="kind">Which set.</param>
    /// <param name="length">Number of constraints, at least 1.</param>
    /// <param name="bound">B, positive and finite.</param>
    /// <param name="optimalBound">B0, where it is known.</param>
    public static MultiplierSlice<T> Of(MultiplierSet kind, int length, double bound, double? optimalBound = null)
    {
        if (length < 1) throw new ArgumentOutOfRangeException(nameof(length), length, "There must be one constraint or more.");
        if (!(bound > 0) || double.IsInfinity(bound)) throw new ArgumentOutOfRangeException(nameof(bound), bound, "The bound on multipliers must be positive and finite.");
        return new(length, kind, bound, optimalBound, kind switch
        {
            MultiplierSet.Sum => new CappedSimplex<T>(length, bound, 0, double.PositiveInfinity),
            MultiplierSet.Box => new Box<T>(0, bound, length),
            MultiplierSet.Ball => new Ball<T>(bound),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "The set of multipliers is unknown."),
        });
    }

    /// <summary>Variables that are no multipliers, and their set.</summary>
    /// <param name="length">Number of components.</param>
    /// <param name="set">Their set.</param>
    public static MultiplierSlice<T> Variables(int length, DenseSet<T> set) => new(length, null, 0, null, set);

    internal MultiplierSlice<T> Doubled(int doublings) => Kind is { } kind ? Of(kind, Length, Math.ScaleB(Bound, doublings), OptimalBound) : this;
}

/// <summary>
/// A block of dense vectors that holds multipliers: sets of multipliers end to end, with other variables among them where
/// the block has any.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class DenseMultipliers<T> : Multipliers<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly MultiplierSlice<T>[] slices;

    /// <summary>Makes the block.</summary>
    /// <param name="slices">Its slices, in order, of which one or more hold multipliers.</param>
    /// <exception cref="ArgumentException">No slice holds multipliers.</exception>
    public DenseMultipliers(params IReadOnlyList<MultiplierSlice<T>> slices)
    {
        this.slices = [.. slices];
        var multipliers = this.slices.Where(s => s.Kind is not null).ToList();
        if (multipliers.Count == 0) throw new ArgumentException("No slice of the block holds multipliers.", nameof(slices));
        Set = this.slices.Length == 1 ? this.slices[0].Set : new ProductSet<T>([.. this.slices.Select(s => (s.Length, s.Set))]);
        Bound = multipliers.Max(s => s.Bound);
        if (multipliers.TrueForAll(s => s.OptimalBound is not null))
        {
            OptimalBound = multipliers.Max(s => s.OptimalBound);
            Margin = multipliers.Min(s => s.Bound - s.OptimalBound);
        }
    }

    /// <summary>The slices of the block.</summary>
    public IReadOnlyList<MultiplierSlice<T>> Slices => slices;

    /// <inheritdoc/>
    public override IFeasibleSet<DenseVector<T>> Set { get; }

    /// <inheritdoc/>
    public override double Bound { get; }

    /// <inheritdoc/>
    public override double? Margin { get; }

    /// <summary>B2: the largest Euclidean norm of the multipliers.</summary>
    public double LargestNorm => EuclideanNorm.Of<double>(Array.ConvertAll(slices, s => s.LargestNorm));

    /// <summary>Which level the constraints belong to, for messages.</summary>
    public string Level { get; init; } = "lower";

    /// <inheritdoc/>
    public override string? Touched(DenseVector<T> multipliers)
    {
        int offset = 0;
        foreach (var slice in slices)
        {
            if (Touched(slice, multipliers.Span.Slice(offset, slice.Length), offset) is { } touched) return touched;
            offset += slice.Length;
        }

        return null;
    }

    /// <summary>
    /// How far constraint values are from being satisfied, summed over the sets: the largest violation for
    /// <see cref="MultiplierSet.Sum"/>, the sum of the violations for a box, the norm of the values for a ball.
    /// </summary>
    public override double Violation(DenseVector<T> values)
    {
        double violation = 0;
        var rest = (ReadOnlySpan<T>)values.Span;
        foreach (var slice in slices)
        {
            violation += Violation(slice.Kind, rest[..slice.Length]);
            rest = rest[slice.Length..];
        }

        return violation;
    }

    /// <inheritdoc/>
    public override Multipliers<DenseVector<T>> Doubled(int doublings) =>
        new DenseMultipliers<T>([.. slices.Select(s => s.Doubled(doublings))]) { Objective = Objective, Constraints = Constraints, Level = Level };

    internal override (double Size, double OverOptimal) Sizes(DenseVector<T> multipliers)
    {
        double largest = 0, over = 0;
        var rest = (ReadOnlySpan<T>)multipliers.Span;
        foreach (var slice in slices)
        {
            var own = rest[..slice.Length];
            rest = rest[slice.Length..];
            if (slice.Kind is null) continue;
            double most = 0, sum = 0;
            foreach (T m in own) (most, sum) = (Math.Max(most, Math.Abs(double.CreateTruncating(m))), sum + Math.Abs(double.CreateTruncating(m)));
            double size = slice.Kind == MultiplierSet.Sum ? sum : slice.Kind == MultiplierSet.Ball ? EuclideanNorm.Of(own) : most;
            largest = Math.Max(largest, most);
            if (slice.OptimalBound is { } least) over = Math.Max(over, size / least);
        }

        return (largest, over);
    }

    private static double Violation(MultiplierSet? kind, ReadOnlySpan<T> values)
    {
        if (kind is null) return 0;
        if (kind == MultiplierSet.Ball) return EuclideanNorm.Of(values);
        double largest = 0, sum = 0;
        foreach (T value in values)
        {
            double c = Math.Max(0, double.CreateTruncating(value));
            (largest, sum) = (Math.Max(largest, c), sum + c);
        }

        return kind == MultiplierSet.Sum ? largest : sum;
    }

    private string? Touched(MultiplierSlice<T> slice, ReadOnlySpan<T> multipliers, int offset)
    {
        double threshold = TouchedShare * slice.Bound;
        switch (slice.Kind)
        {
            case MultiplierSet.Sum:
                double sum = 0;
                foreach (T m in multipliers) sum += double.CreateTruncating(m);
                return sum >= threshold ? Invariant($"The multipliers of the {Level} level's constraints touch their bound: they add up to {sum:G5} of at most {slice.Bound:G5}.") : null;
            case MultiplierSet.Box:
                int i = TensorPrimitives.IndexOfMax(multipliers);
                double largest = double.CreateTruncating(multipliers[i]);
                return largest >= threshold ? Invariant($"A multiplier of the {Level} level's constraints touches its bound: number {offset + i} is {largest:G5} of at most {slice.Bound:G5}.") : null;
            case MultiplierSet.Ball:
                double norm = EuclideanNorm.Of(multipliers);
                return norm >= threshold ? Invariant($"The multipliers of the {Level} level's equality constraints touch their bound: their norm is {norm:G5} of at most {slice.Bound:G5}.") : null;
            default:
                return null;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
