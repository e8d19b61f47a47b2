using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Bilevel.Tasks;

/// <summary>
/// Products with rows that have no zeros, in tiles whose sums stay in registers: four rows by up to five columns for
/// scores, up to four vectors of features by up to five columns for gradients. Vectors run along the features; the last one
/// overlaps the one before, with zeros for the features that were done.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class DenseTiles<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Height = 4, MostColumns = 5;     // of a tile of scores

    // With 32 registers a tile holds 20 sums; elsewhere 8 or 10.
    private static bool HasManyRegisters => Vector512.IsHardwareAccelerated;

    /// <summary>Scores: scores[i, c] = sum over features of row i times column c of the weights.</summary>
    /// <param name="starts">Where each row starts in <paramref name="values"/>.</param>
    /// <param name="next">Where rows start that will be wanted next.</param>
    /// <param name="values">The values of all rows.</param>
    /// <param name="features">Values of a row, at least a vector.</param>
    /// <param name="weights">columns x <paramref name="stride"/>.</param>
    /// <param name="stride">Features, padded.</param>
    /// <param name="columns">Columns that count.</param>
    /// <param name="scores">rows x <paramref name="scoreStride"/>; zeros go where columns do not count.</param>
    /// <param name="scoreStride">Columns, padded.</param>
    public static void Scores(ReadOnlySpan<int> starts, ReadOnlySpan<int> next, ReadOnlySpan<T> values, int features, ReadOnlySpan<T> weights, int stride, int columns, Span<T> scores, int scoreStride)
    {
        ref T a = ref MemoryMarshal.GetReference(values);
        Span<T> sums = stackalloc T[Height * MostColumns];
        Span<int> tile = stackalloc int[Height];
        var mask = Last(features);

        // The weights of a tile's columns stay in the nearest cache while the rows pass by.
        for (int column = 0, taken; column < columns; column += taken)
        {
            taken = Math.Min(HasManyRegisters ? MostColumns : 2, columns - column);
            ref T w = ref Unsafe.Add(ref MemoryMarshal.GetReference(weights), column * stride);
            for (int first = 0; first < starts.Length; first += Height)
            {
                // Rows of the next block come from memory while this one's are multiplied.
                for (int r = first + (Height * column / columns); r < Math.Min(next.Length, first + (Height * (column + taken) / columns)); r++) Cache.Prefetch(values.Slice(next[r], features));

                // A tile that has fewer rows repeats the last one.
                int rows = Math.Min(Height, starts.Length - first);
                for (int i = 0; i < Height; i++) tile[i] = starts[first + Math.Min(i, rows - 1)];
                switch (taken)
                {
                    case 1: ScoreTile<One>(tile, ref a, features, in mask, ref w, stride, sums); break;
                    case 2: ScoreTile<Two>(tile, ref a, features, in mask, ref w, stride, sums); break;
                    case 3: ScoreTile<Three>(tile, ref a, features, in mask, ref w, stride, sums); break;
                    case 4: ScoreTile<Four>(tile, ref a, features, in mask, ref w, stride, sums); break;
                    default: ScoreTile<Five>(tile, ref a, features, in mask, ref w, stride, sums); break;
                }

                for (int i = 0; i < rows; i++) sums.Slice(i * taken, taken).CopyTo(scores[(((first + i) * scoreStride) + column)..]);
            }
        }

        for (int i = 0; i < starts.Length; i++) scores[((i * scoreStride) + columns)..((i + 1) * scoreStride)].Clear();
    }

    /// <summary>gradient[c, j] += sum over rows r of value j of row r times slopes[r, c].</summary>
    /// <param name="starts">Where each row starts in <paramref name="values"/>.</param>
    /// <param name="values">The values of all rows.</param>
    /// <param name="features">Values of a row, at least a vector.</param>
    /// <param name="slopes">rows x <paramref name="slopeStride"/>.</param>
    /// <param name="slopeStride">Columns, padded.</param>
    /// <param name="columns">Columns that count.</param>
    /// <param name="gradient">columns x <paramref name="stride"/>.</param>
    /// <param name="stride">Features, padded.</param>
    public static void AddGradient(ReadOnlySpan<int> starts, ReadOnlySpan<T> values, int features, ReadOnlySpan<T> slopes, int slopeStride, int columns, Span<T> gradient, int stride)
    {
        int width = Vector256<T>.Count, feature = 0;
        for (; HasManyRegisters && feature + (4 * width) <= features; feature += 4 * width) AddStrip<Four>(starts, values, feature, Vector256<T>.AllBitsSet, slopes, slopeStride, columns, gradient, stride);
        for (; feature + (2 * width) <= features; feature += 2 * width) AddStrip<Two>(starts, values, feature, Vector256<T>.AllBitsSet, slopes, slopeStride, columns, gradient, stride);
        for (; feature + width <= features; feature += width) AddStrip<One>(starts, values, feature, Vector256<T>.AllBitsSet, slopes, slopeStride, columns, gradient, stride);
        if (feature < features) AddStrip<One>(starts, values, features - width, Last(features), slopes, slopeStride, columns, gradient, stride);
    }

    private static void AddStrip<TVectors>(ReadOnlySpan<int> starts, ReadOnlySpan<T> values, int feature, Vector256<T> mask, ReadOnlySpan<T> slopes, int slopeStride, int columns, Span<T> gradient, int stride)
        where TVectors : IVectors
    {
        ref T a = ref Unsafe.Add(ref MemoryMarshal.GetReference(values), feature);
        for (int column = 0; column < columns;)
        {
            int taken = Math.Min(MostColumns, columns - column);
            ref T s = ref Unsafe.Add(ref MemoryMarshal.GetReference(slopes), column);
            ref T g = ref Unsafe.Add(ref MemoryMarshal.GetReference(gradient), (column * stride) + feature);
            switch (taken)
            {
                case 1: GradientTile<TVectors, One>(starts, ref a, mask, ref s, slopeStride, ref g, stride); break;
                case 2: GradientTile<TVectors, Two>(starts, ref a, mask, ref s, slopeStride, ref g, stride); break;
                case 3: GradientTile<TVectors, Three>(starts, ref a, mask, ref s, slopeStride, ref g, stride); break;
                case 4: GradientTile<TVectors, Four>(starts, ref a, mask, ref s, slopeStride, ref g, stride); break;
                default: GradientTile<TVectors, Five>(starts, ref a, mask, ref s, slopeStride, ref g, stride); break;
            }

            column += taken;
        }
    }

    // The lanes of the last vector whose features no other vector has.
    private static Vector256<T> Last(int features)
    {
        int width = Vector256<T>.Count, done = width - (features % width);                // all of them where every vector is whole
        var lanes = Vector256<T>.AllBitsSet;
        for (int i = 0; i < done; i++) lanes = lanes.WithElement(i, T.Zero);
        return lanes;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreTile<TColumns>(ReadOnlySpan<int> starts, ref T a, int features, in Vector256<T> mask, ref T w, int stride, Span<T> sums)
        where TColumns : IVectors
    {
        ref T row0 = ref Unsafe.Add(ref a, starts[0]);
        ref T row1 = ref Unsafe.Add(ref a, starts[1]);
        ref T row2 = ref Unsafe.Add(ref a, starts[2]);
        ref T row3 = ref Unsafe.Add(ref a, starts[3]);
        ref T w1 = ref Unsafe.Add(ref w, stride);
        ref T w2 = ref Unsafe.Add(ref w, 2 * stride);
        ref T w3 = ref Unsafe.Add(ref w, 3 * stride);
        ref T w4 = ref Unsafe.Add(ref w, 4 * stride);
        int width = Vector256<T>.Count, whole = features - (features % width), at = features - width;

        // The sums begin with the features that do not fill a vector.
        Vector256<T> a0 = Load(ref row0, at) & mask, a1 = Load(ref row1, at) & mask, a2 = Load(ref row2, at) & mask, a3 = Load(ref row3, at) & mask;
        var v = Load(ref w, at);
        Vector256<T> s00 = a0 * v, s10 = a1 * v, s20 = a2 * v, s30 = a3 * v;
        if (TColumns.Count > 1) v = Load(ref w1, at);
        Vector256<T> s01 = a0 * v, s11 = a1 * v, s21 = a2 * v, s31 = a3 * v;
        if (TColumns.Count > 2) v = Load(ref w2, at);
        Vector256<T> s02 = a0 * v, s12 = a1 * v, s22 = a2 * v, s32 = a3 * v;
        if (TColumns.Count > 3) v = Load(ref w3, at);
        Vector256<T> s03 = a0 * v, s13 = a1 * v, s23 = a2 * v, s33 = a3 * v;
        if (TColumns.Count > 4) v = Load(ref w4, at);
        Vector256<T> s04 = a0 * v, s14 = a1 * v, s24 = a2 * v, s34 = a3 * v;
        for (int j = 0; j < whole; j += width)
        {
            a0 = Load(ref row0, j);
            a1 = Load(ref row1, j);
            a2 = Load(ref row2, j);
            a3 = Load(ref row3, j);
            v = Load(ref w, j);
            s00 = Fused(a0, v, s00);
            s10 = Fused(a1, v, s10);
            s20 = Fused(a2, v, s20);
            s30 = Fused(a3, v, s30);
            if (TColumns.Count > 1)
            {
                v = Load(ref w1, j);
                s01 = Fused(a0, v, s01);
                s11 = Fused(a1, v, s11);
                s21 = Fused(a2, v, s21);
                s31 = Fused(a3, v, s31);
            }

            if (TColumns.Count > 2)
            {
                v = Load(ref w2, j);
                s02 = Fused(a0, v, s02);
                s12 = Fused(a1, v, s12);
                s22 = Fused(a2, v, s22);
                s32 = Fused(a3, v, s32);
            }

            if (TColumns.Count > 3)
            {
                v = Load(ref w3, j);
                s03 = Fused(a0, v, s03);
                s13 = Fused(a1, v, s13);
                s23 = Fused(a2, v, s23);
                s33 = Fused(a3, v, s33);
            }

            if (TColumns.Count > 4)
            {
                v = Load(ref w4, j);
                s04 = Fused(a0, v, s04);
                s14 = Fused(a1, v, s14);
                s24 = Fused(a2, v, s24);
                s34 = Fused(a3, v, s34);
            }
        }

        PutSums(sums, 0, TColumns.Count, s00, s10, s20, s30);
        if (TColumns.Count > 1) PutSums(sums, 1, TColumns.Count, s01, s11, s21, s31);
        if (TColumns.Count > 2) PutSums(sums, 2, TColumns.Count, s02, s12, s22, s32);
        if (TColumns.Count > 3) PutSums(sums, 3, TColumns.Count, s03, s13, s23, s33);
        if (TColumns.Count > 4) PutSums(sums, 4, TColumns.Count, s04, s14, s24, s34);
    }

    // The sums of one column for four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutSums(Span<T> sums, int column, int columns, Vector256<T> s0, Vector256<T> s1, Vector256<T> s2, Vector256<T> s3)
    {
        T t0, t1, t2, t3;
        if (Avx.IsSupported && typeof(T) == typeof(float))
        {
            // Three additions of neighbours make four sums of halves at once.
            var halves = Avx.HorizontalAdd(Avx.HorizontalAdd(s0.AsSingle(), s1.AsSingle()), Avx.HorizontalAdd(s2.AsSingle(), s3.AsSingle()));
            var all = (halves.GetLower() + halves.GetUpper()).As<float, T>();
            (t0, t1, t2, t3) = (all[0], all[1], all[2], all[3]);
        }
        else
        {
            (t0, t1, t2, t3) = (Vector256.Sum(s0), Vector256.Sum(s1), Vector256.Sum(s2), Vector256.Sum(s3));
        }

        sums[column] = t0;
        sums[columns + column] = t1;
        sums[(2 * columns) + column] = t2;
        sums[(3 * columns) + column] = t3;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientTile<TVectors, TColumns>(ReadOnlySpan<int> starts, ref T a, Vector256<T> mask, ref T slopes, int slopeStride, ref T gradient, int stride)
        where TVectors : IVectors
        where TColumns : IVectors
    {
        Vector256<T> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default;
        Vector256<T> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default;
        Vector256<T> u0 = default, u1 = default, u2 = default, u3 = default, u4 = default;
        Vector256<T> v0 = default, v1 = default, v2 = default, v3 = default, v4 = default;
        Vector256<T> q = default, o = default, n = default, factor;
        int width = Vector256<T>.Count;
        for (int r = 0; r < starts.Length; r++)
        {
            ref T row = ref Unsafe.Add(ref a, starts[r]);
            var p = Load(ref row, 0);
            if (TVectors.Count == 1) p &= mask;
            if (TVectors.Count > 1) q = Load(ref row, width);
            if (TVectors.Count > 2) o = Load(ref row, 2 * width);
            if (TVectors.Count > 3) n = Load(ref row, 3 * width);
            factor = Vector256.Create(slopes);
            s0 = Fused(p, factor, s0);
            if (TVectors.Count > 1) t0 = Fused(q, factor, t0);
            if (TVectors.Count > 2) u0 = Fused(o, factor, u0);
            if (TVectors.Count > 3) v0 = Fused(n, factor, v0);
            if (TColumns.Count > 1)
            {
                factor = Vector256.Create(Unsafe.Add(ref slopes, 1));
                s1 = Fused(p, factor, s1);
                if (TVectors.Count > 1) t1 = Fused(q, factor, t1);
                if (TVectors.Count > 2) u1 = Fused(o, factor, u1);
                if (TVectors.Count > 3) v1 = Fused(n, factor, v1);
            }

            if (TColumns.Count > 2)
            {
                factor = Vector256.Create(Unsafe.Add(ref slopes, 2));
                s2 = Fused(p, factor, s2);
                if (TVectors.Count > 1) t2 = Fused(q, factor, t2);
                if (TVectors.Count > 2) u2 = Fused(o, factor, u2);
                if (TVectors.Count > 3) v2 = Fused(n, factor, v2);
            }

            if (TColumns.Count > 3)
            {
                factor = Vector256.Create(Unsafe.Add(ref slopes, 3));
                s3 = Fused(p, factor, s3);
                if (TVectors.Count > 1) t3 = Fused(q, factor, t3);
                if (TVectors.Count > 2) u3 = Fused(o, factor, u3);
                if (TVectors.Count > 3) v3 = Fused(n, factor, v3);
            }

            if (TColumns.Count > 4)
            {
                factor = Vector256.Create(Unsafe.Add(ref slopes, 4));
                s4 = Fused(p, factor, s4);
                if (TVectors.Count > 1) t4 = Fused(q, factor, t4);
                if (TVectors.Count > 2) u4 = Fused(o, factor, u4);
                if (TVectors.Count > 3) v4 = Fused(n, factor, v4);
            }

            slopes = ref Unsafe.Add(ref slopes, slopeStride);
        }

        AddTo<TVectors>(ref gradient, s0, t0, u0, v0);
        if (TColumns.Count > 1) AddTo<TVectors>(ref Unsafe.Add(ref gradient, stride), s1, t1, u1, v1);
        if (TColumns.Count > 2) AddTo<TVectors>(ref Unsafe.Add(ref gradient, 2 * stride), s2, t2, u2, v2);
        if (TColumns.Count > 3) AddTo<TVectors>(ref Unsafe.Add(ref gradient, 3 * stride), s3, t3, u3, v3);
        if (TColumns.Count > 4) AddTo<TVectors>(ref Unsafe.Add(ref gradient, 4 * stride), s4, t4, u4, v4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<TVectors>(ref T to, Vector256<T> s, Vector256<T> t, Vector256<T> u, Vector256<T> v)
        where TVectors : IVectors
    {
        int width = Vector256<T>.Count;
        (s + Load(ref to, 0)).StoreUnsafe(ref to);
        if (TVectors.Count > 1) (t + Load(ref to, width)).StoreUnsafe(ref to, (nuint)width);
        if (TVectors.Count > 2) (u + Load(ref to, 2 * width)).StoreUnsafe(ref to, (nuint)(2 * width));
        if (TVectors.Count > 3) (v + Load(ref to, 3 * width)).StoreUnsafe(ref to, (nuint)(3 * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Load(ref T from, int at) => Vector256.LoadUnsafe(ref from, (nuint)(uint)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Fused(Vector256<T> a, Vector256<T> b, Vector256<T> c) => RowKernels<T>.Fused(a, b, c);
}
