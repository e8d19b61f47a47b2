using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>
/// Tests T1 and T1n (bilevel minimax, section 14): g = z1^2/2 + z1 z2 - z2^2/2 + x1 z1 and
/// f = (y1 - 1)^2/2 + (y2 + 1/2)^2/2 + x2 (y1 + x1) - x2^2/2 + x1^2/10 + wave sin(3 x1), all blocks numbers. The lower
/// saddle is z1 = z2 = -x1/2 and the best x2 against it is x1/2, both inside their intervals.
/// </summary>
/// <param name="wave">Height of the wave that makes the hyperobjective nonconvex; 0 for none.</param>
internal sealed class SaddleQuadratic(double wave)
{
    /// <summary>End of X1 = [-3, 3].</summary>
    public const double EndX1 = 3;

    private const double EndX2 = 2, EndZ = 4;

    // Curvature of x1 in f and in F but for the wave, slope of F at 0.
    private const double CurvatureX = 0.2, HyperCurvature = 0.95, HyperSlope = 0.25;

    /// <summary>F(x1) = 0.475 x1^2 + 0.25 x1 + 0.625 + wave sin(3 x1).</summary>
    public double Hyperobjective(double x) => (HyperCurvature / 2 * x * x) + (HyperSlope * x) + 0.625 + (wave * Math.Sin(3 * x));

    /// <summary>F'(x1).</summary>
    public double Hypergradient(double x) => (HyperCurvature * x) + HyperSlope + (3 * wave * Math.Cos(3 * x));

    /// <summary>All zeros of F' on X1, in ascending order, by bisection between the points of a fine grid.</summary>
    public double[] StationaryPoints()
    {
        const int Cells = 600;
        var points = new List<double>();
        for (int i = 0; i < Cells; i++)
        {
            double low = EndX1 * ((2.0 * i / Cells) - 1), high = EndX1 * ((2.0 * (i + 1) / Cells) - 1);
            bool rises = Hypergradient(low) < 0;
            if (rises == Hypergradient(high) < 0) continue;
            for (double middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
            {
                if (Hypergradient(middle) < 0 == rises) low = middle;
                else high = middle;
            }

            points.Add((low + high) / 2);
        }

        return [.. points];
    }

    /// <summary>The instance.</summary>
    /// <param name="startX">Start of x1; y1, y2 start at the lower saddle, x2 at 0.</param>
    /// <param name="notes">What the user should know.</param>
    public MinimaxInstance<DenseVector<double>> Instance(double startX, params string[] notes)
    {
        double best = StationaryPoints().MinBy(Hyperobjective);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = Hyperobjective(best),
            Accuracy = 1e-12,
            Hyperobjective = x => Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of(Hypergradient(x[0])),
            Saddle = x => (Vectors.Of(-x[0] / 2), Vectors.Of(-x[0] / 2)),
            Gap = (x, y1, y2) => KnownMinimax.Rise(y1[0] - y2[0], 1, y2[0], -EndZ, EndZ) + KnownMinimax.Rise(-(y1[0] + y2[0] + x[0]), 1, y1[0], -EndZ, EndZ),
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(wave), new LowerObjective())
        {
            X1 = new Box<double>(-EndX1, EndX1, 1),
            X2 = new Box<double>(-EndX2, EndX2, 1),
            Z1 = new Box<double>(-EndZ, EndZ, 1),
            Z2 = new Box<double>(-EndZ, EndZ, 1),
            Constants = new MinimaxConstants
            {
                // The norms of the Hessians, 2 cos(pi/9) = 1.87939 and 1.84169, rounded up; the wave bends by 9 more.
                LowerSmoothness = 1.8794,
                UpperSmoothness = 1.8417 + (9 * wave),
                LowerStrongConvexity = 1,
                LowerStrongConcavity = 1,
            },
        };
        return KnownMinimax.Instance(problem, Start(Vectors.Of(startX), Vectors.Of(0), Vectors.Of(-startX / 2), Vectors.Of(-startX / 2)), answer, notes);
    }

    private sealed class UpperObjective(double wave) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double x1 = point[X1][0], x2 = point[X2][0], y1 = point[Y1][0], y2 = point[Y2][0];
            return ((y1 - 1) * (y1 - 1) / 2) + ((y2 + 0.5) * (y2 + 0.5) / 2) + (x2 * (y1 + x1)) - (x2 * x2 / 2) + (CurvatureX / 2 * x1 * x1) + (wave * Math.Sin(3 * x1));
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double x1 = point[X1][0], x2 = point[X2][0], y1 = point[Y1][0];
            result[0] = block switch
            {
                X1 => x2 + (CurvatureX * x1) + (wave == 0 ? 0 : 3 * wave * Math.Cos(3 * x1)),
                X2 => y1 + x1 - x2,
                Y1 => y1 - 1 + x2,
                _ => point[Y2][0] + 0.5,
            };
        }
    }

    private sealed class LowerObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double x = point[Lower.X1][0], z1 = point[Lower.Z1][0], z2 = point[Lower.Z2][0];
            return (z1 * z1 / 2) + (z1 * z2) - (z2 * z2 / 2) + (x * z1);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double x = point[Lower.X1][0], z1 = point[Lower.Z1][0], z2 = point[Lower.Z2][0];
            result[0] = block switch
            {
                Lower.X1 => z1,
                Lower.Z1 => z1 + z2 + x,
                _ => z1 - z2,
            };
        }
    }
}
