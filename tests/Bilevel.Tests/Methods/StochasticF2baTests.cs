namespace Bilevel.Tests;

public sealed class StochasticF2baTests
{
    [Fact]
    public void Without_noise_F2bsa_is_F2ba_to_the_bit()
    {
        // The problem ignores samples, so that a batch asks for exact gradients.
        DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(4);
        var problem = PenaltyTheoryConstants(CurvedLevels.Problem<double>());
        var stochastic = F2ba.Stochastic(batch: 3, lambda: 50, innerSteps: 5, stepX: 0.05);
        var first = (stochastic with { Batch = 0 }).Start(problem, x, y, 1);
        var second = stochastic.Start(problem, x, y, 1);
        Assert.Equal(("f2ba", "f2bsa"), ((stochastic with { Batch = 0 }).Name, stochastic.Name));
        for (int k = 0; k < 100; k++)
        {
            first.Step();
            second.Step();
            Assert.Equal(first.Point[0].ToDoubles(), second.Point[0].ToDoubles());
            Assert.Equal(first.Point[1].ToDoubles(), second.Point[1].ToDoubles());
            Assert.Equal(first.Estimate, second.Estimate);
        }
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.2)]
    public void Without_noise_F3bsa_is_F2ba_up_to_rounding(double eta)
    {
        var f2ba = PenaltyTheory.Start(F2ba.Stochastic(batch: 1, lambda: 50, innerSteps: 5, stepX: 0.05));
        var f3bsa = PenaltyTheory.Start(new F3bsa { Batch = 1, Lambda = 50, InnerSteps = 5, StepX = 0.05, Eta = eta });
        for (int k = 0; k < 200; k++)
        {
            f2ba.Step();
            f3bsa.Step();
            Assert.Equal(f2ba.Estimate, f3bsa.Estimate, 1e-10);
            Assert.Equal(f2ba.Point[1][0], f3bsa.Point[1][0], 1e-11);
            Assert.Equal(50, f3bsa.Penalty);
        }

        Assert.Equal(PenaltyTheory.Stationary(50), f3bsa.Point[0][0], 1e-6);
    }

    [Theory]
    [InlineData("f2bsa", false, 0)]
    [InlineData("f2bsa", true, 2)]
    [InlineData("f3bsa", false, 0)]
    [InlineData("f3bsa", true, 2)]
    public void The_variance_of_the_direction_grows_with_lambda_on_independent_samples_alone(string name, bool independent, double exponent)
    {
        // Far from the answer |h| is h; x is kept. Noise in both levels, 0.01 a component.
        const int Steps = 4000;
        double Variance(double lambda)
        {
            IBilevelMethod method = name == "f2bsa"
                ? F2ba.Stochastic(1, lambda, 5, 0) with { IndependentSamples = independent }
                : new F3bsa { Batch = 1, Lambda = lambda, InnerSteps = 5, StepX = 0, Eta = 0.5, IndependentSamples = independent };
            var run = PenaltyTheory.Start(method, PenaltyTheory.Noisy(0.01, 0.01), x: 1000, y: 1500);
            for (int k = 0; k < 100; k++) run.Step();
            double[] h = new double[Steps];
            for (int k = 0; k < Steps; k++)
            {
                run.Step();
                h[k] = run.Estimate;
            }

            double mean = h.Average();
            return h.Sum(v => (v - mean) * (v - mean)) / (Steps - 1);
        }

        (double, double)[] variances = [.. new[] { 1e2, 1e3, 1e4 }.Select(lambda => (lambda, Variance(lambda)))];
        Assert.Equal(exponent, PenaltyTheory.Slope(variances), 0.1);

        // F2BSA on two samples: f_x and two terms of g_x, lambda^2 2 var beside var.
        if (name == "f2bsa" && independent) Assert.Equal(2 * 1e4 * 1e4 * 1e-4, variances[2].Item2, 0.1 * 2 * 1e4);
    }

    [Fact]
    public void Recursive_estimates_are_less_noisy()
    {
        double Spread(IBilevelMethod method)
        {
            var run = PenaltyTheory.Start(method, PenaltyTheory.Noisy(0.3, 0.3), x: 0.6, y: 0.9);
            double sum = 0;
            for (int k = 0; k < 20_000; k++)
            {
                run.Step();
                if (k >= 1000) sum += Math.Pow(run.Point[0][0] - PenaltyTheory.Stationary(50), 2) / 19_000;
            }

            return Math.Sqrt(sum);
        }

        // Steps short against 1/eta: the noise of x is that of the directions, averaged over 1/stepX steps either way.
        double plain = Spread(F2ba.Stochastic(1, 50, 5, 0.1)), recursive = Spread(new F3bsa { Batch = 1, Lambda = 50, InnerSteps = 5, StepX = 0.1, Eta = 0.05 });
        Assert.InRange(recursive, 0, 0.6 * plain);
    }

    [Fact]
    public void Minibatches_need_a_given_lambda_and_number_of_steps()
    {
        var method = F2ba.Stochastic(8, 100, 10, 0.1);
        Assert.Empty(method.Validate(PenaltyTheory.Scalar));
        Assert.Equal(Severity.Error, Assert.Single((method with { Lambda = null }).Validate(PenaltyTheory.Scalar)).Severity);
        Assert.Equal(Severity.Error, Assert.Single((method with { InnerSteps = null }).Validate(PenaltyTheory.Scalar)).Severity);
        Assert.Equal(Severity.Warning, Assert.Single((method with { Upper = new() { StepRule = StepRule.Adaptive } }).Validate(PenaltyTheory.Scalar)).Severity);
        Assert.Equal(Severity.Warning, Assert.Single(new F3bsa { Lambda = 3 }.Validate(PenaltyTheory.Scalar)).Severity);
    }

    // Constants declared, so that both runs start from the same ones.
    private static BilevelProblem<DenseVector<double>> PenaltyTheoryConstants(BilevelProblem<DenseVector<double>> problem) => problem with
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 2, LowerCoupling = 2, UpperSmoothness = 1, UpperCoupling = 0.1 },
    };
}
