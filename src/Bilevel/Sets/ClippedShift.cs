using System.Buffers;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// Projection onto {x : lower &lt;= x_i &lt;= upper, sum x = total}, which is x_i = clip(p_i - shift) for the shift
/// (the multiplier of the sum) that makes the sum right. The sum is a nonincreasing, piecewise linear function of
/// the shift, so that Newton's method ends at the root itself as soon as a step stays on its linear piece; where it does
/// not end soon, sorting the point and searching its breakpoints does. O(n) as a rule, O(n log n) at worst.
/// </summary>
internal static class ClippedShift
{
    /// <summary>Bounds and totals up to this keep every intermediate sum finite.</summary>
    public const double LargestTotal = 1e280;

    // Newton's method takes about 2 to 12 passes; more than this many, and a sort is cheaper than going on.
    private const int NewtonPasses = 24;

    /// <summary>
    /// Projects a finite <paramref name="point"/>; requires n lower &lt; total &lt; n upper, with bounds and total
    /// within <see cref="LargestTotal"/>.
    /// </summary>
    /// <param name="point">Replaced by its projection.</param>
    /// <param name="lower">Lower bound of every component.</param>
    /// <param name="upper">Upper bound of every component.</param>
    /// <param name="total">What the components add up to.</param>
    /// <param name="start">The shift to start from.</param>
    public static void Project<T>(Span<T> point, double lower, double upper, double total, Shift start)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var shift = start;
        var (below, above) = (-1, -1);
        for (int pass = 0; pass < NewtonPasses; pass++)
        {
            var value = Evaluate<T>(point, shift, lower, upper);
            double excess = value.Sum - total;
            bool samePiece = value.Below == below && value.Above == above;
            int free = point.Length - value.Below - value.Above;
            if (excess == 0)
            {
                Write(point, shift, lower, upper);
                return;
            }

            if (free == 0) break;

            // On the same linear piece as before the last step went to the root; this one takes off its rounding error.
            shift = shift.Plus(excess / free);
            if (samePiece)
            {
                Write(point, shift, lower, upper);
                return;
            }

            (below, above) = (value.Below, value.Above);
        }

        Write(point, Search<T>(point, lower, upper, total), lower, upper);
    }

    /// <summary>Replaces every component by clip(p_i - shift).</summary>
    public static void Write<T>(Span<T> point, Shift shift, double lower, double upper)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (ref T x in point) x = T.CreateTruncating(Math.Clamp(shift.Apply(double.CreateTruncating(x)), lower, upper));
    }

    /// <summary>The sum of clip(p_i - shift), and the numbers of components that the bounds cut off.</summary>
    public static (double Sum, int Below, int Above) Evaluate<T>(ReadOnlySpan<T> point, Shift shift, double lower, double upper)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double sum = 0;
        int below = 0, above = 0;
        foreach (T x in point)
        {
            double v = shift.Apply(double.CreateTruncating(x));
            below += v < lower ? 1 : 0;
            above += v > upper ? 1 : 0;
            v = v < lower ? lower : v;
            sum += v > upper ? upper : v;
        }

        return (sum, below, above);
    }

    // The slope changes at the breakpoints p_i - upper and p_i - lower. Two binary searches over the sorted point
    // find the two neighbours among them with the root between; there the sum is linear.
    private static Shift Search<T>(ReadOnlySpan<T> point, double lower, double upper, double total)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int n = point.Length;
        var buffer = ArrayPool<double>.Shared.Rent(n);
        try
        {
            var sorted = buffer.AsSpan(0, n);
            for (int i = 0; i < n; i++) sorted[i] = double.CreateTruncating(point[i]);
            sorted.Sort();
            int upperIndex = LastNotShort(sorted, upper, lower, upper, total);
            int lowerIndex = LastNotShort(sorted, lower, lower, upper, total);

            // At sorted[0] - upper all components are at the upper bound, and at sorted[n - 1] - lower all at the
            // lower one: one index is at least 0 and the other at most n - 2, but for rounding.
            var left = new Shift(sorted[Math.Max(upperIndex, 0)], -upper);
            if (lowerIndex >= 0) left = Shift.Larger(left, new Shift(sorted[lowerIndex], -lower));
            var right = new Shift(sorted[Math.Min(lowerIndex + 1, n - 1)], -lower);
            if (upperIndex + 1 < n) right = Shift.Smaller(right, new Shift(sorted[upperIndex + 1], -upper));

            double atLeft = Evaluate<double>(sorted, left, lower, upper).Sum;
            double atRight = Evaluate<double>(sorted, right, lower, upper).Sum;
            if (!(atLeft > total) || !(atLeft > atRight)) return left;
            var shift = left.Plus((atLeft - total) / (atLeft - atRight) * right.Minus(left));

            // One step of Newton's method on the piece takes off the rounding error of the interpolation.
            var value = Evaluate<double>(sorted, shift, lower, upper);
            int free = n - value.Below - value.Above;
            return free == 0 ? shift : shift.Plus((value.Sum - total) / free);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(buffer);
        }
    }

    // The last index whose breakpoint sorted[index] - bound leaves a sum of at least the total; -1 for none.
    private static int LastNotShort(ReadOnlySpan<double> sorted, double bound, double lower, double upper, double total)
    {
        int first = 0, end = sorted.Length;
        while (first < end)
        {
            int middle = first + (end - first) / 2;
            if (Evaluate(sorted, new Shift(sorted[middle], -bound), lower, upper).Sum >= total) first = middle + 1;
            else end = middle;
        }

        return first - 1;
    }

    /// <summary>
    /// The unevaluated sum of two doubles. Where components of 1e16 meet bounds of 0 and 1, the digits that decide
    /// lie below the last digit of a single double.
    /// </summary>
    /// <param name="High">The larger part.</param>
    /// <param name="Low">The smaller part.</param>
    internal readonly record struct Shift(double High, double Low)
    {
        /// <summary>x - shift; x - High is exact when the two are close.</summary>
        public double Apply(double x) => x - High - Low;

        /// <summary>shift + step.</summary>
        public Shift Plus(double step)
        {
            // The error of High + low is recovered exactly (Knuth's two-sum).
            double low = Low + step, high = High + low;
            double part = high - High;
            return new Shift(high, High - (high - part) + (low - part));
        }

        /// <summary>shift - other.</summary>
        public double Minus(Shift other) => High - other.High + (Low - other.Low);

        /// <summary>The larger of two shifts.</summary>
        public static Shift Larger(Shift a, Shift b) => a.Minus(b) >= 0 ? a : b;

        /// <summary>The smaller of two shifts.</summary>
        public static Shift Smaller(Shift a, Shift b) => a.Minus(b) <= 0 ? a : b;
    }
}
