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

    /// <summary>Exponentials of scores; false where a score is so large or so small that its exponential needs a shift, or is not a number.</summary>
    /// <param name="scores">Whole vectors.</param>
    /// <param name="exponentials">As many.</param>
    public static bool TryExponentials(ReadOnlySpan<T> scores, Span<T> exponentials)
    {
        ref T from = ref MemoryMarshal.GetReference(scores);
        ref T to = ref MemoryMarshal.GetReference(exponentials[..scores.Length]);
        var (bound, modest) = (Vector256.Create(ModestSize), Vector256<T>.AllBitsSet);
        for (nuint c = 0; c < (nuint)scores.Length; c += (nuint)Vector256<T>.Count)
        {
            var x = Vector256.LoadUnsafe(ref from, c);
            modest &= Vector256.LessThanOrEqual(Vector256.Abs(x), bound);
            Exp(x).StoreUnsafe(ref to, c);
        }

        return Vector256.EqualsAll(modest.AsByte(), Vector256<byte>.AllBitsSet);
    }

    /// <summary>exp(score - largest score) of a classifier's scores; returns the largest.</summary>
    public static T ShiftedExponentials(ReadOnlySpan<T> scores, Span<T> exponentials)
    {
        T shift = scores[0];
        foreach (var s in scores) shift = T.Max(shift, s);
        for (int k = 0; k < scores.Length; k++) exponentials[k] = T.Exp(scores[k] - shift);
        return shift;
    }

    /// <summary>values *= factor.</summary>
    public static void Scale(Span<T> values, T factor)
    {
        int width = Vector256<T>.Count, k = 0;
        ref T at = ref MemoryMarshal.GetReference(values);
        if (values.Length < width)
        {
            for (; k < values.Length; k++) values[k] *= factor;
            return;
        }

        // The last vector overlaps the one before, so it is read before that is written.
        var last = Vector256.LoadUnsafe(ref at, (nuint)(values.Length - width)) * factor;
        for (; k < values.Length - width; k += width) (Vector256.LoadUnsafe(ref at, (nuint)k) * factor).StoreUnsafe(ref at, (nuint)k);
        last.StoreUnsafe(ref at, (nuint)(values.Length - width));
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
        : typeof(T) == typeof(float) ? ModestExp(x.AsSingle()).As<float, T>()
        : throw new NotSupportedException();

    // exp(x) = 2^n exp(r), n an integer and |r| at most log(2)/2, where Taylor's polynomial of degree 7 is good to 5e-9;
    // in single precision throughout, which the library's is not, and only for sizes at which 2^n is a normal number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ModestExp(Vector256<float> x)
    {
        const float High = 0.693359375f, Low = -2.12194440e-4f;        // log(2) in two parts, n * High without rounding
        var n = Vector256.Round(x * Vector256.Create(1.44269504f));
        var r = Vector256.MultiplyAddEstimate(n, Vector256.Create(-High), x);
        r = Vector256.MultiplyAddEstimate(n, Vector256.Create(-Low), r);
        var sum = Vector256.Create(1f / 5040);
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f / 720));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f / 120));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f / 24));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f / 6));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(0.5f));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f));
        sum = Vector256.MultiplyAddEstimate(sum, r, Vector256.Create(1f));
        return sum * ((Vector256.ConvertToInt32(n) + Vector256.Create(127)) << 23).AsSingle();
    }
}
