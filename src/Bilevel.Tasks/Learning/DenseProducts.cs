using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bilevel.Tasks;

/// <summary>
/// Products with rows that have no zeros, at least a hardware vector long; panels are columns x features, so that vectors
/// run along the features and no column is there for padding.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class DenseProducts<T>(FeatureRows<T> data, SampleRows<T> sample, int classes) : RowProducts<T>(data, sample, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int NearBytes = 4 << 20;

    public override int PanelLength => Used * Stride;

    private int Used => Points * Classes;

    // Whether the rows are too many to stay in a cache from one pass to the next.
    private bool IsFar => Sample.NonZeros * Unsafe.SizeOf<T>() > NearBytes;

    // Every column begins at a whole vector, and not at a multiple of the size at which addresses collide in the cache.
    private int Stride => (((Data.FeatureCount - 1) / RowKernels<T>.Granule) + 1) * RowKernels<T>.Granule;

    public override void Load(int point, ReadOnlySpan<T> weights, int first, int end)
    {
        var rows = weights[(first * Classes)..(end * Classes)];
        var columns = Weights.Span[((point * Classes * Stride) + first)..];
        Transpose(ref MemoryMarshal.GetReference(rows), Classes, 1, ref MemoryMarshal.GetReference(columns), 1, Stride, end - first, Classes);
    }

    public override void LoadBias(int point, ReadOnlySpan<T> bias)
    {
        for (int c = 0; c < Classes; c++) Weights.Span[(((point * Classes) + c) * Stride) + Data.FeatureCount - 1] = bias[c];
    }

    public override void Read(ReadOnlySpan<T> panel, int point, Span<T> result, int first, int end)
    {
        var rows = result[(first * Classes)..(end * Classes)];
        var columns = panel[((point * Classes * Stride) + first)..];
        Transpose(ref MemoryMarshal.GetReference(columns), 1, Stride, ref MemoryMarshal.GetReference(rows), Classes, 1, end - first, Classes);
    }

    public override void Scores(int first, int count, Span<T> scores)
    {
        int ahead = IsFar ? Math.Min(count, Sample.Count - first - count) : 0;
        Span<int> starts = stackalloc int[count + ahead];
        for (int r = 0; r < starts.Length; r++) starts[r] = Start(first + r);
        DenseTiles<T>.Scores(starts[..count], starts[count..], Data.Values.Values, Data.FeatureCount, Weights.Span, Stride, Used, scores, Columns);
    }

    public override void AddGradient(int first, int count, ReadOnlySpan<T> slopes, Span<T> gradient)
    {
        Span<int> starts = stackalloc int[count];
        for (int r = 0; r < count; r++) starts[r] = Start(first + r);
        DenseTiles<T>.AddGradient(starts, Data.Values.Values, Data.FeatureCount, slopes, Columns, Used, gradient, Stride);
    }

    // The entries of all rows fit one array, so the product does not overflow.
    private int Start(int r) => Sample.Index(r) * Data.FeatureCount;

    private static void Transpose(ref T from, int fromRow, int fromColumn, ref T to, int toRow, int toColumn, int rows, int columns)
    {
        for (int c = 0; c < columns; c++)
        {
            ref T a = ref Unsafe.Add(ref from, c * fromColumn);
            ref T b = ref Unsafe.Add(ref to, c * toColumn);
            for (int j = 0; j < rows; j++)
            {
                b = a;
                a = ref Unsafe.Add(ref a, fromRow);
                b = ref Unsafe.Add(ref b, toRow);
            }
        }
    }
}
