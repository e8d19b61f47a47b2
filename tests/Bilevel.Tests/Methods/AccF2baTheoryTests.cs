namespace Bilevel.Tests;

public sealed class AccF2baTheoryTests
{
    private const double Eta = 1e-3;

    // phi = 100 (x2 - x1^2)^2 + (1 - x1)^2
    private static double[] Valley(double[] x) => [(-400 * x[0] * (x[1] - (x[0] * x[0]))) - (2 * (1 - x[0])), 200 * (x[1] - (x[0] * x[0]))];

    private static double Phi(double[] x) => (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)) + Math.Pow(1 - x[0], 2);

    // f = y and g = (y - phi(x))^2 / 2: grad L_lambda* = grad phi for every lambda, and one inner step solves both levels.
    private static BilevelProblem<DenseVector<double>> LowerBound => new(
        new FunctionObjective<DenseVector<double>>((_, y) => y[0], (_, _, r) => r.Fill(_ => 0), (_, _, r) => r[0] = 1),
        new FunctionObjective<DenseVector<double>>(
            (x, y) => Math.Pow(y[0] - Phi(x.ToDoubles()), 2) / 2,
            (x, y, r) =>
            {
                double[] slope = Valley(x.ToDoubles());
                r.Fill(i => -slope[i] * (y[0] - Phi(x.ToDoubles())));
            },
            (x, y, r) => r[0] = y[0] - Phi(x.ToDoubles())))
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1000, LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 },
    };

    private static AccF2ba Method(double theta, double radius, double leastRadius) =>
        new() { Lambda = 10, InnerSteps = 1, StepX = Eta, Theta = theta, Radius = radius, LeastRadius = leastRadius };

    private static IRun<DenseVector<double>> Start(IBilevelMethod method) => method.Start(LowerBound, Vectors.Of(-1.2, 1), Vectors.Of(0), 0);

    // The number of moves after which |grad phi(x_t)| < 1e-4; x_{t+1} = v - eta grad phi(v), where v is the run's point.
    private static int Moves(IBilevelMethod method, int limit)
    {
        var run = Start(method);
        for (int t = 1; t <= limit; t++)
        {
            run.Step();
            double[] v = run.Point[0].ToDoubles(), x = Dense.Sum(v, -Eta, Valley(v));
            if (!(Dense.Norm(x) < 1e6)) return -t;
            if (Dense.Norm(Valley(x)) < 1e-4) return t;
        }

        return limit + 1;
    }

    [Fact]
    public void In_the_curved_valley_the_numbers_of_moves_are_the_tabulated_ones()
    {
        Assert.Equal(20548, Moves(new F2ba { Lambda = 10, InnerSteps = 1, StepX = Eta, Upper = new() }, 30_000));
        Assert.Equal(1964, Moves(Method(0.1, 10, 0.1), 30_000));
        Assert.Equal(398, Moves(Method(0.02, 1, 0.1), 30_000));
        Assert.Equal(398, Moves(Method(0.02, 1, 0.1) with { Accelerated = true }, 30_000));
        Assert.InRange(Moves(Method(0.02, double.PositiveInfinity, 0.1), 30_000), -1000, -1);
    }

    [Theory]
    [InlineData(0.02, 1, 0.1)]
    [InlineData(0.1, double.PositiveInfinity, 0.1)]
    [InlineData(0.3, 0.2, 0)]
    public void The_run_is_the_recursion_done_by_hand(double theta, double radius, double leastRadius)
    {
        double[] x = [-1.2, 1], before = [-1.2, 1];
        double moved = 0;
        int count = 0, restarts = 0;
        var run = Start(Method(theta, radius, leastRadius));
        for (int t = 0; t < 100; t++)
        {
            double[] v = Dense.Sum(x, 1 - theta, Dense.Sum(x, -1, before));
            run.Step();
            Assert.Equal(v[0], run.Point[0][0], 1e-9);
            Assert.Equal(v[1], run.Point[0][1], 1e-9);
            double[] next = Dense.Sum(v, -Eta, Valley(v)), move = Dense.Sum(next, -1, x);
            (before, x) = (x, next);
            count++;
            moved += (move[0] * move[0]) + (move[1] * move[1]);
            if (count * moved <= Math.Pow(Math.Max(radius, leastRadius), 2)) continue;
            before = x;
            (count, moved) = (0, 0);
            radius *= 0.99;
            restarts++;
        }

        // Without a bound on the radius it is plain Nesterov momentum.
        Assert.Equal(double.IsPositiveInfinity(radius), restarts == 0);
    }

    [Fact]
    public void With_radius_zero_it_is_F2ba()
    {
        var first = PenaltyTheory.Start(new F2ba { Lambda = 100, Upper = new() });
        var second = PenaltyTheory.Start(new AccF2ba { Lambda = 100, Radius = 0, LeastRadius = 0 });
        for (int k = 0; k < 100; k++)
        {
            first.Step();
            second.Step();
            Assert.Equal((first.Point[0][0], first.Point[1][0], first.Residual), (second.Point[0][0], second.Point[1][0], second.Residual));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_fixed_points_are_those_of_F2ba(bool accelerated)
    {
        foreach (double lambda in new[] { 10.0, 100, 1000 })
        {
            var run = PenaltyTheory.Start(new AccF2ba { Lambda = lambda, Accelerated = accelerated, Tolerance = 1e-10, Theta = 0.5 });
            for (int k = 0; k < 400; k++) run.Step();
            Assert.Equal(PenaltyTheory.Stationary(lambda), run.Point[0][0], 1e-10);
        }

        // With lambda chosen by the bias it reaches the solution of F.
        var solution = new Driver { Stop = Stop.Residual(1e-5) | Stop.Iterations(2000) }.Run(
            new AccF2ba { Accelerated = accelerated, Tolerance = 1e-5 }, PenaltyTheory.Scalar, Vectors.Of(3), Vectors.Of(0));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.InRange(Math.Abs(PenaltyTheory.Gradient(solution.X[0])), 0, 1e-5);
    }

    [Fact]
    public void Nothing_is_asked_outside_of_the_set()
    {
        // The minimiser of F is at 0.6, so x slides along the border at 0.5, where momentum would carry it out.
        var seen = new List<double>();
        var scalar = PenaltyTheory.Scalar;
        var problem = scalar with { UpperSet = new Box<double>(-0.5, 0.5), Upper = new Watching(scalar.Upper, seen) };
        var run = new AccF2ba { Lambda = 100, Theta = 0.05, StepX = 0.02 }.Start(problem, Vectors.Of(-0.4), Vectors.Of(0), 0);
        for (int k = 0; k < 200; k++) run.Step();
        Assert.Equal(0.5, run.Point[0][0], 1e-15);
        Assert.Equal(0, run.Estimate, 1e-12);
        Assert.InRange(seen.Max(), 0.4, 0.5);

        // The bias of lambda does not move x from its border, so that the answer is one.
        var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(400) }.Run(new AccF2ba { Lambda = 100, Theta = 0.05, StepX = 0.02 }, problem, Vectors.Of(-0.4), Vectors.Of(0));
        Assert.True(solution.Converged, solution.StatusMessage);
    }

    private sealed class Watching(IObjective<DenseVector<double>> inner, List<double> seen) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            // The estimates of constants ask around the start, with y alone or with small steps.
            for (int p = 0; p < request.PointCount; p++) seen.Add(request.Point(p)[0][0]);
            inner.Evaluate(request);
        }
    }
}
