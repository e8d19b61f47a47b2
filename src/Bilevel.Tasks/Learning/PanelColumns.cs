using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>Copies short rows to and from some columns of a panel.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class PanelColumns<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Row j of the panel begins with row j of the weights.</summary>
    /// <param name="rows">rows x width.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="panel">From the first column on.</param>
    /// <param name="columns">Columns of the panel.</param>
    public static void Write(ReadOnlySpan<T> rows, int width, Span<T> panel, int columns) => Copy(rows, width, panel, columns, width, rows.Length / width);

    /// <summary>Row j of the result is the beginning of row j of the panel.</summary>
    /// <param name="panel">From the first column on.</param>
    /// <param name="columns">Columns of the panel.</param>
    /// <param name="rows">rows x width.</param>
    /// <param name="width">Numbers of a row.</param>
    public static void Read(ReadOnlySpan<T> panel, int columns, Span<T> rows, int width) => Copy(panel, columns, rows, width, width, rows.Length / width);

    private static void Copy(ReadOnlySpan<T> from, int fromStride, Span<T> to, int toStride, int width, int count)
    {
        if (count == 0) return;
        _ = from[((count - 1) * fromStride) + width - 1];
        _ = to[((count - 1) * toStride) + width - 1];
        ref T a = ref MemoryMarshal.GetReference(from);
        ref T b = ref MemoryMarshal.GetReference(to);
        int vector = Vector256<T>.Count;
        for (int j = 0; j < count; j++)
        {
            int k = 0;
            for (; k + vector <= width; k += vector) Vector256.LoadUnsafe(ref a, (nuint)k).StoreUnsafe(ref b, (nuint)k);

            // The last vector overlaps the one before, so that no number is copied alone.
            if (k < width && width >= vector) Vector256.LoadUnsafe(ref a, (nuint)(width - vector)).StoreUnsafe(ref b, (nuint)(width - vector));
            else for (; k < width; k++) Unsafe.Add(ref b, k) = Unsafe.Add(ref a, k);
            a = ref Unsafe.Add(ref a, fromStride);
            b = ref Unsafe.Add(ref b, toStride);
        }
    }
}
