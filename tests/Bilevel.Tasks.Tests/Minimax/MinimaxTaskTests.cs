using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests;

/// <summary>What every bilevel minimax problem with a known answer must satisfy.</summary>
public sealed class MinimaxTaskTests
{
    private const string MerelyConvex = "saddle-merely-convex";

    // The problems with one answer; two-lines has two, and its own tests.
    // The logistic problem, whose model has no bounds and no declared smoothness, has tests of its own.
    public static TheoryData<string> Names => [.. KnownProblems.Minimax.Where(p => p.Name != "group-dro-logistic" && p.Create().Answer!.X is not null).Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void GradientsMatchDifferencesOfValues(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var random = new SplitMix64(41);
        for (ulong trial = 0; trial < 10; trial++)
        {
            DenseVector<double>[] point = [.. instance.Start.Select(b => new DenseVector<double>(random.NextNormals(b.Length)))];
            Assert.All(GradientCheck.Compare(instance.Problem.Upper, point[..UpperCount], trial), c => Assert.True(c.Agrees(1e-7), $"f: {c}"));
            Assert.All(GradientCheck.Compare(instance.Problem.Lower, [point[X1], point[Z1], point[Z2]], trial), c => Assert.True(c.Agrees(1e-7), $"g: {c}"));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheRowsOfThePenaltyFunctionAreItsGradient(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var random = new SplitMix64(43);
        foreach (var upper in Enum.GetValues<Sense>())
        {
            foreach (var lower in Enum.GetValues<Sense>())
            {
                var problem = instance.Problem with { UpperSense = upper, LowerSense = lower };
                DenseVector<double>[] point = [.. instance.Start.Select(b => new DenseVector<double>(random.NextNormals(b.Length)))];
                double rho = Math.Exp(3 * random.NextUniform());
                var penalty = new MinimaxPenalty<DenseVector<double>>(problem, point, values: true);
                penalty.Evaluate(rho);
                double[][] rows = [.. penalty.Rows.Select(r => r.ToDoubles())];
                for (int block = 0; block < BlockCount; block++)
                {
                    // Whoever minimises has the gradient, whoever maximises its negative.
                    double sign = block is X1 or Y1 or Y2 ? 1 : -1;
                    for (int i = 0; i < point[block].Length; i++)
                    {
                        double Slope(double h)
                        {
                            double at = point[block][i];
                            point[block][i] = at + h;
                            penalty.Evaluate(rho);
                            double ahead = penalty.Value(rho);
                            point[block][i] = at - h;
                            penalty.Evaluate(rho);
                            double behind = penalty.Value(rho);
                            point[block][i] = at;
                            return (ahead - behind) / (2 * h);
                        }

                        double measured = sign * ((4 * Slope(5e-4)) - Slope(1e-3)) / 3;
                        Assert.True(Math.Abs(measured - rows[block][i]) <= 1e-8 * (1 + Math.Abs(measured) + rho), $"block {block}, {upper}, {lower}: {rows[block][i]} for {measured}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheStartIsFeasibleAndALowerSaddle(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        Assert.Equal(BlockCount, instance.Start.Count);
        Assert.Equal(BlockCount, instance.Start.Distinct(ReferenceEqualityComparer.Instance).Count());
        for (int b = 0; b < BlockCount; b++)
        {
            var (block, term) = (instance.Start[b], instance.Problem.Blocks[b].Term);
            Assert.Null(term.Objection(block.Length));
            Assert.True(double.IsFinite(term.DiameterAt(block.Length)));
            if (block.Length > 0) Assert.True(((DenseSet<double>)term).Contains(block, 1e-15));
        }

        Assert.Equal(instance.Start[Y1].ToDoubles(), instance.Start[Z1].ToDoubles());
        Assert.Equal(instance.Start[Y2].ToDoubles(), instance.Start[Z2].ToDoubles());
        Assert.InRange(instance.Answer!.Gap!(instance.Start[X1], instance.Start[Y1], instance.Start[Y2]), 0, 1e-14);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheSaddleIsASaddle(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var random = new SplitMix64(47);
        for (int trial = 0; trial < 20; trial++)
        {
            var x = numerics.UniformX1(random);
            var (z1, z2) = instance.Answer!.Saddle!(x);
            double value = numerics.G(x, z1, z2), rounding = 1e-13 * (1 + Math.Abs(value) + z1.Dot(z1) + z2.Dot(z2));
            Assert.True(((DenseSet<double>)instance.Problem.Z1).Contains(z1, 1e-14));
            Assert.True(((DenseSet<double>)instance.Problem.Z2).Contains(z2, 1e-14));
            Assert.InRange(instance.Answer.Gap!(x, z1, z2), 0, rounding);

            // No unilateral gradient step moves.
            DenseVector<double> moved1 = z1.Copy(), moved2 = z2.Copy();
            moved1.AddScaled(-1, MinimaxNumerics.Gradient(instance.Problem.Lower, [x, z1, z2], Lower.Z1));
            moved2.AddScaled(1, MinimaxNumerics.Gradient(instance.Problem.Lower, [x, z1, z2], Lower.Z2));
            instance.Problem.Z1.Project(moved1);
            instance.Problem.Z2.Project(moved2);
            Assert.InRange(Distance(moved1, z1) + Distance(moved2, z2), 0, 1e-12 * (1 + z1.Norm() + z2.Norm()));
            for (int other = 0; other < 50; other++)
            {
                var point = numerics.Feasible(random);
                Assert.True(numerics.G(x, z1, point[Z2]) <= value + rounding);
                Assert.True(numerics.G(x, point[Z1], z2) >= value - rounding);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheGapIsWhatOneSidedOptimisationFinds(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var random = new SplitMix64(53);
        for (int trial = 0; trial < 40; trial++)
        {
            var point = numerics.Feasible(random);
            double gap = instance.Answer!.Gap!(point[X1], point[Y1], point[Y2]), measured = numerics.Gap(point[X1], point[Y1], point[Y2]);
            Assert.True(gap >= -1e-15, $"{gap}");
            Assert.Equal(measured, gap, 1e-10 * (1 + measured));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheHyperobjectiveIsTheWorstUpperValueAtTheLowerSaddle(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var random = new SplitMix64(59);
        for (int trial = 0; trial < 10; trial++)
        {
            var x = numerics.UniformX1(random);
            double expected;
            if (name == MerelyConvex) expected = BestOnTheLine(numerics, instance, x);
            else
            {
                // The saddle is unique.
                var (z1, z2) = numerics.Saddle(x);
                expected = numerics.WorstUpper(x, z1, z2);
            }

            Assert.Equal(expected, instance.Answer!.Hyperobjective!(x), 1e-10 * (1 + Math.Abs(expected)));
            var (y1, y2) = instance.Answer.Saddle!(x);
            Assert.Equal(expected, numerics.WorstUpper(x, y1, y2), 1e-10 * (1 + Math.Abs(expected)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheHypergradientMatchesDifferencesOfTheHyperobjective(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var answer = instance.Answer!;
        var random = new SplitMix64(61);
        for (int trial = 0; trial < 20; trial++)
        {
            DenseVector<double> x = numerics.UniformX1(random), direction = new(random.NextNormals(x.Length));
            direction.Scale(1 / direction.Norm());
            double Slope(double h)
            {
                var (ahead, behind) = (x.Copy(), x.Copy());
                ahead.AddScaled(h, direction);
                behind.AddScaled(-h, direction);
                return (answer.Hyperobjective!(ahead) - answer.Hyperobjective(behind)) / (2 * h);
            }

            // Where F has a kink, differences must not reach across it.
            if (Distance(x, answer.X!) < 2e-3) continue;
            double measured = ((4 * Slope(5e-4)) - Slope(1e-3)) / 3;
            Assert.Equal(measured, answer.Hypergradient!(x).Dot(direction), 1e-9 * (1 + Math.Abs(measured)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheSolutionMinimisesTheHyperobjective(string name)
    {
        const int Cells = 20_000;
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var answer = instance.Answer!;
        double best = answer.UpperValue!.Value;
        var (low, high) = numerics.EndsOfX1();

        // The answer of this case is the local minimum that its start leads to; the kink at 3 is a local maximum.
        if (name == "constrained-qp-c") high = Vectors.Of(3);
        Assert.Equal(best, answer.Hyperobjective!(answer.X!), 1e-15 * (1 + best));
        for (int i = 0; i < answer.X!.Length; i++) Assert.InRange(answer.X[i], low[i] + 0.1, high[i] - 0.1);
        if (answer.X.Length == 1)
        {
            for (int i = 0; i <= Cells; i++) Assert.True(answer.Hyperobjective(Vectors.Of(low[0] + (i * (high[0] - low[0]) / Cells))) >= best - 1e-15);
        }
        else
        {
            var random = new SplitMix64(67);
            for (int i = 0; i < 2000; i++)
            {
                var x = answer.X.Copy();
                x.AddScaled(Math.Pow(10, -4 * random.NextUniform()), new DenseVector<double>(random.NextNormals(x.Length)));
                Assert.True(answer.Hyperobjective(x) >= best - 1e-13);
            }
        }

        // A zero of the hypergradient, or a kink between slopes of opposite sign.
        double size = answer.Hypergradient!(answer.X).Norm();
        if (double.IsNaN(size)) Assert.True(answer.Hypergradient(Vectors.Of(answer.X[0] - 1e-6))[0] < 0 && answer.Hypergradient(Vectors.Of(answer.X[0] + 1e-6))[0] > 0);
        else Assert.InRange(size, 0, 1e-13 * (1 + best));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheConstantsAreBounds(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var numerics = new MinimaxNumerics(instance);
        var (problem, constants) = (instance.Problem, instance.Problem.Constants);
        var random = new SplitMix64(71);
        for (int trial = 0; trial < 3000; trial++)
        {
            DenseVector<double>[] one = numerics.Feasible(random), other = numerics.Feasible(random);
            Bounded(problem.Upper, one[..UpperCount], other[..UpperCount], constants.UpperSmoothness!.Value);
            DenseVector<double>[] lower = [one[X1], one[Z1], one[Z2]], second = [other[X1], other[Z1], other[Z2]];
            Bounded(problem.Lower, lower, second, constants.LowerSmoothness!.Value);
            Monotone(lower, other[Z1], Lower.Z1, 1, constants.LowerStrongConvexity ?? 0);
            Monotone(lower, other[Z2], Lower.Z2, -1, constants.LowerStrongConcavity ?? 0);
        }

        void Monotone(DenseVector<double>[] point, DenseVector<double> moved, int block, double sign, double modulus)
        {
            DenseVector<double>[] there = [.. point];
            there[block] = moved;
            var difference = MinimaxNumerics.Gradient(problem.Lower, point, block);
            difference.AddScaled(-1, MinimaxNumerics.Gradient(problem.Lower, there, block));
            var apart = point[block].Copy();
            apart.AddScaled(-1, moved);
            Assert.True(sign * difference.Dot(apart) >= (modulus * apart.Dot(apart)) - (1e-12 * (1 + apart.Dot(apart))));
        }

        static void Bounded(IObjective<DenseVector<double>> objective, DenseVector<double>[] one, DenseVector<double>[] other, double bound)
        {
            double gradients = 0, points = 0;
            for (int b = 0; b < one.Length; b++)
            {
                gradients += Math.Pow(Distance(MinimaxNumerics.Gradient(objective, one, b), MinimaxNumerics.Gradient(objective, other, b)), 2);
                points += Math.Pow(Distance(one[b], other[b]), 2);
            }

            Assert.True(gradients <= bound * bound * points * (1 + 1e-12) + 1e-20, $"{Math.Sqrt(gradients / points)} for {bound}");
        }
    }

    [Theory]
    [InlineData("saddle-quadratic", 1e-4)]
    [InlineData("saddle-merely-convex", 1e-12)]
    [InlineData("saddle-generator", 1e-9)]
    [InlineData("saddle-generator-2", 1e-9)]
    public void ConstantHessiansHaveTheDeclaredNorms(string name, double accuracy)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var (start, constants) = (instance.Start, instance.Problem.Constants);
        Assert.Equal(constants.LowerSmoothness!.Value, MinimaxNumerics.HessianNorm(instance.Problem.Lower, [start[X1], start[Z1], start[Z2]]), accuracy);
        Assert.Equal(constants.UpperSmoothness!.Value, MinimaxNumerics.HessianNorm(instance.Problem.Upper, [start[X1], start[X2], start[Y1], start[Y2]]), accuracy);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheObjectivesAllocateNothing(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var penalty = new MinimaxPenalty<DenseVector<double>>(instance.Problem, instance.Start, values: true);

        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 1000; i++) penalty.Evaluate(1); }));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheReportMeasuresTheAnswer(string name)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var answer = instance.Answer!;
        var solution = new Driver { Stop = Stop.Iterations(50) }.Run(new Ogda { Tolerance = 0.1 }, instance.Problem, instance.Start);

        var metrics = instance.Evaluate(solution).Metrics.ToDictionary(m => m.Name, m => m.Value);

        Assert.Equal(Distance(solution.X, answer.X!), metrics["distance_to_solution"], 1e-15);
        Assert.Equal(answer.Hyperobjective!(solution.X), metrics["hyperobjective"]);
        Assert.Equal(answer.Hyperobjective(solution.X) - answer.UpperValue!.Value, metrics["hyperobjective_gap"]);
        Assert.Equal(answer.Gap!(solution.Point[X1], solution.Point[Y1], solution.Point[Y2]), metrics["true_gap"]);
        Assert.True(metrics["true_gap"] > 0);
    }

    [Fact]
    public void TheCatalogueIsReachedByName()
    {
        Assert.Throws<ArgumentException>(() => KnownProblems.CreateMinimax("nothing"));
        foreach (string name in new[] { "saddle-quadratic", "saddle-quadratic-nonconvex", MerelyConvex, "group-dro-small", "saddle-generator", "matrix-game" })
        {
            var instance = Assert.IsType<MinimaxInstance<DenseVector<double>>>(TaskCatalog.Find(name).Create([], new TaskContext()));
            var known = KnownProblems.CreateMinimax(name);
            for (int b = 0; b < BlockCount; b++) Assert.Equal(known.Start[b].ToDoubles(), instance.Start[b].ToDoubles());
            Assert.Equal("auto", instance.Presets[0].Name);
            Assert.Equal((1e-2, 1_000_000L, true), (instance.Tolerance, instance.Iterations, instance.StopsByCertificate));
        }
    }

    // The saddle points are (s, x - s) with z2 = 0; f is strongly convex in s.
    private static double BestOnTheLine(MinimaxNumerics numerics, MinimaxInstance<DenseVector<double>> instance, DenseVector<double> x)
    {
        double Worst(double s)
        {
            Assert.InRange(numerics.Gap(x, Vectors.Of(s, x[0] - s), Vectors.Of(0)), -1e-12, 1e-12);
            return numerics.WorstUpper(x, Vectors.Of(s, x[0] - s), Vectors.Of(0));
        }

        double low = Math.Max(-3, x[0] - 3), high = Math.Min(3, x[0] + 3);
        for (int i = 0; i < 40; i++)
        {
            double third = (high - low) / 3;
            if (Worst(low + third) < Worst(high - third)) high -= third;
            else low += third;
        }

        return Worst((low + high) / 2);
    }

    private static double Distance(DenseVector<double> a, DenseVector<double> b)
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Norm();
    }
}
