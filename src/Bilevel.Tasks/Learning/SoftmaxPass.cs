using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

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
    private const int BlockRows = 32;      // rows whose scores are kept at a time: they stay in the first-level cache
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
            int columns = ((points * classes) + Vector<T>.Count - 1) / Vector<T>.Count * Vector<T>.Count;
            layout = new Layout(points, classes, columns);
            long panel = (long)data.FeatureCount * columns;
            if (panel > Array.MaxLength)
                throw new InputException(FormattableString.Invariant($"{data.FeatureCount} features times {columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} weights; take fewer features or classes."));
            weights = new T[panel];
            rowWeights = new T[points][];
            wantGradient = new bool[points];
            chunks = [];
        }

        while (chunks.Length < count) chunks = [.. chunks, new Chunk(weights.Length, layout.Columns, points)];
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
            else for (int r = 0; r < count; r++) Scores(chunk.Rows[r], RowOf(chunk, r));

            Softmax(chunk, first, count);
            if (!any) continue;
            if (data.IsDense) AddDenseGradient(chunk, count);
            else for (int r = 0; r < count; r++) AddGradient(chunk.Rows[r], RowOf(chunk, r), chunk.Gradient);
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
        for (int r = whole; r < count; r++) Scores(chunk.Rows[r], RowOf(chunk, r));
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

    // scores = W' a
    private void Scores(int row, Span<T> scores)
    {
        var features = data.Features(row);
        var values = data.Values(row);
        for (int column = 0, left = layout.Columns / Vector<T>.Count; left > 0;)
        {
            int taken = Math.Min(left == 4 ? 2 : 3, left);
            ref T w = ref weights[column];
            var to = scores[column..];
            if (taken == 3) Scores3(features, values, ref w, to);
            else if (taken == 2) Scores2(features, values, ref w, to);
            else Scores1(features, values, ref w, to);
            column += taken * Vector<T>.Count;
            left -= taken;
        }
    }

    // Two features at a time: six independent sums hide the latency of a multiply-add.
    private void Scores3(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ref T w, Span<T> scores)
    {
        nuint width = (nuint)Vector<T>.Count, columns = (nuint)layout.Columns;
        Vector<T> a0 = default, a1 = default, a2 = default, b0 = default, b1 = default, b2 = default;
        int j = features.Length & 1;
        if (j == 1)
        {
            var v = new Vector<T>(values[0]);
            nuint at = (nuint)features[0] * columns;
            a0 = v * Vector.LoadUnsafe(ref w, at);
            a1 = v * Vector.LoadUnsafe(ref w, at + width);
            a2 = v * Vector.LoadUnsafe(ref w, at + (2 * width));
        }

        for (; j + 1 < features.Length; j += 2)
        {
            Vector<T> v = new(values[j]), u = new(values[j + 1]);
            nuint at = (nuint)features[j] * columns, to = (nuint)features[j + 1] * columns;
            a0 = MultiplyAdd(v, Vector.LoadUnsafe(ref w, at), a0);
            a1 = MultiplyAdd(v, Vector.LoadUnsafe(ref w, at + width), a1);
            a2 = MultiplyAdd(v, Vector.LoadUnsafe(ref w, at + (2 * width)), a2);
            b0 = MultiplyAdd(u, Vector.LoadUnsafe(ref w, to), b0);
            b1 = MultiplyAdd(u, Vector.LoadUnsafe(ref w, to + width), b1);
            b2 = MultiplyAdd(u, Vector.LoadUnsafe(ref w, to + (2 * width)), b2);
        }

        (a0 + b0).CopyTo(scores);
        (a1 + b1).CopyTo(scores[(int)width..]);
        (a2 + b2).CopyTo(scores[(int)(2 * width)..]);
    }

    private void Scores2(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ref T w, Span<T> scores)
    {
        nuint width = (nuint)Vector<T>.Count, columns = (nuint)layout.Columns;
        Vector<T> a0 = default, a1 = default, b0 = default, b1 = default;
        int j = features.Length & 1;
        if (j == 1)
        {
            var v = new Vector<T>(values[0]);
            nuint at = (nuint)features[0] * columns;
            a0 = v * Vector.LoadUnsafe(ref w, at);
            a1 = v * Vector.LoadUnsafe(ref w, at + width);
        }

        for (; j + 1 < features.Length; j += 2)
        {
            Vector<T> v = new(values[j]), u = new(values[j + 1]);
            nuint at = (nuint)features[j] * columns, to = (nuint)features[j + 1] * columns;
            a0 = MultiplyAdd(v, Vector.LoadUnsafe(ref w, at), a0);
            a1 = MultiplyAdd(v, Vector.LoadUnsafe(ref w, at + width), a1);
            b0 = MultiplyAdd(u, Vector.LoadUnsafe(ref w, to), b0);
            b1 = MultiplyAdd(u, Vector.LoadUnsafe(ref w, to + width), b1);
        }

        (a0 + b0).CopyTo(scores);
        (a1 + b1).CopyTo(scores[(int)width..]);
    }

    private void Scores1(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ref T w, Span<T> scores)
    {
        nuint columns = (nuint)layout.Columns;
        Vector<T> a = default;
        for (int j = 0; j < features.Length; j++) a = MultiplyAdd(new Vector<T>(values[j]), Vector.LoadUnsafe(ref w, (nuint)features[j] * columns), a);
        a.CopyTo(scores);
    }

    // Cross-entropies from the scores; then the scores become weight * (probability - [class is the label]).
    private void Softmax(Chunk chunk, int first, int count)
    {
        int columns = layout.Columns, points = layout.Points;
        for (int r = 0; r < count; r++)
        {
            int label = labels[chunk.Rows[r]];
            for (int p = 0; p < points; p++)
            {
                var scores = chunk.Scores.AsSpan((r * columns) + (p * classes), classes);
                var largest = scores[0];
                foreach (var s in scores) largest = T.Max(largest, s);
                for (int k = 0; k < scores.Length; k++) scores[k] -= largest;
                chunk.AtLabel[(r * points) + p] = scores[label];
            }
        }

        var all = chunk.Scores.AsSpan(0, count * columns);
        TensorPrimitives.Exp(all, all);
        for (int r = 0; r < count; r++)
        {
            int row = chunk.Rows[r];
            for (int p = 0; p < points; p++)
            {
                var scores = chunk.Scores.AsSpan((r * columns) + (p * classes), classes);
                var sum = T.Zero;
                foreach (var s in scores) sum += s;
                if (wantLosses) Losses[((first + r) * points) + p] = T.Log(sum) - chunk.AtLabel[(r * points) + p];
                var weight = !wantGradient[p] ? T.Zero : rowWeights[p] is { } given ? given[row] : T.One;
                var scale = weight / sum;
                for (int k = 0; k < scores.Length; k++) scores[k] *= scale;
                scores[labels[row]] -= weight;
            }

            chunk.Scores.AsSpan((r * columns) + (points * classes), columns - (points * classes)).Clear();
        }
    }

    // gradient += a (outer) slopes
    private void AddGradient(int row, ReadOnlySpan<T> slopes, T[] gradient)
    {
        var features = data.Features(row);
        var values = data.Values(row);
        nuint width = (nuint)Vector<T>.Count, columns = (nuint)layout.Columns;
        for (int column = 0, left = layout.Columns / Vector<T>.Count; left > 0;)
        {
            int taken = Math.Min(left == 4 ? 2 : 3, left);
            ref T g = ref gradient[column];
            var from = slopes[column..];
            if (taken == 3)
            {
                Vector<T> s0 = new(from), s1 = new(from[(int)width..]), s2 = new(from[(int)(2 * width)..]);
                for (int j = 0; j < features.Length; j++)
                {
                    var v = new Vector<T>(values[j]);
                    nuint at = (nuint)features[j] * columns;
                    MultiplyAdd(v, s0, Vector.LoadUnsafe(ref g, at)).StoreUnsafe(ref g, at);
                    MultiplyAdd(v, s1, Vector.LoadUnsafe(ref g, at + width)).StoreUnsafe(ref g, at + width);
                    MultiplyAdd(v, s2, Vector.LoadUnsafe(ref g, at + (2 * width))).StoreUnsafe(ref g, at + (2 * width));
                }
            }
            else if (taken == 2)
            {
                Vector<T> s0 = new(from), s1 = new(from[(int)width..]);
                for (int j = 0; j < features.Length; j++)
                {
                    var v = new Vector<T>(values[j]);
                    nuint at = (nuint)features[j] * columns;
                    MultiplyAdd(v, s0, Vector.LoadUnsafe(ref g, at)).StoreUnsafe(ref g, at);
                    MultiplyAdd(v, s1, Vector.LoadUnsafe(ref g, at + width)).StoreUnsafe(ref g, at + width);
                }
            }
            else
            {
                var s0 = new Vector<T>(from);
                for (int j = 0; j < features.Length; j++)
                {
                    nuint at = (nuint)features[j] * columns;
                    MultiplyAdd(new Vector<T>(values[j]), s0, Vector.LoadUnsafe(ref g, at)).StoreUnsafe(ref g, at);
                }
            }

            column += taken * Vector<T>.Count;
            left -= taken;
        }
    }

    // a * b + c, fused where the hardware does it; the branch is decided when the code is compiled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector<T> MultiplyAdd(Vector<T> a, Vector<T> b, Vector<T> c) =>
        typeof(T) == typeof(double) ? Vector.MultiplyAddEstimate(a.As<T, double>(), b.As<T, double>(), c.As<T, double>()).As<double, T>()
        : typeof(T) == typeof(float) ? Vector.MultiplyAddEstimate(a.As<T, float>(), b.As<T, float>(), c.As<T, float>()).As<float, T>()
        : (a * b) + c;

    private readonly record struct Layout(int Points, int Classes, int Columns);

    private sealed class Chunk(int gradientLength, int columns, int points)
    {
        public readonly T[] Gradient = new T[gradientLength];
        public readonly T[] Scores = new T[BlockRows * columns];
        public readonly T[] AtLabel = new T[BlockRows * points];
        public readonly int[] Rows = new int[BlockRows];
        public readonly int[] Starts = new int[BlockRows];
    }
}
