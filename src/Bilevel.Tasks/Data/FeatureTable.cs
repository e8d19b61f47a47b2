using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// Rows of numbers, of which only the entries that are not zero are read. Immutable, and safe to read from several threads.
/// </summary>
public abstract class FeatureTable
{
    /// <summary>The number of rows.</summary>
    public abstract int Count { get; }

    /// <summary>The number of features of every row; features are counted from 0.</summary>
    public abstract int FeatureCount { get; }

    /// <summary>
    /// What is subtracted from the entries of every row, a number per feature; empty for zeros. So rows of many zeros keep
    /// them although their features have mean 0.
    /// </summary>
    public ReadOnlyMemory<double> Centre { get; private protected init; }

    /// <summary>How many entries of a row are not zero, before the centre is subtracted.</summary>
    /// <param name="row">The row, from 0 to <c>Count - 1</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="row"/> is not the index of a row.</exception>
    public abstract int NonZeroCount(int row);

    /// <summary>Reads the entries of a row that are not zero, before the centre is subtracted.</summary>
    /// <param name="row">The row, from 0 to <c>Count - 1</c>.</param>
    /// <param name="features">Filled with the features, ascending; at least <see cref="NonZeroCount"/> places.</param>
    /// <param name="values">Filled with their values; at least <see cref="NonZeroCount"/> places.</param>
    /// <returns>The number of entries filled, <see cref="NonZeroCount"/> of the row.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="row"/> is not the index of a row.</exception>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public abstract int Read(int row, Span<int> features, Span<double> values);

    private protected void CheckRow(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
    }

    private protected static void CheckRoom(int needed, Span<int> features, Span<double> values)
    {
        if (features.Length >= needed && values.Length >= needed) return;
        throw new ArgumentException(string.Create(
            CultureInfo.InvariantCulture,
            $"The row has {needed} entries that are not zero; there is room for {Math.Min(features.Length, values.Length)}."));
    }
}

/// <summary>The pixels of images as a table: a row per image, a feature per pixel, its value the byte divided by 255.</summary>
public sealed class ImageTable : FeatureTable
{
    private readonly int[] nonZeros;

    /// <summary>Wraps images; their bytes are kept, not copied.</summary>
    /// <param name="images">The images.</param>
    /// <exception cref="ArgumentNullException"><paramref name="images"/> is null.</exception>
    public ImageTable(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        Images = images;
        nonZeros = new int[images.Count];
        for (int i = 0; i < nonZeros.Length; i++)
        {
            ReadOnlySpan<byte> pixels = images.Image(i);
            nonZeros[i] = pixels.Length - pixels.Count((byte)0);
        }
    }

    /// <summary>The images.</summary>
    public ImageSet Images { get; }

    /// <inheritdoc/>
    public override int Count => Images.Count;

    /// <inheritdoc/>
    public override int FeatureCount => Images.Height * Images.Width;

    /// <inheritdoc/>
    public override int NonZeroCount(int row)
    {
        CheckRow(row);
        return nonZeros[row];
    }

    /// <inheritdoc/>
    public override int Read(int row, Span<int> features, Span<double> values)
    {
        CheckRow(row);
        CheckRoom(nonZeros[row], features, values);
        ReadOnlySpan<byte> pixels = Images.Image(row);
        int filled = 0;
        for (int j = 0; j < pixels.Length; j++)
        {
            if (pixels[j] == 0) continue;
            features[filled] = j;
            values[filled++] = pixels[j] / 255.0;
        }

        return filled;
    }
}

/// <summary>A table of which every number is kept, row after row.</summary>
public sealed class DenseTable : FeatureTable
{
    private readonly ReadOnlyMemory<double> values;

    /// <summary>Wraps numbers without copying them; the caller must not change them afterwards.</summary>
    /// <param name="values"><c>count * featureCount</c> numbers, row after row.</param>
    /// <param name="count">The number of rows, at least 0.</param>
    /// <param name="featureCount">The number of features, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
    /// <exception cref="ArgumentException">There are not <c>count * featureCount</c> values.</exception>
    public DenseTable(ReadOnlyMemory<double> values, int count, int featureCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(featureCount);
        if (values.Length != (long)count * featureCount)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"{count} rows of {featureCount} features need {(long)count * featureCount} values, but {values.Length} were given."),
                nameof(values));
        }

        this.values = values;
        Count = count;
        FeatureCount = featureCount;
    }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <inheritdoc/>
    public override int FeatureCount { get; }

    /// <inheritdoc/>
    public override int NonZeroCount(int row)
    {
        CheckRow(row);
        return FeatureCount - Row(row).Count(0.0);
    }

    /// <inheritdoc/>
    public override int Read(int row, Span<int> features, Span<double> values)
    {
        CheckRow(row);
        ReadOnlySpan<double> entries = Row(row);
        CheckRoom(FeatureCount - entries.Count(0.0), features, values);
        int filled = 0;
        for (int j = 0; j < entries.Length; j++)
        {
            if (entries[j] == 0) continue;
            features[filled] = j;
            values[filled++] = entries[j];
        }

        return filled;
    }

    private ReadOnlySpan<double> Row(int row) => this.values.Span.Slice(row * FeatureCount, FeatureCount);
}

