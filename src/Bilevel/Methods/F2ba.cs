// F2BA: Chen, Ma, Zhang: Near-Optimal Nonconvex-Strongly-Convex Bilevel Optimization with Fully First-Order Oracles, JMLR 26(109), 2025 (arXiv 2306.14853).
// F2BA+: Chen, Ji, Zhang: On the Condition Number Dependency in Bilevel Optimization (arXiv 2511.22331).
// Problem class: g(x, .) strongly convex with Lipschitz Hessian, f and g smooth; exact gradients.
namespace Bilevel;

/// <summary>
/// F2BA: fixed lambda and two time scales, many inner steps of z on g and of y on f + lambda g for one step of x.
/// The residual is |h| plus the estimated penalty bias, where lambda is chosen by the method.
/// </summary>
public sealed record F2ba : IBilevelMethod
{
    /// <inheritdoc/>
    public string Name => Accelerated ? "f2ba-plus" : "f2ba";

    /// <summary>Accelerates the inner loops by Nesterov's momentum (F2BA+).</summary>
    [Setting("Accelerates the inner loops by Nesterov's momentum (F2BA+).")]
    public bool Accelerated { get; init; }

    /// <summary>Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.</summary>
    [Setting("Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.", Min = 1e-12)]
    public double? Lambda { get; init; }

    /// <summary>First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.</summary>
    [Setting("First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.", Min = 1e-12)]
    public double? LambdaStart { get; init; }

    /// <summary>Factor between the stages of lambda.</summary>
    [Setting("Factor between the stages of lambda.", Min = 1.01)]
    public double LambdaFactor { get; init; } = 10;

