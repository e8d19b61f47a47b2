using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="GroupDroSmallTask"/>; there are none.</summary>
internal sealed record GroupDroSmallSettings;

/// <summary>
/// Test T4 (bilevel minimax, section 14), distributionally robust learning with two groups at both levels: x1 = eta,
/// how dearly the lower opponent pays for group weights z2 away from 1/2; z1 the model; x2 the worst group of the upper
/// level. g = z2a (z1 - 1)^2/2 + z2b (z1 + 1)^2 - eta |z2 - 1/2|^2/2, f = x2a (y1 - 1/2)^2/2 + x2b (y1 + 1)^2/2. The
/// hyperobjective is very flat around its kink at eta* = 77/32.
/// </summary>
internal sealed class GroupDroSmallTask : TaskOf<GroupDroSmallSettings>
{
    private const double LowerX1 = 0.5, UpperX1 = 4, EndZ1 = 2;

    // Where the two groups of the upper level are equally bad, and the eta whose lower saddle is there.
    private const double KinkY1 = -0.25, KinkX1 = 77.0 / 32;

    /// <inheritdoc/>
    public override string Name => "group-dro-small";

    /// <inheritdoc/>
    public override string Summary => "Two groups, a learnable radius, the worst case at both levels: a very flat hyperobjective.";

    /// <inheritdoc/>
    public override TaskInstance Create(GroupDroSmallSettings settings, TaskContext context) => Instance();

    /// <summary>The problem, started at eta = 1, the lower saddle there and x2 = (1/2, 1/2).</summary>
    public static MinimaxInstance<DenseVector<double>> Instance()
    {
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(KinkX1),
            UpperValue = Worst(KinkY1),
            Accuracy = 1e-12,
            Hyperobjective = x => Worst(LowerMinimiser(x[0])),
            Hypergradient = x => Vectors.Of(Hypergradient(x[0])),
            Saddle = x => Saddle(x[0]),
            Gap = Gap,
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(), new LowerObjective())
        {
            X1 = new Box<double>(LowerX1, UpperX1, 1),
            X2 = new Simplex<double>(1, 2),
            Z1 = new Box<double>(-EndZ1, EndZ1, 1),
            Z2 = new Simplex<double>(1, 2),
            Constants = new MinimaxConstants
            {
                // The constants of grad g and grad f on the sets are 6.732 (z2 = (0, 1), z1 = 2, eta = 4) and 3.5143
                // (y1 = 2). Of the first the measured runs use the upper estimate 8.
                LowerSmoothness = 8,
                UpperSmoothness = 3.515,
                LowerStrongConvexity = 1,
                LowerStrongConcavity = LowerX1,
            },
        };
        var (y1, y2) = Saddle(1);
        return KnownMinimax.Instance(
            problem,
            Start(Vectors.Of(1), Vectors.Of(0.5, 0.5), y1, y2),
            answer,
            "The hyperobjective is so flat that an answer far from the solution passes at a coarse tolerance.",
            "The hyperobjective has a kink at the solution, so its gradient does not vanish there.");
    }

    // With z2 = (1/2 + t, 1/2 - t) the saddle conditions are t = d(z1)/(2 eta), d = (z1 - 1)^2/2 - (z1 + 1)^2, and
    // z1 = (3 t - 1/2)/(3/2 - t); without t a cubic that is convex and rises on [-1, 0]. Its root lies between -1/3
    // and the zero sqrt(8) - 3 of d, from where Newton's method descends to it.
    private static double LowerMinimiser(double eta)
    {
        double z = Math.Sqrt(8) - 3;
        while (true)
        {
            double value = (((z * z) + (6 * z) + 1) * (z + 3)) + (2 * eta * ((3 * z) + 1));
            double next = z - (value / CubicSlope(eta, z));
            if (!(next < z)) return z;
            z = next;
        }
    }

    private static double CubicSlope(double eta, double z) => (3 * z * z) + (18 * z) + 19 + (6 * eta);

    private static (DenseVector<double> Z1, DenseVector<double> Z2) Saddle(double eta)
    {
        double z = LowerMinimiser(eta), tilt = Difference(z) / (2 * eta);
        return (Vectors.Of(z), Vectors.Of(0.5 + tilt, 0.5 - tilt));
    }

    private static double Difference(double z) => ((z - 1) * (z - 1) / 2) - ((z + 1) * (z + 1));

    private static double Worst(double y) => Math.Max((y - 0.5) * (y - 0.5), (y + 1) * (y + 1)) / 2;

    private static double Hypergradient(double eta)
    {
        if (eta == KinkX1) return double.NaN;
        double y = LowerMinimiser(eta), slope = -2 * ((3 * y) + 1) / CubicSlope(eta, y);
        return (y < KinkY1 ? y - 0.5 : y + 1) * slope;
    }

    private static double Gap(DenseVector<double> x, DenseVector<double> y1, DenseVector<double> y2)
    {
        double eta = x[0], y = y1[0], tilt = (y2[0] - y2[1]) / 2;
        double ofWeights = KnownMinimax.Rise(Difference(y) - (2 * eta * tilt), 2 * eta, tilt, -0.5, 0.5);
        return ofWeights + KnownMinimax.Rise(-((y2[0] * (y - 1)) + (2 * y2[1] * (y + 1))), y2[0] + (2 * y2[1]), y, -EndZ1, EndZ1);
    }

    private sealed class UpperObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double a = point[Y1][0] - 0.5, b = point[Y1][0] + 1;
            return ((point[X2][0] * a * a) + (point[X2][1] * b * b)) / 2;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double a = point[Y1][0] - 0.5, b = point[Y1][0] + 1;
            if (block == X2) (result[0], result[1]) = (a * a / 2, b * b / 2);
            else if (block == Y1) result[0] = (point[X2][0] * a) + (point[X2][1] * b);
            else result.Span.Clear();
        }
    }

    private sealed class LowerObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double a = point[Lower.Z1][0] - 1, b = point[Lower.Z1][0] + 1;
            return (point[Lower.Z2][0] * a * a / 2) + (point[Lower.Z2][1] * b * b) - (point[Lower.X1][0] / 2 * Tilt(point));
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double eta = point[Lower.X1][0], a = point[Lower.Z1][0] - 1, b = point[Lower.Z1][0] + 1, first = point[Lower.Z2][0], second = point[Lower.Z2][1];
            if (block == Lower.Z2) (result[0], result[1]) = ((a * a / 2) - (eta * (first - 0.5)), (b * b) - (eta * (second - 0.5)));
            else result[0] = block == Lower.X1 ? -Tilt(point) / 2 : (first * a) + (2 * second * b);
        }

        // |z2 - 1/2|^2
        private static double Tilt(ReadOnlySpan<DenseVector<double>> point)
        {
            double first = point[Lower.Z2][0] - 0.5, second = point[Lower.Z2][1] - 0.5;
            return (first * first) + (second * second);
        }
    }
}
