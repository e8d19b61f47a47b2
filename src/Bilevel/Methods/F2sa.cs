// Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023 (arXiv 2301.10945).
// Problem class: g(x, .) strongly convex, f and g smooth; x in a closed convex set; exact or sampled gradients.
namespace Bilevel;

/// <summary>How the steps and lambda of F2SA change with the iteration number k.</summary>
public enum F2saSchedule
{
    /// <summary>Matched steps: z and y contract at the same rate, lambda grows by a factor and an increment up to a limit, the x step stays.</summary>
    Matched,

    /// <summary>Corollary 4.2, noise in f and g: a = 5/7, c = 4/7, lambda grows like k^(1/7).</summary>
    NoiseInBoth,

    /// <summary>Corollary 4.2, noise in f only: a = 3/5, c = 2/5, lambda grows like k^(1/5).</summary>
    NoiseInUpper,

    /// <summary>Corollary 4.2, no noise: a = 1/3, c = 0, lambda grows like k^(1/3).</summary>
    NoNoise,
}

/// <summary>
/// F2SA: a single loop (or T inner steps) over two followers, z on g and y on f + lambda g, with growing lambda.
/// The residual is the norm of the hypergradient estimate; E |grad F| falls like K^(-1/7), K^(-1/5), K^(-1/3) under
/// the published schedules with noise in both, in f only, in neither.
/// </summary>
public sealed record F2sa : IBilevelMethod
{
    /// <inheritdoc/>
    public string Name => "f2sa";

    /// <summary>Rule for the steps and lambda: matched steps with the practical preset, or one of the three published schedules.</summary>
    [Setting("Rule for the steps and lambda: matched steps with the practical preset, or one of the three published schedules.")]
    public F2saSchedule Schedule { get; init; }

    /// <summary>Number T of inner steps per iteration.</summary>
    [Setting("Number T of inner steps per iteration.", Min = 1)]
    public int InnerSteps { get; init; } = 1;

    /// <summary>First value of the penalty parameter lambda.</summary>
    [Setting("First value of the penalty parameter lambda.", Min = 1e-12)]
    public double Lambda { get; init; } = 4;

    /// <summary>Factor by which lambda grows per iteration, schedule matched.</summary>
    [Setting("Factor by which lambda grows per iteration, schedule matched.", Min = 1)]
    public double LambdaGrowth { get; init; } = 1.05;

    /// <summary>Amount that lambda grows by per iteration, schedule matched.</summary>
    [Setting("Amount that lambda grows by per iteration, schedule matched.", Min = 0)]
    public double LambdaIncrement { get; init; }

    /// <summary>Largest value of lambda, schedule matched.</summary>
    [Setting("Largest value of lambda, schedule matched.", Min = 1e-12)]
    public double LambdaLimit { get; init; } = 1e4;

    /// <summary>Step of z on g, schedule matched; auto takes 1/Lg1.</summary>
    [Setting("Step of z on g, schedule matched; auto takes 1/Lg1.", Min = 0)]
    public double? StepZ { get; init; }

    /// <summary>Step of y on f + lambda g, schedule matched; auto takes 1/(Lf1 + lambda Lg1), scaled as step-z is, so that y and z contract at the same rate.</summary>
    [Setting("Step of y on f + lambda g, schedule matched; auto takes 1/(Lf1 + lambda Lg1), scaled as step-z is, so that y and z contract at the same rate.", Min = 0)]
    public double? StepY { get; init; }

    /// <summary>Step of x along the hypergradient estimate, schedule matched.</summary>
    [Setting("Step of x along the hypergradient estimate, schedule matched.", Min = 0)]
    public double StepX { get; init; } = 0.1;

    /// <summary>Ratio xi of the x step to the y step, published schedules.</summary>
    [Setting("Ratio xi of the x step to the y step, published schedules.", Min = 0)]
    public double RatioX { get; init; } = 1;

    /// <summary>Offset k0 of the iteration number, published schedules; auto takes (4/mu) max(xi LF1/2, T Lg1, Lf1).</summary>
    [Setting("Offset k0 of the iteration number, published schedules; auto takes (4/mu) max(xi LF1/2, T Lg1, Lf1).", Min = 1)]
    public double? Offset { get; init; }

    /// <summary>LF1, a Lipschitz constant of the hypergradient, for the offset k0 of the published schedules; 0 leaves it out.</summary>
    [Setting("LF1, a Lipschitz constant of the hypergradient, for the offset k0 of the published schedules; 0 leaves it out.", Min = 0)]
    public double HyperSmoothness { get; init; }

    /// <summary>Constant of the z step, published schedules: step-z = c-gamma (k + k0)^(-c); auto takes 1/(mu k0^(1-c)).</summary>
    [Setting("Constant of the z step, published schedules: step-z = c-gamma (k + k0)^(-c); auto takes 1/(mu k0^(1-c)).", Min = 0)]
    public double? CGamma { get; init; }

    /// <summary>Exponent a of the y step, published schedules; auto takes the published one.</summary>
    [Setting("Exponent a of the y step, published schedules; auto takes the published one.", Min = 0, Max = 1)]
    public double? ExponentA { get; init; }

    /// <summary>Exponent c of the z step, published schedules; auto takes the published one.</summary>
    [Setting("Exponent c of the z step, published schedules; auto takes the published one.", Min = 0, Max = 1)]
    public double? ExponentC { get; init; }

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients.", Min = 0)]
    public int Batch { get; init; }

    /// <summary>Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).</summary>
    [Setting("Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).")]
    public bool IndependentSamples { get; init; }

