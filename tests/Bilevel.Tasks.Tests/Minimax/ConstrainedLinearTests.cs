using System.Numerics.Tensors;

namespace Bilevel.Tasks.Tests;

public sealed class ConstrainedLinearTests
{
    public static TheoryData<int, int> Sizes => new() { { 1, 0 }, { 1, 1 }, { 2, 0 }, { 5, 3 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void TheAnswerOfTheGeneratorIsOptimalAtZeroWithItsMultipliers(int scale, int instance)
    {
        var data = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Scale = scale, Instance = instance });
        double[] zero = new double[data.UpperX.Length];
        var program = data.LowerLevel(zero)!;
        var answer = program.Solve();
        double value = TensorPrimitives.Dot<double>(data.LowerCost, data.Answer);

        Assert.True(answer.Succeeded(1e-10));
        Assert.Equal(0, data.Infeasibility(zero, data.Answer), 1e-15);
        Assert.InRange(TensorPrimitives.MaxMagnitude<double>(data.Answer), -0.99, 0.99);
        Assert.Equal(answer.Value, value, 1e-11);
        Assert.Equal(program.Bound(data.Multipliers), value, 1e-11);
        for (int i = 0; i < data.Multipliers.Length; i++) Assert.Equal(data.Multipliers[i], answer.Multipliers[i], 1e-8);
    }

