using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>Where the lower level of <see cref="MatrixGameTask"/> starts.</summary>
internal enum MatrixGameStart
{
    /// <summary>At its saddle at the start of x1.</summary>
    Saddle,

    /// <summary>At equal probabilities.</summary>
    Uniform,
}

/// <summary>Settings of <see cref="MatrixGameTask"/>.</summary>
internal sealed record MatrixGameSettings
{
    /// <summary>Start of x1.</summary>
    [Setting("Start of x1.", Min = 0, Max = MatrixGameTask.EndX1)]
    public double StartX { get; init; } = 2;

    /// <summary>Start of the lower level: saddle at the start of x1, or uniform probabilities.</summary>
    [Setting("Start of the lower level: saddle at the start of x1, or uniform probabilities.")]
    public MatrixGameStart Start { get; init; }
}

/// <summary>
/// Test T6 (bilevel minimax, section 14): the lower level is the matrix game z2'[[1 + x1, -1], [-1, 1]]z1 over
/// probabilities z1, z2, with the solution z1 = z2 = (2, 2 + x1)/(4 + x1); f = 5 (y1a - 0.4)^2 + 0.005 x1^2 without x2.
/// </summary>
internal sealed class MatrixGameTask : TaskOf<MatrixGameSettings>
{
    internal const double EndX1 = 4;

    private const double Wanted = 0.4, Weight = 5, Price = 0.005;

    /// <inheritdoc/>
    public override string Name => "matrix-game";

    /// <inheritdoc/>
    public override string Summary => "The payoff of a matrix game, chosen so that its solution is a wanted one.";

    /// <inheritdoc/>
    public override TaskInstance Create(MatrixGameSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(MatrixGameSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        double best = LineMinimum.Of(Hyperobjective, Hypergradient, 0, EndX1, probes: 401);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = Hyperobjective(best),
            Accuracy = 1e-12,
            Hyperobjective = x => Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of(Hypergradient(x[0])),
            Saddle = x => (Solution(x[0]), Solution(x[0])),
            Gap = Gap,
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(), new LowerObjective())
        {
            X1 = new Box<double>(0, EndX1, 1),
            Z1 = new Simplex<double>(1, 2),
            Z2 = new Simplex<double>(1, 2),
            Constants = new MinimaxConstants { LowerSmoothness = LowerSmoothness(), UpperSmoothness = 2 * Math.Max(Weight, Price) },
        };
        DenseVector<double> Of(double x) => settings.Start == MatrixGameStart.Saddle ? Solution(x) : Vectors.Of(0.5, 0.5);
        return KnownMinimax.Instance(
            problem,
            Start(Vectors.Of(settings.StartX), Vectors.Zeros(0), Of(settings.StartX), Of(settings.StartX)),
            answer,
            "The lower level is bilinear: plain descent and ascent cycle on it.");
    }

    // Both players are indifferent between their two choices.
    private static DenseVector<double> Solution(double x) => Vectors.Of(2 / (4 + x), (2 + x) / (4 + x));

    private static double Hyperobjective(double x)
    {
        double miss = (2 / (4 + x)) - Wanted;
        return (Weight * miss * miss) + (Price * x * x);
    }

    private static double Hypergradient(double x) => (-4 * Weight * ((2 / (4 + x)) - Wanted) / ((4 + x) * (4 + x))) + (2 * Price * x);

    // What either player can win by changing its probabilities alone: a mean of regrets, none of them negative.
    private static double Gap(DenseVector<double> x, DenseVector<double> y1, DenseVector<double> y2)
    {
        double first = ((1 + x[0]) * y1[0]) - y1[1], second = y1[1] - y1[0], most = Math.Max(first, second);
        double left = ((1 + x[0]) * y2[0]) - y2[1], right = y2[1] - y2[0], least = Math.Min(left, right);
        return (y2[0] * (most - first)) + (y2[1] * (most - second)) + (y1[0] * (left - least)) + (y1[1] * (right - least));
    }

    // The Hessian of g in (x1, z1a, z1b, z2a, z2b) has the entries z2a (x1, z1a), z1a (x1, z2a), 1 + x1 (z1a, z2a),
    // -1 (z1a, z2b and z1b, z2a) and 1 (z1b, z2b). Changing the signs of z1b and z2b makes all of them nonnegative and
    // keeps the eigenvalues; the norm of a nonnegative matrix grows with its entries, which on the sets are largest at
    // x1 = 4, z1a = z2a = 1.
    private static double LowerSmoothness()
    {
        var hessian = new Matrix(5, 5);
        void Put(int row, int column, double value) => hessian[row, column] = hessian[column, row] = value;
        Put(0, 1, 1);
        Put(0, 3, 1);
        Put(1, 3, 1 + EndX1);
        Put(1, 4, 1);
        Put(2, 3, 1);
        Put(2, 4, 1);
        return SymmetricEigenvalues.Of(hessian)[^1];
    }

    private sealed class UpperObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double x = point[X1][0], miss = point[Y1][0] - Wanted;
            return (Weight * miss * miss) + (Price * x * x);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            result.Span.Clear();
            if (block == X1) result[0] = 2 * Price * point[X1][0];
            else if (block == Y1) result[0] = 2 * Weight * (point[Y1][0] - Wanted);
        }
    }

    private sealed class LowerObjective : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            var (z1, z2) = (point[Lower.Z1], point[Lower.Z2]);
            return (point[Lower.X1][0] * z2[0] * z1[0]) + ((z2[0] - z2[1]) * (z1[0] - z1[1]));
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            var (x, z1, z2) = (point[Lower.X1][0], point[Lower.Z1], point[Lower.Z2]);
            if (block == Lower.X1)
            {
                result[0] = z1[0] * z2[0];
                return;
            }

            // The game is symmetric.
            var other = block == Lower.Z1 ? z2 : z1;
            double apart = other[0] - other[1];
            (result[0], result[1]) = ((x * other[0]) + apart, -apart);
        }
    }
}
