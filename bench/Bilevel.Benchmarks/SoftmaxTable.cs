using System.Diagnostics;
using System.Globalization;
using System.Numerics;
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

    // Rows, features, share of non-zeros, and whether these are 255 grey levels.
    private static readonly (int, int, double, bool)[] Shapes =
    [
        (500, 784, 1, false), (5000, 784, 1, false),
        (500, 784, 0.2, false), (500, 784, 0.2, true), (5000, 784, 0.2, false), (5000, 784, 0.2, true), (60_000, 784, 0.2, false), (60_000, 784, 0.2, true),
        (5000, 784, 0.02, false), (5000, 10_000, 0.002, false),
    ];

    public static void Print()
    {
        Console.WriteLine("| rows | features | density | values | points | type | threads | us | ns per non-zero | share of the peak of one thread |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var (rows, features, density, grey) in Shapes)
        {
            foreach (int points in rows > 5000 ? [2] : new[] { 1, 2, 3 })
            {
                Line<double>(new RandomRows(rows, features, density, grey), points);
                Line<float>(new RandomRows(rows, features, density, grey), points);
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

    private static void Line<T>(RandomRows table, int points)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int rows = table.Count;
        var data = FeatureRows<T>.From(table, [.. Enumerable.Range(0, rows)]);
        int[] labels = [.. Enumerable.Range(0, rows).Select(i => i % Classes)];
        DenseVector<T>[] at = [.. Enumerable.Range(0, points).Select(_ => new DenseVector<T>(data.FeatureCount * Classes))];
        DenseVector<T>[] gradients = [.. at.Select(v => v.ZerosLike())];
        var (passes, times, peaks) = (new SoftmaxPass<T>[] { new(data, labels, Classes, 1), new(data, labels, Classes, 2) }, new[] { new List<double>(), [] }, new List<double>());

        // Long enough that the compiler is done with the loops.
        Seconds(() => passes[0].Run(Sample.All, at, new T[points][], gradients, losses: false), atLeast: 0.4);
        for (int turn = -3; turn < Turns; turn++)
        {
            double peak = MultiplyAddPeak.OperationsPerSecond<T>();
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
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {rows} | {table.FeatureCount} | {table.Density} | {(data.Values.IsCoded ? "bytes" : "numbers")} | {points} | {typeof(T).Name} | {t + 1} | {time * 1e6:F0} | {time * 1e9 / data.NonZeros:F2} | {useful / time / peaks.Max():P0} |"));
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
}
