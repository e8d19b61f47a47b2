namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="NastyTask"/>; there are none.</summary>
internal sealed record NastySettings;

/// <summary>
/// f = x^2 + y^2 and g = x y on the square [-1, 1]^2. The hyperobjective jumps: F = x^2 + 1 but F(0) = 0, and no
/// method has a guarantee. The penalty function has a kink at the solution x = 0 with slopes -lambda and lambda.
/// </summary>
internal sealed class NastyTask : TaskOf<NastySettings>
{
    /// <inheritdoc/>
    public override string Name => "nasty";

    /// <inheritdoc/>
    public override string Summary => "A hyperobjective that jumps, beyond the guarantees of every method.";

    /// <inheritdoc/>
    public override TaskInstance Create(NastySettings settings, TaskContext context) => Instance();

    /// <summary>L_lambda*(x) for |x| at most 1.</summary>
    public static double PenaltyValue(double x, double lambda) =>
        Math.Abs(x) <= 2 / lambda ? (x * x) + (lambda * Math.Abs(x)) - (lambda * lambda * x * x / 4) : (x * x) + 1;

    /// <summary>y_lambda*(x) for |x| at most 1.</summary>
    public static double PenaltySolution(double x, double lambda) => Math.Clamp(-lambda * x / 2, -1, 1);

    /// <summary>The problem, started at x = 0.9, y = 0.</summary>
    public static BilevelInstance<DenseVector<double>> Instance()
    {
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(0),
            UpperValue = 0,
            Accuracy = 1e-12,

            // At x = 0 every y is a lower solution; the one that f likes best is 0.
            LowerSolution = x => Vectors.Of(-Math.Sign(x[0])),
            Hyperobjective = x => x[0] == 0 ? 0 : (x[0] * x[0]) + 1,
        };
        var problem = new BilevelProblem<DenseVector<double>>(new Upper(), new Lower())
        {
            UpperSet = new Box<double>(-1, 1, 1),
            LowerSet = new Box<double>(-1, 1, 1),
            Constants = new ProblemConstants
            {
                // g is linear in y.
                LowerStrongConvexity = 0,
                LowerSmoothness = 0,
                LowerCoupling = 1,
                LowerHessianLipschitz = 0,
                UpperSmoothness = 2,
                UpperCoupling = 0,
            },
        };
        return new BilevelInstance<DenseVector<double>>(problem, Vectors.Of(0.9), Vectors.Of(0))
        {
            Components = v => v.ToDoubles(),
            Answer = answer,
            Evaluate = KnownOutcome.Of(answer),
            Iterations = 2000,
            Presets = [Exact(lambda: 10, stepX: 1e-3)],
            Notes = ["The lower solution jumps at x = 0, so nothing guarantees convergence and no certificate applies."],
        };
    }

    /// <summary>F2SA at a fixed lambda with steps that solve both copies of y exactly: f + lambda g has curvature 2, and a long step on the linear g ends at its corner.</summary>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="stepX">Step of x.</param>
    public static F2sa Exact(double lambda, double stepX) => new()
    {
        Lambda = lambda,
        LambdaGrowth = 1,
        LambdaLimit = lambda,
        StepZ = 1e9,
        StepY = 0.5,
        StepX = stepX,
    };

    private sealed class Upper : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => (point[0][0] * point[0][0]) + (point[1][0] * point[1][0]);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result[0] = 2 * point[block][0];
    }

    private sealed class Lower : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => point[0][0] * point[1][0];

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result[0] = point[1 - block][0];
    }
}
