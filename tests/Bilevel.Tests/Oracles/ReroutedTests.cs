namespace Bilevel.Tests;

/// <summary>A request is passed on in one way, so that nothing that it holds is lost.</summary>
public sealed class ReroutedTests
{
    [Fact]
    public void AllButWhatIsNamedStays()
    {
        DenseVector<double> x = Vectors.Of(1), y = Vectors.Of(2), z = Vectors.Of(3), result = Vectors.Zeros(1);
        double[] values = new double[2];
        var request = new Request<DenseVector<double>> { Points = [x, y, x, z], Blocks = 2, Sample = new Sample(7, 3), Weights = [2, -1], Gradients = [new(0, Output.Combined, result)], Values = values };

        var other = request.Rerouted([y, z], 1, [new(0, 1, result)], []);

        Assert.Equal((2, 1, new Sample(7, 3)), (other.PointCount, other.Blocks, other.Sample));
        Assert.Equal([2, -1], other.Weights.ToArray());
        Assert.Same(z, other.Point(1)[0]);
        Assert.Equal(1, other.Gradients[0].Point);
        Assert.True(other.Values.IsEmpty);
    }

    [Fact]
    public void AsManyPointsArePassedOn() => Assert.Throws<ArgumentException>(() =>
    {
        DenseVector<double> x = Vectors.Of(1);
        new Request<DenseVector<double>> { Points = [x, x], Blocks = 1 }.Rerouted([x], 1, [], []);
    });

    [Fact]
    public void NoSourceRebuildsOne()
    {
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(SamplesTests.Root(), "src"), "*.cs", SearchOption.AllDirectories).Where(f => File.ReadAllText(f).Contains("Sample = request.Sample", StringComparison.Ordinal))];
        Assert.Empty(sources);
    }
}
