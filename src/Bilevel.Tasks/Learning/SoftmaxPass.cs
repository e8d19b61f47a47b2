using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// One pass over feature rows for several linear softmax classifiers at once: per-row cross-entropies and weighted
/// gradients. Each row's non-zero entries are read once for all classifiers. Work is cut into chunks that depend on
/// the number of rows alone and summed in their order, so the result does not depend on the number of threads.
/// </summary>
/// <remarks>
/// A classifier is a vector of FeatureCount x Classes weights, feature by feature. The columns of all classifiers are
/// packed side by side, padded to whole hardware vectors. Columns are taken three vectors at a time, so that the sums
/// of a row stay in registers.
/// </remarks>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class SoftmaxPass<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int BlockRows = 64;      // rows whose scores are kept at a time: they stay in the first-level cache
    private const int ChunkRows = 256;
    private const int MostChunks = 16;

    private readonly FeatureRows<T> data;
    private readonly int[] labels;
    private readonly int classes, threads;
    private readonly ParallelOptions options;
    private readonly Action<int> runChunk;
    private Layout layout = new(0, 0, 0);
    private T[] weights = [];              // features x columns
    private Chunk[] chunks = [];

    // The request at work.
    private Sample sample;
    private int rows, chunkRows;
    private T[][] rowWeights = [];
    private bool wantLosses;
    private bool[] wantGradient = [];

    public SoftmaxPass(FeatureRows<T> data, int[] labels, int classes, int threads)
    {
        if (labels.Length != data.Count || labels.AsSpan().ContainsAnyExceptInRange(0, classes - 1))
            throw new ArgumentException(FormattableString.Invariant($"{data.Count} rows need as many labels from 0 to {classes - 1}."), nameof(labels));
        (this.data, this.labels, this.classes, this.threads) = (data, labels, classes, threads);
        options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) };
        runChunk = RunChunk;
        Losses = [];
    }

    /// <summary>Number of rows of the last pass.</summary>
    public int Rows => rows;

    /// <summary>Cross-entropy of row r of the last pass under classifier p, at [r * classifiers + p]; filled when asked for.</summary>
    public T[] Losses { get; private set; }

    /// <summary>Index in the data of row r of a sample.</summary>
    public int RowIndex(int r) => sample.IsAll ? r : Minibatch.Index(sample, r, data.Count);

    /// <summary>Runs over the rows of a sample.</summary>
    /// <param name="on">The sample.</param>
    /// <param name="classifiers">The classifiers, FeatureCount x Classes weights each.</param>
    /// <param name="weightsOfRows">For each classifier the weight of every data row in its gradient; null for ones.</param>
    /// <param name="gradients">For each classifier where the sum over the rows of weight times gradient of the cross-entropy goes; null for none.</param>
    /// <param name="losses">Whether the cross-entropies are wanted.</param>
    public void Run(Sample on, ReadOnlySpan<DenseVector<T>> classifiers, T[]?[] weightsOfRows, DenseVector<T>?[] gradients, bool losses)
    {
        sample = on;
        rows = Minibatch.Count(on, data.Count);

        // Clearing and adding up the chunks' gradients must not cost more than the entries of the rows.
        double entriesPerFeature = data.NonZeros / (double)data.Count * rows / data.FeatureCount;
        int count = Math.Clamp(Math.Min((rows + ChunkRows - 1) / ChunkRows, (int)entriesPerFeature), 1, MostChunks);
        chunkRows = (rows + count - 1) / count;
        Prepare(classifiers.Length, count);
        wantLosses = losses;
        bool any = false;
        for (int p = 0; p < classifiers.Length; p++)
        {
            rowWeights[p] = weightsOfRows[p]!;
            any |= wantGradient[p] = gradients[p] is not null;
        }

        if (losses && Losses.Length < rows * classifiers.Length) Losses = new T[rows * classifiers.Length];
        Pack(classifiers);
        if (threads > 1 && count > 1) Parallel.For(0, count, options, runChunk);
        else for (int c = 0; c < count; c++) RunChunk(c);
        if (any) Unpack(gradients, count);
    }

    private void Prepare(int points, int count)
    {
        if (layout.Points != points)
        {
            int columns = ((points * classes) + RowKernels<T>.Granule - 1) / RowKernels<T>.Granule * RowKernels<T>.Granule;
            layout = new Layout(points, classes, columns);
            long panel = (long)data.FeatureCount * columns;
            if (panel > Array.MaxLength)
                throw new InputException(FormattableString.Invariant($"{data.FeatureCount} features times {columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} weights; take fewer features or classes."));
            weights = new T[panel];
            rowWeights = new T[points][];
            wantGradient = new bool[points];
            chunks = [];
        }

        while (chunks.Length < count) chunks = [.. chunks, new Chunk(weights.Length, layout.Columns)];
    }

    private void Pack(ReadOnlySpan<DenseVector<T>> classifiers)
    {
        for (int p = 0; p < classifiers.Length; p++)
        {
            var from = classifiers[p].Span;
            for (int j = 0, at = p * classes; j < data.FeatureCount; j++, at += layout.Columns) from.Slice(j * classes, classes).CopyTo(weights.AsSpan(at));
        }
    }

    private void Unpack(DenseVector<T>?[] gradients, int count)
    {
        var sum = chunks[0].Gradient.AsSpan();
        for (int c = 1; c < count; c++) TensorPrimitives.Add(sum, chunks[c].Gradient, sum);
        for (int p = 0; p < layout.Points; p++)
        {
            if (gradients[p] is not { } result) continue;
            var to = result.Span;
            for (int j = 0, at = p * classes; j < data.FeatureCount; j++, at += layout.Columns) sum.Slice(at, classes).CopyTo(to[(j * classes)..]);
        }
    }

    private void RunChunk(int index)
    {
        var chunk = chunks[index];
        bool any = wantGradient.AsSpan().Contains(true);
        if (any) Array.Clear(chunk.Gradient);
        int end = Math.Min(rows, (index + 1) * chunkRows);
        for (int first = index * chunkRows; first < end; first += BlockRows)
        {
            int count = Math.Min(BlockRows, end - first);
            for (int r = 0; r < count; r++) chunk.Rows[r] = RowIndex(first + r);
            if (data.IsDense) DenseScores(chunk, count);
            else for (int r = 0; r < count; r++) RowKernels<T>.Scores(data.Features(chunk.Rows[r]), data.Values(chunk.Rows[r]), weights, RowOf(chunk, r));

            Softmax(chunk, first, count);
            if (!any) continue;
            if (data.IsDense) AddDenseGradient(chunk, count);
            else for (int r = 0; r < count; r++) RowKernels<T>.AddOuter(data.Features(chunk.Rows[r]), data.Values(chunk.Rows[r]), RowOf(chunk, r), chunk.Gradient);
        }
    }

    private Span<T> RowOf(Chunk chunk, int r) => chunk.Scores.AsSpan(r * layout.Columns, layout.Columns);

    private void DenseScores(Chunk chunk, int count)
    {
        // Count * FeatureCount entries fit one array, so the products do not overflow.
        for (int r = 0; r < count; r++) chunk.Starts[r] = chunk.Rows[r] * data.FeatureCount;
        int whole = count - (count % DenseTiles<T>.Height);
        for (int r = 0; r < whole; r += DenseTiles<T>.Height)
            DenseTiles<T>.Scores(chunk.Starts.AsSpan(r, DenseTiles<T>.Height), data.AllValues, data.FeatureCount, weights, chunk.Scores.AsSpan(r * layout.Columns, DenseTiles<T>.Height * layout.Columns), layout.Columns);
        for (int r = whole; r < count; r++) RowKernels<T>.Scores(data.Features(chunk.Rows[r]), data.Values(chunk.Rows[r]), weights, RowOf(chunk, r));
    }

    private void AddDenseGradient(Chunk chunk, int count)
    {
        // The features that do not fill a tile go one by one.
        int columns = layout.Columns, whole = data.FeatureCount - (data.FeatureCount % DenseTiles<T>.Height);
        for (int j = 0; j < whole; j += DenseTiles<T>.Height)
            DenseTiles<T>.AddGradient(chunk.Starts.AsSpan(0, count), data.AllValues, j, chunk.Scores, chunk.Gradient.AsSpan(j * columns, DenseTiles<T>.Height * columns), columns);
        for (int j = whole; j < data.FeatureCount; j++)
        {
            var to = chunk.Gradient.AsSpan(j * columns, columns);
            for (int r = 0; r < count; r++) TensorPrimitives.MultiplyAdd(RowOf(chunk, r), data.Values(chunk.Rows[r])[j], to, to);
        }
    }

    // Cross-entropies from the scores; then the scores become weight * (probability - [class is the label]).
    private void Softmax(Chunk chunk, int first, int count)
    {
        int columns = layout.Columns, points = layout.Points;
        var kept = chunk.Kept.AsSpan();
        for (int r = 0; r < count; r++)
        {
            int row = chunk.Rows[r], label = labels[row];
            var all = chunk.Scores.AsSpan(r * columns, columns);
            T shift = SoftmaxRows<T>.Exponentials(all, kept);
            for (int p = 0; p < points; p++)
            {
                var scores = all.Slice(p * classes, classes);
                var before = kept.Slice(p * classes, classes);
                T own = shift, sum = SoftmaxRows<T>.Sum(scores, before, ref own);
                if (wantLosses) Losses[((first + r) * points) + p] = T.Log(sum) + own - before[label];
                var weight = !wantGradient[p] ? T.Zero : rowWeights[p] is { } given ? given[row] : T.One;
                SoftmaxRows<T>.Scale(scores, weight / sum);
                scores[label] -= weight;
            }

            all[(points * classes)..].Clear();
        }
    }

    private readonly record struct Layout(int Points, int Classes, int Columns);

    private sealed class Chunk(int gradientLength, int columns)
    {
        public readonly T[] Gradient = new T[gradientLength];
        public readonly T[] Scores = new T[BlockRows * columns];
        public readonly T[] Kept = new T[columns];
        public readonly int[] Rows = new int[BlockRows];
        public readonly int[] Starts = new int[BlockRows];
    }
}
