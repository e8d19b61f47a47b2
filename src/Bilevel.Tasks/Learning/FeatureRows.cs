using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>Feature rows that keep their non-zero entries only, with a last feature that is 1 in every row (the bias).</summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class FeatureRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly long[] starts;
    private readonly int[] features;
    private readonly T[] values;

    private FeatureRows(int featureCount, long[] starts, int[] features, T[] values) =>
        (FeatureCount, this.starts, this.features, this.values) = (featureCount, starts, features, values);

    /// <summary>Number of rows.</summary>
    public int Count => starts.Length - 1;

    /// <summary>Number of features, the bias included.</summary>
    public int FeatureCount { get; }

    /// <summary>Number of entries that are kept.</summary>
    public long NonZeros => starts[^1];

    /// <summary>The features of one row that are not zero, ascending.</summary>
    public ReadOnlySpan<int> Features(int row) => features.AsSpan((int)starts[row], (int)(starts[row + 1] - starts[row]));

    /// <summary>Their values.</summary>
    public ReadOnlySpan<T> Values(int row) => values.AsSpan((int)starts[row], (int)(starts[row + 1] - starts[row]));

    /// <summary>The chosen rows of a table, with the bias.</summary>
    /// <param name="table">The table.</param>
    /// <param name="chosen">Indices of its rows, in the order in which to keep them.</param>
    /// <exception cref="InputException">One array cannot hold so many entries.</exception>
    public static FeatureRows<T> From(FeatureTable table, ReadOnlySpan<int> chosen)
    {
        var starts = new long[chosen.Length + 1];
        int longest = 0;
        for (int i = 0; i < chosen.Length; i++)
        {
            int count = table.NonZeroCount(chosen[i]);
            longest = Math.Max(longest, count);
            starts[i + 1] = starts[i] + count + 1;
        }

        if (starts[^1] > Array.MaxLength)
            throw new InputException($"The {chosen.Length} chosen rows have more than two billion entries that are not zero; choose fewer of them.");
        var (features, values) = (new int[starts[^1]], new T[starts[^1]]);
        double[] read = new double[longest];
        for (int i = 0; i < chosen.Length; i++)
        {
            int at = (int)starts[i], count = table.Read(chosen[i], features.AsSpan(at, table.NonZeroCount(chosen[i])), read);
            for (int k = 0; k < count; k++) values[at + k] = T.CreateTruncating(read[k]);
            features[at + count] = table.FeatureCount;
            values[at + count] = T.One;
        }

        return new FeatureRows<T>(table.FeatureCount + 1, starts, features, values);
    }

    /// <summary>The chosen rows, copied.</summary>
    public FeatureRows<T> Select(ReadOnlySpan<int> rows)
    {
        var from = new long[rows.Length + 1];
        for (int i = 0; i < rows.Length; i++) from[i + 1] = from[i] + Features(rows[i]).Length;
        var (toFeatures, toValues) = (new int[from[^1]], new T[from[^1]]);
        for (int i = 0; i < rows.Length; i++)
        {
            Features(rows[i]).CopyTo(toFeatures.AsSpan((int)from[i]));
            Values(rows[i]).CopyTo(toValues.AsSpan((int)from[i]));
        }

        return new FeatureRows<T>(FeatureCount, from, toFeatures, toValues);
    }

    /// <summary>The largest Euclidean norm of a row.</summary>
    public double LargestNorm()
    {
        double largest = 0;
        for (int i = 0; i < Count; i++)
        {
            double square = 0;
            foreach (var v in Values(i)) square += double.CreateTruncating(v) * double.CreateTruncating(v);
            largest = Math.Max(largest, square);
        }

        return Math.Sqrt(largest);
    }

    /// <summary>
    /// An upper bound on the largest eigenvalue of A'A/n, with A the rows: the largest ratio (A'A u / n)_j / u_j after
    /// power iteration with a positive vector u, which bounds the spectral radius of a nonnegative matrix
    /// (Collatz and Wielandt). Rows with negative entries are taken by their absolute values, which only raises it.
    /// </summary>
    public double LargestSecondMoment()
    {
        var (u, next) = (new double[FeatureCount], new double[FeatureCount]);
        Array.Fill(u, 1.0);
        double bound = double.PositiveInfinity;
        for (int k = 0; k < 30; k++)
        {
            // A floor keeps features that are hardly ever on from dominating the ratio.
            Array.Clear(next);
            for (int i = 0; i < Count; i++)
            {
                var f = Features(i);
                var v = Values(i);
                double dot = 0;
                for (int j = 0; j < f.Length; j++) dot += Math.Abs(double.CreateTruncating(v[j])) * u[f[j]];
                for (int j = 0; j < f.Length; j++) next[f[j]] += Math.Abs(double.CreateTruncating(v[j])) * dot / Count;
            }

            double here = 0, largest = 0;
            for (int j = 0; j < u.Length; j++)
            {
                here = Math.Max(here, next[j] / u[j]);
                largest = Math.Max(largest, next[j]);
            }

            bound = Math.Min(bound, here);
            for (int j = 0; j < u.Length; j++) u[j] = Math.Max(next[j] / largest, 1e-9);
        }

        return bound;
    }
}
