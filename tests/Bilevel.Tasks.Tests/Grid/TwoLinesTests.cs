using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests;

public sealed class TwoLinesTests
{
    private static readonly TwoLinesInstance[] Both = [TwoLinesInstance.LoadShed, TwoLinesInstance.CriticalLoad];

    [Theory]
    [InlineData(0, 0, 0, 0, 0)]
    [InlineData(1.0 / 3, 0, 10, 45, -90)]
    [InlineData(1, 0, 25, 11.25, -45)]
    [InlineData(0, 1, 25, -45, 11.25)]
    [InlineData(0.5, 0.5, 0, 0, 0)]
    [InlineData(1, 1, 0, 0, 0)]
    public void HasThePrintedValues(double first, double second, double shed, double slope1, double slope2)
    {
        var a = Vectors.Of(first, second);
        foreach (var which in Both)
        {
            var answer = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Budget = 2 }).Answer!;
            double factor = which == TwoLinesInstance.LoadShed ? 1 : -2.8;

            Assert.Equal(factor * shed, answer.Hyperobjective!(a), 1e-12);
            Assert.Equal(factor * slope1, answer.Hypergradient!(a)[0], 1e-12);
            Assert.Equal(factor * slope2, answer.Hypergradient!(a)[1], 1e-12);
            Assert.Equal(factor * 25, answer.UpperValue!.Value, 1e-12);
        }

        Assert.Equal(-31.5, TwoLinesTask.Instance(new TwoLinesSettings { Instance = TwoLinesInstance.CriticalLoad }).Answer!.Hypergradient!(Vectors.Of(1, 0))[0], 1e-12);
    }

    [Fact]
    public void TheClosedFormIsTheOptimumOfTheOperatorsProgram()
    {
        var random = new SplitMix64(47);
        foreach (var which in Both)
        {
            var grid = new TwoLines(which);
            for (int trial = 0; trial < 30; trial++)
            {
                var a = Vectors.Of(random.NextUniform(), random.NextUniform());
                var answer = Program(which, a, sigma: 0).Solve();
                var (y, m) = grid.Saddle(a);

                Assert.True(answer.Succeeded(1e-9), $"{answer.Gap}, {answer.Violation}");
                Assert.Equal(answer.Bound, grid.Cost(y.Span), 1e-8);
                Assert.Equal(100 * Enumerable.Range(2, y.Length - 2).Sum(i => answer.Point[i]), TwoLines.Shed(a.Span), 1e-3);

                // The multipliers, from the same program: of the balances in its first two rows, and in the next two what a
                // unit more through a line is worth.
                Assert.Equal(m[TwoLines.Limits], answer.Multipliers[0], 1e-4);
                Assert.Equal(m[TwoLines.Limits + 1], answer.Multipliers[1], 1e-4);
                Assert.Equal(m[0] - m[1] + m[4] - m[5], answer.Multipliers[2], 1e-4);
                Assert.Equal(m[2] - m[3] + m[4] - m[5], answer.Multipliers[3], 1e-4);
            }
        }
    }

    [Fact]
    public void TheSaddleMeetsTheConditionsOfTheLowerLevel()
    {
        var random = new SplitMix64(53);
        foreach (var which in Both)
        {
            var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Budget = 2 });
            var (problem, answer) = (instance.Problem, instance.Answer!);
            for (int trial = 0; trial < 30; trial++)
            {
                var a = Vectors.Of(random.NextUniform(), random.NextUniform());
                var (y, m) = answer.Saddle!(a);
                Assert.Equal(0, answer.Gap!(a, y, m), 1e-9 * new TwoLines(which).LowerUnit);

                // A projected step from the saddle leads back to it, for both players.
                var (down, up) = (y.ZerosLike(), m.ZerosLike());
                new PreparedRequest<DenseVector<double>>(problem.Lower, [[a, y, m]], [new(Lower.Z1, 0, down), new(Lower.Z2, 0, up)]).Evaluate();
                double step = 1 / new TwoLines(which).LowerUnit;
                var (movedY, movedM) = (y.Copy(), m.Copy());
                movedY.AddScaled(-step, down);
                problem.Z1.Project(movedY);
                movedM.AddScaled(step, up);
                problem.Z2.Project(movedM);
                for (int i = 0; i < y.Length; i++) Assert.Equal(y[i], movedY[i], 1e-12);
                for (int i = 0; i < m.Length; i++) Assert.Equal(m[i], movedM[i], 1e-12);

                // The declared bounds hold, and are less than half of those that the sets have.
                Assert.True(problem.LowerMultipliers!.Touched(m) is null);
                var multipliers = (DenseMultipliers<double>)problem.LowerMultipliers;
                Assert.True(m.Span[..TwoLines.Limits].ToArray().Sum() <= multipliers.Slices[0].OptimalBound * (1 + 1e-12));
                Assert.True(Math.Abs(m[5]) <= multipliers.Slices[1].OptimalBound * (1 + 1e-12));
                Assert.All(multipliers.Slices, s => Assert.True(s.OptimalBound < s.Bound / 2));
            }
        }
    }

    [Fact]
    public void TheGapIsThatOfItsTwoOneSidedProblems()
    {
        var random = new SplitMix64(59);
        foreach (var which in Both)
        {
            var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Budget = 2 });
            var grid = new TwoLines(which);
            var (problem, answer) = (instance.Problem, instance.Answer!);
            for (int trial = 0; trial < 20; trial++)
            {
                var a = Vectors.Of(random.NextUniform(), random.NextUniform());
                DenseVector<double> y = new(random.NextNormals(grid.LowerCount)), m = new(random.NextNormals(6)), z = new(random.NextNormals(grid.LowerCount)), w = new(random.NextNormals(6));
                problem.Z1.Project(y);
                problem.Z1.Project(z);
                m.Scale(3);
                w.Scale(6);
                problem.Z2.Project(m);
                problem.Z2.Project(w);
                var request = new PreparedRequest<DenseVector<double>>(problem.Lower, [[a, y, w], [a, z, m]], [], values: true);
                request.Evaluate();
                double gap = answer.Gap!(a, y, m);

                // No pair of players does better than the closed form says; the players of the next lines do as well.
                Assert.True(gap >= request.Values[0] - request.Values[1] - (1e-9 * grid.LowerUnit));
                var best = Best(problem, grid, a, y, m);
                Assert.Equal(gap, best, 1e-9 * (1 + Math.Abs(gap)));
            }
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0.8, 0.1)]
    [InlineData(0.3, 0)]
    [InlineData(0.5, 0.5)]
    public void ThePenalisedValueOfTheCriticalLoadIsExact(double first, double second)
    {
        var grid = new TwoLines(TwoLinesInstance.CriticalLoad);
        var a = Vectors.Of(first, second);
        double shed = TwoLines.Shed(a.Span);
        foreach (double sigma in new[] { 1, 0.1, 0.01, 0.001 })
        {
            // Both programs are per unit: h_sigma is 10^-4 of that in MW, and sigma a hundredth.
            double h = Program(TwoLinesInstance.CriticalLoad, a, sigma / TwoLines.Base).Solve().Bound, g = grid.Cost(grid.Saddle(a).Z1.Span);
            double exact = grid.PenalisedValue(a.Span, sigma);

            Assert.Equal((h - g) * grid.LowerUnit / sigma, exact, 1e-5 + (1e-9 / sigma));
            if (shed >= 3.5 * sigma) Assert.Equal((-2.8 * shed) - (8.1 * sigma), exact, 1e-10 * (1 + (1 / sigma)));
            if (shed == 0) Assert.Equal(-13 * sigma, exact, 1e-12);
        }
    }

    [Fact]
    public void GradientsMatchDifferencesOfValues()
    {
        var random = new SplitMix64(61);
        foreach (var which in Both)
        {
            var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which });
            var (problem, answer) = (instance.Problem, instance.Answer!);
            for (int trial = 0; trial < 5; trial++)
            {
                DenseVector<double> a = Vectors.Of(0.2 + (0.6 * random.NextUniform()), 0.2 + (0.6 * random.NextUniform())), y = new(random.NextNormals(instance.Start[Y1].Length)), m = new(random.NextNormals(6));
                Assert.All(GradientCheck.Compare(problem.Upper, [a, Vectors.Zeros(0), y, m]), c => Assert.True(c.Agrees(1e-7), c.ToString()));
                Assert.All(GradientCheck.Compare(problem.Lower, [a, y, m]), c => Assert.True(c.Agrees(1e-6), c.ToString()));
            }

            // The envelope: the gradient of the operator's optimal value is that of the Lagrangian at the saddle.
            var at = Vectors.Of(0.7, 0.1);
            var (z1, z2) = answer.Saddle!(at);
            var envelope = at.ZerosLike();
            new PreparedRequest<DenseVector<double>>(problem.Lower, [[at, z1, z2]], [new(Lower.X1, 0, envelope)]).Evaluate();
            double marginal = which == TwoLinesInstance.LoadShed ? 1 : 0.8 * TwoLines.Shed(at.Span);
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(marginal * TwoLines.ShedGradient(at.Span)[i], envelope[i], 1e-9 * (1 + Math.Abs(envelope[i])));
                var (ahead, behind) = (at.Copy(), at.Copy());
                ahead[i] += 1e-5;
                behind[i] -= 1e-5;
                Assert.Equal((answer.Hyperobjective!(ahead) - answer.Hyperobjective(behind)) / 2e-5, answer.Hypergradient!(at)[i], 1e-6);
            }
        }
    }

    [Fact]
    public void TheDeclaredSmoothnessBoundsTheChangeOfTheGradients()
    {
        var random = new SplitMix64(67);
        foreach (var which in Both)
        {
            var problem = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Budget = 2 }).Problem;
            int n = new TwoLines(which).LowerCount;
            DenseVector<double>[] Point()
            {
                DenseVector<double>[] point = [new(random.NextNormals(2)), new(random.NextNormals(n)), new(random.NextNormals(6))];
                point[1].Scale(3);
                point[2].Scale(10);
                problem.X1.Project(point[0]);
                problem.Z1.Project(point[1]);
                problem.Z2.Project(point[2]);
                return point;
            }

            double largest = 0;
            for (int trial = 0; trial < 500; trial++)
            {
                DenseVector<double>[] from = Point(), to = Point();

                // Near points see the curvature at one place.
                for (int b = 0; b < 3; b++)
                {
                    to[b].Scale(1e-4);
                    to[b].AddScaled(1 - 1e-4, from[b]);
                }

                double change = 0, distance = 0;
                for (int b = 0; b < 3; b++)
                {
                    DenseVector<double> first = from[b].ZerosLike(), second = from[b].ZerosLike();
                    new PreparedRequest<DenseVector<double>>(problem.Lower, [from, to], [new(b, 0, first), new(b, 1, second)]).Evaluate();
                    first.AddScaled(-1, second);
                    change += first.Dot(first);
                    first.CopyFrom(from[b]);
                    first.AddScaled(-1, to[b]);
                    distance += first.Dot(first);
                }

                largest = Math.Max(largest, Math.Sqrt(change / distance));
            }

            Assert.InRange(largest, 1e-3 * problem.Constants.LowerSmoothness!.Value, problem.Constants.LowerSmoothness.Value);
            Assert.Equal(0, problem.Constants.UpperSmoothness);
            Assert.Equal(2 * problem.LowerMultipliers!.Bound, ((BilevelMinimaxProblem<DenseVector<double>>)problem.Enlarged(1)).LowerMultipliers!.Bound);
        }
    }

    [Theory]
    [InlineData(TwoLinesInstance.LoadShed)]
    [InlineData(TwoLinesInstance.CriticalLoad)]
    public void AroundTheSymmetricAttackNothingPulls(Enum theWhich)
    {
        var which = (TwoLinesInstance)theWhich;
        // With the operator's exact answers every row of the penalty function that could move the attack is zero.
        var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Start1 = 0.5, Start2 = 0.5 });
        foreach (double lean in new[] { 0, 0.05, 0.1 })
        {
            var a = Vectors.Of(0.5 + lean, 0.5 - lean);
            var (z1, z2) = instance.Answer!.Saddle!(a);
            DenseVector<double>[] point = Start(a, Vectors.Zeros(0), z1, z2);
            var penalty = new MinimaxPenalty<DenseVector<double>>(instance.Problem, point);
            penalty.Evaluate(100);

            Assert.Equal(0, TwoLines.Shed(a.Span));
            Assert.Equal(0, instance.Answer.Hypergradient!(a).Norm());
            Assert.Equal(0, penalty.Rows[X1].Norm(), 1e-12);
        }
    }

    [Theory]
    [InlineData(TwoLinesInstance.LoadShed)]
    [InlineData(TwoLinesInstance.CriticalLoad)]
    public void AMethodThatStartsAtTheSymmetricAttackStaysSymmetric(Enum theWhich)
    {
        var which = (TwoLinesInstance)theWhich;
        var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = which, Start1 = 0.5, Start2 = 0.5 });
        var run = new Ogda { Tolerance = 0.1 }.Start(instance.Problem, instance.Start, 0);
        for (int k = 0; k < 2000; k++) run.Step();

        Assert.Equal(run.Point[X1][0], run.Point[X1][1], 1e-6);
        Assert.Equal(0, TwoLines.Shed(run.Point[X1].Span));
    }

    [Fact]
    public void AStartBeyondTheBudgetIsProjectedAndABudgetTooSmallShedsNothing()
    {
        var instance = TwoLinesTask.Instance(new TwoLinesSettings { Budget = 0.3, Start1 = 0.4, Start2 = 0.1 });

        Assert.Equal(0.3, instance.Start[X1][0], 1e-12);
        Assert.Equal(0, instance.Start[X1][1], 1e-12);
        Assert.Equal(100 - (60 * (1 + (1 / 1.9))), instance.Answer!.UpperValue!.Value, 1e-12);
        Assert.Equal(0, TwoLinesTask.Instance(new TwoLinesSettings { Budget = 0.1 }).Answer!.UpperValue!.Value);
    }

    [Fact]
    public void AnAnswerIsMeasured()
    {
        var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = TwoLinesInstance.CriticalLoad });
        var a = Vectors.Of(1, 0);
        var (y, m) = instance.Answer!.Saddle!(a);
        var outcome = instance.Evaluate(PointSolution.At(instance, a, Vectors.Zeros(0), y, m, y, m));
        var metrics = outcome.Metrics.ToDictionary(v => v.Name, v => v.Value);

        Assert.Equal(25, metrics["load_shed_mw"], 1e-12);
        Assert.Equal(-70, metrics["hyperobjective"], 1e-12);
        Assert.Equal(0.025, metrics["multiplier_bound_share"], 1e-12);
        Assert.Contains("25.00 MW", outcome.Summary, StringComparison.Ordinal);
    }

    // The value of the best answers of both players, by vertices of their sets.
    private static double Best(BilevelMinimaxProblem<DenseVector<double>> problem, TwoLines grid, DenseVector<double> a, DenseVector<double> y, DenseVector<double> m)
    {
        DenseVector<double> c = m.ZerosLike(), slope = y.ZerosLike();
        new PreparedRequest<DenseVector<double>>(problem.Lower, [[a, y, m]], [new(Lower.Z2, 0, c)]).Evaluate();
        int worst = Enumerable.Range(0, TwoLines.Limits).MaxBy(i => c[i]);
        var best = m.ZerosLike();
        if (c[worst] > 0) best[worst] = TwoLines.MultiplierLimit;
        double norm = Math.Sqrt((c[4] * c[4]) + (c[5] * c[5]));
        (best[4], best[5]) = (TwoLines.MultiplierLimit * c[4] / norm, TwoLines.MultiplierLimit * c[5] / norm);

        // The slope at zero; a quadratic component stops where its slope does.
        new PreparedRequest<DenseVector<double>>(problem.Lower, [[a, y.ZerosLike(), m]], [new(Lower.Z1, 0, slope)]).Evaluate();
        var answer = y.ZerosLike();
        for (int i = 0; i < y.Length; i++)
        {
            double curvature = grid.Instance == TwoLinesInstance.CriticalLoad && i >= 2 ? grid.LowerUnit * (i == 2 ? 4 : 1) : 0;
            answer[i] = curvature > 0 ? -slope[i] / curvature : slope[i] > 0 ? -100 : 100;
        }

        problem.Z1.Project(answer);
        var values = new PreparedRequest<DenseVector<double>>(problem.Lower, [[a, y, best], [a, answer, m]], [], values: true);
        values.Evaluate();
        return values.Values[0] - values.Values[1];
    }

    // min sigma f + g per unit, over (phi, p, s...) and the flows of both lines: rows are the balances, then the flows.
    private static BoundedProgram Program(TwoLinesInstance which, DenseVector<double> a, double sigma)
    {
        int kinds = which == TwoLinesInstance.LoadShed ? 1 : 2, n = 2 + kinds;
        var rows = new Matrix(4, n + 2);
        double[] cost = new double[n + 2], curvature = new double[n + 2];
        double[] least = [-3, 0, .. new double[kinds], -0.6, -0.6], most = [3, 2, .. Enumerable.Repeat(1.0 / kinds, kinds), 0.6, 0.6];
        for (int line = 0; line < 2; line++)
        {
            rows[0, n + line] = 1;
            rows[1, n + line] = -1;
            rows[2 + line, 0] = 1 / (1 + (3 * a[line]));
            rows[2 + line, n + line] = -1;
        }

        rows[0, 1] = -1;
        for (int kind = 0; kind < kinds; kind++) rows[1, 2 + kind] = -1;
        if (which == TwoLinesInstance.LoadShed) cost[2] = 1;
        else (curvature[2], curvature[3], cost[2], cost[3]) = (4, 1, -10 * sigma, -sigma);
        return new BoundedProgram(rows, [0, -1, 0, 0], cost, least, most, curvature);
    }
}