    [Fact]
    public void SizeAndInstanceAloneDecideTheNumbers()
    {
        var first = ConstrainedLinearTask.Data(new ConstrainedLinearSettings());
        var same = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Upper = 100, Lower = 100, Constraints = 5, RowFactor = 1, Bound = 7 });
        var other = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Instance = 1 });
        var larger = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Constraints = 6 });

        Assert.Equal(first.UpperX, same.UpperX);
        Assert.Equal(first.Multipliers, same.Multipliers);
        Assert.True(first.OfX.Values.SequenceEqual(same.OfX.Values) && first.OfZ.Values.SequenceEqual(same.OfZ.Values));
        Assert.NotEqual(first.UpperX[0], other.UpperX[0]);
        Assert.NotEqual(first.UpperX[0], larger.UpperX[0]);

        // c is drawn first; pinned, so that instances stay the same from version to version.
        var random = new SplitMix64(ConstrainedLinearData.Seed(100, 100, 5, 0));
        Assert.Equal(random.NextNormal(), first.UpperX[0]);
        Assert.Equal(0.16295019016734349, first.UpperX[0], 1e-15);
    }

    [Fact]
    public void TheProgramsAgreeWithAnIndependentSolver()
    {
        // Optimal values by GLOP (OR-Tools 9.15.6755), to its tolerances.
        var small = ConstrainedLinearTask.Data(new ConstrainedLinearSettings());
        Assert.Equal(0.0471468757997744, small.LowerLevel(RandomX(100))!.Solve().Bound, 1e-8);
        Assert.Equal(-163.284496664631, small.AllActive().Solve().Bound, 1e-6);
        Assert.Equal(-164.879639551596, small.Cooperative().Solve().Bound, 1e-6);
        var large = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Scale = 5, Instance = 1 });
        Assert.Equal(0.17597354418504, large.LowerLevel(RandomX(500))!.Solve().Bound, 1e-8);
        Assert.Equal(-780.51591932323, large.AllActive().Solve().Bound, 1e-6);
        Assert.Equal(-789.620306860946, large.Cooperative().Solve().Bound, 1e-6);
    }

    [Fact]
    public void WithAllConstraintsActiveTheMultipliersOfTheGeneratorStayOptimal()
    {
        foreach (int instance in new[] { 0, 1, 2 })
        {
            var data = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Instance = instance });
            double[] point = data.AllActive().Solve().Point, x = point[..100], y = point[100..];
            double value = TensorPrimitives.Dot<double>(data.LowerCost, y);

            Assert.Equal(0, data.Constraints(x, y).Max(Math.Abs), 1e-10);
            Assert.Equal(data.LowerLevel(x)!.Solve().Bound, value, 1e-10);
            Assert.True(data.Cooperative().Solve().Bound < data.Upper(x, y));
        }
    }

    [Fact]
    public void SomeCornersOfTheBoxLeaveTheLowerLevelInfeasible()
    {
        // x along a row of A: no z makes up for it. So Slater's condition does not hold for all x.
        var data = ConstrainedLinearTask.Data(new ConstrainedLinearSettings { Instance = 1 });
        double[] corner = [.. data.OfX.Row(0).ToArray().Select(a => (double)Math.Sign(a))];

        Assert.True(data.LowerLevel(corner) is null || !data.LowerLevel(corner)!.Solve().Succeeded());
    }

    [Fact]
    public void GradientsMatchDifferencesOfValues()
    {
        var instance = ConstrainedLinearTask.Instance(new ConstrainedLinearSettings { Upper = 7, Lower = 6, Constraints = 3 });
        var random = new SplitMix64(43);
        DenseVector<double> x = new(random.NextNormals(7)), y = new(random.NextNormals(6)), m = new(random.NextNormals(3));

        Assert.All(GradientCheck.Compare(instance.Problem.Upper, [x, Vectors.Zeros(0), y, m]), c => Assert.True(c.Agrees(1e-7), c.ToString()));
        Assert.All(GradientCheck.Compare(instance.Problem.Lower, [x, y, m]), c => Assert.True(c.Agrees(1e-7), c.ToString()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.03)]
    public void TheFactorOfTheRowsDoesNotChangeTheProblem(double factor)
    {
        var settings = new ConstrainedLinearSettings { RowFactor = factor };
        var (instance, data) = (ConstrainedLinearTask.Instance(settings), ConstrainedLinearTask.Data(settings));
        var problem = instance.Problem;
        var y = new DenseVector<double>(data.Answer);
        var m = new DenseVector<double>([.. data.Multipliers.Select(v => v / factor)]);
        var gradient = y.ZerosLike();
        var request = new PreparedRequest<DenseVector<double>>(problem.Lower, [[instance.Start[0], y, m]], [new(1, 0, gradient)], values: true);
        request.Evaluate();

        Assert.Equal(TensorPrimitives.Dot<double>(data.LowerCost, data.Answer), request.Values[0], 1e-12);
        Assert.Equal(0, gradient.Norm(), 1e-12);
        Assert.Equal(2 * data.Multipliers.Max() / factor, problem.LowerMultipliers!.Bound, 1e-12 / factor);

        // L_g is the norm of [A B] times the factor: g is bilinear.
        double[] both = new double[5 * 200];
        for (int i = 0; i < 5; i++)
        {
            data.OfX.Row(i).CopyTo(both.AsSpan(i * 200));
            data.OfZ.Row(i).CopyTo(both.AsSpan((i * 200) + 100));
        }

        Assert.Equal(factor * new Matrix(5, 200, both).Transpose().SpectralNorm(), problem.Constants.LowerSmoothness!.Value, 1e-5 * factor);
        Assert.Equal(0, problem.Constants.UpperSmoothness);
    }

    [Fact]
    public void AnAnswerIsMeasured()
    {
        var settings = new ConstrainedLinearSettings();
        var (instance, data) = (ConstrainedLinearTask.Instance(settings), ConstrainedLinearTask.Data(settings));
        var point = data.AllActive().Solve().Point;
        var m = new DenseVector<double>([.. data.Multipliers.Select(v => v / settings.RowFactor)]);
        DenseVector<double> x = new(point[..100]), y = new(point[100..]);
        var solution = PointSolution.At(instance, [x, Vectors.Zeros(0), y, m, y, m]);
        var metrics = instance.Evaluate(solution).Metrics.ToDictionary(v => v.Name, v => v.Value);

        Assert.Equal(0, metrics["lower_gap"], 1e-9);
        Assert.Equal(0, metrics["infeasibility"], 1e-9);
        Assert.Equal(data.Multipliers.Max(), metrics["largest_multiplier"], 1e-12);
        Assert.Equal(0.5, metrics["multiplier_bound_share"], 1e-12);
        Assert.Equal(metrics["upper_bound_of_best"], metrics["upper_objective"], 1e-9);
        Assert.True(metrics["lower_bound_of_best"] < metrics["upper_bound_of_best"]);
    }

    private static double[] RandomX(int count) => [.. new SplitMix64(5).NextNormals(count).Select(v => Math.Clamp(2 * v, -1, 1))];
}
