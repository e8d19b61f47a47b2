using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>How many hardware vectors a tile of columns takes; a type of its own for each shape, so that the compiler makes straight code of each.</summary>
internal interface ITile
{
    /// <summary>Number of 512-bit vectors, 0 to 3.</summary>
    static abstract int Wide { get; }

    /// <summary>Whether a 256-bit vector follows.</summary>
    static abstract bool Half { get; }
}

/// <summary>
/// The two passes of a linear model over one compressed row: scores += W' a, and gradient += a (outer) slopes. W and the
/// gradient are panels of features x columns; a row's scores or slopes stay in registers, at most three wide vectors at a time.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class RowKernels<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Columns of the smallest vector; panels are padded to a multiple of it.</summary>
    public static int Granule => Vector256<T>.Count;

    /// <summary>scores = W' a for all columns.</summary>
    public static void Scores(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ReadOnlySpan<T> panel, Span<T> scores)
    {
        for (int column = 0; column < scores.Length;)
        {
            ref T w = ref Unsafe.Add(ref MemoryMarshal.GetReference(panel), column);
            ref T to = ref scores[column];
            nuint stride = (nuint)scores.Length;
            switch ((scores.Length - column) / Granule)
            {
                case 1: Scores<Tile01>(features, values, ref w, stride, ref to); return;
                case 2: Scores<Tile10>(features, values, ref w, stride, ref to); return;
                case 3: Scores<Tile11>(features, values, ref w, stride, ref to); return;
                case 4: Scores<Tile20>(features, values, ref w, stride, ref to); return;
                case 5: Scores<Tile21>(features, values, ref w, stride, ref to); return;
                default: Scores<Tile30>(features, values, ref w, stride, ref to); break;
            }

            column += 6 * Granule;
        }
    }

    /// <summary>gradient += a (outer) slopes for all columns.</summary>
    public static void AddOuter(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ReadOnlySpan<T> slopes, Span<T> panel)
    {
        for (int column = 0; column < slopes.Length;)
        {
            ref T g = ref Unsafe.Add(ref MemoryMarshal.GetReference(panel), column);
            ref T from = ref Unsafe.Add(ref MemoryMarshal.GetReference(slopes), column);
            nuint stride = (nuint)slopes.Length;
            switch ((slopes.Length - column) / Granule)
            {
                case 1: AddOuter<Tile01>(features, values, ref from, stride, ref g); return;
                case 2: AddOuter<Tile10>(features, values, ref from, stride, ref g); return;
                case 3: AddOuter<Tile11>(features, values, ref from, stride, ref g); return;
                case 4: AddOuter<Tile20>(features, values, ref from, stride, ref g); return;
                case 5: AddOuter<Tile21>(features, values, ref from, stride, ref g); return;
                default: AddOuter<Tile30>(features, values, ref from, stride, ref g); break;
            }

            column += 6 * Granule;
        }
    }

    // Two features at a time, so that independent sums hide the latency of a multiply-add.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores<TTile>(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ref T w, nuint stride, ref T scores)
        where TTile : ITile
    {
        Vector512<T> a0 = default, a1 = default, a2 = default, b0 = default, b1 = default, b2 = default;
        Vector256<T> a = default, b = default;
        nuint wide = (nuint)Vector512<T>.Count, half = wide * (nuint)TTile.Wide;
        ref int f = ref MemoryMarshal.GetReference(features);
        ref T v = ref MemoryMarshal.GetReference(values);
        int j = 0;
        for (; j + 1 < features.Length; j += 2)
        {
            ref T p = ref Unsafe.Add(ref w, (nuint)(uint)Unsafe.Add(ref f, j) * stride);
            ref T q = ref Unsafe.Add(ref w, (nuint)(uint)Unsafe.Add(ref f, j + 1) * stride);
            T s = Unsafe.Add(ref v, j), t = Unsafe.Add(ref v, j + 1);
            if (TTile.Wide > 0)
            {
                a0 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p), a0);
                b0 = Fused(Vector512.Create(t), Vector512.LoadUnsafe(ref q), b0);
            }

            if (TTile.Wide > 1)
            {
                a1 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p, wide), a1);
                b1 = Fused(Vector512.Create(t), Vector512.LoadUnsafe(ref q, wide), b1);
            }

            if (TTile.Wide > 2)
            {
                a2 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p, 2 * wide), a2);
                b2 = Fused(Vector512.Create(t), Vector512.LoadUnsafe(ref q, 2 * wide), b2);
            }

            if (TTile.Half)
            {
                a = Fused(Vector256.Create(s), Vector256.LoadUnsafe(ref p, half), a);
                b = Fused(Vector256.Create(t), Vector256.LoadUnsafe(ref q, half), b);
            }
        }

        if (j < features.Length)
        {
            ref T p = ref Unsafe.Add(ref w, (nuint)(uint)Unsafe.Add(ref f, j) * stride);
            T s = Unsafe.Add(ref v, j);
            if (TTile.Wide > 0) a0 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p), a0);
            if (TTile.Wide > 1) a1 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p, wide), a1);
            if (TTile.Wide > 2) a2 = Fused(Vector512.Create(s), Vector512.LoadUnsafe(ref p, 2 * wide), a2);
            if (TTile.Half) a = Fused(Vector256.Create(s), Vector256.LoadUnsafe(ref p, half), a);
        }

        if (TTile.Wide > 0) (a0 + b0).StoreUnsafe(ref scores);
        if (TTile.Wide > 1) (a1 + b1).StoreUnsafe(ref scores, wide);
        if (TTile.Wide > 2) (a2 + b2).StoreUnsafe(ref scores, 2 * wide);
        if (TTile.Half) (a + b).StoreUnsafe(ref scores, half);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOuter<TTile>(ReadOnlySpan<int> features, ReadOnlySpan<T> values, ref T slopes, nuint stride, ref T g)
        where TTile : ITile
    {
        nuint wide = (nuint)Vector512<T>.Count, half = wide * (nuint)TTile.Wide;
        Vector512<T> s0 = TTile.Wide > 0 ? Vector512.LoadUnsafe(ref slopes) : default;
        Vector512<T> s1 = TTile.Wide > 1 ? Vector512.LoadUnsafe(ref slopes, wide) : default;
        Vector512<T> s2 = TTile.Wide > 2 ? Vector512.LoadUnsafe(ref slopes, 2 * wide) : default;
        Vector256<T> s = TTile.Half ? Vector256.LoadUnsafe(ref slopes, half) : default;
        ref int f = ref MemoryMarshal.GetReference(features);
        ref T v = ref MemoryMarshal.GetReference(values);
        for (int j = 0; j < features.Length; j++)
        {
            ref T p = ref Unsafe.Add(ref g, (nuint)(uint)Unsafe.Add(ref f, j) * stride);
            T value = Unsafe.Add(ref v, j);
            if (TTile.Wide > 0) Fused(Vector512.Create(value), s0, Vector512.LoadUnsafe(ref p)).StoreUnsafe(ref p);
            if (TTile.Wide > 1) Fused(Vector512.Create(value), s1, Vector512.LoadUnsafe(ref p, wide)).StoreUnsafe(ref p, wide);
            if (TTile.Wide > 2) Fused(Vector512.Create(value), s2, Vector512.LoadUnsafe(ref p, 2 * wide)).StoreUnsafe(ref p, 2 * wide);
            if (TTile.Half) Fused(Vector256.Create(value), s, Vector256.LoadUnsafe(ref p, half)).StoreUnsafe(ref p, half);
        }
    }

    // a * b + c, fused where the hardware does it; the branch is decided when the code is compiled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Fused(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
        typeof(T) == typeof(double) ? Vector512.MultiplyAddEstimate(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
        : typeof(T) == typeof(float) ? Vector512.MultiplyAddEstimate(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : (a * b) + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<T> Fused(Vector256<T> a, Vector256<T> b, Vector256<T> c) =>
        typeof(T) == typeof(double) ? Vector256.MultiplyAddEstimate(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
        : typeof(T) == typeof(float) ? Vector256.MultiplyAddEstimate(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : (a * b) + c;

    private readonly struct Tile01 : ITile
    {
        public static int Wide => 0;

        public static bool Half => true;
    }

    private readonly struct Tile10 : ITile
    {
        public static int Wide => 1;

        public static bool Half => false;
    }

    private readonly struct Tile11 : ITile
    {
        public static int Wide => 1;

        public static bool Half => true;
    }

    private readonly struct Tile20 : ITile
    {
        public static int Wide => 2;

        public static bool Half => false;
    }

    private readonly struct Tile21 : ITile
    {
        public static int Wide => 2;

        public static bool Half => true;
    }

    private readonly struct Tile30 : ITile
    {
        public static int Wide => 3;

        public static bool Half => false;
    }
}
