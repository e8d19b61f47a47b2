using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// One pass over feature rows for several linear softmax classifiers at once: per-row cross-entropies and weighted
/// gradients. Each row's non-zero entries are read once for all classifiers. Every sum is taken in an order that depends
/// on the rows alone, so the result does not depend on the number of threads.
/// </summary>
/// <remarks>
/// A classifier is a vector of FeatureCount x Classes weights, feature by feature. The columns of all classifiers are
/// packed side by side, padded to whole hardware vectors. Gradients are summed feature by feature where all rows are
/// wanted again and again, which pays for a second copy of the entries; row by row, in chunks, for a minibatch and
/// for dense rows.
/// </remarks>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class SoftmaxPass<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int BlockRows = 64;      // rows whose scores are computed and used while they are in the nearest cache
    private const int ChunkRows = 256;
    private const int MostChunks = 16;

    private readonly FeatureRows<T> data;
    private readonly int[] labels;
    private readonly int classes, threads;
    private readonly ParallelOptions options;
    private readonly Action<int> runChunk, runPart;
    private readonly SampleRows<T> sample;
    private FeatureBlocks<T>? blocks;
    private Layout layout = new(0, 0, 0);
    private AlignedArray<T> weights = new(0);          // features x columns
    private AlignedArray<T> scores = new(0);           // rows x columns: scores, then exponentials, then slopes
    private AlignedArray<T> gradient = new(0);         // features x columns
    private Chunk[] chunks = [];

    // The request at work.
    private int chunkRows;
    private T[][] rowWeights = [];
    private bool wantLosses, wantAnyGradient, byFeature;
    private bool[] wantGradient = [];

    public SoftmaxPass(FeatureRows<T> data, int[] labels, int classes, int threads)
    {
        if (labels.Length != data.Count || labels.AsSpan().ContainsAnyExceptInRange(0, classes - 1))
            throw new ArgumentException(FormattableString.Invariant($"{data.Count} rows need as many labels from 0 to {classes - 1}."), nameof(labels));
        (this.data, this.labels, this.classes, this.threads) = (data, labels, classes, threads);
        options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) };
        (runChunk, runPart) = (RunChunk, RunPart);
        sample = new SampleRows<T>(data);
        Losses = [];
    }

    /// <summary>Number of rows of the last sample.</summary>
    public int Rows => sample.Count;

    /// <summary>Cross-entropy of row r of the last pass under classifier p, at [r * classifiers + p]; filled when asked for.</summary>
    public T[] Losses { get; private set; }

    /// <summary>Index in the data of row r of the last sample.</summary>
    public int RowIndex(int r) => sample.Index(r);

    /// <summary>Takes the rows of a sample beforehand, where their weights are to be made for a run.</summary>
    public void Take(Sample on) => sample.Take(on);

    /// <summary>Runs over the rows of a sample.</summary>
    /// <param name="on">The sample.</param>
    /// <param name="classifiers">The classifiers, FeatureCount x Classes weights each.</param>
    /// <param name="weightsOfRows">For each classifier the weight of every row of the sample in its gradient; null for ones.</param>
    /// <param name="gradients">For each classifier where the sum over the rows of weight times gradient of the cross-entropy goes; null for none.</param>
    /// <param name="losses">Whether the cross-entropies are wanted.</param>
    public void Run(Sample on, ReadOnlySpan<DenseVector<T>> classifiers, T[]?[] weightsOfRows, DenseVector<T>?[] gradients, bool losses)
    {
        Take(on);
        Prepare(classifiers.Length);
        (wantLosses, wantAnyGradient) = (losses, false);
        for (int p = 0; p < classifiers.Length; p++)
        {
            rowWeights[p] = weightsOfRows[p]!;
            wantAnyGradient |= wantGradient[p] = gradients[p] is not null;
        }

        byFeature = wantAnyGradient && sample.IsAll && !data.IsDense;
        if (byFeature) blocks ??= new FeatureBlocks<T>(data, Math.Max(1, threads));
        int count = CutIntoChunks();
        if (losses && Losses.Length < Rows * classifiers.Length) Losses = new T[Rows * classifiers.Length];
        Pack(classifiers);
        For(count, runChunk);
        if (!wantAnyGradient) return;
        if (byFeature) For(blocks!.Parts, runPart);
        else AddUp(count);
        Unpack(gradients);
    }

    private void For(int count, Action<int> body)
    {
        if (threads > 1 && count > 1) Parallel.For(0, count, options, body);
        else for (int i = 0; i < count; i++) body(i);
    }

    private void Prepare(int points)
    {
        if (layout.Points != points)
        {
            int columns = ((points * classes) + RowKernels<T>.Granule - 1) / RowKernels<T>.Granule * RowKernels<T>.Granule;
            layout = new Layout(points, classes, columns);
            long panel = (long)data.FeatureCount * columns;
            if (panel > Array.MaxLength - columns)
                throw new InputException(FormattableString.Invariant($"{data.FeatureCount} features times {columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} weights; take fewer features or classes."));
            (weights, gradient, scores) = (new AlignedArray<T>((int)panel), new AlignedArray<T>((int)panel), new AlignedArray<T>(0));
            rowWeights = new T[points][];
            wantGradient = new bool[points];
            chunks = [];
        }

        long needed = (long)Rows * layout.Columns;
        if (needed > Array.MaxLength - layout.Columns)
            throw new InputException(FormattableString.Invariant($"{Rows} rows times {layout.Columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} scores; take fewer rows or a minibatch."));
        if (scores.Length < needed) scores = new AlignedArray<T>((int)needed);
    }

    private int CutIntoChunks()
    {
        int count = (Rows + ChunkRows - 1) / ChunkRows;

        // Clearing and adding up the chunks' gradients must not cost more than the entries of the rows.
        if (wantAnyGradient && !byFeature) count = Math.Min(count, (int)(sample.NonZeros / data.FeatureCount));
        count = Math.Clamp(count, 1, MostChunks);
        chunkRows = (Rows + count - 1) / count;
        while (chunks.Length < count) chunks = [.. chunks, new Chunk(layout.Points)];
        if (!wantAnyGradient || byFeature) return count;
        for (int c = 1; c < count; c++) chunks[c].Gradient ??= new AlignedArray<T>(gradient.Length);
        return count;
    }

    private void Pack(ReadOnlySpan<DenseVector<T>> classifiers)
    {
        for (int p = 0; p < classifiers.Length; p++) PanelColumns<T>.Write(classifiers[p].Span, classes, weights.Span[(p * classes)..], layout.Columns);
    }

    private void Unpack(DenseVector<T>?[] gradients)
    {
        for (int p = 0; p < layout.Points; p++)
        {
            if (gradients[p] is { } result) PanelColumns<T>.Read(gradient.Span[(p * classes)..], layout.Columns, result.Span, classes);
        }
    }

    private void AddUp(int count)
    {
        for (int c = 1; c < count; c++) TensorPrimitives.Add(gradient.Span, chunks[c].Gradient!.Span, gradient.Span);
    }

    private void RunPart(int part) => blocks!.SumGradient(part, scores.Span, layout.Columns, gradient.Span);

    private void RunChunk(int index)
    {
        var chunk = chunks[index];
        var own = index == 0 ? gradient : chunk.Gradient;
        bool addsGradient = wantAnyGradient && !byFeature;
        if (addsGradient) own!.Span.Clear();
        int end = Math.Min(Rows, (index + 1) * chunkRows);
        for (int first = index * chunkRows; first < end; first += BlockRows)
        {
            int count = Math.Min(BlockRows, end - first);
            if (data.IsDense) DenseScores(chunk, first, count);
            else SparseScores(first, count);
            Softmax(chunk, first, count);
            if (!addsGradient) continue;
            if (data.IsDense) AddDenseGradient(chunk, first, count, own!.Span);
            else RowKernels<T>.AddOuter(sample.Starts[first], Ends(first, count), sample.Features, sample.Values, RowsOf(first, count), own!.Span, layout.Columns);
        }
    }

    private Span<T> RowsOf(int first, int count) => scores.Span.Slice(first * layout.Columns, count * layout.Columns);

    private ReadOnlySpan<int> Ends(int first, int count) => sample.Starts.Slice(first + 1, count);

    private void SparseScores(int first, int count) =>
        RowKernels<T>.Combine(sample.Starts[first], Ends(first, count), sample.Features, sample.Values, weights.Span, RowsOf(first, count), layout.Columns);

    private void DenseScores(Chunk chunk, int first, int count)
    {
        // Count * FeatureCount entries fit one array, so the products do not overflow.
        for (int r = 0; r < count; r++) chunk.Starts[r] = sample.Index(first + r) * data.FeatureCount;
        int whole = count - (count % DenseTiles<T>.Height), columns = layout.Columns;
        for (int r = 0; r < whole; r += DenseTiles<T>.Height)
            DenseTiles<T>.Scores(chunk.Starts.AsSpan(r, DenseTiles<T>.Height), data.AllValues, data.FeatureCount, weights.Span, RowsOf(first + r, DenseTiles<T>.Height), columns);
        for (int r = first + whole; r < first + count; r++)
        {
            int row = sample.Index(r);
            RowKernels<T>.Combine(0, [data.FeatureCount], data.Features(row), data.Values(row), weights.Span, RowsOf(r, 1), columns);
        }
    }

    private void AddDenseGradient(Chunk chunk, int first, int count, Span<T> own)
    {
        // The features that do not fill a tile go one by one.
        int columns = layout.Columns, whole = data.FeatureCount - (data.FeatureCount % DenseTiles<T>.Height);
        var slopes = RowsOf(first, count);
        for (int j = 0; j < whole; j += DenseTiles<T>.Height)
            DenseTiles<T>.AddGradient(chunk.Starts.AsSpan(0, count), data.AllValues, j, slopes, own.Slice(j * columns, DenseTiles<T>.Height * columns), columns);
        for (int j = whole; j < data.FeatureCount; j++)
        {
            var to = own.Slice(j * columns, columns);
            for (int r = first; r < first + count; r++) TensorPrimitives.MultiplyAdd(RowsOf(r, 1), data.Values(sample.Index(r))[j], to, to);
        }
    }

    // Cross-entropies from the scores; then the scores become weight * (probability - [class is the label]). What the
    // padding becomes is never read.
    private void Softmax(Chunk chunk, int first, int count)
    {
        int points = layout.Points, columns = layout.Columns;
        var block = RowsOf(first, count);
        var sums = chunk.Sums.AsSpan(0, count * points);
        if (wantLosses) KeepOwnScores(chunk, first, count);
        bool modest = SoftmaxRows<T>.AreModest(block);
        if (modest) SoftmaxRows<T>.Exponentials(block);
        for (int r = 0; r < count; r++)
        {
            int label = labels[sample.Index(first + r)];
            for (int p = 0; p < points; p++)
            {
                var ofPoint = block.Slice((r * columns) + (p * classes), classes);
                int at = (r * points) + p;
                if (!modest) chunk.OwnScores[at] -= SoftmaxRows<T>.ShiftedExponentials(ofPoint);
                T sum = sums[at] = SoftmaxRows<T>.Sum(ofPoint);
                var weight = !wantGradient[p] ? T.Zero : rowWeights[p] is { } given ? given[first + r] : T.One;
                SoftmaxRows<T>.Scale(ofPoint, weight / sum);
                ofPoint[label] -= weight;
            }
        }

        if (!wantLosses) return;
        var losses = Losses.AsSpan(first * points, count * points);
        TensorPrimitives.Log(sums, losses);
        TensorPrimitives.Subtract(losses, chunk.OwnScores.AsSpan(0, losses.Length), losses);
    }

    private void KeepOwnScores(Chunk chunk, int first, int count)
    {
        int points = layout.Points;
        for (int r = 0; r < count; r++)
        {
            var row = RowsOf(first + r, 1)[labels[sample.Index(first + r)]..];
            for (int p = 0; p < points; p++) chunk.OwnScores[(r * points) + p] = row[p * classes];
        }
    }

    private readonly record struct Layout(int Points, int Classes, int Columns);

    private sealed class Chunk(int points)
    {
        public readonly T[] OwnScores = new T[BlockRows * points];         // those of the labels
        public readonly T[] Sums = new T[BlockRows * points];              // of the exponentials
        public readonly int[] Starts = new int[BlockRows];

        /// <summary>features x columns; null for the first chunk, which adds to the sum itself.</summary>
        public AlignedArray<T>? Gradient;
    }
}