    /// <summary>Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.</summary>
    [Setting("Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Number K of inner steps; auto stops them by the computable tolerances instead.</summary>
    [Setting("Number K of inner steps; auto stops them by the computable tolerances instead.", Min = 1)]
    public int? InnerSteps { get; init; }

    /// <summary>Most inner steps per iteration where the tolerances stop them.</summary>
    [Setting("Most inner steps per iteration where the tolerances stop them.", Min = 1)]
    public int InnerLimit { get; init; } = 10_000;

    /// <summary>Inner accuracy as a share of the residual, where the tolerances stop the inner steps.</summary>
    [Setting("Inner accuracy as a share of the residual, where the tolerances stop the inner steps.", Min = 1e-6, Max = 1)]
    public double InnerShare { get; init; } = 0.1;

    /// <summary>Step of z on g; auto takes 1/Lg1.</summary>
    [Setting("Step of z on g; auto takes 1/Lg1.", Min = 0)]
    public double? StepZ { get; init; }

    /// <summary>Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.</summary>
    [Setting("Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.", Min = 0)]
    public double? StepY { get; init; }

    /// <summary>Step of x along the hypergradient estimate; bounds the first step under the rule adaptive.</summary>
    [Setting("Step of x along the hypergradient estimate; bounds the first step under the rule adaptive.", Min = 0)]
    public double StepX { get; init; } = 0.1;

    /// <summary>The upper step.</summary>
    [SettingGroup(typeof(UpperStep))]
    public UpperStep Upper { get; init; } = new() { StepRule = StepRule.Adaptive };

    /// <summary>F2BA as published: fixed lambda, K inner steps, step 1/Lg1 for z and 1/(2 lambda Lg1) for y, plain x steps.</summary>
    /// <param name="lambda">Penalty parameter, of the order of 1/eps.</param>
    /// <param name="innerSteps">K, of the order of kappa log(lambda kappa).</param>
    /// <param name="lowerSmoothness">Lg1.</param>
    /// <param name="stepX">eta, of the order of 1/(ell kappa^3).</param>
    public static F2ba Published(double lambda, int innerSteps, double lowerSmoothness, double stepX) => new()
    {
        Lambda = lambda,
        InnerSteps = innerSteps,
        StepZ = 1 / lowerSmoothness,
        StepY = 1 / (2 * lambda * lowerSmoothness),
        StepX = stepX,
        Upper = new UpperStep(),
    };

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy());

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in Upper.Validate<V>()) yield return finding;
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda ?? double.PositiveInfinity)) yield return finding;
        foreach (var finding in PenaltyChecks.Steps(problem, StepZ, StepY, Lambda ?? 10)) yield return finding;
        if (StepY is not null && Lambda is null) yield return new Finding(Severity.Error, "step-y is fixed while lambda is chosen by the method, so y would become unstable as lambda grows.", "Leave step-y at auto, or fix lambda.");
        if (LambdaStart > Lambda) yield return new Finding(Severity.Error, "lambda-start is above lambda.", "Lower lambda-start or leave it at auto.");
        foreach (var finding in PenaltyChecks.Modulus(problem)) yield return finding;
    }

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        private const int Z = 0, Y = 1;

        private readonly F2ba settings;
        private readonly V[] point;                      // x_t and z_t
        private readonly Followers<V> followers;         // z on g, y on f/lambda + g, each from its own last value
        private readonly PenaltyGradient<V> hypergradient;
        private readonly LambdaStages<V> stages;
        private readonly UpperMover<V> mover;
        private readonly V y;
        private readonly V apart;                        // y - z
        private readonly double[] shares = [1, 1], tolerances = new double[2];
        private LocalConstants constants;
        private double gradientNorm;

        public Run(F2ba settings, BilevelProblem<V> problem, V x, V y)
        {
            this.settings = settings;
            constants = LocalConstants.Of(problem, x, y);
            double lambda = settings.LambdaStart ?? settings.Lambda ?? 10 * Math.Max(1, constants.UpperSmoothness / constants.LowerSmoothness);
            this.y = y;
            var z = y.Copy();
            apart = y.ZerosLike();
            point = [x, z];
            followers = new Followers<V>(problem, x, [z, y], [0, 1 / lambda], constants);
            hypergradient = new PenaltyGradient<V>(problem, x, y, z);
            stages = new LambdaStages<V>(lambda, settings.Lambda, settings.LambdaFactor, settings.Tolerance, settings.InnerLimit, new PenaltyBias<V>(problem, x, y, z, constants), constants);
            mover = settings.Upper.Start(x, problem.UpperSet);
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => stages.Lambda;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            // The x step of the iteration before comes first, so that the residual belongs to the point it leaves.
            if (!double.IsNaN(Residual)) MoveX();
            double accuracy = Accuracy;
            SolveFollowers(accuracy);
            MeasureHypergradient();

            // An estimate that fell below its own error is sharpened before it is believed.
            while (settings.InnerSteps is null && gradientNorm < 2 * accuracy && Accuracy < accuracy)
            {
                accuracy = Accuracy;
                SolveFollowers(accuracy);
                MeasureHypergradient();
            }

            if (stages.IsDone(gradientNorm)) stages.Judge(hypergradient.Direction);
            Residual = gradientNorm + stages.Bias(Apart());
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer("x", point[BilevelProblem.X]);
            archive.Transfer("z", point[BilevelProblem.Y]);
            archive.Transfer("y", y);
            archive.Transfer("hypergradient", hypergradient.Direction);
            archive.Transfer("gradient norm", ref gradientNorm);
            double residual = Residual;
            archive.Transfer("residual", ref residual);
            Residual = residual;
            LocalConstants.Transfer(archive, ref constants);
            stages.Transfer(archive);
            mover.Transfer(archive);
            if (!archive.Loading) return;
            followers.SetSigma(Y, 1 / stages.Lambda);
            followers.SetConstants(constants);
            stages.SetConstants(constants);
        }

        // What the inner solves aim at, from the last estimate.
        private double Accuracy => settings.InnerShare * Math.Max(gradientNorm, settings.Tolerance);

        private void SolveFollowers(double accuracy)
        {
            double lambda = stages.Lambda, smoothZ = constants.LowerSmoothness, smoothY = constants.LowerSmoothness + (constants.UpperSmoothness / lambda);
            shares[Z] = (settings.StepZ ?? 1 / smoothZ) * smoothZ;
            shares[Y] = settings.StepY is { } stepY ? stepY * lambda * smoothY : 1;
            if (settings.InnerSteps is { } steps)
            {
                followers.Steps(steps, settings.Accelerated, shares);
                return;
            }

            InnerTolerances.Fill(tolerances, accuracy, lambda, constants);
            followers.Solve(tolerances, settings.InnerLimit, settings.Accelerated, shares);
        }

        private void MeasureHypergradient()
        {
            hypergradient.Evaluate(stages.Lambda, Sample.All, Sample.All);
            gradientNorm = mover.Measure(hypergradient.Direction, settings.StepX);
        }

        private void MoveX()
        {
            mover.Move(hypergradient.Direction, settings.StepX);
            if (!stages.IsDone(gradientNorm)) return;
            stages.Raise();
            followers.SetSigma(Y, 1 / stages.Lambda);
            mover.Restart();
        }

        private double Apart()
        {
            apart.CopyFrom(y);
            apart.AddScaled(-1, point[BilevelProblem.Y]);
            return apart.Norm();
        }
    }
}
