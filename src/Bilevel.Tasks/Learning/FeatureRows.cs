using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>Feature rows that keep their non-zero entries only, with a last feature that is 1 in every row (the bias).</summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class FeatureRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int[] starts;
    private readonly int[] features;
    private readonly T[] values;

    private FeatureRows(int featureCount, int[] starts, int[] features, T[] values) =>
        (FeatureCount, this.starts, this.features, this.values) = (featureCount, starts, features, values);

    /// <summary>Number of rows.</summary>
    public int Count => starts.Length - 1;

    /// <summary>Number of features, the bias included.</summary>
    public int FeatureCount { get; }

    /// <summary>Number of entries that are kept.</summary>
    public long NonZeros => starts[^1];

    /// <summary>Entries that are kept, as a share of all: 1 for rows without a zero.</summary>
    public double Density => Count == 0 ? 0 : NonZeros / ((double)Count * FeatureCount);

    /// <summary>Whether every entry of every row is kept.</summary>
    public bool IsDense => NonZeros == (long)Count * FeatureCount;

    /// <summary>The values of all rows, one row after the other.</summary>
    public ReadOnlySpan<T> AllValues => values;

    /// <summary>The features of all rows.</summary>
    public ReadOnlySpan<int> AllFeatures => features;

    /// <summary>Where each row starts in them, and where the last one ends.</summary>
    public ReadOnlySpan<int> Starts => starts;

    /// <summary>The features of one row that are not zero, ascending.</summary>
    public ReadOnlySpan<int> Features(int row) => features.AsSpan(starts[row], starts[row + 1] - starts[row]);

    /// <summary>Their values.</summary>
    public ReadOnlySpan<T> Values(int row) => values.AsSpan(starts[row], starts[row + 1] - starts[row]);

    /// <summary>Rows from the chosen rows of a table.</summary>
    /// <param name="table">The table.</param>
    /// <param name="chosen">Rows of the table, in the order of the rows here; a row may be chosen more than once.</param>
    /// <exception cref="InputException">The rows have more than two billion entries that are not zero.</exception>
    public static FeatureRows<T> From(FeatureTable table, ReadOnlySpan<int> chosen)
    {
        ArgumentNullException.ThrowIfNull(table);
        var starts = new long[chosen.Length + 1];
        int longest = 0;
        for (int i = 0; i < chosen.Length; i++)
        {
            int count = table.NonZeroCount(chosen[i]);
            longest = Math.Max(longest, count);
            starts[i + 1] = starts[i] + 1 + count;
        }

        var (places, features, values) = Reserve(starts);
        var row = new double[longest];
        for (int i = 0; i < chosen.Length; i++)
        {
            int at = places[i], count = places[i + 1] - at - 1;
            int read = table.Read(chosen[i], features.AsSpan(at, count), row.AsSpan(0, count));
            if (read != count) throw new InvalidOperationException(FormattableString.Invariant($"Row {chosen[i]} of the table counts {count} entries but reads {read}."));
            for (int j = 0; j < count; j++) values[at + j] = T.CreateTruncating(row[j]);
            (features[at + count], values[at + count]) = (table.FeatureCount, T.One);
        }

        return new FeatureRows<T>(table.FeatureCount + 1, places, features, values);
    }

    /// <summary>The chosen rows, copied.</summary>
    /// <exception cref="InputException">The rows have more than two billion entries.</exception>
    public FeatureRows<T> Select(ReadOnlySpan<int> rows)
    {
        var from = new long[rows.Length + 1];
        for (int i = 0; i < rows.Length; i++) from[i + 1] = from[i] + Features(rows[i]).Length;
        var (places, toFeatures, toValues) = Reserve(from);
        for (int i = 0; i < rows.Length; i++)
        {
            Features(rows[i]).CopyTo(toFeatures.AsSpan(places[i]));
            Values(rows[i]).CopyTo(toValues.AsSpan(places[i]));
        }

        return new FeatureRows<T>(FeatureCount, places, toFeatures, toValues);
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

    // Entries are indexed by int: one array holds at most about two billion.
    private static (int[] Starts, int[] Features, T[] Values) Reserve(long[] starts) => starts[^1] <= Array.MaxLength
        ? ([.. starts.Select(start => (int)start)], new int[starts[^1]], new T[starts[^1]])
        : throw new InputException(FormattableString.Invariant($"The {starts.Length - 1} chosen rows have {starts[^1]} entries that are not zero, and at most {Array.MaxLength} can be kept; choose fewer rows."));
}
