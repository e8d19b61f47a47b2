namespace Bilevel.Tasks.Tests;

public sealed class QuadraticTests
{
    private static readonly ScalarQuadratic Scalar = ScalarQuadratic.Default;
    private static readonly MatrixQuadratic Dense = MatrixQuadratic.Random(3, 4, 10, seed: 1);

    [Theory]
    [InlineData(10, 0.475, 0.1245833, 0.588235, 5.8824e-2, 0.0980392)]
    [InlineData(100, 0.4970588, 0.1249510, 0.598802, 5.9880e-3, 0.0998004)]
    [InlineData(1000, 0.4997006, null, 0.599880, 5.9988e-4, 0.0999800)]
    public void TheScalarClosedFormsHaveThePrintedValues(double lambda, double gradient, double? value, double minimiser, double bias, double least)
    {
        double at = Scalar.PenaltyMinimiser(lambda);

        Assert.Equal(gradient, Scalar.PenaltyHypergradient(0.7, lambda), 6e-8);
        if (value is { } expected) Assert.Equal(expected, Scalar.PenaltyValue(0.7, lambda), 6e-8);
        Assert.Equal(minimiser, at, 6e-7);
        Assert.Equal(1, Math.Abs(Scalar.Hypergradient(at)) / bias, 2e-5);
        Assert.Equal(least, Scalar.PenaltyValue(at, lambda), 6e-8);
    }

    [Fact]
    public void TheScalarSolutionHasThePrintedValues()
    {
        Assert.Equal(0.6, Scalar.X, 1e-15);
        Assert.Equal(0.1, Scalar.UpperValue, 1e-15);
        Assert.Equal(0.125, Scalar.Hyperobjective(0.7), 1e-15);
        Assert.Equal(0.5, Scalar.Hypergradient(0.7), 1e-15);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(30)]
    [InlineData(1e6)]
    public void TheMatrixClosedFormsAgreeWithDifferencesAndWithEachOther(double lambda)
    {
        var random = new SplitMix64(9);
        DenseVector<double> x = new(random.NextNormals(3)), direction = new(random.NextNormals(3));
        double Along(Func<DenseVector<double>, double> function)
        {
            var (ahead, behind) = (x.Copy(), x.Copy());
            ahead.AddScaled(1e-4, direction);
            behind.AddScaled(-1e-4, direction);
            return (function(ahead) - function(behind)) / 2e-4;
        }

        // The functions are quadratic, so central differences err by rounding alone.
        Assert.Equal(Along(Dense.Hyperobjective), Dense.Hypergradient(x).Dot(direction), 1e-9);
        Assert.Equal(Along(v => Dense.PenaltyValue(v, lambda)), Dense.PenaltyHypergradient(x, lambda).Dot(direction), 1e-9);
        Assert.True(Dense.Hypergradient(Dense.X).Norm() < 1e-13);
        Assert.True(Dense.PenaltyHypergradient(Dense.PenaltyMinimiser(lambda), lambda).Norm() < 1e-12);
        Assert.Equal(0, Dense.Hyperobjective(x) - Dense.PenaltyValue(x, 1e12), 1e-9);
    }

