namespace Bilevel.Tasks.Tests;

public sealed class RegularisationTests
{
    private static readonly BilevelInstance<DenseVector<double>> Ridge = RidgeTask.Instance(new RidgeSettings());
    private static readonly BilevelInstance<DenseVector<double>> Logistic = LogisticTask.Instance(new LogisticSettings());

    [Fact]
    public void RidgeHasThePrintedValues()
    {
        var answer = Ridge.Answer!;
        var zero = Vectors.Of(0);

        Assert.Equal(2.5147602342, answer.Hyperobjective!(zero), 6e-11);
        Assert.Equal(0.3502198003, answer.Hypergradient!(zero)[0], 6e-11);
        Assert.Equal(-1.36673595, answer.X![0], 6e-9);
        Assert.Equal(2.2536960450, answer.UpperValue!.Value, 6e-11);
    }

    [Theory]
    [InlineData(1, 1.9622200491, 0.3960558259, 5.525e-01, -4.584e-02)]
    [InlineData(10, 2.4156104140, 0.3868050799, 9.915e-02, -3.659e-02)]
    [InlineData(100, 2.5039490193, 0.3548676533, 1.081e-02, -4.648e-03)]
    [InlineData(1000, 2.5136691867, 0.3506962711, 1.091e-03, -4.765e-04)]
    [InlineData(10000, 2.5146510291, 0.3502675664, 1.092e-04, -4.777e-05)]
    public void RidgeHasThePrintedPenaltyTable(double lambda, double value, double slope, double valueGap, double slopeGap)
    {
        var reference = RidgeReference();
        var zero = Vectors.Of(0);

        double penalty = reference.PenaltyValue(zero, lambda), derivative = reference.PenaltyHypergradient(zero, lambda)[0];

        Assert.Equal(value, penalty, 6e-11);
        Assert.Equal(slope, derivative, 6e-11);
        Assert.Equal(1, (reference.Hyperobjective(zero) - penalty) / valueGap, 2e-4);
        Assert.Equal(1, (reference.Hypergradient(zero)[0] - derivative) / slopeGap, 2e-4);
    }

    [Fact]
    public void F2saAtLambda100EndsAtThePrintedPoint()
    {
        var method = new F2sa { Lambda = 100, LambdaGrowth = 1, LambdaLimit = 100, StepZ = 0.2, InnerSteps = 10, StepX = 1 };
        var solution = new Driver { Stop = Stop.Residual(1e-11) | Stop.Iterations(3000) }.Run(method, Ridge.Problem, Ridge.X, Ridge.Y);

        // F is not stationary there: the residual counts the bias of lambda.
        double slope = Math.Abs(Ridge.Answer!.Hypergradient!(solution.X)[0]);
        Assert.Equal(SolveStatus.NotWithinTolerance, solution.Status);
        Assert.InRange(solution.Residual, slope, 3 * slope);
        Assert.Equal(-1.391339, solution.X[0], 6e-7);
        Assert.Equal(2.25379260, Ridge.Answer!.Hyperobjective!(solution.X), 6e-9);
    }

    [Fact]
    public void LogisticHasThePrintedValues()
    {
        var answer = Logistic.Answer!;
        var zero = Vectors.Of(0);

        Assert.Contains("-14 in training, 2 in validation", string.Join(' ', Logistic.Notes), StringComparison.Ordinal);
        Assert.Equal(0.6528068689, answer.Hyperobjective!(zero), 6e-11);
        Assert.Equal(0.0215314622, answer.Hypergradient!(zero)[0], 6e-11);
        Assert.Equal(-1.18218118, answer.X![0], 6e-9);
        Assert.Equal(0.6359319775, answer.UpperValue!.Value, 6e-11);
    }

    [Fact]
    public void TheDeclaredConstantsBoundWhatDifferencesMeasure()
    {
        foreach (var instance in new[] { Ridge, Logistic })
        {
            foreach (double at in new[] { -8, -3, -1.2, 0, 2, 4 })
            {
                var x = Vectors.Of(at);
                var (worst, here) = (instance.Problem.Constants, instance.Problem.ConstantsAt!(x));
                var y = instance.Answer!.LowerSolution!(x);
                double lower = LocalConstants.Curvatures(instance.Problem.Lower, x, y).Largest;

                Assert.True(lower <= here.LowerSmoothness * (1 + 1e-6) && here.LowerSmoothness <= worst.LowerSmoothness);
                Assert.True(here.LowerStrongConvexity <= lower && worst.LowerStrongConvexity <= here.LowerStrongConvexity);
                Assert.True(LocalConstants.Curvatures(instance.Problem.Upper, x, y).Largest <= here.UpperSmoothness * (1 + 1e-6));
                Assert.True(Math.Exp(at) * y.Norm() * 2 <= here.LowerCoupling * (1 + 1e-9) && here.LowerCoupling <= worst.LowerCoupling * (1 + 1e-12));
            }
        }
    }

    [Fact]
    public void TheDefaultRunIsCertified()
    {
        foreach (var instance in new[] { Ridge, Logistic })
        {
            var solution = DefaultRun.Of(instance);

            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
            Assert.Equal(instance.Answer!.X![0], solution.X[0], 1e-3);

            // By the rule of the method, and not after thousands of iterations at rest.
            Assert.StartsWith("Converged. The residual", solution.StatusMessage, StringComparison.Ordinal);
            Assert.InRange(solution.OracleCalls, 0, 300_000);
        }
    }

    // Rebuilt here as the task builds it, since an instance shows no penalty values.
    private static SecondOrderReference RidgeReference()
    {
        var random = new SplitMix64(42);
        Matrix train = random.NextNormals(30, 20), validation = random.NextNormals(60, 20);
        double[] weights = [1, -1, 0.5, -0.5, 2, .. new double[15]];
        double[] trainTargets = [.. train.Times(weights).Select(t => t + (2 * random.NextNormal()))];
        double[] validationTargets = [.. validation.Times(weights).Select(t => t + (2 * random.NextNormal()))];
        return new LinearReference<SquaredLoss>(train, trainTargets, validation, validationTargets);
    }
}
