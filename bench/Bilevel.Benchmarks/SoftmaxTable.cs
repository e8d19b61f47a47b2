using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.Intrinsics;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// The softmax oracle against the machine's own multiply-add peak, measured in the same run and in turns: useful
/// operations are 4 per entry that is not zero, class and point (scores and gradient). The whole outer iteration of
/// F2SA beside it. Medians; the machine may be busy, so ratios count and not times.
/// </summary>
internal static class SoftmaxTable
{
    private const int Turns = 9, Classes = 10;

    private static double sink;

    public static void Print()
    {
        Console.WriteLine("| rows | features | density | points | type | threads | us | ns per non-zero | share of the peak of one thread |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var (rows, features, density) in new[] { (500, 784, 1.0), (5000, 784, 1.0), (500, 784, 0.2), (5000, 784, 0.2), (5000, 784, 0.02), (5000, 10_000, 0.002) })
        {
            foreach (int points in new[] { 1, 2, 3 })
            {
                Line<double>(rows, features, density, points);
                Line<float>(rows, features, density, points);
            }
        }

        Console.WriteLine("\n| outer iteration of F2SA, 5,000 + 5,000 rows, T = 5 | ms |");
        Console.WriteLine("|---|---|");
        foreach (int batch in new[] { 500, 0 })
        {
            Iteration<float>(batch);
            Iteration<double>(batch);
        }
    }

    private static void Line<T>(int rows, int features, double density, int points)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var data = FeatureRows<T>.From(new RandomRows(rows, features, density), [.. Enumerable.Range(0, rows)]);
        int[] labels = [.. Enumerable.Range(0, rows).Select(i => i % Classes)];
        DenseVector<T>[] at = [.. Enumerable.Range(0, points).Select(_ => new DenseVector<T>(data.FeatureCount * Classes))];
        DenseVector<T>[] gradients = [.. at.Select(v => v.ZerosLike())];
        var (passes, times, peaks) = (new SoftmaxPass<T>[] { new(data, labels, Classes, 1), new(data, labels, Classes, 2) }, new[] { new List<double>(), [] }, new List<double>());

        // Long enough that the compiler is done with the loops.
        Seconds(() => passes[0].Run(Sample.All, at, new T[points][], gradients, losses: false), atLeast: 0.4);
        for (int turn = -3; turn < Turns; turn++)
        {
            double peak = Peak<T>();
            if (turn >= 0) peaks.Add(peak);
            for (int t = 0; t < 2; t++)
            {
                double time = Seconds(() => passes[t].Run(Sample.All, at, new T[points][], gradients, losses: false), atLeast: 0.01);
                if (turn >= 0) times[t].Add(time);
            }
        }

        for (int t = 0; t < 2; t++)
        {
            double time = Median(times[t]), useful = 4.0 * data.NonZeros * Classes * points;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {rows} | {features} | {density} | {points} | {typeof(T).Name} | {t + 1} | {time * 1e6:F0} | {time * 1e9 / data.NonZeros:F2} | {useful / time / peaks.Max():P0} |"));
        }
    }

    private static void Iteration<T>(int batch)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int Rows = 5000;
        var images = SyntheticDigits.Generate(2 * Rows, seed: 1);
        int[] labels = [.. images.Labels.ToArray().Select(label => (int)label)];
        var problem = new BilevelProblem<DenseVector<T>>(
            new SoftmaxLoss<T>(FeatureRows<T>.From(new ImageTable(images), [.. Enumerable.Range(Rows, Rows)]), labels[Rows..], Classes, 1),
            new WeightedSoftmaxLoss<T>(FeatureRows<T>.From(new ImageTable(images), [.. Enumerable.Range(0, Rows)]), labels[..Rows], Classes, 0.001, 1))
        {
            Constants = new ProblemConstants { LowerStrongConvexity = 0.002, UpperCoupling = 0 },
        };
        var method = new F2sa { InnerSteps = 5, Batch = batch, StepZ = 0.5, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = 0.1, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } };
        double Run(long iterations) => Once(() => new Driver { Stop = Stop.Iterations(iterations) }.Run(method, problem, new DenseVector<T>(Rows), new DenseVector<T>(785 * Classes)));

        // The difference of a long and a short run leaves the start out.
        var times = new List<double>();
        int some = batch == 0 ? 3 : 20;
        Run(2 * some);
        for (int turn = 0; turn < 7; turn++)
        {
            double little = Run(some);
            times.Add((Run(3 * some) - little) / (2 * some));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| batch {(batch == 0 ? "full" : "500")}, {typeof(T).Name} | {Median(times) * 1e3:F2} |"));
    }

    // Operations a second of independent multiply-adds in registers: the better of both widths.
    private static double Peak<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int Rounds = 200_000, Chains = 10;
        double narrow = typeof(T) == typeof(float) ? Once(() => sink += Narrow<float>(Rounds)) : Once(() => sink += Narrow<double>(Rounds));
        double wide = typeof(T) == typeof(float) ? Once(() => sink += Wide<float>(Rounds)) : Once(() => sink += Wide<double>(Rounds));
        return Math.Max(2.0 * Chains * Rounds * Vector256<T>.Count / narrow, Vector512.IsHardwareAccelerated ? 2.0 * Chains * Rounds * Vector512<T>.Count / wide : 0);
    }

    private static double Narrow<T>(int rounds)
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

    private static double Wide<T>(int rounds)
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

    private static double Seconds(Action action, double atLeast)
    {
        int times = 0;
        long began = Stopwatch.GetTimestamp();
        do
        {
            action();
            times++;
        }
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < atLeast);
        return Stopwatch.GetElapsedTime(began).TotalSeconds / times;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    // Which entries are there follows from row and feature alone.
    private sealed class RandomRows(int rows, int features, double density) : FeatureTable
    {
        public override int Count => rows;

        public override int FeatureCount => features;

        public override int NonZeroCount(int row)
        {
            int count = 0;
            for (int j = 0; j < features; j++) count += Uniform(row, j) < density ? 1 : 0;
            return count;
        }

        public override int Read(int row, Span<int> features, Span<double> values)
        {
            int count = 0;
            for (int j = 0; j < FeatureCount; j++)
            {
                if (Uniform(row, j) < density) (features[count], values[count++]) = (j, 0.5 + Uniform(row, j));
            }

            return count;
        }

        // The high bits of a multiplied counter (Weyl sequence through one round of mixing).
        private static double Uniform(int row, int feature)
        {
            ulong h = (((ulong)row << 32) | (uint)feature) * 0x9E3779B97F4A7C15;
            h = (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9;
            return (h >> 11) * (1.0 / (1UL << 53));
        }
    }
}
