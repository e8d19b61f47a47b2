using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// One pass over feature rows for several linear softmax classifiers at once: per-row cross-entropies and weighted
/// gradients. Each row's non-zero entries are read once for all classifiers. Every sum is taken in an order that depends
/// on the rows alone, so the result does not depend on the number of threads.
/// </summary>
/// <remarks>
/// A classifier is a vector of FeatureCount x Classes weights, feature by feature. Scores, softmax and gradient go block
/// by block while a block's numbers are in the nearest cache. Only the gradient of all compressed rows is summed
/// feature by feature at the end: rows that are wanted again and again pay for a second copy of their entries.
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
    private readonly Action<int> loadPart, runChunk, runPart;
    private readonly SampleRows<T> sample;
    private readonly RowProducts<T> products;
    private readonly SparseProducts<T>? sparse;        // the same where rows are compressed
    private AlignedArray<T> slopes = new(0);           // rows x columns: exponentials of the scores, then slopes
    private AlignedArray<T> gradient = new(0);         // a panel
    private readonly AlignedArray<T>?[] panels = new AlignedArray<T>?[MostChunks];      // panels of the chunks behind the first
    private Chunk[] chunks = [];
    private T[] bias = [];                             // where the rows have a centre

    // The request at work.
    private int chunkRows;
    private T[][] rowWeights = [];
    private bool wantLosses, wantAnyGradient, byFeature;
    private DenseVector<T>[] classifiers = [];
    private DenseVector<T>?[] gradients = [];

    public SoftmaxPass(FeatureRows<T> data, int[] labels, int classes, int threads)
    {
        if (labels.Length != data.Count || labels.AsSpan().ContainsAnyExceptInRange(0, classes - 1))
            throw new ArgumentException(FormattableString.Invariant($"{data.Count} rows need as many labels from 0 to {classes - 1}."), nameof(labels));
        (this.data, this.labels, this.classes, this.threads) = (data, labels, classes, threads);
        (loadPart, runChunk, runPart) = (LoadPart, RunChunk, RunPart);
        sample = new SampleRows<T>(data);
        if (!data.IsDense) sparse = new SparseProducts<T>(data, sample, classes, threads);
        products = (RowProducts<T>?)sparse ?? new DenseProducts<T>(data, sample, classes);
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
    /// <param name="at">The classifiers, FeatureCount x Classes weights each.</param>
    /// <param name="weightsOfRows">For each classifier the weight of every row of the sample in its gradient; null for ones.</param>
    /// <param name="results">For each classifier where the sum over the rows of weight times gradient of the cross-entropy goes; null for none.</param>
    /// <param name="losses">Whether the cross-entropies are wanted.</param>
    public void Run(Sample on, ReadOnlySpan<DenseVector<T>> at, T[]?[] weightsOfRows, DenseVector<T>?[] results, bool losses)
    {
        Take(on);
        Prepare(at.Length);
        at.CopyTo(classifiers);
        (wantLosses, wantAnyGradient) = (losses, false);
        for (int p = 0; p < at.Length; p++)
        {
            rowWeights[p] = weightsOfRows[p]!;
            wantAnyGradient |= (gradients[p] = results[p]) is not null;
        }

        if (wantAnyGradient && gradient.Length != products.PanelLength) gradient = AlignedArray<T>.InPlaceOf(gradient, products.PanelLength);
        byFeature = wantAnyGradient && sample.IsAll && sparse is not null;
        int count = CutIntoChunks();
        if (losses && Losses.Length < Rows * at.Length) Losses = new T[Rows * at.Length];
        if (byFeature) ForkJoin.For(sparse!.Blocks.Parts, threads, loadPart);
        else Load(0, data.FeatureCount);
        if (data.HasCentre) LoadBiases();
        ForkJoin.For(count, threads, runChunk);
        if (byFeature) ForkJoin.For(sparse!.Blocks.Parts, threads, runPart);
        else if (wantAnyGradient) AddUp(count);
        if (data.HasCentre) Centralise();
    }

    private void Prepare(int points)
    {
        if (products.Points != points)
        {
            products.Resize(points);
            slopes = AlignedArray<T>.InPlaceOf(slopes, 0);
            rowWeights = new T[points][];
            (classifiers, gradients) = (new DenseVector<T>[points], new DenseVector<T>?[points]);
            chunks = [];
        }

        int columns = products.Columns;
        long needed = (long)Rows * columns;
        if (needed > Array.MaxLength - columns)
            throw new InputException(FormattableString.Invariant($"{Rows} rows times {columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} scores; take fewer rows or a minibatch."));
        if (slopes.Length < needed) slopes = AlignedArray<T>.InPlaceOf(slopes, (int)needed);
    }

    private int CutIntoChunks()
    {
        int count = (Rows + ChunkRows - 1) / ChunkRows;

        // Clearing and adding up the chunks' gradients must not cost more than the entries of the rows.
        if (wantAnyGradient && !byFeature) count = Math.Min(count, (int)(sample.NonZeros / data.FeatureCount));
        count = Math.Clamp(count, 1, MostChunks);
        chunkRows = (Rows + count - 1) / count;
        while (chunks.Length < count) chunks = [.. chunks, new Chunk(products.Points, products.Columns)];
        if (!wantAnyGradient || byFeature) return count;
        for (int c = 1; c < count; c++)
        {
            if (panels[c]?.Length != gradient.Length) panels[c] = AlignedArray<T>.InPlaceOf(panels[c], gradient.Length);
        }
        return count;
    }

    private void AddUp(int count)
    {
        for (int c = 1; c < count; c++) TensorPrimitives.Add(gradient.Span, panels[c]!.Span, gradient.Span);
        Read(0, data.FeatureCount);
    }

    private void LoadPart(int part)
    {
        // A part is empty where a feature before it has more than its share of the entries.
        var (first, end) = sparse!.Blocks.Features(part);
        if (first < end) Load(first, end);
    }

    private void RunPart(int part)
    {
        var (first, end) = sparse!.Blocks.Features(part);
        if (first == end) return;
        sparse.Blocks.SumGradient(part, slopes.Span, products.Columns, gradient.Span);
        Read(first, end);
    }

    private void Load(int first, int end)
    {
        for (int p = 0; p < classifiers.Length; p++) products.Load(p, classifiers[p].Span, first, end);
    }

    private void LoadBiases()
    {
        if (bias.Length == 0) bias = new T[classes];
        for (int p = 0; p < classifiers.Length; p++)
        {
            data.Bias(classifiers[p].Span, bias);
            products.LoadBias(p, bias);
        }
    }

    private void Centralise()
    {
        foreach (var result in gradients)
        {
            if (result is not null) data.Centralise(result.Span, classes);
        }
    }

    private void Read(int first, int end)
    {
        for (int p = 0; p < gradients.Length; p++)
        {
            if (gradients[p] is { } result) products.Read(gradient.Span, p, result.Span, first, end);
        }
    }

    private void RunChunk(int index)
    {
        var chunk = chunks[index];
        bool addsGradient = wantAnyGradient && !byFeature;
        var own = index == 0 || !addsGradient ? gradient : panels[index]!;
        if (addsGradient) own.Span.Clear();
        int end = Math.Min(Rows, (index + 1) * chunkRows);
        for (int first = index * chunkRows; first < end; first += BlockRows)
        {
            int count = Math.Min(BlockRows, end - first);
            products.Scores(first, count, chunk.Scores.Span[..(count * products.Columns)]);
            Softmax(chunk, first, count);
            if (addsGradient) products.AddGradient(first, count, RowsOf(slopes.Span, first, count), own.Span);
        }
    }

    private Span<T> RowsOf(Span<T> rows, int first, int count) => rows.Slice(first * products.Columns, count * products.Columns);

    // Cross-entropies, and slopes weight * (probability - [class is the label]). What the padding becomes is never read.
    private void Softmax(Chunk chunk, int first, int count)
    {
        int points = products.Points;
        var scores = RowsOf(chunk.Scores.Span, 0, count);
        var exponentials = RowsOf(slopes.Span, first, count);
        bool modest = SoftmaxRows<T>.TryExponentials(scores, exponentials);
        for (int r = 0; r < count; r++)
        {
            int label = labels[sample.Index(first + r)];
            for (int p = 0; p < points; p++)
            {
                int column = (r * products.Columns) + (p * classes), at = (r * points) + p;
                var ofPoint = exponentials.Slice(column, classes);
                T shift = modest ? T.Zero : SoftmaxRows<T>.ShiftedExponentials(scores.Slice(column, classes), ofPoint);
                T sum = chunk.Sums[at] = SoftmaxRows<T>.Sum(ofPoint);
                chunk.OwnScores[at] = scores[column + label] - shift;
                if (gradients[p] is null) continue;
                var weight = rowWeights[p] is { } given ? given[first + r] : T.One;
                SoftmaxRows<T>.Scale(ofPoint, weight / sum);
                ofPoint[label] -= weight;
            }
        }

        if (!wantLosses) return;
        var losses = Losses.AsSpan(first * points, count * points);
        TensorPrimitives.Log(chunk.Sums.AsSpan(0, losses.Length), losses);
        TensorPrimitives.Subtract(losses, chunk.OwnScores.AsSpan(0, losses.Length), losses);
    }

    private sealed class Chunk(int points, int columns)
    {
        public readonly AlignedArray<T> Scores = new(BlockRows * columns);
        public readonly T[] OwnScores = new T[BlockRows * points];         // those of the labels
        public readonly T[] Sums = new T[BlockRows * points];              // of the exponentials
    }
}