/// <summary>A table of which only the entries that are not zero are kept, in compressed rows.</summary>
public sealed class SparseTable : FeatureTable
{
    private readonly int[] starts;
    private readonly int[] features;
    private readonly double[] values;

    /// <summary>Wraps compressed rows without copying them; the caller must not change them afterwards.</summary>
    /// <param name="starts">
    /// <c>count + 1</c> numbers: row i has the entries from <c>starts[i]</c> to <c>starts[i + 1] - 1</c>.
    /// </param>
    /// <param name="features">The feature of each entry, ascending within a row.</param>
    /// <param name="values">The value of each entry, none of them zero; may be longer than what the rows use.</param>
    /// <param name="featureCount">The number of features, above every feature that occurs.</param>
    /// <param name="centre">What is subtracted from every row, a number per feature; null for nothing.</param>
    /// <exception cref="ArgumentNullException">An array is null.</exception>
    /// <exception cref="ArgumentException">The arrays are not those of compressed rows.</exception>
    public SparseTable(int[] starts, int[] features, double[] values, int featureCount, double[]? centre = null)
    {
        ArgumentNullException.ThrowIfNull(starts);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegative(featureCount);
        if (centre is not null && centre.Length != featureCount) throw Bad(nameof(centre), $"There are {featureCount} features, but {centre.Length} numbers of the centre.");
        if (starts.Length == 0 || starts[0] != 0 || starts[^1] > features.Length || starts[^1] > values.Length)
            throw new ArgumentException("The starts must begin with 0 and end within the entries.", nameof(starts));
        for (int row = 0; row + 1 < starts.Length; row++)
        {
            if (starts[row + 1] < starts[row] || starts[row + 1] > starts[^1])
                throw Bad(nameof(starts), $"The start of row {row + 1} is before that of row {row}, or behind the end.");
            int last = -1;
            for (int k = starts[row]; k < starts[row + 1]; k++)
            {
                if (features[k] <= last || features[k] >= featureCount)
                    throw Bad(nameof(features), $"Feature {features[k]} of row {row} does not ascend or is not below {featureCount}.");
                if (values[k] == 0) throw Bad(nameof(values), $"Feature {features[k]} of row {row} is zero.");
                last = features[k];
            }
        }

        this.starts = starts;
        this.features = features;
        this.values = values;
        FeatureCount = featureCount;
        Centre = centre;
    }

    /// <inheritdoc/>
    public override int Count => this.starts.Length - 1;

    /// <inheritdoc/>
    public override int FeatureCount { get; }

    /// <inheritdoc/>
    public override int NonZeroCount(int row)
    {
        CheckRow(row);
        return this.starts[row + 1] - this.starts[row];
    }

    /// <inheritdoc/>
    public override int Read(int row, Span<int> features, Span<double> values)
    {
        int count = NonZeroCount(row);
        CheckRoom(count, features, values);
        this.features.AsSpan(this.starts[row], count).CopyTo(features);
        this.values.AsSpan(this.starts[row], count).CopyTo(values);
        return count;
    }

    private static ArgumentException Bad(string parameter, FormattableString message) =>
        new(message.ToString(CultureInfo.InvariantCulture), parameter);
}

/// <summary>Collects the rows of a <see cref="SparseTable"/> one after another.</summary>
internal sealed class SparseTableBuilder(string source)
{
    private readonly List<int> starts = [0];
    private int[] features = new int[256];
    private double[] values = new double[256];
    private int used;

    public int Count => this.starts.Count - 1;

    /// <summary>Adds an entry to the row that is being built; zeros are left out.</summary>
    /// <exception cref="InputException">One array cannot hold so many entries.</exception>
    public void Add(int feature, double value)
    {
        if (value == 0) return;
        if (this.used == this.features.Length)
        {
            int room = Grown(this.used, Array.MaxLength, source);
            Array.Resize(ref this.features, room);
            Array.Resize(ref this.values, room);
        }

        this.features[this.used] = feature;
        this.values[this.used++] = value;
    }

    public void EndRow() => this.starts.Add(this.used);

    public SparseTable Build(int featureCount, double[]? centre = null) => new([.. this.starts], this.features, this.values, featureCount, centre);

    // Separate for its test: nobody wants to fill 2^31 entries for one.
    internal static int Grown(int used, int most, string source) => used < most
        ? (int)Math.Min(most, 2L * used)
        : throw new InputException(string.Create(
            CultureInfo.InvariantCulture,
            $"{source}: has more than {most} entries that are not zero, more than one array can hold. Use fewer rows, or leave columns out."));
}
