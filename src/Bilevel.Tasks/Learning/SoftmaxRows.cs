using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel.Tasks;

/// <summary>
/// Softmax over rows of scores that hold several classifiers side by side, padded to whole hardware vectors. Where all
/// scores are of modest size their exponentials need no shift and are taken in one sweep; elsewhere each classifier's
/// scores are shifted by the largest of them.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal static class SoftmaxRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // The exponentials of scores up to this size, and sums of thousands of them, neither overflow nor lose digits.
    private static readonly T ModestSize = T.CreateChecked(typeof(T) == typeof(float) ? 60 : 600);

    /// <summary>Whether no score is so large or so small that its exponential needs a shift; false where one is not a number.</summary>
    /// <param name="scores">Whole vectors.</param>
    public static bool AreModest(ReadOnlySpan<T> scores)
    {
        ref T at = ref MemoryMarshal.GetReference(scores);
        var (bound, modest) = (Vector256.Create(ModestSize), Vector256<T>.AllBitsSet);
        for (int c = 0; c < scores.Length; c += Vector256<T>.Count) modest &= Vector256.LessThanOrEqual(Vector256.Abs(Vector256.LoadUnsafe(ref at, (nuint)c)), bound);
        return Vector256.EqualsAll(modest.AsByte(), Vector256<byte>.AllBitsSet);
    }

    /// <summary>Replaces scores by their exponentials.</summary>
    /// <param name="scores">Whole vectors.</param>
    public static void Exponentials(Span<T> scores)
    {
        ref T at = ref MemoryMarshal.GetReference(scores);
        for (int c = 0; c < scores.Length; c += Vector256<T>.Count) Exp(Vector256.LoadUnsafe(ref at, (nuint)c)).StoreUnsafe(ref at, (nuint)c);
    }

    /// <summary>Replaces a classifier's scores by exp(score - largest score) and returns the largest.</summary>
    public static T ShiftedExponentials(Span<T> scores)
    {
        T shift = scores[0];
        foreach (var s in scores) shift = T.Max(shift, s);
        for (int k = 0; k < scores.Length; k++) scores[k] = T.Exp(scores[k] - shift);
        return shift;
    }

    /// <summary>values *= factor.</summary>
    public static void Scale(Span<T> values, T factor)
    {
        int width = Vector256<T>.Count, k = 0;
        ref T at = ref MemoryMarshal.GetReference(values);
        for (; k + width <= values.Length; k += width) (Vector256.LoadUnsafe(ref at, (nuint)k) * factor).StoreUnsafe(ref at, (nuint)k);
        for (; k < values.Length; k++) values[k] *= factor;
    }

    /// <summary>The sum.</summary>
    public static T Sum(ReadOnlySpan<T> values)
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