    [Fact]
    public void TheSelfContainedBoundsHold()
    {
        // Penalty methods, section 2.3: distance, value gap and gradient gap, with Lg2 = 0.
        var constants = Dense.Problem().Constants;
        double mu = constants.LowerStrongConvexity!.Value, lf = constants.UpperSmoothness!.Value;
        var x = new DenseVector<double>(new SplitMix64(4).NextNormals(3));
        foreach (double lambda in new[] { 2 * lf / mu, 10, 1e3, 1e5 })
        {
            DenseVector<double> y = Dense.PenaltySolution(x, lambda), z = Dense.LowerSolution(x);
            double slope = Math.Max(UpperGradient(Dense, x, y).Norm(), UpperGradient(Dense, x, z).Norm());
            var gap = Dense.PenaltyHypergradient(x, lambda);
            gap.AddScaled(-1, Dense.Hypergradient(x));
            y.AddScaled(-1, z);
            double ratio = Math.Max(constants.LowerSmoothness!.Value, constants.LowerCoupling!.Value) / mu;

            Assert.True(y.Norm() <= slope / (lambda * mu));
            Assert.InRange(Dense.Hyperobjective(x) - Dense.PenaltyValue(x, lambda), 0, slope * slope / (2 * lambda * mu));
            Assert.True(gap.Norm() <= (1 + ratio) * slope / mu * Math.Max(lf, constants.UpperCoupling!.Value) / lambda);
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(100)]
    [InlineData(1000)]
    public void MethodsAtAFixedLambdaReachThePenaltyMinimiser(double lambda)
    {
        IBilevelMethod[] methods =
        [
            new F2sa { Lambda = lambda, LambdaGrowth = 1, LambdaLimit = lambda, InnerSteps = 60 },
            new F2ba { Lambda = lambda, Tolerance = 1e-10 },
            new F2ba { Lambda = lambda, Tolerance = 1e-10, Accelerated = true },
            new F2ba { Lambda = lambda, InnerSteps = 60, Upper = new UpperStep() },
        ];
        foreach (var method in methods)
        {
            Assert.Equal(0, Math.Abs(Solve(method, QuadraticTask.Instance(Scalar))[0] - Scalar.PenaltyMinimiser(lambda)), 1e-8);
            Assert.Equal(0, Distance(Solve(method, QuadraticTask.Instance(Dense, 4)), Dense.PenaltyMinimiser(lambda)), 1e-8);
        }
    }

    [Theory]
    [InlineData(128, new[] { 4.849, 8.262, 17.17, 36.86 }, new[] { 8.67, 1.03, 0.0357, 0.0163 })]
    [InlineData(416, new[] { 4.298, 6.017, 11.70, 24.91 }, new[] { 10.81, 4.89, 0.0170, 0.0243 })]
    public void F2saOnThePublishedScheduleHasThePrintedTable(double offset, double[] lambdas, double[] gradients)
    {
        var run = new F2sa { Schedule = F2saSchedule.NoNoise, InnerSteps = 32, Offset = offset, Lambda = 4 }.Start(Scalar.Problem(), Vectors.Of(3), Vectors.Of(0), 0);
        long k = 0;
        for (int row = 0; row < 4; row++)
        {
            for (long next = (long)Math.Pow(10, row + 2); k < next; k++) run.Step();

            Assert.Equal(1, run.Penalty / lambdas[row], 1e-3);
            Assert.Equal(1, Math.Abs(Scalar.Hypergradient(run.Point[0][0])) / gradients[row], 5e-3);
        }
    }

    [Theory]
    [InlineData(10, 0.588235, 5.882e-2)]
    [InlineData(100, 0.598802, 5.988e-3)]
    [InlineData(1000, 0.599880, 5.999e-4)]
    public void F2baAsPublishedHasThePrintedTable(double lambda, double x, double gradient)
    {
        double end = Walk(lambda, wrong: false);
        var run = F2ba.Published(lambda, innerSteps: 20, lowerSmoothness: 1, stepX: 0.1).Start(Scalar.Problem(), Vectors.Of(3), Vectors.Of(0), 0);
        for (int k = 0; k < 400; k++) run.Step();

        Assert.Equal(x, run.Point[0][0], 6e-7);
        Assert.Equal(1, Math.Abs(Scalar.Hypergradient(run.Point[0][0])) / gradient, 2e-4);
        Assert.True(IsRight(run.Point[0][0], lambda));
        Assert.Equal(end, run.Point[0][0], 1e-12);
    }

    [Theory]
    [InlineData(10, 0.2121)]
    [InlineData(100, 0.2561)]
    [InlineData(1000, 0.2604)]
    public void TheKnownWrongMethodFailsTheSameAssertion(double lambda, double gradient)
    {
        // The gradient of g at z in the step of y, and z reset to y: it converges, but elsewhere.
        double x = Walk(lambda, wrong: true);

        Assert.Equal(gradient, Math.Abs(Scalar.Hypergradient(x)), 1e-4);
        Assert.False(IsRight(x, lambda));
        Assert.True(IsRight(Walk(lambda, wrong: false), lambda));
    }

    [Fact]
    public void TheOrderOfTheInnerUpdatesDoesNotMatter()
    {
        // F2SA written out with y before z; the library updates z first. Bit for bit the same.
        const double Lambda = 50, StepZ = 0.3, StepX = 0.05;
        double stepY = StepZ / (2 + Lambda), x = 3, y = 0, z = 0;
        var run = new F2sa { Lambda = Lambda, LambdaGrowth = 1, LambdaLimit = Lambda, StepZ = StepZ, StepY = stepY, StepX = StepX, InnerSteps = 3 }.Start(Scalar.Problem(), Vectors.Of(3), Vectors.Of(0), 0);
        for (int k = 0; k < 200; k++)
        {
            run.Step();
            for (int t = 0; t < 3; t++)
            {
                double gy = y - (1.5 * x), gz = z - (1.5 * x), fy = 2 * (y - 1);
                y += -stepY * fy;
                y += -stepY * Lambda * gy;
                z += -StepZ * gz;
            }

            double gx = -1.5 * ((y - z) - (1.5 * (x - x))), direction = (0.5 * x) + (Lambda * gx);
            x += -StepX * direction;
            Assert.Equal(BitConverter.DoubleToInt64Bits(x), BitConverter.DoubleToInt64Bits(run.Point[0][0]));
            Assert.Equal(BitConverter.DoubleToInt64Bits(z), BitConverter.DoubleToInt64Bits(run.Point[1][0]));
        }
    }

    [Fact]
    public void TheNumberOfOuterStepsDoesNotGrowWithLambda()
    {
        long Steps(double lambda)
        {
            var method = new F2ba { Lambda = lambda, InnerSteps = 60, StepX = 0.1, Upper = new UpperStep() };
            var solution = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(5000) }.Run(method, Scalar.Problem(), Vectors.Of(3), Vectors.Of(0));
            Assert.True(solution.Converged || solution.Status == SolveStatus.NotWithinTolerance, solution.StatusMessage);
            return solution.Iterations;
        }

        long few = Steps(10);
        Assert.All(new[] { 1e2, 1e3, 1e4, 1e5, 1e6 }, lambda => Assert.InRange(Steps(lambda), 1, few + 5));
    }

