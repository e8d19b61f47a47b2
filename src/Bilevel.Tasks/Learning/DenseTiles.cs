using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>
/// Products with rows that have no zeros: four rows or four features by up to three vectors of columns stay in
/// registers, so that every load serves several multiply-adds and a sum is stored once per block of rows.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class DenseTiles<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public const int Height = 4;

    /// <summary>Scores of four rows: scores[i] = W' a_i, for all columns.</summary>
    /// <param name="starts">Where each of the four rows starts in <paramref name="values"/>.</param>
    /// <param name="values">The values of all rows.</param>
    /// <param name="features">Values of a row.</param>
    /// <param name="weights">features x columns.</param>
    /// <param name="scores">4 x columns.</param>
    /// <param name="columns">A multiple of the vector's width.</param>
    public static void Scores(ReadOnlySpan<int> starts, ReadOnlySpan<T> values, int features, ReadOnlySpan<T> weights, Span<T> scores, int columns) =>
        Run(rowsDown: true, starts, values, 0, features, weights, scores, columns);

    /// <summary>Adds to the gradient of four features: gradient[i] += sum over rows r of a_r[feature + i] slopes[r], for all columns.</summary>
    /// <param name="starts">Where each row starts in <paramref name="values"/>.</param>
    /// <param name="values">The values of all rows.</param>
    /// <param name="feature">The first of the four features.</param>
    /// <param name="slopes">rows x columns.</param>
    /// <param name="gradient">4 x columns.</param>
    /// <param name="columns">A multiple of the vector's width.</param>
    public static void AddGradient(ReadOnlySpan<int> starts, ReadOnlySpan<T> values, int feature, ReadOnlySpan<T> slopes, Span<T> gradient, int columns) =>
        Run(rowsDown: false, starts, values, feature, starts.Length, slopes, gradient, columns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run(bool rowsDown, ReadOnlySpan<int> starts, ReadOnlySpan<T> values, int offset, int depth, ReadOnlySpan<T> from, Span<T> to, int columns)
    {
        ref T a = ref Unsafe.Add(ref MemoryMarshal.GetReference(values), offset);
        ref int rows = ref MemoryMarshal.GetReference(starts);
        for (int column = 0; column < columns;)
        {
            int left = (columns - column) / Vector256<T>.Count, taken = left == 4 ? 2 : Math.Min(left, 3);
            ref T f = ref Unsafe.Add(ref MemoryMarshal.GetReference(from), column), t = ref Unsafe.Add(ref MemoryMarshal.GetReference(to), column);
            if (taken == 3) Tile(3, rowsDown, ref a, ref rows, depth, ref f, ref t, columns);
            else if (taken == 2) Tile(2, rowsDown, ref a, ref rows, depth, ref f, ref t, columns);
            else Tile(1, rowsDown, ref a, ref rows, depth, ref f, ref t, columns);
            column += taken * Vector256<T>.Count;
        }
    }

    // to[i] (+)= sum over k < depth of value(i, k) from[k], for i < 4 and the taken vectors of columns; value(i, k) is
    // entry k of row i when rows go down, entry i of row k otherwise. Branches on constant arguments fold away.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile(int taken, bool rowsDown, ref T a, ref int rows, int depth, ref T from, ref T to, int columns)
    {
        bool add = !rowsDown;
        int start0 = rows, start1 = rowsDown ? Unsafe.Add(ref rows, 1) : 0, start2 = rowsDown ? Unsafe.Add(ref rows, 2) : 0, start3 = rowsDown ? Unsafe.Add(ref rows, 3) : 0;
        Vector256<T> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
        Vector256<T> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
        nuint width = (nuint)Vector256<T>.Count;
        for (int k = 0; k < depth; k++)
        {
            nuint at = (nuint)k * (nuint)columns;
            int at0 = rowsDown ? start0 + k : Unsafe.Add(ref rows, k);
            Vector256<T> a0 = Vector256.Create(Unsafe.Add(ref a, at0)), a1 = Vector256.Create(Unsafe.Add(ref a, rowsDown ? start1 + k : at0 + 1));
            Vector256<T> a2 = Vector256.Create(Unsafe.Add(ref a, rowsDown ? start2 + k : at0 + 2)), a3 = Vector256.Create(Unsafe.Add(ref a, rowsDown ? start3 + k : at0 + 3));
            var f = Vector256.LoadUnsafe(ref from, at);
            (s00, s10, s20, s30) = (RowKernels<T>.Fused(a0, f, s00), RowKernels<T>.Fused(a1, f, s10), RowKernels<T>.Fused(a2, f, s20), RowKernels<T>.Fused(a3, f, s30));
            if (taken > 1)
            {
                f = Vector256.LoadUnsafe(ref from, at + width);
                (s01, s11, s21, s31) = (RowKernels<T>.Fused(a0, f, s01), RowKernels<T>.Fused(a1, f, s11), RowKernels<T>.Fused(a2, f, s21), RowKernels<T>.Fused(a3, f, s31));
            }

            if (taken > 2)
            {
                f = Vector256.LoadUnsafe(ref from, at + (2 * width));
                (s02, s12, s22, s32) = (RowKernels<T>.Fused(a0, f, s02), RowKernels<T>.Fused(a1, f, s12), RowKernels<T>.Fused(a2, f, s22), RowKernels<T>.Fused(a3, f, s32));
            }
        }

        Store(taken, s00, s01, s02, ref to, 0, add);
        Store(taken, s10, s11, s12, ref to, (nuint)columns, add);
        Store(taken, s20, s21, s22, ref to, (nuint)(2 * columns), add);
        Store(taken, s30, s31, s32, ref to, (nuint)(3 * columns), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int taken, Vector256<T> s0, Vector256<T> s1, Vector256<T> s2, ref T to, nuint at, bool add)
    {
        nuint width = (nuint)Vector256<T>.Count;
        (add ? s0 + Vector256.LoadUnsafe(ref to, at) : s0).StoreUnsafe(ref to, at);
        if (taken > 1) (add ? s1 + Vector256.LoadUnsafe(ref to, at + width) : s1).StoreUnsafe(ref to, at + width);
        if (taken > 2) (add ? s2 + Vector256.LoadUnsafe(ref to, at + (2 * width)) : s2).StoreUnsafe(ref to, at + (2 * width));
    }
}
