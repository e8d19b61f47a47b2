namespace Bilevel.Tasks.Tests;

public sealed class CleaningSmallTests
{
    private static readonly BilevelInstance<DenseVector<double>> Instance = CleaningSmallTask.Instance(new CleaningSmallSettings());

    [Fact]
    public void HasThePrintedValuesAtEqualWeights()
    {
        var gradient = Instance.Answer!.Hypergradient!(Instance.X);

        Assert.Equal(0.4676307444, Instance.Answer.Hyperobjective!(Instance.X), 6e-11);
        double[] printed = [0.01504587, -0.00223233, 0.00146208, -0.00351789];
        for (int i = 0; i < printed.Length; i++) Assert.Equal(printed[i], gradient[i], 6e-9);
    }

    [Fact]
    public void TheGradientAtEqualWeightsAlreadySeparates()
    {
        var gradient = Instance.Answer!.Hypergradient!(Instance.X);
        int[] samples = [.. Enumerable.Range(0, 60)];

        Assert.Equal(21, samples.Count(CleaningSmallTask.IsCorrupted));
        Assert.Equal(20, samples.Count(i => CleaningSmallTask.IsCorrupted(i) && gradient[i] > 0));
        Assert.Equal(39, samples.Count(i => !CleaningSmallTask.IsCorrupted(i) && gradient[i] < 0));
    }

    [Fact]
    public void TheOracleWeightsHaveThePrintedValue()
    {
        var x = Instance.X.ZerosLike();
        x.Fill(i => CleaningSmallTask.IsCorrupted(i) ? -5 : 5);

        Assert.Equal(0.0759507795, Instance.Answer!.Hyperobjective!(x), 6e-11);
    }

    [Fact]
    public void TheDefaultRunCleansTheData()
    {
        var solution = DefaultRun.Of(Instance);
        var metrics = Instance.Evaluate(solution).Metrics.ToDictionary(m => m.Name, m => m.Value);

        Assert.True(Instance.Answer!.Hyperobjective!(solution.X) <= 0.076);
        Assert.True(metrics["test_accuracy"] >= 0.99);
        Assert.Equal(0.83, metrics["baseline_test_accuracy"], 0.005);
        Assert.True(metrics["corrupted_found"] >= 19);
        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.True(solution.Certificate!.Verdict == Verdict.Certified, solution.Certificate.ToString());
    }
}
