namespace Bilevel.Tasks.Tests;

public sealed class LowerBoundTests
{
    [Fact]
    public void ThePenaltyGradientIsExactForEveryLambda()
    {
        foreach (var function in Enum.GetValues<LowerBoundFunction>())
        {
            var instance = LowerBoundTask.Instance(function, 3);
            var random = new SplitMix64(11);
            for (double lambda = 1; lambda <= 1e6; lambda *= 10)
            {
                var x = new DenseVector<double>(random.NextNormals(3));
                double phi = instance.Answer!.Hyperobjective!(x);
                var difference = x.ZerosLike();
                var request = new PreparedRequest<DenseVector<double>>(
                    instance.Problem.Lower, [[x, Vectors.Of(phi - (1 / lambda))], [x, Vectors.Of(phi)]], [new(BilevelProblem.X, Output.Combined, difference)], [1, -1]);
                request.Evaluate();
                difference.Scale(lambda);
                var exact = instance.Answer.Hypergradient!(x);
                difference.AddScaled(-1, exact);

                // y_lambda* itself is rounded to about 1e-16 of phi, which the factor lambda lifts.
                Assert.True(difference.Norm() <= 4e-16 * lambda * (1 + Math.Abs(phi)) * (1 + exact.Norm()), $"{function} at lambda = {lambda}: {difference.Norm()}");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1e3)]
    [InlineData(1e6)]
    public void F2baTakesTheStepsOfGradientDescentOnPhi(double lambda)
    {
        var instance = LowerBoundTask.Instance(LowerBoundFunction.Cosine, 2);
        var run = new F2ba { Lambda = lambda, InnerSteps = 1, StepX = 0.05, Upper = new UpperStep() }.Start(instance.Problem, instance.X, instance.Y, 0);
        var x = instance.X.Copy();
        for (int k = 0; k < 50; k++)
        {
            // The residual belongs to the point, so the step of x comes at the beginning of the next iteration.
            run.Step();
            if (k > 0) x.AddScaled(-0.05, instance.Answer!.Hypergradient!(x));
            for (int i = 0; i < x.Length; i++) Assert.Equal(x[i], run.Point[0][i], 1e-15 * lambda + 1e-13);
        }
    }

    [Fact]
    public void TheFunctionValleyNeedsTwoComponents() => Assert.Throws<SettingException>(() =>
        new LowerBoundTask().Create([new("function", "valley"), new("size", "1")], new TaskContext()));
}

public sealed class NastyTests
{
    [Theory]
    [InlineData(10, 1e-3, 820)]
    [InlineData(100, 1e-4, 19051)]
    public void TheStepsFallMonotonicallyDownToTheBandOfTheKink(double lambda, double stepX, int steps)
    {
        var instance = NastyTask.Instance();
        var run = NastyTask.Exact(lambda, stepX).Start(instance.Problem, instance.X, instance.Y, 0);
        double last = instance.X[0], band = stepX * lambda;
        int monotone = 0;
        for (; monotone < 100_000; monotone++)
        {
            run.Step();
            double x = Math.Abs(run.Point[0][0]);
            if (x >= last) break;
            last = x;
        }

        // One step more or less by how the last one is counted.
        Assert.InRange(monotone, steps - 1, steps + 1);
        for (int k = 0; k < 1000; k++)
        {
            run.Step();
            Assert.True(Math.Abs(run.Point[0][0]) <= band * (1 + 1e-12));
        }
    }

    [Fact]
    public void TheClosedFormsFitTogether()
    {
        foreach (double lambda in new[] { 1.0, 4, 100 })
        {
            foreach (double x in new[] { -1, -0.3, -0.01, 0.001, 0.02, 0.5, 1 })
            {
                double y = NastyTask.PenaltySolution(x, lambda), best = (x * x) + (y * y) + (lambda * ((x * y) + Math.Abs(x)));
                Assert.Equal(best, NastyTask.PenaltyValue(x, lambda), 1e-12 * (1 + lambda));
                Assert.True(NastyTask.PenaltyValue(x, lambda) <= (x * x) + 1 + 1e-15);
            }
        }
    }

    [Fact]
    public void F2baIsRefusedAndNothingIsCertified()
    {
        var instance = NastyTask.Instance();

        Assert.Throws<InvalidProblemException>(() => new Driver().Run(new F2ba(), instance.Problem, instance.X, instance.Y));
        var solution = DefaultRun.Of(instance);
        Assert.Equal(SolveStatus.IterationLimit, solution.Status);
        Assert.Equal(Verdict.NotCertified, solution.Certificate!.Verdict);
        Assert.StartsWith("Not certified as an epsilon-KKT of the", solution.Certificate.Summary);
        Assert.InRange(Math.Abs(solution.X[0]), 0, 0.01);
    }
}