    [Fact]
    public void ACountedF2saStepAllocatesNothing()
    {
        var counts = new OracleCounts(BilevelProblem.BlockCount);
        var problem = Scalar.Problem();
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, counts),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, counts),
        };
        var run = new F2sa().Start(counted, Vectors.Of(3), Vectors.Of(0), 0);

        // Code that is not yet compiled for good may allocate, so the steady state is the least of many rounds.
        // Most steps ask for six gradients, and solving the followers anew now and then for at most a fifth of that in all.
        long least = long.MaxValue;
        for (int round = 0; round < 200 && least > 0; round++)
        {
            int bare = 0;
            long before = GC.GetAllocatedBytesForCurrentThread(), calls = counts.Total;
            for (int k = 0; k < 1000; k++)
            {
                long then = counts.Total;
                run.Step();
                if (counts.Total - then == 6) bare++;
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.InRange(counts.Total - calls, 6000, 7200);
            Assert.InRange(bare, 950, 1000);
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void TheDefaultRunsAreCertified()
    {
        foreach (string name in new[] { "quadratic", "quadratic-matrix", "quadratic-stiff", "lower-bound-quadratic", "lower-bound-cosine", "lower-bound-valley" })
        {
            var solution = DefaultRun.Of(KnownProblems.Create(name));
            Assert.True(solution.Certificate!.Verdict == Verdict.Certified, $"{name}: {solution.Certificate}");
        }
    }

    private static bool IsRight(double x, double lambda) => Math.Abs(x - Scalar.PenaltyMinimiser(lambda)) <= 1e-6;

    // F2BA written out with 20 inner steps; the wrong one takes the gradient of g at z and resets z.
    private static double Walk(double lambda, bool wrong)
    {
        double x = 3, y = 0, z = 0, stepZ = wrong ? 0.25 : 1, stepY = wrong ? 0.25 : 0.5;
        for (int k = 0; k < 400; k++)
        {
            if (wrong) z = y;
            for (int t = 0; t < 20; t++)
            {
                double gz = z - (1.5 * x), gy = wrong ? gz : y - (1.5 * x), fy = 2 * (y - 1);
                z -= stepZ * gz;
                y -= stepY * ((fy / lambda) + gy);
            }

            x -= 0.1 * ((0.5 * x) - (lambda * 1.5 * (y - z)));
        }

        return x;
    }

    private static DenseVector<double> Solve(IBilevelMethod method, BilevelInstance<DenseVector<double>> instance)
    {
        var solution = new Driver { Stop = Stop.Residual(1e-10) | Stop.Iterations(3000) }.Run(method, instance.Problem, instance.X, instance.Y);

        // Where the penalty function is stationary F is not, and a residual that counts the bias knows that.
        Assert.True(solution.Status is SolveStatus.NotWithinTolerance or SolveStatus.IterationLimit, $"{method.Name}: {solution.StatusMessage}");
        return solution.X;
    }

    private static double Distance(DenseVector<double> a, DenseVector<double> b)
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Norm();
    }

    private static DenseVector<double> UpperGradient(MatrixQuadratic quadratic, DenseVector<double> x, DenseVector<double> y)
    {
        var gradient = y.ZerosLike();
        new PreparedRequest<DenseVector<double>>(quadratic.Problem().Upper, [[x, y]], [new(BilevelProblem.Y, 0, gradient)]).Evaluate();
        return gradient;
    }
}
