using System.Numerics;

namespace Bilevel;

/// <summary>Euclidean norms in double that neither overflow nor underflow unless their value does. O(n), no allocation.</summary>
internal static class EuclideanNorm
{
    // Sums of squares outside this range may have lost digits to underflow or overflow.
    private const double Smallest = 1e-280, Largest = 1e300;

    /// <summary>||a||.</summary>
    public static double Of<T>(ReadOnlySpan<T> a)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Distance(a, default);

    /// <summary>scale * ||a - b||, where an empty b stands for the origin; NaN or infinite when a component is.</summary>
    public static double Distance<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, double scale = 1)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double sum = SumOfSquares(a, b, scale, 1);
        if (double.IsNaN(sum) || sum is > Smallest and < Largest) return Math.Sqrt(sum);

        double largest = 0;
        for (int i = 0; i < a.Length; i++) largest = Math.Max(largest, Math.Abs(Difference(a, b, i, scale)));
        if (largest == 0 || double.IsInfinity(largest)) return largest;
        return largest * Math.Sqrt(SumOfSquares(a, b, scale, largest));
    }

    /// <summary>Component i of scale * (a - b), scaled before the subtraction so that a small scale prevents overflow.</summary>
    public static double Difference<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, int i, double scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double left = double.CreateTruncating(a[i]) * scale;
        return b.IsEmpty ? left : left - double.CreateTruncating(b[i]) * scale;
    }

    private static double SumOfSquares<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, double scale, double divisor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double d = Difference(a, b, i, scale) / divisor;
            sum += d * d;
        }

        return sum;
    }
}