    /// <summary>The upper step.</summary>
    [SettingGroup(typeof(UpperStep))]
    public UpperStep Upper { get; init; } = new();

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy(), seed);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in Upper.Validate<V>()) yield return finding;
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda)) yield return finding;
        if (Schedule != F2saSchedule.Matched) yield break;
        foreach (var finding in PenaltyChecks.Steps(problem, StepZ, StepY, Math.Max(Lambda, StepY is null ? Lambda : LambdaLimit))) yield return finding;
        if (LambdaLimit < Lambda) yield return new Finding(Severity.Error, "The limit of lambda is below its first value.", "Raise lambda-limit or lower lambda.");
    }

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        private readonly F2sa settings;
        private readonly IFeasibleSet<V> lowerSet;
        private readonly V[] point;                      // x_k and z_k
        private readonly V y, z;                         // y -> y_lambda*(x), z -> y*(x)
        private readonly V gy, gz, fy;                   // g_y(x, y), g_y(x, z), f_y(x, y)
        private readonly PreparedRequest<V> followers;   // g_y at (x, y) and (x, z), in one pass
        private readonly PreparedRequest<V> leader;      // f_y at (x, y)
        private readonly PenaltyGradient<V> hypergradient;
        private readonly UpperMover<V> mover;
        private readonly SampleStream samples;
        private Published? published;                    // null under the schedule matched
        private LocalConstants constants;
        private long k;
        private double lambda;

        public Run(F2sa settings, BilevelProblem<V> problem, V x, V y, ulong seed)
        {
            this.settings = settings;
            lowerSet = problem.LowerSet;
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, NextSample(), couplings: false);
            (this.y, z) = (y, y.Copy());
            point = [x, z];
            (gy, gz, fy) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
            followers = new(problem.Lower, [[x, y], [x, z]], [new(BilevelProblem.Y, 0, gy), new(BilevelProblem.Y, 1, gz)]);
            leader = new(problem.Upper, [[x, y]], [new(BilevelProblem.Y, 0, fy)]);
            hypergradient = new PenaltyGradient<V>(problem, x, y, z);
            mover = settings.Upper.Start(x, problem.UpperSet);
            lambda = settings.Lambda;
            published = Published.Of(settings, constants);
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => lambda;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            var (stepZ, stepY, stepX) = Steps();
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                followers.Evaluate(NextSample());
                leader.Evaluate(NextSample());
                z.AddScaled(-stepZ, gz);
                y.AddScaled(-stepY, fy);
                y.AddScaled(-stepY * lambda, gy);
                lowerSet.Project(z);
                lowerSet.Project(y);
            }

            if (settings.IndependentSamples) hypergradient.Evaluate(lambda, NextSample(), NextSample(), NextSample());
            else hypergradient.Evaluate(lambda, NextSample(), NextSample());
            Residual = mover.Measure(hypergradient.Direction, stepX);
            mover.Move(hypergradient.Direction, stepX);
            k++;
            lambda = NextLambda();
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer("x", point[BilevelProblem.X]);
            archive.Transfer("y", y);
            archive.Transfer("z", z);
            archive.Transfer("k", ref k);
            archive.Transfer("lambda", ref lambda);
            double residual = Residual;
            archive.Transfer("residual", ref residual);
            Residual = residual;
            LocalConstants.Transfer(archive, ref constants);
            samples.Transfer(archive);
            mover.Transfer(archive);
            published = Published.Of(settings, constants);
        }

        private Sample NextSample() => samples.Next(settings.Batch);

        private (double Z, double Y, double X) Steps()
        {
            if (published is not null)
            {
                double alpha = published.StepY(k);
                return (published.StepZ(k), alpha, settings.RatioX * alpha);
            }

            double stepZ = settings.StepZ ?? 1 / constants.LowerSmoothness;
            double share = stepZ * constants.LowerSmoothness;
            return (stepZ, settings.StepY ?? share / (constants.UpperSmoothness + (lambda * constants.LowerSmoothness)), settings.StepX);
        }

        private double NextLambda() => published?.Lambda(k)
            ?? Math.Min((lambda * settings.LambdaGrowth) + settings.LambdaIncrement, settings.LambdaLimit);
    }

    // Corollary 4.2: gamma_k = cGamma (k + k0)^(-c), alpha_k = cAlpha (k + k0)^(-a), lambda_k = gamma_k / (2 alpha_k).
    private sealed class Published
    {
        private readonly double a, c, k0, cGamma, cAlpha;

        public static Published? Of(F2sa settings, LocalConstants constants) => settings.Schedule == F2saSchedule.Matched ? null : new Published(settings, constants);

        private Published(F2sa settings, LocalConstants constants)
        {
            (double a, double c) = settings.Schedule switch
            {
                F2saSchedule.NoiseInBoth => (5.0 / 7, 4.0 / 7),
                F2saSchedule.NoiseInUpper => (3.0 / 5, 2.0 / 5),
                _ => (1.0 / 3, 0.0),
            };
            (this.a, this.c) = (settings.ExponentA ?? a, settings.ExponentC ?? c);
            double mu = constants.LowerStrongConvexity;
            k0 = settings.Offset ?? Math.Max(1, 4 / mu * Math.Max(settings.RatioX * settings.HyperSmoothness / 2, Math.Max(settings.InnerSteps * constants.LowerSmoothness, constants.UpperSmoothness)));
            cGamma = settings.CGamma ?? 1 / (mu * Math.Pow(k0, 1 - this.c));
            cAlpha = cGamma * Math.Pow(k0, this.a - this.c) / (2 * settings.Lambda);
        }

        public double StepZ(long k) => cGamma * Math.Pow(k + k0, -c);

        public double StepY(long k) => cAlpha * Math.Pow(k + k0, -a);

        public double Lambda(long k) => StepZ(k) / (2 * StepY(k));
    }
}
