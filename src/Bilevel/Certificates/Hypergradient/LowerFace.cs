using System.Numerics;

namespace Bilevel;

/// <summary>
/// The face of the follower's set on which its best answer is proved to lie, with strict complementarity, so that near x
/// the answer moves within the face: for boxes, orthants, simplices and products of them.
/// </summary>
internal static class LowerFace
{
    /// <summary>The face, or null with the reason.</summary>
    /// <param name="set">Y.</param>
    /// <param name="y">The lower level solved again, with the components at bounds exactly there.</param>
    /// <param name="gradient">g_y there.</param>
    /// <param name="mu">Strong convexity of g in y.</param>
    /// <param name="smoothness">Its smoothness.</param>
    /// <param name="rounding">Rounding error of the gradient.</param>
    /// <param name="reason">Why there is none.</param>
    public static ISubspace<V>? Of<V>(IFeasibleSet<V> set, V y, V gradient, double mu, double smoothness, double rounding, out string reason)
        where V : class, IVector<V>
    {
        object? found = null;
        reason = $"{set} is neither a box nor a simplex nor a product of them";
        if (set is IFeasibleSet<DenseVector<double>> wide && y is DenseVector<double> d && gradient is DenseVector<double> gd) found = Face<double>.Of(wide, d.Span, gd.Span, mu, smoothness, rounding, ref reason);
        else if (set is IFeasibleSet<DenseVector<float>> narrow && y is DenseVector<float> f && gradient is DenseVector<float> gf) found = Face<float>.Of(narrow, f.Span, gf.Span, mu, smoothness, rounding, ref reason);
        return (ISubspace<V>?)found;
    }

    private sealed class Face<T>(bool[] isFree, List<(int Start, int Count)> sums, double room) : ISubspace<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static Face<T>? Of(IFeasibleSet<DenseVector<T>> set, ReadOnlySpan<T> y, ReadOnlySpan<T> gradient, double mu, double smoothness, double rounding, ref string reason)
        {
            List<(int Start, int Count, DenseSet<T> Set)> slices = [];
            if (set is not DenseSet<T> dense || !Slices(dense, 0, y.Length, slices)) return null;
            var free = new bool[y.Length];
            double residual = 0, slack = double.PositiveInfinity, multiplier = double.PositiveInfinity;
            List<(int Start, int Count)> sums = [];
            foreach (var (start, count, part) in slices)
            {
                T[] low = [.. y.Slice(start, count)], high = [.. low];
                bool sum = part is Simplex<T>;
                if (sum) (low, high) = (new T[count], [.. Enumerable.Repeat(T.PositiveInfinity, count)]);
                else Bounds(part, low, high);
                double level = 0;
                int inside = 0;
                for (int i = 0; i < count; i++)
                {
                    free[start + i] = y[start + i] > low[i] && y[start + i] < high[i];
                    if (!free[start + i]) continue;
                    inside++;
                    level += Double(gradient[start + i]);
                    slack = Math.Min(slack, Math.Min(Double(y[start + i]) - Double(low[i]), Double(high[i]) - Double(y[start + i])));
                }

                level = sum && inside > 0 ? level / inside : 0;
                if (sum) sums.Add((start, count));
                for (int i = 0; i < count; i++)
                {
                    // Pointing out of the set where it is positive; a component between equal bounds is fixed for good.
                    double slope = Double(gradient[start + i]) - level;
                    if (free[start + i]) residual += slope * slope;
                    else if (low[i] < high[i])
                    {
                        double outward = y[start + i] <= low[i] ? slope : -slope;
                        multiplier = Math.Min(multiplier, outward);
                        if (outward < 0) residual += outward * outward;
                    }
                }
            }

            double distance = (Math.Sqrt(residual) + rounding) / mu, error = 2 * ((smoothness * distance) + rounding);
            if (!(slack > 2 * distance)) reason = FormattableString.Invariant($"a component of y is {slack:G3} from its bound and the follower's answer is known to {distance:G3} only, so that it is open which bounds are active");
            else if (!(multiplier > 2 * error)) reason = FormattableString.Invariant($"the multiplier of an active bound, {multiplier:G3}, is not above its error {error:G3}, so that it is open which bounds are active");
            else return new Face<T>(free, sums, slack / 2);
            return null;
        }

        public double Room => room;

        public void Restrict(DenseVector<T> vector)
        {
            var span = vector.Span;
            for (int i = 0; i < span.Length; i++)
            {
                if (!isFree[i]) span[i] = T.Zero;
            }

            foreach (var (start, count) in sums)
            {
                double sum = 0;
                int inside = 0;
                for (int i = start; i < start + count; i++)
                {
                    if (!isFree[i]) continue;
                    sum += Double(span[i]);
                    inside++;
                }

                for (int i = start; i < start + count; i++)
                {
                    if (isFree[i]) span[i] -= T.CreateTruncating(sum / inside);
                }
            }
        }

        private static bool Slices(DenseSet<T> set, int start, int length, List<(int Start, int Count, DenseSet<T> Set)> slices)
        {
            if (set is Box<T> or NonnegativeOrthant<T> or DenseWholeSpace<T> or Simplex<T>)
            {
                slices.Add((start, length, set));
                return true;
            }

            if (set is not ProductSet<T> product) return false;
            foreach (var (count, part) in product.Slices)
            {
                if (!Slices(part, start, count, slices)) return false;
                start += count;
            }

            return true;
        }

        // A box moves a point far away to its bounds.
        private static void Bounds(DenseSet<T> set, T[] low, T[] high)
        {
            Array.Fill(low, T.NegativeInfinity);
            Array.Fill(high, T.PositiveInfinity);
            set.Project(low);
            set.Project(high);
        }

        private static double Double(T value) => double.CreateTruncating(value);
    }
}
