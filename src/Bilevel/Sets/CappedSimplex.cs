using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// The capped simplex {x : lower &lt;= x_i &lt;= upper, sum x &lt;= budget}, or with sum x = budget. The projection is
/// x_i = clip(p_i - shift, lower, upper), where the shift is the multiplier of the budget, found by Newton's method with a
/// breakpoint search to fall back on: O(n) as a rule, O(n log n) at worst, correct to rounding whatever the size of
/// the components. Bounds hold exactly, the sum to the rounding of the components. A point with a component that is NaN
/// or infinite is left as it is, so that the failure stays visible.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class CappedSimplex<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int length;
    private readonly double budget, lower, upper, cap;
    private readonly SumConstraint constraint;

    /// <summary>The capped simplex of the given bounds and budget. The bounds are rounded to <typeparamref name="T"/>.</summary>
    /// <param name="length">Number n of components, at least 1.</param>
    /// <param name="budget">What the sum is held to: finite, at least n * lower, and for an equality at most n * upper.</param>
    /// <param name="lower">Lower bound of every component, finite.</param>
    /// <param name="upper">Upper bound of every component, at least <paramref name="lower"/>; positive infinity for none.</param>
    /// <param name="constraint">Whether the sum stays at or below the budget or equals it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not positive, or the constraint is no member of its type.</exception>
    /// <exception cref="ArgumentException">A number is NaN, or infinite where it must not be, or beyond 1e280; the bounds are out of order, or the set is empty.</exception>
    public CappedSimplex(int length, double budget, double lower = 0, double upper = 1, SumConstraint constraint = SumConstraint.AtMost)
    {
        if (length < 1) throw new ArgumentOutOfRangeException(nameof(length), length, "A capped simplex needs one component or more.");
        if (!Enum.IsDefined(constraint)) throw new ArgumentOutOfRangeException(nameof(constraint), constraint, "The sum constraint is unknown.");
        if (!double.IsFinite(budget)) throw new ArgumentException("The budget must be finite.", nameof(budget));
        T low = T.CreateTruncating(lower), high = T.CreateTruncating(upper);
        if (!T.IsFinite(low)) throw new ArgumentException("The lower bound of a capped simplex must be finite.", nameof(lower));
        if (T.IsNaN(high)) throw new ArgumentException("The upper bound is NaN.", nameof(upper));
        if (high < low) throw new ArgumentException(Invariant($"The upper bound {upper} is below the lower bound {lower}."), nameof(upper));

        this.length = length;
        this.budget = budget;
        this.lower = double.CreateTruncating(low);
        this.upper = double.CreateTruncating(high);
        this.constraint = constraint;

        // 3 * 0.1 exceeds 0.3 in doubles; a set that is empty by rounding only is the point it was meant to be.
        double least = length * this.lower, most = length * this.upper;
        double slack = 4 * double.CreateTruncating(T.BitIncrement(T.One) - T.One);
        if (least - budget > slack * Math.Abs(least))
            throw new ArgumentException(Invariant($"The capped simplex is empty: {length} components of at least {lower} add up to {least}, over the budget of {budget}."), nameof(budget));
        if (constraint == SumConstraint.Equal && budget - most > slack * Math.Abs(most))
            throw new ArgumentException(Invariant($"The capped simplex is empty: {length} components of at most {upper} add up to {most}, short of the budget of {budget}."), nameof(budget));

        // No component can take more than what the others leave it at their lower bounds.
        cap = Math.Max(this.lower, Math.Min(this.upper, budget - (length - 1) * this.lower));
        if (Math.Max(Math.Max(Math.Abs(this.lower), Math.Abs(cap)), Math.Abs(budget)) > ClippedShift.LargestTotal)
            throw new ArgumentException("The bounds and the budget of a capped simplex must be at most 1e280 in size.", nameof(budget));
        Diameter = LargestDistance();
    }

    /// <summary>The largest distance of two corners; O(1), in closed form.</summary>
    public override double Diameter { get; }

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        foreach (T x in point)
        {
            if (!T.IsFinite(x)) return;
        }

        if (budget <= length * lower)
        {
            point.Fill(T.CreateTruncating(lower));
            return;
        }

        if (budget >= length * cap)
        {
            // The caps alone keep the sum within the budget, and only all of them together reach it.
            if (constraint == SumConstraint.Equal) point.Fill(T.CreateTruncating(cap));
            else ClippedShift.Write(point, default, lower, cap);
            return;
        }

        if (constraint == SumConstraint.AtMost && ClippedShift.Evaluate<T>(point, default, lower, upper).Sum <= budget)
        {
            ClippedShift.Write(point, default, lower, upper);
            return;
        }

        ClippedShift.Project(point, lower, cap, budget, default);
    }

    /// <inheritdoc/>
    public override string? Objection(int length) =>
        length == this.length ? null : Invariant($"The capped simplex is for vectors of {this.length} components; this one has {length}.");

    /// <inheritdoc/>
    public override string ToString() =>
        Invariant($"the capped simplex [{lower}, {upper}]^{length} with sum {(constraint == SumConstraint.Equal ? "=" : "<=")} {budget}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // A corner has some components at the cap, at most one in between, and the rest at the lower bound. Distances are
    // in units of the width, so that squares do not overflow.
    private double LargestDistance()
    {
        double width = cap - lower, available = budget - length * lower;
        if (!(width > 0) || !(available > 0)) return 0;
        double caps = Math.Min(Math.Floor(available / width), length);
        double part = Math.Clamp(available / width - caps, 0, 1);
        if (caps == length) part = 0;

        double square;
        if (constraint == SumConstraint.AtMost)
        {
            // What two points have in common can be taken from both, so that some farthest pair has no component in common:
            // one corner fills one half of the components, the other the other half.
            square = Filled(length / 2) + Filled(length - length / 2);
        }
        else if (2 * (caps + 1) <= length)
        {
            square = 2 * (caps + part * part);
        }
        else if (2 * (length - caps) <= length)
        {
            // More components are full than not: the two corners are apart where one of them is not full.
            square = caps == length ? 0 : 2 * (length - caps - 1 + (1 - part) * (1 - part));
        }
        else
        {
            // One component more than twice the caps: the component in between has to be in common.
            square = 2 * caps;
        }

        return width * Math.Sqrt(square);

        // The largest squared norm of a corner with this many components to fill.
        double Filled(int components) => components <= caps ? components : caps + part * part;
    }
}
