namespace Bilevel.Tasks.Tests;

/// <summary>Checks of every objective of every problem with a known answer.</summary>
public sealed class KnownGradientTests
{
    public static TheoryData<string> Names => [.. KnownProblems.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void GradientsMatchDifferencesOfValues(string name)
    {
        var instance = KnownProblems.Create(name);
        var random = new SplitMix64(17);
        for (int trial = 0; trial < 4; trial++)
        {
            DenseVector<double> x = new(random.NextNormals(instance.X.Length)), y = new(random.NextNormals(instance.Y.Length));
            foreach (var objective in new[] { instance.Problem.Upper, instance.Problem.Lower })
            {
                Sample[] samples = trial % 2 == 0 ? [Sample.All] : [new Sample(random.Next(), 7)];
                foreach (var sample in samples)
                    Assert.All(GradientCheck.Compare(objective, [x, y], key: (ulong)trial, sample), c => Assert.True(c.Agrees(1e-6), $"{name}: {c}"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void FusedRequestsAgreeWithSingleOnes(string name)
    {
        var instance = KnownProblems.Create(name);
        var random = new SplitMix64(19);
        DenseVector<double> x = new(random.NextNormals(instance.X.Length)), y = new(random.NextNormals(instance.Y.Length)), z = new(random.NextNormals(instance.Y.Length)), other = new(random.NextNormals(instance.X.Length));
        foreach (var objective in new[] { instance.Problem.Upper, instance.Problem.Lower })
        {
            // The shared x and different ones take different paths in some oracles, and so do opposite weights.
            foreach (var (second, weights) in new[] { (x, new[] { 1.0, -1 }), (x, [0.5, 2.0]), (other, [1.0, -1]) })
            {
                foreach (int block in new[] { BilevelProblem.X, BilevelProblem.Y })
                {
                    var like = block == BilevelProblem.X ? x : y;
                    DenseVector<double> combined = like.ZerosLike(), first = like.ZerosLike(), last = like.ZerosLike(), alone = like.ZerosLike();
                    combined.Fill(_ => double.NaN);
                    var fused = new PreparedRequest<DenseVector<double>>(objective, [[x, y], [second, z]], [new(block, Output.Combined, combined), new(block, 0, first), new(block, 1, last)], weights, values: true);
                    fused.Evaluate(new Sample(5, 9));
                    var single = new PreparedRequest<DenseVector<double>>(objective, [[second, z]], [new(block, 0, alone)], values: true);
                    single.Evaluate(new Sample(5, 9));

                    Assert.Equal(single.Values[0], fused.Values[1], 1e-12);
                    for (int i = 0; i < like.Length; i++)
                    {
                        Assert.Equal(alone[i], last[i], 1e-12 * (1 + Math.Abs(alone[i])));
                        double expected = (weights[0] * first[i]) + (weights[1] * last[i]);
                        Assert.Equal(expected, combined[i], 1e-12 * (1 + Math.Abs(first[i]) + Math.Abs(last[i])));
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheReferenceGradientsMatchDifferencesOfTheHyperobjective(string name)
    {
        var instance = KnownProblems.Create(name);
        if (instance.Answer is not { Hyperobjective: { } value, Hypergradient: { } gradient, LowerSolution: { } lower }) return;
        var random = new SplitMix64(23);
        DenseVector<double> x = new(random.NextNormals(instance.X.Length)), direction = new(random.NextNormals(instance.X.Length));
        double Slope(double h)
        {
            var (ahead, behind) = (x.Copy(), x.Copy());
            ahead.AddScaled(h, direction);
            behind.AddScaled(-h, direction);
            return (value(ahead) - value(behind)) / (2 * h);
        }

        double measured = ((4 * Slope(5e-4)) - Slope(1e-3)) / 3;
        Assert.Equal(measured, gradient(x).Dot(direction), 1e-7 * (1 + Math.Abs(measured)));

        // The lower solution is stationary for the oracle that the methods use, and its upper value is F.
        var (y, residual) = (lower(x), instance.Y.ZerosLike());
        new PreparedRequest<DenseVector<double>>(instance.Problem.Lower, [[x, y]], [new(BilevelProblem.Y, 0, residual)]).Evaluate();
        var upper = new PreparedRequest<DenseVector<double>>(instance.Problem.Upper, [[x, y]], [], values: true);
        upper.Evaluate();
        Assert.True(residual.Norm() <= 1e-10 * (1 + y.Norm()), $"{name}: {residual.Norm()}");
        Assert.Equal(value(x), upper.Values[0], 1e-11 * (1 + Math.Abs(value(x))));
    }

    [Theory]
    [InlineData("ridge")]
    [InlineData("logistic")]
    [InlineData("cleaning-small")]
    public void MinibatchesAreUnbiased(string name)
    {
        const int Draws = 20_000, Batch = 5;
        var instance = KnownProblems.Create(name);
        var random = new SplitMix64(29);
        DenseVector<double> x = new(random.NextNormals(instance.X.Length)), y = new(random.NextNormals(instance.Y.Length));
        foreach (var objective in new[] { instance.Problem.Upper, instance.Problem.Lower })
        {
            foreach (int block in new[] { BilevelProblem.X, BilevelProblem.Y })
            {
                var like = block == BilevelProblem.X ? x : y;
                DenseVector<double> exact = like.ZerosLike(), estimate = like.ZerosLike(), sum = like.ZerosLike(), squares = like.ZerosLike();
                var request = new PreparedRequest<DenseVector<double>>(objective, [[x, y]], [new(block, 0, estimate)]);
                new PreparedRequest<DenseVector<double>>(objective, [[x, y]], [new(block, 0, exact)]).Evaluate();
                for (ulong draw = 0; draw < Draws; draw++)
                {
                    request.Evaluate(new Sample(RandomBits.At(31, draw), Batch));
                    sum.AddScaled(1.0 / Draws, estimate);
                    squares.DecayAndAddSquare(1, 1.0 / Draws, estimate);
                }

                for (int i = 0; i < like.Length; i++)
                {
                    // Five standard errors of the mean.
                    double error = Math.Sqrt(Math.Max(0, squares[i] - (sum[i] * sum[i])) / Draws);
                    Assert.InRange(sum[i], exact[i] - (5 * error) - 1e-12, exact[i] + (5 * error) + 1e-12);
                }
            }
        }
    }

    [Fact]
    public void EveryTaskIsBuiltFromItsDefaultsAndFoundByItsName()
    {
        foreach (var task in TaskCatalog.All)
        {
            Assert.NotNull(task.Create([], new TaskContext()));
            Assert.Same(task, TaskCatalog.Find(task.Name));
        }
    }
}
