namespace Bilevel.Tests;

public sealed class F3saTheoryTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(F2saSchedule.Matched, 0)]
    [InlineData(F2saSchedule.NoNoise, 0)]
    [InlineData(F2saSchedule.Matched, 1)]
    public void With_momentum_one_it_is_F2sa_to_the_bit(F2saSchedule schedule, int batch)
    {
        var levels = CurvedLevels.Problem<double>();
        var problem = levels with { Upper = new GaussianNoise<double>(levels.Upper, 0.01), Lower = new GaussianNoise<double>(levels.Lower, 0.01) };
        foreach (bool independent in new[] { false, true })
        {
            DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4);
            var first = new F2sa { Schedule = schedule, Batch = batch, StepX = 0.02, IndependentSamples = independent }.Start(problem, x, y, 7);
            var second = new F3sa { Schedule = schedule, Batch = batch, StepX = 0.02, IndependentSamples = independent, Eta = 1 }.Start(problem, x, y, 7);
            for (int k = 0; k < 200; k++)
            {
                first.Step();
                second.Step();
                Assert.Equal(first.Point[0].ToDoubles(), second.Point[0].ToDoubles());
                Assert.Equal(first.Point[1].ToDoubles(), second.Point[1].ToDoubles());
                Assert.Equal((first.Residual, first.Penalty), (second.Residual, second.Penalty));
            }
        }
    }

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.3)]
    [InlineData(0.01)]
    public void Without_noise_any_momentum_is_F2sa_up_to_rounding(double eta)
    {
        foreach (int innerSteps in new[] { 1, 3 })
        {
            DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4);
            var first = new F2sa { StepX = 0.02, InnerSteps = innerSteps, LambdaLimit = 1000 }.Start(CurvedLevels.Problem<double>(), x, y, 7);
            var second = new F3sa { StepX = 0.02, InnerSteps = innerSteps, LambdaLimit = 1000, Eta = eta }.Start(CurvedLevels.Problem<double>(), x, y, 7);
            for (int k = 0; k < 300; k++)
            {
                first.Step();
                second.Step();
                Assert.Equal(0, Dense.Norm(Dense.Sum(first.Point[0].ToDoubles(), -1, second.Point[0].ToDoubles())), 1e-10);
                Assert.Equal(first.Estimate, second.Estimate, 1e-9);
            }
        }
    }

    [Fact]
    public void Exact_gradients_take_no_momentum_unless_told_to()
    {
        // 3 + 3 gradients an iteration without the old points; with them twice as many after the first.
        long Calls(double? eta) => new Driver { Stop = Stop.Iterations(10) }.Run(new F3sa { Eta = eta }, PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0)).OracleCalls;
        Assert.Equal(60, Calls(null));
        Assert.Equal(6 + (9 * 12), Calls(0.5));
    }

    [Fact]
    public void The_variance_of_an_estimate_follows_its_recursion()
    {
        // Noise that does not depend on the point: v_{k+1} = (1 - eta)^2 v_k + eta^2 var, whatever the path of the point.
        const double Eta = 0.2, Deviation = 0.3;
        const int Steps = 12, Seeds = 20_000;
        var noisy = new GaussianNoise<double>(PenaltyTheory.Scalar.Lower, Deviation);
        double[] squares = new double[Steps], differences = new double[Steps];
        DenseVector<double> x = Vectors.Of(0), y = Vectors.Of(0), z = Vectors.Of(0), xBefore = Vectors.Of(0), yBefore = Vectors.Of(0), zBefore = Vectors.Of(0);
        var estimate = new RecursiveEstimate<DenseVector<double>>(noisy, BilevelProblem.Y, [[x, y]], [[xBefore, yBefore]]);
        var difference = new RecursiveEstimate<DenseVector<double>>(noisy, BilevelProblem.X, [[x, y], [x, z]], [[xBefore, yBefore], [xBefore, zBefore]], [1, -1]);
        for (int seed = 0; seed < Seeds; seed++)
        {
            var samples = new SampleStream((ulong)seed);
            for (int k = 0; k < Steps; k++)
            {
                xBefore.CopyFrom(x);
                yBefore.CopyFrom(y);
                zBefore.CopyFrom(z);
                (x[0], y[0], z[0]) = (Math.Sin(seed + k), 3 * Math.Cos(seed * k), Math.Sin(7 * k));
                var sample = samples.Next(1);
                estimate.Evaluate(sample, k == 0 ? 1 : Eta);
                difference.Evaluate(sample, k == 0 ? 1 : Eta);
                squares[k] += Math.Pow(estimate.Values[0][0] - (y[0] - (1.5 * x[0])), 2) / Seeds;
                differences[k] = Math.Max(differences[k], Math.Abs(difference.Values[0][0] + (1.5 * (y[0] - z[0]))));
            }
        }

        double variance = Deviation * Deviation, expected = variance;
        for (int k = 0; k < Steps; k++)
        {
            if (k > 0) expected = ((1 - Eta) * (1 - Eta) * expected) + (Eta * Eta * variance);
            Assert.Equal(expected, squares[k], 0.05 * expected);

            // On one sample the difference of two gradients is free of the noise.
            Assert.Equal(0, differences[k], 1e-13);
        }

        Assert.InRange(squares[^1], 0, variance / 6);
    }

    [Fact]
    public void The_difference_of_the_two_x_estimates_is_the_estimate_of_the_difference()
    {
        // Noise proportional to the point, so that it does not cancel: the recursions done apart, by hand.
        var objective = new MultiplicativeNoise();
        DenseVector<double> x = Vectors.Of(0), y = Vectors.Of(0), z = Vectors.Of(0), xBefore = Vectors.Of(0), yBefore = Vectors.Of(0), zBefore = Vectors.Of(0);
        var difference = new RecursiveEstimate<DenseVector<double>>(objective, BilevelProblem.X, [[x, y], [x, z]], [[xBefore, yBefore], [xBefore, zBefore]], [1, -1]);
        var pair = new RecursiveEstimate<DenseVector<double>>(objective, BilevelProblem.X, [[x, y], [x, z]], [[xBefore, yBefore], [xBefore, zBefore]]);
        var samples = new SampleStream(3);
        double atY = 0, atZ = 0;
        for (int k = 0; k < 50; k++)
        {
            double eta = k == 0 ? 1 : 1 / (1.0 + k), old = (1 - eta) * x[0];
            (xBefore[0], yBefore[0], zBefore[0]) = (x[0], y[0], z[0]);
            (x[0], y[0], z[0]) = (Math.Sin(k), 3 * Math.Cos(k), Math.Sin(7 * k));
            var sample = samples.Next(1);
            double factor = MultiplicativeNoise.Factor(sample);
            atY = (factor * x[0] * y[0]) + ((1 - eta) * atY) - (factor * old * yBefore[0]);
            atZ = (factor * x[0] * z[0]) + ((1 - eta) * atZ) - (factor * old * zBefore[0]);
            difference.Evaluate(sample, eta);
            pair.Evaluate(sample, eta);
            Assert.Equal(atY, pair.Values[0][0], 1e-12);
            Assert.Equal(atZ, pair.Values[1][0], 1e-12);
            Assert.Equal(atY - atZ, difference.Values[0][0], 1e-12);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_published_schedule_with_noise_gives_the_tabulated_accuracy(ulong seed)
    {
        var method = new F3sa { Schedule = F2saSchedule.NoiseInBoth, Lambda = 4, Offset = 10, Batch = 1 };
        var run = PenaltyTheory.Start(method, PenaltyTheory.Noisy(0.1, 0.1), seed: seed);
        for (int k = 0; k < 100_000; k++) run.Step();
        double gradient = Math.Abs(PenaltyTheory.Gradient(run.Point[0][0]));
        output.WriteLine($"seed {seed}: {gradient:G4}");
        Assert.InRange(gradient, 0.015, 0.054);
        Assert.Equal(4 * Math.Pow((100_000 + 10) / 10.0, 1.0 / 5), run.Penalty, 1e-9);
    }

    [Theory]
    [InlineData(F2saSchedule.NoNoise, 0, 0, -1.0 / 3)]
    [InlineData(F2saSchedule.NoiseInUpper, 0.5, 0, -1.0 / 4)]
    [InlineData(F2saSchedule.NoiseInBoth, 0.5, 0.5, -1.0 / 5)]
    public void The_hypergradient_falls_no_slower_than_published(F2saSchedule schedule, double noiseF, double noiseG, double exponent)
    {
        double slope = PenaltyTheory.SlopeFromTheSolution(new F3sa { Schedule = schedule, InnerSteps = 4, Offset = 16 }, noiseF, noiseG, [4_000, 16_000, 64_000], output);
        output.WriteLine($"{schedule}: slope {slope:F3}, published {exponent:F3}");
        Assert.InRange(slope, -1, exponent + 0.04);
    }

    [Theory]
    [InlineData(F2saSchedule.NoNoise, 1.0 / 3, 0.0)]
    [InlineData(F2saSchedule.NoiseInUpper, 1.0 / 2, 1.0 / 4)]
    [InlineData(F2saSchedule.NoiseInBoth, 3.0 / 5, 2.0 / 5)]
    public void The_schedules_are_the_published_ones(F2saSchedule rule, double a, double c)
    {
        // lambda_k grows like k^(a - c); alpha_k = gamma_k / (2 lambda_k); eta_k = (k + k0)^(-2c).
        var method = new F3sa { Schedule = rule, Offset = 9, Lambda = 2 };
        var run = PenaltyTheory.Start(method);
        for (int k = 0; k < 27; k++) run.Step();
        Assert.Equal(2 * Math.Pow(4, a - c), run.Penalty, 1e-12);
        var constants = LocalConstants.Of(PenaltyTheory.Scalar, Vectors.Of(0), Vectors.Of(0));
        var schedule = new SingleLoopSchedule(method, (a, c), constants);
        var (stepZ, stepY, stepX) = schedule.Steps(27, run.Penalty);
        Assert.Equal(Math.Pow(36, -c) / Math.Pow(9, 1 - c), stepZ, 1e-14);
        Assert.Equal(stepZ / (2 * run.Penalty), stepY, 1e-14);
        Assert.Equal(stepY, stepX);
        Assert.Equal(Math.Pow(36, -2 * c), schedule.Eta(27), 1e-14);
    }

    // g_x = s x y with s = 1 + xi on a sample.
    private sealed class MultiplicativeNoise : PointObjective<DenseVector<double>>
    {
        public static double Factor(Sample sample) => 1 + RandomBits.Normal(sample.Key, 0);

        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => Factor(sample) / 2 * point[0][0] * point[0][0] * point[1][0];

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) =>
            result[0] = Factor(sample) * (block == BilevelProblem.X ? point[0][0] * point[1][0] : point[0][0] * point[0][0] / 2);
    }
}
