namespace Bilevel.Tests;

public sealed class GaussianNoiseTests
{
    private const double Deviation = 0.3;

    [Fact]
    public void Mean_and_variance()
    {
        foreach (int size in new[] { 1, 4, 100 })
        {
            double[] noise = [.. Draws(size, 20_000)];
            double mean = noise.Average(), variance = noise.Average(v => (v - mean) * (v - mean)), expected = Deviation * Deviation / size;
            double fourth = noise.Average(v => Math.Pow(v - mean, 4)) / (variance * variance);
            Assert.True(Math.Abs(mean) < 4 * Math.Sqrt(expected / noise.Length), FormattableString.Invariant($"mean {mean}"));
            Assert.Equal(expected, variance, 4 * expected * Math.Sqrt(2.0 / noise.Length));
            Assert.Equal(3, fourth, 0.2);
        }
    }

    [Fact]
    public void Components_blocks_and_samples_have_noise_of_their_own()
    {
        double[] zeroth = [.. Draws(1, 5_000, 0)], first = [.. Draws(1, 5_000, 1)], otherBlock = [.. Draws(1, 5_000, 0, BilevelProblem.Y)];
        Assert.True(Math.Abs(Correlation(zeroth, first)) < 0.06);
        Assert.True(Math.Abs(Correlation(zeroth, otherBlock)) < 0.06);
        Assert.True(Math.Abs(Correlation(zeroth[1..], zeroth[..^1])) < 0.06);
    }

    [Fact]
    public void All_data_have_none()
    {
        var clean = CurvedLevels.Problem<double>().Lower;
        var noisy = new GaussianNoise<double>(clean, 5);
        DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4), a = new(3), b = new(3);
        new PreparedRequest<DenseVector<double>>(clean, [[x, y]], [new(0, 0, a)]).Evaluate();
        new PreparedRequest<DenseVector<double>>(noisy, [[x, y]], [new(0, 0, b)]).Evaluate();
        Assert.Equal(a.ToDoubles(), b.ToDoubles());
    }

    [Fact]
    public void One_sample_has_one_noise_at_all_points()
    {
        var clean = CurvedLevels.Problem<double>().Lower;
        var noisy = new GaussianNoise<double>(clean, 5);
        DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4), z = y.Copy(), one = new(4), two = new(4), difference = new(3), weighted = new(3), plain = new(3);
        z[1] = 9;
        var sample = new Sample(77, 2);
        var followers = new PreparedRequest<DenseVector<double>>(noisy, [[x, y], [x, z]], [new(1, 0, one), new(1, 1, two)]);
        var cross = new PreparedRequest<DenseVector<double>>(noisy, [[x, y], [x, z]], [new(0, Output.Combined, difference)], [1, -1]);
        var exact = new PreparedRequest<DenseVector<double>>(clean, [[x, y], [x, z]], [new(0, Output.Combined, plain)], [1, -1]);
        followers.Evaluate(sample);
        Assert.Equal(one[0], two[0]);                       // the same y there: the same gradient and the same noise
        cross.Evaluate(sample);
        exact.Evaluate();
        Assert.Equal(plain.ToDoubles(), difference.ToDoubles());
        z.CopyFrom(y);
        cross.Evaluate(sample);
        Assert.Equal([0.0, 0, 0], difference.ToDoubles());

        // Weights 2 and -0.5 carry 1.5 times the noise of one gradient.
        var sum = new PreparedRequest<DenseVector<double>>(noisy, [[x, y], [x, z]], [new(0, Output.Combined, weighted)], [2, -0.5]);
        sum.Evaluate(sample);
        new PreparedRequest<DenseVector<double>>(noisy, [[x, y]], [new(0, 0, plain)]).Evaluate(sample);
        weighted.AddScaled(-1.5, plain);
        Assert.Equal(0, weighted.Norm(), 1e-13);
    }

    [Fact]
    public void Independent_samples_multiply_the_noise_of_the_direction_by_lambda()
    {
        // y = z, so the direction is f_x plus the noise; E |x step|^2 tells its variance.
        double Variance(double lambda, bool independent)
        {
            var clean = new TwoVariables(A: 0, B: 0).Problem;
            var noisy = clean with { Lower = new GaussianNoise<double>(clean.Lower, 1), Constants = clean.Constants };
            var settings = new F2sa { Lambda = lambda, LambdaGrowth = 1, LambdaLimit = lambda, Batch = 1, IndependentSamples = independent, StepZ = 0, StepY = 0, StepX = 1 };
            double sum = 0;
            const int Runs = 4_000;
            for (ulong seed = 0; seed < Runs; seed++)
            {
                var run = settings.Start(noisy, Vectors.Of(0), Vectors.Of(0), RandomBits.Mix(seed));
                run.Step();
                sum += Math.Pow(run.Point[0][0], 2);
            }

            return sum / Runs;
        }

        // Two independent samples of deviation 1: variance 2 lambda^2, known to 4 sqrt(2/4000) = 9 %.
        foreach (double lambda in new[] { 1.0, 10, 1e3 }) Assert.Equal(1, Variance(lambda, independent: true) / (2 * lambda * lambda), 0.09);
        foreach (double lambda in new[] { 1.0, 10, 1e3 }) Assert.Equal(0, Variance(lambda, independent: false));
    }

    private static IEnumerable<double> Draws(int size, int count, int component = 0, int block = BilevelProblem.X)
    {
        var noisy = new GaussianNoise<double>(new Nothing(), Deviation);
        DenseVector<double> x = Vectors.Zeros(2), result = Vectors.Zeros(2);
        var request = new PreparedRequest<DenseVector<double>>(noisy, [[x, x]], [new(block, 0, result)]);
        var samples = new SampleStream(2026);
        for (int i = 0; i < count; i++)
        {
            request.Evaluate(samples.Next(size));
            yield return result[component];
        }
    }

    private static double Correlation(double[] a, double[] b) => a.Zip(b, (u, v) => u * v).Sum() / Math.Sqrt(a.Sum(u => u * u) * b.Sum(v => v * v));

    private sealed class Nothing : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => 0;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result.Fill(_ => 0);
    }
}
