using System.Numerics;
using BenchmarkDotNet.Attributes;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// The gradient of a softmax at a pair of points, 784 features and 10 classes, against a loop of as many multiply-adds
/// in registers (the baseline): its ratio is the reciprocal of the share of the machine's peak.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
[GenericTypeArguments(typeof(float))]
[GenericTypeArguments(typeof(double))]
[MemoryDiagnoser]
[MinColumn]
[MedianColumn]
public class SoftmaxBenchmarks<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Classes = 10, Features = 783, Points = 2, Chains = 10;

    private SoftmaxPass<T> one = null!, two = null!;
    private DenseVector<T>[] at = [], gradients = [];
    private T[][] ones = [];
    private int rounds;
    private ulong draw;

    [Params(500, 5000)]
    public int Rows { get; set; }

    /// <summary>Rows of the minibatch that every pass draws anew; 0 for all rows.</summary>
    [Params(0, 500)]
    public int Batch { get; set; }

    [Params(1.0, 0.2, 0.02)]
    public double Density { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var data = FeatureRows<T>.From(new RandomRows(Rows, Features, Density), [.. Enumerable.Range(0, Rows)]);
        int[] labels = [.. Enumerable.Range(0, Rows).Select(i => i % Classes)];
        (one, two) = (new SoftmaxPass<T>(data, labels, Classes, threads: 1), new SoftmaxPass<T>(data, labels, Classes, threads: 2));
        at = [.. Enumerable.Range(0, Points).Select(_ => new DenseVector<T>(data.FeatureCount * Classes))];
        gradients = [.. at.Select(v => v.ZerosLike())];
        ones = new T[Points][];

        // Scores and gradient: 2 x 2 operations per entry, class and point.
        double entries = Batch == 0 ? data.NonZeros : (double)data.NonZeros / Rows * Batch;
        rounds = (int)(4.0 * entries * Classes * Points / (2.0 * Chains * Vector512Count));
    }

    [Benchmark(Baseline = true)]
    public double AsManyMultiplyAdds() => MultiplyAddPeak.Wide<T>(rounds);

    [Benchmark]
    public void OneThread() => one.Run(Draw(), at, ones, gradients, losses: false);

    [Benchmark]
    public void TwoThreads() => two.Run(Draw(), at, ones, gradients, losses: false);

    private Sample Draw() => Batch == 0 ? Sample.All : new Sample(++draw, Batch);

    private static int Vector512Count => System.Runtime.Intrinsics.Vector512<T>.Count;
}
