using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace Bilevel.Benchmarks;

/// <summary>What the machine's multiply-add units can do at most.</summary>
internal static class MultiplyAddPeak
{
    private static double sink;

    /// <summary>Operations a second of independent multiply-adds in registers: the better of both widths.</summary>
    public static double OperationsPerSecond<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int Rounds = 200_000, Chains = 10;
        double narrow = Once(() => sink += Narrow<T>(Rounds)), wide = Once(() => sink += Wide<T>(Rounds));
        return Math.Max(2.0 * Chains * Rounds * Vector256<T>.Count / narrow, Vector512.IsHardwareAccelerated ? 2.0 * Chains * Rounds * Vector512<T>.Count / wide : 0);
    }

    /// <summary>The loop of 256-bit vectors: 2 x 10 operations a lane and round.</summary>
    public static double Narrow<T>(int rounds)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var m = Vector256.Create(T.CreateTruncating(0.5));
        Vector256<T> a = m, b = m, c = m, d = m, e = m, f = m, g = m, h = m, i = m, j = m;
        for (int r = 0; r < rounds; r++)
        {
            (a, b, c, d, e) = (Fused(a, m), Fused(b, m), Fused(c, m), Fused(d, m), Fused(e, m));
            (f, g, h, i, j) = (Fused(f, m), Fused(g, m), Fused(h, m), Fused(i, m), Fused(j, m));
        }

        return double.CreateTruncating(Vector256.Sum(a + b + c + d + e + f + g + h + i + j));
    }

    /// <summary>The loop of 512-bit vectors.</summary>
    public static double Wide<T>(int rounds)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var m = Vector512.Create(T.CreateTruncating(0.5));
        Vector512<T> a = m, b = m, c = m, d = m, e = m, f = m, g = m, h = m, i = m, j = m;
        for (int r = 0; r < rounds; r++)
        {
            (a, b, c, d, e) = (Fused(a, m), Fused(b, m), Fused(c, m), Fused(d, m), Fused(e, m));
            (f, g, h, i, j) = (Fused(f, m), Fused(g, m), Fused(h, m), Fused(i, m), Fused(j, m));
        }

        return double.CreateTruncating(Vector512.Sum(a + b + c + d + e + f + g + h + i + j));
    }

    private static Vector256<T> Fused<T>(Vector256<T> a, Vector256<T> m)
        where T : unmanaged => typeof(T) == typeof(float)
        ? Vector256.FusedMultiplyAdd(a.AsSingle(), m.AsSingle(), m.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(a.AsDouble(), m.AsDouble(), m.AsDouble()).As<double, T>();

    private static Vector512<T> Fused<T>(Vector512<T> a, Vector512<T> m)
        where T : unmanaged => typeof(T) == typeof(float)
        ? Vector512.FusedMultiplyAdd(a.AsSingle(), m.AsSingle(), m.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a.AsDouble(), m.AsDouble(), m.AsDouble()).As<double, T>();

    private static double Once(Action action)
    {
        long began = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
