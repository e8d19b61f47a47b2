namespace Bilevel;

/// <summary>How the steps and lambda of F2SA and F3SA change with the iteration number k.</summary>
public enum F2saSchedule
{
    /// <summary>Matched steps: z and y contract at the same rate, lambda grows by a factor and an increment up to a limit, the x step stays.</summary>
    Matched,

    /// <summary>Published for noise in f and g: lambda grows like k^(1/7), for F3SA like k^(1/5).</summary>
    NoiseInBoth,

    /// <summary>Published for noise in f only: lambda grows like k^(1/5), for F3SA like k^(1/4).</summary>
    NoiseInUpper,

    /// <summary>Published for no noise: lambda grows like k^(1/3).</summary>
    NoNoise,
}

/// <summary>What the settings of the methods with two followers and a growing lambda, F2SA and F3SA, have in common.</summary>
public abstract record SingleLoopMethod : IBilevelMethod
{
    private protected SingleLoopMethod()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

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

    /// <summary>Largest value of lambda, schedule matched; auto takes 1e4, and ten times as much wherever exact gradients are at rest at a point that the bias of lambda keeps from being better.</summary>
    [Setting("Largest value of lambda, schedule matched; auto takes 1e4, and ten times as much wherever exact gradients are at rest at a point that the bias of lambda keeps from being better.", Min = 1e-12)]
    public double? LambdaLimit { get; init; }

    /// <summary>Step of z on g, schedule matched; auto takes 1/Lg1, and less for a while where Lg1 is only estimated and the gradients grow.</summary>
    [Setting("Step of z on g, schedule matched; auto takes 1/Lg1, and less for a while where Lg1 is only estimated and the gradients grow.", Min = 0)]
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

    internal const double FirstLimit = 1e4;

    /// <summary>Whether lambda may go beyond its first limit where its bias asks for it.</summary>
    internal bool RaisesLambda => LambdaLimit is null && Schedule == F2saSchedule.Matched && Grows;

    private bool Grows => LambdaGrowth > 1 || LambdaIncrement > 0;

    /// <summary>What <see cref="IRun{V}.Settled"/> says, from the bias of a run at rest; null where lambda was not given, or has not come to its end.</summary>
    internal (SolveStatus Status, string Reason)? Settled(double lambda, double norm, double bias, double tolerance) =>
        Schedule == F2saSchedule.Matched && !RaisesLambda && (!Grows || lambda >= LambdaLimit) && bias > tolerance
            ? GivenLambda.Settled(lambda, norm, bias, tolerance, Grows ? "lambda-limit" : LambdaLimit is null ? "lambda" : "lambda and lambda-limit", chosen: Grows)
            : null;

    /// <summary>Whether the steps may become shorter than the estimated constants say: where they were not asked for, gradients are exact, and the constants not declared.</summary>
    internal bool Adapts(LocalConstants constants) => Schedule == F2saSchedule.Matched && Batch == 0 && !constants.SmoothnessKnown && StepZ is null && StepY is null;

    internal string Advice
    {
        get
        {
            string steps = Schedule != F2saSchedule.Matched
                ? FormattableString.Invariant($"lower ratio-x (now {RatioX}) or c-gamma, or raise offset, so that all steps become smaller.")
                : !Grows
                ? FormattableString.Invariant($"lower step-x (now {StepX}), or raise inner-steps, so that y and z keep up with x")
                : FormattableString.Invariant($"lower step-x (now {StepX}), or lambda-growth, so that lambda grows more slowly");
            return $"Take smaller steps: {steps}" + (Schedule == F2saSchedule.Matched ? "; lower step-z where Lg1 was declared too small, or leave Lg1 and Lf1 undeclared, so that the steps adapt." : "");
        }
    }

    /// <inheritdoc/>
    public abstract IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    public virtual IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in Upper.Validate<V>()) yield return finding;
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda)) yield return finding;
        if (Schedule != F2saSchedule.Matched) yield break;
        foreach (var finding in PenaltyChecks.Steps(problem, StepZ, StepY, Math.Max(Lambda, StepY is null || !Grows ? Lambda : LambdaLimit ?? FirstLimit))) yield return finding;
        if (LambdaLimit < Lambda) yield return new Finding(Severity.Error, "The limit of lambda is below its first value.", "Raise lambda-limit or lower lambda.");
    }
}

/// <summary>
/// The steps and lambda at iteration k. Published: gamma_k = cGamma (k + k0)^(-c), alpha_k = cAlpha (k + k0)^(-a),
/// lambda_k = gamma_k / (2 alpha_k) (penalty methods, sections 3.3 and 4.3). Matched: steps from the constants, see the settings.
/// </summary>
internal sealed class SingleLoopSchedule
{
    private readonly SingleLoopMethod settings;
    private readonly LocalConstants constants;
    private readonly double a, c, k0, cGamma, cAlpha;

    /// <param name="settings">The settings.</param>
    /// <param name="published">The exponents a and c of the method.</param>
    /// <param name="constants">Constants of the problem.</param>
    public SingleLoopSchedule(SingleLoopMethod settings, (double A, double C) published, LocalConstants constants)
    {
        (this.settings, this.constants) = (settings, constants);
        (a, c) = (settings.ExponentA ?? published.A, settings.ExponentC ?? published.C);
        double mu = constants.LowerStrongConvexity;
        k0 = settings.Offset ?? Math.Max(1, 4 / mu * Math.Max(settings.RatioX * settings.HyperSmoothness / 2, Math.Max(settings.InnerSteps * constants.LowerSmoothness, constants.UpperSmoothness)));
        cGamma = settings.CGamma ?? 1 / (mu * Math.Pow(k0, 1 - c));
        cAlpha = cGamma * Math.Pow(k0, a - c) / (2 * settings.Lambda);
    }

    private bool IsMatched => settings.Schedule == F2saSchedule.Matched;

    /// <summary>The steps of z, y and x at iteration k and lambda.</summary>
    public (double Z, double Y, double X) Steps(long k, double lambda)
    {
        if (!IsMatched) return (Gamma(k), Alpha(k), settings.RatioX * Alpha(k));

        double stepZ = settings.StepZ ?? 1 / constants.LowerSmoothness;
        double share = stepZ * constants.LowerSmoothness;
        return (stepZ, settings.StepY ?? share / (constants.UpperSmoothness + (lambda * constants.LowerSmoothness)), settings.StepX);
    }

    /// <summary>lambda at iteration k, from that of the iteration before and the limit in force.</summary>
    public double Lambda(long k, double before, double limit) => IsMatched
        ? Math.Min((before * settings.LambdaGrowth) + settings.LambdaIncrement, limit)
        : Gamma(k) / (2 * Alpha(k));

    /// <summary>The published momentum of recursive estimators, eta_k = (k + k0)^(-2c).</summary>
    public double Eta(long k) => Math.Pow(k + k0, -2 * c);

    private double Gamma(long k) => cGamma * Math.Pow(k + k0, -c);

    private double Alpha(long k) => cAlpha * Math.Pow(k + k0, -a);
}
