namespace Bilevel.Tests;

public sealed class F2saTheoryTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(128, new[] { 8.67, 1.03, 0.0357, 0.0163 }, new[] { 4.849, 8.262, 17.17, 36.86 })]
    [InlineData(416, new[] { 10.81, 4.89, 0.0170 }, new[] { 4.298, 6.017, 11.70 })]
    public void Published_schedule_without_noise_gives_the_tabulated_numbers(double offset, double[] gradients, double[] lambdas)
    {
        var method = new F2sa { Schedule = F2saSchedule.NoNoise, InnerSteps = 32, Lambda = 4, Offset = offset };
        var run = PenaltyTheory.Start(method);
        long k = 0;
        for (int row = 0; row < gradients.Length; row++)
        {
            for (long until = (long)Math.Pow(10, row + 2); k < until; k++) run.Step();
            Assert.Equal(lambdas[row], run.Penalty, 5e-4 * lambdas[row]);
            Assert.Equal(gradients[row], Math.Abs(PenaltyTheory.Gradient(run.Point[0][0])), 6e-3 * gradients[row]);
        }
    }

    [Fact]
    public void The_offset_of_the_schedule_follows_from_the_constants()
    {
        // (4/mu) max(xi LF1/2, T Lg1, Lf1) = 4 max(2.5, 32, 2) = 128; with LF1 = 100 it is 4 * 50 = 200.
        double LambdaAfter(F2sa method)
        {
            var run = PenaltyTheory.Start(method);
            for (int k = 0; k < 50; k++) run.Step();
            return run.Penalty;
        }

        var method = new F2sa { Schedule = F2saSchedule.NoNoise, InnerSteps = 32 };
        Assert.Equal(LambdaAfter(method with { Offset = 128 }), LambdaAfter(method), 1e-12);
        Assert.Equal(LambdaAfter(method with { Offset = 128 }), LambdaAfter(method with { HyperSmoothness = 5 }), 1e-12);
        Assert.Equal(LambdaAfter(method with { Offset = 200 }), LambdaAfter(method with { HyperSmoothness = 100 }), 1e-12);
        Assert.Equal(4 * Math.Pow((50.0 + 200) / 200, 1.0 / 3), LambdaAfter(method with { Offset = 200 }), 1e-12);
    }

    [Theory]
    [InlineData(F2saSchedule.NoNoise, 0, 0, -1.0 / 3)]
    [InlineData(F2saSchedule.NoiseInUpper, 0.5, 0, -1.0 / 5)]
    [InlineData(F2saSchedule.NoiseInBoth, 0.5, 0.5, -1.0 / 7)]
    public void The_hypergradient_falls_no_slower_than_published(F2saSchedule schedule, double noiseF, double noiseG, double exponent)
    {
        double slope = PenaltyTheory.SlopeFromTheSolution(new F2sa { Schedule = schedule, InnerSteps = 4, Offset = 16 }, noiseF, noiseG, [4_000, 16_000, 64_000], output);
        output.WriteLine($"{schedule}: slope {slope:F3}, published {exponent:F3}");
        Assert.InRange(slope, -1, exponent + 0.04);
    }

    [Fact]
    public void The_practical_preset_gives_the_tabulated_numbers()
    {
        var run = PenaltyTheory.Start(new F2sa());
        var expected = new Dictionary<int, double> { [50] = 1.45e-2, [100] = 1.26e-3, [200] = 6.0e-5 };
        for (int k = 1; k <= 200; k++)
        {
            run.Step();
            if (expected.TryGetValue(k, out double gradient)) Assert.Equal(gradient, Math.Abs(PenaltyTheory.Gradient(run.Point[0][0])), 6e-3 * gradient);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(10)]
    public void Unmatched_steps_diverge_under_the_practical_growth(int innerSteps)
    {
        // stepY = 1/(2 lambda): the exponents and cGamma of the published rule cannot express it with a fixed x step, so by hand.
        double x = 3, y = 0, z = 0, lambda = 4;
        for (int k = 0; k < 2000 && Math.Abs(x) < 1e6; k++)
        {
            for (int t = 0; t < innerSteps; t++)
            {
                z -= z - (1.5 * x);
                y -= ((2 * (y - 1)) + (lambda * (y - (1.5 * x)))) / (2 * lambda);
            }

            x -= 0.1 * ((0.5 * x) - (1.5 * lambda * (y - z)));
            lambda = Math.Min(1.05 * lambda, 1e4);
        }

        Assert.True(Math.Abs(x) >= 1e6, $"x = {x}");
    }

    [Fact]
    public void A_y_step_half_as_long_is_safe_while_the_x_step_shrinks_with_it()
    {
        // stepZ = 1, stepY = stepX = 1/(2 lambda), T = 10, lambda growing by 0.1: the numbers of the specification, by hand.
        double x = 3, y = 0, z = 0, lambda = 4;
        var expected = new Dictionary<int, double> { [100] = 4.4e-2, [1000] = 6.0e-3, [5000] = 1.24e-3 };
        for (int k = 1; k <= 5000; k++)
        {
            double step = 1 / (2 * lambda);
            for (int t = 0; t < 10; t++)
            {
                z -= z - (1.5 * x);
                y -= step * ((2 * (y - 1)) + (lambda * (y - (1.5 * x))));
            }

            x -= step * ((0.5 * x) - (1.5 * lambda * (y - z)));
            lambda += 0.1;
            if (expected.TryGetValue(k, out double gradient)) Assert.Equal(gradient, Math.Abs(PenaltyTheory.Gradient(x)), 0.02 * gradient);
        }
    }

    [Fact]
    public void Constant_small_steps_under_a_growing_lambda_diverge()
    {
        var method = new F2sa { StepZ = 0.01, StepY = 0.01, StepX = 0.01, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = 0.1, LambdaLimit = 1e12, InnerSteps = 10 };
        var solution = new Driver { Stop = Stop.Iterations(5000) }.Run(method, PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0));
        output.WriteLine($"constant steps: {solution.Status} after {solution.Iterations}");
        Assert.Equal(SolveStatus.Diverged, solution.Status);
        Assert.InRange(solution.Iterations, 100, 2500);
    }

    [Fact]
    public void Increments_of_lambda_that_decay_like_the_seventh_root_diverge()
    {
        // Steps k^(-5/7) for y and k^(-4/7) for z and x with increments k^(-1/7) of lambda: stepY * lambda grows without bound.
        double x = 3, y = 0, z = 0, lambda = 1;
        int k = 1;
        for (; k < 20_000 && Math.Abs(x) < 1e6; k++)
        {
            double stepY = 0.01 * Math.Pow(k, -5.0 / 7), stepZ = 0.01 * Math.Pow(k, -4.0 / 7);
            for (int t = 0; t < 10; t++)
            {
                z -= stepZ * (z - (1.5 * x));
                y -= stepY * ((2 * (y - 1)) + (lambda * (y - (1.5 * x))));
            }

            x -= stepZ * ((0.5 * x) - (1.5 * lambda * (y - z)));
            lambda += 0.1 * Math.Pow(k, -1.0 / 7);
        }

        output.WriteLine($"decaying steps: |x| = {Math.Abs(x):G3} after {k}");
        Assert.True(Math.Abs(x) >= 1e6, $"x = {x}, lambda = {lambda}");
    }
}
