using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>
/// Softmax over rows of scores that hold several classifiers side by side, padded with zeros to whole hardware vectors.
/// One largest score serves the whole row, so that the exponentials are taken without regard to where a classifier
/// begins; a classifier that lies so far below another that its exponentials vanish is computed on its own.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class SoftmaxRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // A sum of exponentials below this has lost digits to underflow.
    private static readonly T Vanishing = T.CreateChecked(typeof(T) == typeof(float) ? 1e-25 : 1e-280);

    /// <summary>Replaces scores by exp(score - shift) and returns the shift, the largest score of the row or 0.</summary>
    /// <param name="scores">The row, padding included.</param>
    /// <param name="kept">Receives the scores as they were, for the sums.</param>
    public static T Exponentials(Span<T> scores, Span<T> kept)
    {
        int width = Vector256<T>.Count;
        ref T from = ref MemoryMarshal.GetReference(scores);
        ref T keep = ref MemoryMarshal.GetReference(kept);
        var largest = Vector256<T>.Zero;
        for (int c = 0; c < scores.Length; c += width)
        {
            var s = Vector256.LoadUnsafe(ref from, (nuint)c);
            s.StoreUnsafe(ref keep, (nuint)c);
            largest = Vector256.Max(largest, s);
        }

        T shift = largest[0];
        for (int i = 1; i < width; i++) shift = T.Max(shift, largest[i]);
        var shifts = Vector256.Create(shift);
        for (int c = 0; c < scores.Length; c += width) Exp(Vector256.LoadUnsafe(ref from, (nuint)c) - shifts).StoreUnsafe(ref from, (nuint)c);
        return shift;
    }

    /// <summary>The sum of a classifier's exponentials; computes them anew with a shift of their own where they vanish.</summary>
    /// <param name="exponentials">Those of the classifier's classes.</param>
    /// <param name="scores">Their scores.</param>
    /// <param name="shift">The row's shift; receives the one in force.</param>
    public static T Sum(Span<T> exponentials, ReadOnlySpan<T> scores, ref T shift)
    {
        T sum = Sum(exponentials);
        if (sum >= Vanishing) return sum;
        shift = scores[0];
        foreach (var s in scores) shift = T.Max(shift, s);
        for (int k = 0; k < scores.Length; k++) exponentials[k] = T.Exp(scores[k] - shift);
        return Sum(exponentials);
    }

    /// <summary>values *= factor.</summary>
    public static void Scale(Span<T> values, T factor)
    {
        int width = Vector256<T>.Count, k = 0;
        ref T at = ref MemoryMarshal.GetReference(values);
        for (; k + width <= values.Length; k += width) (Vector256.LoadUnsafe(ref at, (nuint)k) * factor).StoreUnsafe(ref at, (nuint)k);
        for (; k < values.Length; k++) values[k] *= factor;
    }

    private static T Sum(ReadOnlySpan<T> values)
    {
        int width = Vector256<T>.Count, k = 0;
        ref T at = ref MemoryMarshal.GetReference(values);
        var sums = Vector256<T>.Zero;
        for (; k + width <= values.Length; k += width) sums += Vector256.LoadUnsafe(ref at, (nuint)k);
        T sum = Vector256.Sum(sums);
        for (; k < values.Length; k++) sum += values[k];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Exp(Vector256<T> x) =>
        typeof(T) == typeof(double) ? Vector256.Exp(x.AsDouble()).As<double, T>()
        : typeof(T) == typeof(float) ? Vector256.Exp(x.AsSingle()).As<float, T>()
        : throw new NotSupportedException();
}
