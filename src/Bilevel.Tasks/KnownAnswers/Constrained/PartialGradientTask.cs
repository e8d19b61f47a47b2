using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="PartialGradientTask"/>.</summary>
internal sealed record PartialGradientSettings
{
    /// <summary>Weight P of y1 in f.</summary>
    [Setting("Weight P of y1 in f.", Min = -100, Max = 100)]
    public double P { get; init; } = 0.3;

    /// <summary>Weight Q of y2 in f.</summary>
    [Setting("Weight Q of y2 in f.", Min = -100, Max = 100)]
    public double Q { get; init; } = 0.3;

    /// <summary>Curvature of x1 in f besides the square.</summary>
    [Setting("Curvature of x1 in f besides the square.", Min = 1e-6, Max = 1e6)]
    public double MuF { get; init; } = 0.1;

    /// <summary>Standard deviation of xi and zeta, the noise of f and g where a method asks for samples.</summary>
    [Setting("Standard deviation of xi and zeta, the noise of f and g where a method asks for samples.", Min = 0, Max = 1e6)]
    public double Noise { get; init; }
}

/// <summary>
/// The scalar problem of stability, section 13.7: g = z1^2/2 + z1 z2/2 - z2^2/2 + z1 (x1/2 + zeta) - 3/10 x1 z2 and
/// f = (x1 + P y1 + Q y2 - 1 - xi)^2/2 + muF/2 x1^2. The lower saddle is (-0.28, -0.44) x1, and the partial gradient d_x f
/// vanishes elsewhere than the gradient of F.
/// </summary>
internal sealed class PartialGradientTask : TaskOf<PartialGradientSettings>
{
    // b, c and d of the lower level, whose curvature mu is 1, and its saddle y1 = OfY1 x1, y2 = OfY2 x1.
    private const double B = 0.5, C = 0.5, D = 0.3, OfY1 = -0.28, OfY2 = -0.44;

    // All blocks lie in [-20, 20], far from the numbers of the default settings.
    private const double End = 20;

    /// <inheritdoc/>
    public override string Name => "partial-gradient";

    /// <inheritdoc/>
    public override string Summary => "Four numbers on which the partial upper gradient ends far from the solution.";

    /// <inheritdoc/>
    public override TaskInstance Create(PartialGradientSettings settings, TaskContext context) => Instance(settings);

    /// <summary>kappa = 1 - 0.28 P - 0.44 Q, the slope of x1 + P y1 + Q y2 along the lower saddle.</summary>
    public static double Kappa(PartialGradientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return 1 + (OfY1 * settings.P) + (OfY2 * settings.Q);
    }

    /// <summary>The x1 at whose lower saddle the partial gradient d_x f vanishes: 1/(kappa + muF).</summary>
    public static double PartialFixedPoint(PartialGradientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return 1 / (Kappa(settings) + settings.MuF);
    }

    /// <summary>The problem, started at 0.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(PartialGradientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        double kappa = Kappa(settings), muF = settings.MuF, best = kappa / ((kappa * kappa) + muF), ofPartial = PartialFixedPoint(settings);
        double Hyperobjective(double x) => ((((kappa * x) - 1) * ((kappa * x) - 1)) + (muF * x * x)) / 2;
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = Hyperobjective(best),
            Accuracy = 1e-12,
            Hyperobjective = x => Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of((kappa * ((kappa * x[0]) - 1)) + (muF * x[0])),
            Saddle = x => (Vectors.Of(OfY1 * x[0]), Vectors.Of(OfY2 * x[0])),
            Gap = (x, y1, y2) => KnownMinimax.Rise((B * y1[0]) - y2[0] - (D * x[0]), 1, y2[0], -End, End) + KnownMinimax.Rise(-(y1[0] + (B * y2[0]) + (C * x[0])), 1, y1[0], -End, End),
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(settings), new LowerObjective(settings.Noise))
        {
            X1 = new Box<double>(-End, End, 1),
            Z1 = new Box<double>(-End, End, 1),
            Z2 = new Box<double>(-End, End, 1),
            Constants = new MinimaxConstants
            {
                // The norm of the Hessian [[0, C, -D], [C, 1, B], [-D, B, -1]] is 1.26408.
                LowerSmoothness = 1.2641,
                UpperSmoothness = 1 + (settings.P * settings.P) + (settings.Q * settings.Q) + muF,
                LowerStrongConvexity = 1,
                LowerStrongConcavity = 1,
            },
        };
        var outcome = KnownOutcome.Of(answer);
        return KnownMinimax.Instance(
            problem,
            Start(Vectors.Of(0), Vectors.Zeros(0), Vectors.Of(0), Vectors.Of(0)),
            answer,
            solution => WithPartial(outcome(solution), Math.Abs(solution.X[0] - ofPartial)),
            FormattableString.Invariant($"F is least at x1 = {best:G6}; the partial gradient of f in x1 vanishes at {ofPartial:G6}, where F is {Hyperobjective(ofPartial) - Hyperobjective(best):G3} above its least value."));
    }

    private static TaskOutcome WithPartial(TaskOutcome outcome, double distance) =>
        outcome with { Metrics = [.. outcome.Metrics, new("distance_to_partial_fixed_point", distance, "distance of x1 from where the partial gradient vanishes")] };

    private static double Square(double value) => value * value;

    // A sample of n data items carries the mean of n draws.
    private static double Draw(Sample sample, double deviation) =>
        sample.IsAll || deviation == 0 ? 0 : deviation / Math.Sqrt(sample.Size) * RandomBits.Normal(sample.Key, 0);

    private sealed class UpperObjective(PartialGradientSettings settings) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            (Square(Rest(point, sample)) + (settings.MuF * Square(point[X1][0]))) / 2;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == X2) return;
            double rest = Rest(point, sample);
            result[0] = block switch
            {
                X1 => rest + (settings.MuF * point[X1][0]),
                Y1 => settings.P * rest,
                _ => settings.Q * rest,
            };
        }

        private double Rest(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            point[X1][0] + (settings.P * point[Y1][0]) + (settings.Q * point[Y2][0]) - 1 - Draw(sample, settings.Noise);
    }

    private sealed class LowerObjective(double noise) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double x = point[Lower.X1][0], z1 = point[Lower.Z1][0], z2 = point[Lower.Z2][0];
            return (z1 * z1 / 2) + (B * z1 * z2) - (z2 * z2 / 2) + (z1 * ((C * x) + Draw(sample, noise))) - (D * x * z2);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double x = point[Lower.X1][0], z1 = point[Lower.Z1][0], z2 = point[Lower.Z2][0];
            result[0] = block switch
            {
                Lower.X1 => (C * z1) - (D * z2),
                Lower.Z1 => z1 + (B * z2) + (C * x) + Draw(sample, noise),
                _ => (B * z1) - z2 - (D * x),
            };
        }
    }
}
