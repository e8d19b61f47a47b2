using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="SaddleMerelyConvexTask"/>; there are none.</summary>
internal sealed record SaddleMerelyConvexSettings;

/// <summary>
/// Test T2 (bilevel minimax, section 14): g = z2 (z1a + z1b - x1) is linear in each of its blocks, so that its saddle
/// points {z1a + z1b = x1} x {0} are a line, of which the upper level takes the best point (the optimistic form);
/// f = |y1 - (1, -1)|^2/2 + (x1 - 3/2)^2/4 + x2 (x1 - 1)/2 + y2/4. F(x1) = x1^2/4 + (x1 - 3/2)^2/4 + |x1 - 1|/2 has
/// its minimum at the kink x1* = 1.
/// </summary>
internal sealed class SaddleMerelyConvexTask : TaskOf<SaddleMerelyConvexSettings>
{
    private const double EndX1 = 2, EndZ1 = 3;

    /// <inheritdoc/>
    public override string Name => "saddle-merely-convex";

    /// <inheritdoc/>
    public override string Summary => "A bilinear lower level with a line of saddle points, and a kink at the solution.";

    /// <inheritdoc/>
    public override TaskInstance Create(SaddleMerelyConvexSettings settings, TaskContext context) => Instance();

    /// <summary>The problem, started at x1 = -1, x2 = 0 and the lower saddle y1 = (-1/2, -1/2), y2 = 0.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance()
    {
        var answer = new KnownAnswer<DenseVector<double>>
        {
            // F' is -1/4 on the left of x1 = 1 and 3/4 on its right.
            X = Vectors.Of(1),
            UpperValue = Hyperobjective(1),
            Accuracy = 1e-12,
            Hyperobjective = x => Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of(Hypergradient(x[0])),

            // Of the saddle points the one that f likes best: the point of the line nearest to (1, -1).
            Saddle = x => (Vectors.Of(1 + (x[0] / 2), -1 + (x[0] / 2)), Vectors.Of(0)),
            Gap = Gap,
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(), new LowerObjective())
        {
            X1 = new Box<double>(-EndX1, EndX1, 1),
            X2 = new Box<double>(-1, 1, 1),
            Z1 = new Box<double>(-EndZ1, EndZ1, 2),
            Z2 = new Box<double>(-1, 1, 1),

            // Both are the norms of the Hessians.
            Constants = new MinimaxConstants { LowerSmoothness = Math.Sqrt(3), UpperSmoothness = 1 },
        };
        return KnownMinimax.Instance(
            problem,
            Start(Vectors.Of(-1), Vectors.Of(0), Vectors.Of(-0.5, -0.5), Vectors.Of(0)),
            answer,
            "The lower level has many saddle points; the upper level takes the best of them.",
            "The hyperobjective has a kink at the solution, so its gradient does not vanish there.");
    }

    private static double Hyperobjective(double x) => (x * x / 4) + ((x - 1.5) * (x - 1.5) / 4) + (Math.Abs(x - 1) / 2);

    private static double Hypergradient(double x) => x == 1 ? double.NaN : (x / 2) + ((x - 1.5) / 2) + (Math.Sign(x - 1) / 2.0);

    // |y1a + y1b - x1| + 6 |y2| + x1 y2 on the sets.
    private static double Gap(DenseVector<double> x, DenseVector<double> y1, DenseVector<double> y2) =>
        KnownMinimax.Rise(y1[0] + y1[1] - x[0], 0, y2[0], -1, 1) + KnownMinimax.Rise(-y2[0], 0, y1[0], -EndZ1, EndZ1) + KnownMinimax.Rise(-y2[0], 0, y1[1], -EndZ1, EndZ1);

    private sealed class UpperObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double x1 = point[X1][0], x2 = point[X2][0], a = point[Y1][0] - 1, b = point[Y1][1] + 1;
            return (((a * a) + (b * b)) / 2) + ((x1 - 1.5) * (x1 - 1.5) / 4) + (x2 * (x1 - 1) / 2) + (point[Y2][0] / 4);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == Y1)
            {
                result[0] = point[Y1][0] - 1;
                result[1] = point[Y1][1] + 1;
                return;
            }

            result[0] = block switch
            {
                X1 => (point[X1][0] - 1.5 + point[X2][0]) / 2,
                X2 => (point[X1][0] - 1) / 2,
                _ => 0.25,
            };
        }
    }

    private sealed class LowerObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => point[Lower.Z2][0] * Apart(point);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double z2 = point[Lower.Z2][0];
            if (block == Lower.Z1) (result[0], result[1]) = (z2, z2);
            else result[0] = block == Lower.X1 ? -z2 : Apart(point);
        }

        private static double Apart(ReadOnlySpan<DenseVector<double>> point) => point[Lower.Z1][0] + point[Lower.Z1][1] - point[Lower.X1][0];
    }
}
