using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// Feature rows that keep their non-zero entries only, with a last feature that is 1 in every row (the bias). A row is its
/// entries less the centre, which is the same for all rows and costs no zeros. An entry takes a byte for its value where there are few different ones and two for its feature where there are few features;
/// rows that have no zeros keep no features.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class FeatureRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int[] starts;
    private readonly IndexArray? features;
    private readonly T[] centre;
    private double largestSecondMoment = double.NaN;

    private FeatureRows(int featureCount, int[] starts, IndexArray? features, ValueArray<T> values, T[] centre) =>
        (FeatureCount, this.starts, this.features, Values, this.centre) = (featureCount, starts, features, values, centre);

    /// <summary>Number of rows.</summary>
    public int Count => starts.Length - 1;

    /// <summary>Number of features, the bias included.</summary>
    public int FeatureCount { get; }

    /// <summary>Number of entries that are kept.</summary>
    public long NonZeros => starts[^1];

    /// <summary>Entries that are kept, as a share of all: 1 for rows without a zero.</summary>
    public double Density => Count == 0 ? 0 : NonZeros / ((double)Count * FeatureCount);

    /// <summary>Whether the rows have no zeros, so that no features are kept; not where a row is shorter than a hardware vector.</summary>
    public bool IsDense => features is null;

    /// <summary>The features of all rows, one row after the other, ascending in a row.</summary>
    /// <exception cref="InvalidOperationException">The rows are dense.</exception>
    public IndexArray Features => features ?? throw new InvalidOperationException("Dense rows keep no features.");

    /// <summary>The values of all rows, one row after the other; not coded where the rows are dense.</summary>
    public ValueArray<T> Values { get; }

    /// <summary>Where each row starts in them, and where the last one ends.</summary>
    public ReadOnlySpan<int> Starts => starts;

    /// <summary>Whether something is subtracted from the entries.</summary>
    public bool HasCentre => centre.Length > 0;

    /// <summary>Number of entries of a row.</summary>
    public int Length(int row) => starts[row + 1] - starts[row];

    /// <summary>Sends for a row's entries, which will soon be wanted.</summary>
    public void Prefetch(int row)
    {
        features?.Prefetch(starts[row], Length(row));
        Values.Prefetch(starts[row], Length(row));
    }

    /// <summary>The entries of one row, by ascending feature.</summary>
    public RowEntries Row(int row) => new(features, Values, starts[row], starts[row + 1]);

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

        int[] places = Narrow(starts);
        var row = new double[longest];
        var ofRow = new int[longest];
        bool dense = places[^1] == (long)chosen.Length * (table.FeatureCount + 1) && table.FeatureCount >= RowKernels<T>.Granule;
        var features = dense ? null : new IndexArray(places[^1], table.FeatureCount + 1);
        var values = new ValueArray<T>.Writer(places[^1], coded: !dense);
        for (int i = 0; i < chosen.Length; i++)
        {
            int at = places[i], count = places[i + 1] - at - 1;
            int read = table.Read(chosen[i], ofRow.AsSpan(0, count), row.AsSpan(0, count));
            if (read != count) throw new InvalidOperationException(FormattableString.Invariant($"Row {chosen[i]} of the table counts {count} entries but reads {read}."));
            for (int j = 0; j < count; j++) values.Add(T.CreateTruncating(row[j]));
            values.Add(T.One);
            if (features is null) continue;
            for (int j = 0; j < count; j++) features[at + j] = ofRow[j];
            features[at + count] = table.FeatureCount;
        }

        T[] centre = [.. table.Centre.ToArray().Select(T.CreateTruncating)];
        return new FeatureRows<T>(table.FeatureCount + 1, places, features, values.ToArray(), centre);
    }

    /// <summary>The chosen rows, copied.</summary>
    /// <exception cref="InputException">The rows have more than two billion entries.</exception>
    public FeatureRows<T> Select(ReadOnlySpan<int> rows)
    {
        var ends = new long[rows.Length + 1];
        for (int i = 0; i < rows.Length; i++) ends[i + 1] = ends[i] + Length(rows[i]);
        int[] places = Narrow(ends);
        var to = new FeatureRows<T>(FeatureCount, places, IsDense ? null : new IndexArray(places[^1], FeatureCount), Values.Blank(places[^1]), centre);
        for (int i = 0; i < rows.Length; i++)
        {
            int from = starts[rows[i]], length = Length(rows[i]);
            features?.CopyTo(from, length, to.Features, places[i]);
            Values.CopyTo(from, length, to.Values, places[i]);
        }

        return to;
    }

    /// <summary>
    /// The bias with which a classifier gives the entries the scores of the rows: its own less what the centre weighs.
    /// </summary>
    /// <param name="classifier">Features x classes.</param>
    /// <param name="bias">A number per class.</param>
    public void Bias(ReadOnlySpan<T> classifier, Span<T> bias)
    {
        int classes = bias.Length;
        classifier[^classes..].CopyTo(bias);
        for (int j = 0; j < centre.Length; j++) TensorPrimitives.MultiplyAdd(classifier.Slice(j * classes, classes), -centre[j], bias, bias);
    }

    /// <summary>Makes of a gradient by the entries the one by the rows.</summary>
    /// <param name="gradient">Features x classes.</param>
    /// <param name="classes">Number of classes.</param>
    public void Centralise(Span<T> gradient, int classes)
    {
        var bias = gradient[^classes..];
        for (int j = 0; j < centre.Length; j++)
        {
            var ofFeature = gradient.Slice(j * classes, classes);
            TensorPrimitives.MultiplyAdd(bias, -centre[j], ofFeature, ofFeature);
        }
    }

    /// <summary>What the centre adds to the score of every row: less what it weighs.</summary>
    /// <param name="classifier">A weight per feature; more may follow.</param>
    public T Offset(ReadOnlySpan<T> classifier) => HasCentre ? -TensorPrimitives.Dot<T>(centre, classifier[..centre.Length]) : T.Zero;

    /// <summary>The largest Euclidean norm of a row.</summary>
    public double LargestNorm() => Math.Sqrt(LargestSum(size => size * size));

    /// <summary>The largest sum of the sizes of a row's features.</summary>
    public double LargestSumOfSizes() => LargestSum(size => size);

    /// <summary>
    /// An upper bound on the largest eigenvalue of A'A/n, with A the rows: the largest ratio (A'A u / n)_j / u_j after
    /// power iteration with a positive vector u, which bounds the spectral radius of a nonnegative matrix
    /// (Collatz and Wielandt). Rows with negative entries are taken by their absolute values, which only raises it.
    /// </summary>
    public double LargestSecondMoment() => double.IsNaN(largestSecondMoment) ? largestSecondMoment = LargestSecondMoment(_ => 1) : largestSecondMoment;

    /// <summary>The same for A'DA/n, with D the weights of the rows.</summary>
    /// <param name="weight">At least 0.</param>
    public double LargestSecondMoment(Func<int, double> weight)
    {
        const int Most = 30;
        const double Gain = 1e-6;          // of an iteration that is worth another one

        double[] u = new double[FeatureCount], next = new double[FeatureCount], weights = new double[Count];
        for (int i = 0; i < weights.Length; i++) weights[i] = weight(i) / Count;
        Array.Fill(u, 1.0);
        double bound = double.PositiveInfinity;
        for (int k = 0; k < Most; k++)
        {
            Array.Clear(next);
            if (IsDense && !HasCentre && !Values.IsCoded) AddDense(weights, u, next);
            else AddEntries(weights, u, next);

            // A floor keeps features that are hardly ever on from dominating the ratio.
            double here = 0, largest = 0;
            for (int j = 0; j < u.Length; j++)
            {
                here = Math.Max(here, next[j] / u[j]);
                largest = Math.Max(largest, next[j]);
            }

            if (largest == 0 || here > (1 - Gain) * bound) return Math.Min(bound, here);
            bound = here;
            for (int j = 0; j < u.Length; j++) u[j] = Math.Max(next[j] / largest, 1e-9);
        }

        return bound;
    }

    // Adds |A|'D|A| u.
    private void AddEntries(double[] weights, double[] u, double[] next)
    {
        // A feature that a row has no entry of is as large as the centre there.
        double everywhere = 0, total = 0;
        for (int j = 0; j < centre.Length; j++) everywhere += CentreSize(j) * u[j];
        for (int i = 0; i < Count; i++)
        {
            double dot = everywhere;
            foreach (var (j, v) in Row(i)) dot += Surplus(j, v) * u[j];
            dot *= weights[i];
            total += dot;
            foreach (var (j, v) in Row(i)) next[j] += Surplus(j, v) * dot;
        }

        for (int j = 0; j < centre.Length; j++) next[j] += CentreSize(j) * total;
    }

    // The same, to the bit.
    private void AddDense(double[] weights, double[] u, double[] next)
    {
        double[] sizes = new double[u.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            var row = Values.Values.Slice(starts[i], sizes.Length);
            double dot = 0;
            for (int j = 0; j < row.Length; j++)
            {
                sizes[j] = Math.Abs(double.CreateTruncating(row[j]));
                dot += sizes[j] * u[j];
            }

            dot *= weights[i];
            for (int j = 0; j < sizes.Length; j++) next[j] += sizes[j] * dot;
        }
    }

    private double CentreSize(int feature) => feature < centre.Length ? Math.Abs(double.CreateTruncating(centre[feature])) : 0;

    // By how much the feature is larger in size where the row has this entry than where it has none.
    private double Surplus(int feature, T entry) => feature < centre.Length
        ? Math.Abs(double.CreateTruncating(entry) - double.CreateTruncating(centre[feature])) - CentreSize(feature)
        : Math.Abs(double.CreateTruncating(entry));

    private double LargestSum(Func<double, double> ofSize)
    {
        double largest = 0, everywhere = 0;
        for (int j = 0; j < centre.Length; j++) everywhere += ofSize(CentreSize(j));
        for (int i = 0; i < Count; i++)
        {
            double sum = everywhere;
            foreach (var (j, v) in Row(i)) sum += ofSize(CentreSize(j) + Surplus(j, v)) - ofSize(CentreSize(j));
            largest = Math.Max(largest, sum);
        }

        return largest;
    }

    // Entries are indexed by int: one array holds at most about two billion.
    private static int[] Narrow(long[] starts) => starts[^1] <= Array.MaxLength
        ? [.. starts.Select(start => (int)start)]
        : throw new InputException(FormattableString.Invariant($"The {starts.Length - 1} chosen rows have {starts[^1]} entries that are not zero, and at most {Array.MaxLength} can be kept; choose fewer rows."));

    /// <summary>Entries of one row.</summary>
    public ref struct RowEntries
    {
        private readonly IndexArray? features;
        private readonly ValueArray<T> values;
        private readonly int start, end;
        private int at;

        internal RowEntries(IndexArray? features, ValueArray<T> values, int start, int end) => (this.features, this.values, this.start, this.end, at) = (features, values, start, end, start - 1);

        /// <summary>A feature and its value.</summary>
        public readonly (int Feature, T Value) Current => (features is null ? at - start : features[at], values[at]);

        public readonly RowEntries GetEnumerator() => this;

        public bool MoveNext() => ++at < end;
    }
}
