namespace Bilevel.Tests;

/// <summary>The constrained quadratic program T3 of bilevel minimax, section 14, with its closed forms.</summary>
internal sealed record ConstrainedQp(double Xb = 1)
{
    /// <summary>Projects z on (2, 1) under z_a + z_b &lt;= x.</summary>
    public ConstrainedLowerLevel<double> Lower { get; init; } = new(new Phi(), Budget)
    {
        Set = new Box<double>(-5, 5, 2),
        SlaterMargin = 10,
        ObjectiveRange = 42.5,
        MultiplierSet = MultiplierSet.Box,
        Smoothness = 1,
        StrongConvexity = 1,
    };

    public static LinearConstraints<double> Budget => new([-1], [1, 1], [0]);

    public BilevelMinimaxProblem<DenseVector<double>> Problem
    {
        get
        {
            var lifted = Lift.ConstrainedLowerLevel(new Upper(Xb), Lower);
            return lifted with { X1 = new Box<double>(0, 4, 1), Constants = lifted.Constants with { UpperSmoothness = 1 } };
        }
    }

    public static (DenseVector<double> Y, DenseVector<double> Multiplier) Solution(double x) => x <= 3
        ? (Vectors.Of((x + 1) / 2, (x - 1) / 2), Vectors.Of((3 - x) / 2))
        : (Vectors.Of(2, 1), Vectors.Of(0));

    public static DenseVector<double>[] Start(double x)
    {
        var (y, multiplier) = Solution(x);
        return BilevelMinimaxProblem.Start(Vectors.Of(x), y, multiplier);
    }

    internal sealed class Upper(double xb) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            ((Math.Pow(point[1][0] - 1, 2) + Math.Pow(point[1][1] - 1, 2)) / 2) + (Math.Pow(point[0][0] - xb, 2) / 4);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == 0) result[0] = (point[0][0] - xb) / 2;
            else (result[0], result[1]) = (point[1][0] - 1, point[1][1] - 1);
        }
    }

    internal sealed class Phi : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => (Math.Pow(point[1][0] - 2, 2) + Math.Pow(point[1][1] - 1, 2)) / 2;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == 0) result[0] = 0;
            else (result[0], result[1]) = (point[1][0] - 2, point[1][1] - 1);
        }
    }
}
