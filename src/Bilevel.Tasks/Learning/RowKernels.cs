using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>
/// The two passes of a linear model over compressed rows, on panels of rows x columns: sums of the panel's rows, and
/// outer products added to them. The columns of one row stay in registers, at most six vectors at a time.
/// </summary>
/// <remarks>
/// Entries come in runs: run i is entries ends[i - 1] to ends[i], the first run begins at <c>start</c>. An entry is an
/// index into the rows of a panel and a value. Nothing is checked: indices must lie within the panel.
/// Every way to keep indices and values, and every number of vectors, is compiled to code of its own.
/// </remarks>
/// <typeparam name="T">double or float.</typeparam>
internal static class RowKernels<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int MostVectors = 6;

    /// <summary>Columns of a vector; panels are padded to a multiple of it.</summary>
    public static int Granule => Vector256<T>.Count;

    /// <summary>Row i of the result = sum over the entries of run i of value times row index of the panel.</summary>
    public static void Combine(int start, ReadOnlySpan<int> ends, IndexArray indices, ValueArray<T> values, ReadOnlySpan<T> panel, Span<T> result, int columns) =>
        Entries.Visit(indices, values, new Columns<Combination>(start, ends, panel, targets: [], result, columns));

    /// <summary>Row targets[i] of the result += sum over the entries of run i of value times row index of the panel.</summary>
    public static void AddCombined(int start, ReadOnlySpan<int> ends, IndexArray indices, ValueArray<T> values, ReadOnlySpan<T> panel, ReadOnlySpan<int> targets, Span<T> result, int columns) =>
        Entries.Visit(indices, values, new Columns<Combination>(start, ends, panel, targets, result, columns));

    /// <summary>Row index of the panel += value times row i of the slopes, for the entries of every run i.</summary>
    public static void AddOuter(int start, ReadOnlySpan<int> ends, IndexArray indices, ValueArray<T> values, ReadOnlySpan<T> slopes, Span<T> panel, int columns) =>
        Entries.Visit(indices, values, new Columns<OuterProduct>(start, ends, slopes, targets: [], panel, columns));

    // Takes at most six vectors of columns at a time.
    private readonly ref struct Columns<TKernel>(int start, ReadOnlySpan<int> ends, ReadOnlySpan<T> from, ReadOnlySpan<int> targets, Span<T> to, int columns) : IEntryVisitor<T>
        where TKernel : IKernel
    {
        private readonly ReadOnlySpan<int> ends = ends, targets = targets;
        private readonly ReadOnlySpan<T> from = from;
        private readonly Span<T> to = to;

        public void Visit<TIndices, TValues>(TIndices indices, TValues values)
            where TIndices : struct, IEntryIndices, allows ref struct
            where TValues : struct, IEntryValues<T>, allows ref struct
        {
            for (int column = 0; column < columns; column += MostVectors * Granule)
            {
                ref T a = ref Unsafe.Add(ref MemoryMarshal.GetReference(from), column);
                ref T b = ref Unsafe.Add(ref MemoryMarshal.GetReference(to), column);
                switch ((columns - column) / Granule)
                {
                    case 1: TKernel.Run<One, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                    case 2: TKernel.Run<Two, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                    case 3: TKernel.Run<Three, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                    case 4: TKernel.Run<Four, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                    case 5: TKernel.Run<Five, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                    default: TKernel.Run<Six, TIndices, TValues>(start, ends, indices, values, ref a, targets, ref b, (nuint)columns); break;
                }
            }
        }
    }

    private interface IKernel
    {
        static abstract void Run<TVectors, TIndices, TValues>(int start, ReadOnlySpan<int> ends, TIndices indices, TValues values, ref T from, ReadOnlySpan<int> targets, ref T to, nuint columns)
            where TVectors : IVectors
            where TIndices : struct, IEntryIndices, allows ref struct
            where TValues : struct, IEntryValues<T>, allows ref struct;
    }

    private readonly struct Combination : IKernel
    {
        // Two entries at a time, so that independent sums hide the latency of a multiply-add.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Run<TVectors, TIndices, TValues>(int start, ReadOnlySpan<int> ends, TIndices indices, TValues values, ref T panel, ReadOnlySpan<int> targets, ref T result, nuint columns)
            where TVectors : IVectors
            where TIndices : struct, IEntryIndices, allows ref struct
            where TValues : struct, IEntryValues<T>, allows ref struct
        {
            bool add = targets.Length > 0;
            int k = start;
            for (int i = 0; i < ends.Length; i++)
            {
                Vector256<T> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
                Vector256<T> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
                int end = ends[i];
                for (; k < end - 1; k += 2)
                {
                    ref T p = ref Unsafe.Add(ref panel, indices[k] * columns);
                    ref T q = ref Unsafe.Add(ref panel, indices[k + 1] * columns);
                    var s = Vector256.Create(values[k]);
                    var t = Vector256.Create(values[k + 1]);
                    (a0, b0) = (Fused(s, Load(ref p, 0), a0), Fused(t, Load(ref q, 0), b0));
                    if (TVectors.Count > 1) (a1, b1) = (Fused(s, Load(ref p, 1), a1), Fused(t, Load(ref q, 1), b1));
                    if (TVectors.Count > 2) (a2, b2) = (Fused(s, Load(ref p, 2), a2), Fused(t, Load(ref q, 2), b2));
                    if (TVectors.Count > 3) (a3, b3) = (Fused(s, Load(ref p, 3), a3), Fused(t, Load(ref q, 3), b3));
                    if (TVectors.Count > 4) (a4, b4) = (Fused(s, Load(ref p, 4), a4), Fused(t, Load(ref q, 4), b4));
                    if (TVectors.Count > 5) (a5, b5) = (Fused(s, Load(ref p, 5), a5), Fused(t, Load(ref q, 5), b5));
                }

                if (k < end)
                {
                    ref T p = ref Unsafe.Add(ref panel, indices[k] * columns);
                    var s = Vector256.Create(values[k]);
                    a0 = Fused(s, Load(ref p, 0), a0);
                    if (TVectors.Count > 1) a1 = Fused(s, Load(ref p, 1), a1);
                    if (TVectors.Count > 2) a2 = Fused(s, Load(ref p, 2), a2);
                    if (TVectors.Count > 3) a3 = Fused(s, Load(ref p, 3), a3);
                    if (TVectors.Count > 4) a4 = Fused(s, Load(ref p, 4), a4);
                    if (TVectors.Count > 5) a5 = Fused(s, Load(ref p, 5), a5);
                    k = end;
                }

                ref T to = ref Unsafe.Add(ref result, (nuint)(uint)(add ? targets[i] : i) * columns);
                Store(ref to, 0, a0 + b0, add);
                if (TVectors.Count > 1) Store(ref to, 1, a1 + b1, add);
                if (TVectors.Count > 2) Store(ref to, 2, a2 + b2, add);
                if (TVectors.Count > 3) Store(ref to, 3, a3 + b3, add);
                if (TVectors.Count > 4) Store(ref to, 4, a4 + b4, add);
                if (TVectors.Count > 5) Store(ref to, 5, a5 + b5, add);
            }
        }
    }

    private readonly struct OuterProduct : IKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Run<TVectors, TIndices, TValues>(int start, ReadOnlySpan<int> ends, TIndices indices, TValues values, ref T slopes, ReadOnlySpan<int> targets, ref T panel, nuint columns)
            where TVectors : IVectors
            where TIndices : struct, IEntryIndices, allows ref struct
            where TValues : struct, IEntryValues<T>, allows ref struct
        {
            int k = start;
            for (int i = 0; i < ends.Length; i++)
            {
                Vector256<T> s0 = Load(ref slopes, 0), s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
                if (TVectors.Count > 1) s1 = Load(ref slopes, 1);
                if (TVectors.Count > 2) s2 = Load(ref slopes, 2);
                if (TVectors.Count > 3) s3 = Load(ref slopes, 3);
                if (TVectors.Count > 4) s4 = Load(ref slopes, 4);
                if (TVectors.Count > 5) s5 = Load(ref slopes, 5);
                slopes = ref Unsafe.Add(ref slopes, columns);
                for (int end = ends[i]; k < end; k++)
                {
                    ref T p = ref Unsafe.Add(ref panel, indices[k] * columns);
                    var a = Vector256.Create(values[k]);
                    Store(ref p, 0, Fused(a, s0, Load(ref p, 0)), add: false);
                    if (TVectors.Count > 1) Store(ref p, 1, Fused(a, s1, Load(ref p, 1)), add: false);
                    if (TVectors.Count > 2) Store(ref p, 2, Fused(a, s2, Load(ref p, 2)), add: false);
                    if (TVectors.Count > 3) Store(ref p, 3, Fused(a, s3, Load(ref p, 3)), add: false);
                    if (TVectors.Count > 4) Store(ref p, 4, Fused(a, s4, Load(ref p, 4)), add: false);
                    if (TVectors.Count > 5) Store(ref p, 5, Fused(a, s5, Load(ref p, 5)), add: false);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Load(ref T from, int vector) => Vector256.LoadUnsafe(ref from, (nuint)(vector * Vector256<T>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(ref T to, int vector, Vector256<T> sum, bool add) =>
        (add ? sum + Load(ref to, vector) : sum).StoreUnsafe(ref to, (nuint)(vector * Vector256<T>.Count));

    // a * b + c, fused where the hardware does it; the branch is decided when the code is compiled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<T> Fused(Vector256<T> a, Vector256<T> b, Vector256<T> c) =>
        typeof(T) == typeof(double) ? Vector256.MultiplyAddEstimate(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
        : typeof(T) == typeof(float) ? Vector256.MultiplyAddEstimate(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : (a * b) + c;
}

/// <summary>How many hardware vectors the columns take; a type of its own for each number, so that the compiler makes straight code of each.</summary>
internal interface IVectors
{
    static abstract int Count { get; }
}

internal readonly struct One : IVectors
{
    public static int Count => 1;
}

internal readonly struct Two : IVectors
{
    public static int Count => 2;
}

internal readonly struct Three : IVectors
{
    public static int Count => 3;
}

internal readonly struct Four : IVectors
{
    public static int Count => 4;
}

internal readonly struct Five : IVectors
{
    public static int Count => 5;
}

internal readonly struct Six : IVectors
{
    public static int Count => 6;
}
