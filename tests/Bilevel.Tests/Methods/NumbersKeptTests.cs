namespace Bilevel.Tests;

public class NumbersKeptTests
{
    private const int Length = 20_000;

    public static TheoryData<string> Methods => [.. MethodCatalog.All.Select(m => m.Name)];

    // Within a factor of three of all that a run allocates until its third step.
    [Theory]
    [MemberData(nameof(Methods))]
    public void What_a_method_keeps_is_as_it_says(string name)
    {
        var method = MethodCatalog.Find(name).Defaults;
        DenseVector<double> x = new(Length), y = new(Length);
        x.Fill(i => 1 + (i % 3));
        var (upper, lower) = (new Separable(isUpper: true), new Separable(isUpper: false));
        IProblem<DenseVector<double>> problem = new BilevelProblem<DenseVector<double>>(upper, lower)
        {
            Constants = new ProblemConstants { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, UpperSmoothness = 2, UpperCoupling = 0 },
        };
        IReadOnlyList<DenseVector<double>> start = [x, y];
        if (name is "constrained-quasi-newton" or "lu-mei" or "lv-hba")
        {
            var lifted = Lift.ConstrainedLowerLevel(upper, new ConstrainedLowerLevel<double>(lower, new Ceiling(Length) { Lipschitz = 1, GradientLipschitz = 0 }) { OptimalBound = 1, Set = new Box<double>(-20, 20, Length) });
            problem = lifted with { Constants = lifted.Constants with { UpperSmoothness = 2, LowerSmoothness = 4 } };
            start = BilevelMinimaxProblem.Start(x, y, new DenseVector<double>(Length));
        }

        double said = sizeof(double) * method.NumbersKept(problem, start);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var run = method.Start(problem, start, 0);
        for (int k = 0; k < 3; k++) run.Step();
        double allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(said / allocated, 1 / 3.0, 3);
    }

    [Fact]
    public void Pairs_are_bounded_by_their_size_alone()
    {
        Assert.Equal(80, LimitedMemory<DenseVector<double>>.Capacity(80, 100_000));
        Assert.Equal(16, LimitedMemory<DenseVector<double>>.Capacity(80, 1_000_000));
        Assert.Equal(20, LimitedMemory<DenseVector<double>>.Capacity(20, 800_000));
        Assert.Equal(5, LimitedMemory<DenseVector<double>>.Capacity(80, 1_000_000_000));
        Assert.Equal(5, LimitedMemory<DenseVector<double>>.Capacity(5, 0));
        Assert.Equal((16, 5, 5), (QuasiNewtonFollower<DenseVector<double>>.Pairs(1_000_000), QuasiNewtonFollower<DenseVector<double>>.Pairs(5_000_000), MultiplierFollower<DenseVector<double>>.Pairs(100_000_000)));
    }

    // f = |x - 1|^2/2 + |y|^2/2, g = |y - x|^2/2
    private sealed class Separable(bool isUpper) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double sum = 0;
            for (int i = 0; i < Length; i++) sum += isUpper ? Math.Pow(point[0][i] - 1, 2) + (point[1][i] * point[1][i]) : Math.Pow(point[1][i] - point[0][i], 2);
            return sum / 2;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            for (int i = 0; i < Length; i++) result[i] = isUpper ? (block == 0 ? point[0][i] - 1 : point[1][i]) : (block == 0 ? -1 : 1) * (point[1][i] - point[0][i]);
        }
    }

    // z_i <= 10
    private sealed class Ceiling(int count) : PointConstraints<DenseVector<double>>(count)
    {
        protected override void Values(DenseVector<double> x, DenseVector<double> z, DenseVector<double> result) => result.Fill(i => z[i] - 10);

        protected override void TransposedTimes(DenseVector<double> x, DenseVector<double> z, DenseVector<double> multipliers, int block, DenseVector<double> result) => result.Fill(i => block == BilevelMinimaxProblem.Lower.X1 ? 0 : multipliers[i]);
    }
}
