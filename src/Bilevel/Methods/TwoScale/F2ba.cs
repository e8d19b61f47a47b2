// F2BA: Chen, Ma, Zhang: Near-Optimal Nonconvex-Strongly-Convex Bilevel Optimization with Fully First-Order Oracles, JMLR 26(109), 2025 (arXiv 2306.14853).
// F2BA+: Chen, Ji, Zhang: On the Condition Number Dependency in Bilevel Optimization (arXiv 2511.22331).
// F2BSA: the stochastic form of the first paper, minibatches in place of exact gradients.
// Problem class: g(x, .) strongly convex with Lipschitz Hessian, f and g smooth; exact or, with lambda and inner steps given, sampled gradients.
namespace Bilevel;

/// <summary>
/// F2BA: fixed lambda and two time scales, many inner steps of z on g and of y on f + lambda g for one step of x.
/// The residual is |h| plus the estimated penalty bias plus the error bound of inner solves that did not reach their tolerance;
/// on minibatches it is that of F2SA. A run whose given lambda has a bias above the tolerance ends where |h| is within it, and says so.
/// </summary>
public sealed record F2ba : TwoScaleMethod
{
    /// <inheritdoc/>
    public override string Name => Batch > 0 ? "f2bsa" : Accelerated ? "f2ba-plus" : "f2ba";

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients. Minibatches need a given lambda and number of inner steps.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients. Minibatches need a given lambda and number of inner steps.", Min = 0)]
    public int Batch { get; init; }

    /// <summary>Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).</summary>
    [Setting("Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).")]
    public bool IndependentSamples { get; init; }

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

    /// <summary>F2BSA: F2BA on minibatches, with plain steps of x.</summary>
    /// <param name="batch">Number of data items per gradient estimate.</param>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="innerSteps">K.</param>
    /// <param name="stepX">Step of x.</param>
    public static F2ba Stochastic(int batch, double lambda, int innerSteps, double stepX) => new()
    {
        Batch = batch,
        Lambda = lambda,
        InnerSteps = innerSteps,
        StepX = stepX,
        Upper = new UpperStep(),
    };

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
    {
        x = x.Copy();
        return new Run<V>(this, problem, x, y.Copy(), Upper.Start(x, problem.UpperSet), seed, Batch, IndependentSamples);
    }

    /// <inheritdoc/>
    public override IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
    {
        foreach (var finding in Upper.Validate<V>()) yield return finding;
        foreach (var finding in base.Validate(problem)) yield return finding;
        if (Batch == 0) yield break;
        if (Lambda is null || InnerSteps is null) yield return new Finding(Severity.Error, "On minibatches neither the bias that chooses lambda nor the tolerances that end the inner steps can be read off the gradients.", "Set lambda and inner-steps, or take exact gradients (batch 0).");
        if (Upper.StepRule == StepRule.Adaptive) yield return new Finding(Severity.Warning, "The rule adaptive reads the curvature off differences of estimates, which are mostly noise on minibatches.", "Choose the step rule plain, clipped or adam, and set step-x.");
    }

    /// <summary>The run, which AccF2BA shares but for the step of x.</summary>
    internal sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private const int Z = 0, Y = 1, MostRescues = 12, MostRetreats = 60, MostInVain = 2, MostInVainNear = 6;

        // What rounding leaves differs from one solve to the next by about as much, so that one of them may be within a tolerance that is near.
        private const double RoundingFactor = 4;

        private readonly TwoScaleMethod settings;
        private readonly int batch;
        private readonly bool independent;
        private readonly V[] point;                      // x_t and z_t
        private readonly Followers<V> followers;         // z on g, y on f/lambda + g, each from its own last value
        private readonly PenaltyGradient<V> hypergradient;
        private readonly LambdaStages<V> stages;
        private readonly IUpperMove<V> mover;
        private readonly SampleStream samples;
        private readonly V y;
        private readonly V apart;                        // y - z
        private readonly V keptY, keptZ;                 // y and z before the step of x
        private readonly double[] shares = [1, 1], tolerances = new double[2];
        private readonly HypergradientAssessment<V> assessment;      // on minibatches, and where the residual's own bounds are too rough
        private readonly BilevelProblem<V> problem;
        private LocalConstants constants;
        private long iterations, nextAssessment;
        private long assessedInVain;                     // assessments in a row, with x at rest, that found the error bounds of inner solves at rounding above the tolerance
        private double gradientNorm;
        private double leastAtRest = double.PositiveInfinity;        // the least of these bounds since then

        public Run(TwoScaleMethod settings, BilevelProblem<V> problem, V x, V y, IUpperMove<V> mover, ulong seed, int batch = 0, bool independent = false)
        {
            (this.settings, this.mover, this.batch, this.independent, this.problem) = (settings, mover, batch, independent, problem);
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, NextSample());
            double lambda = settings.LambdaStart ?? settings.Lambda ?? 10 * Math.Max(1, constants.UpperSmoothness / constants.LowerSmoothness);
            this.y = y;
            var z = y.Copy();
            (apart, keptY, keptZ) = (y.ZerosLike(), y.Copy(), y.Copy());
            point = [x, z];
            followers = new Followers<V>(problem, x, [z, y], [0, 1 / lambda], constants, adaptive: settings.StepZ is null && settings.StepY is null);
            hypergradient = new PenaltyGradient<V>(problem, x, y, z);
            stages = new LambdaStages<V>(lambda, settings.Lambda, settings.LambdaFactor, settings.Tolerance, settings.InnerLimit, new PenaltyBias<V>(problem, x, y, z, constants), constants);
            assessment = new HypergradientAssessment<V>(problem, x, y, z, constants, settings.InnerSteps ?? 1, batch, seed);
        }

        public override double Estimate => gradientNorm;

        public override string? Remark => batch > 0 ? assessment.Remark : assessedInVain < MostInVain && InnerError() > Accuracy
            ? FormattableString.Invariant($"The inner solves leave an error of up to {InnerError():G3} in the hypergradient, of which the residual holds what exceeds their aim. Raise {(settings.InnerSteps is null ? "inner-limit" : "inner-steps")}, or declare a larger strong convexity of the lower level where that is true.")
            : null;

        public override (SolveStatus Status, string Reason)? Settled(double tolerance)
        {
            if (stages.CanRaise) return null;
            bool rests = gradientNorm <= Math.Min(tolerance, settings.Tolerance / 2);
            double bias = settings.Lambda is null ? double.NaN : batch > 0 ? assessment.Resting(gradientNorm, tolerance) : rests ? Math.Min(stages.GivenBias, Residual) : double.NaN;
            if (bias > tolerance) return GivenLambda.Settled(stages.Lambda, gradientNorm, bias, tolerance, "lambda", chosen: batch == 0);
            return rests && assessedInVain >= (leastAtRest > RoundingFactor * tolerance ? MostInVain : MostInVainNear)
                ? (SolveStatus.Stalled, FormattableString.Invariant($"Rounding ends the progress: at lambda = {stages.Lambda:G4} the estimate of the hypergradient is {gradientNorm:G3}, but the inner solves, which no longer come nearer, leave an error of up to {InnerError():G3}, above the tolerance {tolerance:G3}. Ask for a larger tolerance, or declare a larger strong convexity of the lower level where that is true."))
                : null;
        }

        public override string Advice => followers.HasGrown && constants.SmoothnessKnown
            ? FormattableString.Invariant($"The gradients of the followers grew under steps of 1/Lg1, so that the declared Lg1 = {constants.LowerSmoothness:G4} or Lf1 = {constants.UpperSmoothness:G4} is too small where the run is: declare larger ones, or leave them out, so that the steps adapt.")
            : FormattableString.Invariant($"Take smaller steps: lower step-x{(settings.StepZ is not null || settings.StepY is not null ? ", step-z or step-y" : "")}, or raise lambda-start where f is not convex in y.");

        public override double Penalty => stages.Lambda;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            // The x step of the iteration before comes first, so that the residual belongs to the point it leaves.
            KeepFollowers();
            if (!double.IsNaN(Residual)) MoveX();
            double accuracy = Accuracy;
            AnswerX(accuracy);
            for (int i = 0; i < MostRetreats && !double.IsFinite(gradientNorm) && mover.Retreat(); i++)
            {
                ReturnFollowers();
                AnswerX(accuracy);
            }

            // An estimate that fell below its own error is sharpened before it is believed.
            while (settings.InnerSteps is null && gradientNorm < 2 * accuracy && Accuracy < accuracy)
            {
                accuracy = Accuracy;
                SolveFollowers(accuracy);
                MeasureHypergradient();
            }

            stages.Watch(gradientNorm);
            if (batch == 0 && stages.NeedsBias(gradientNorm)) stages.Judge(hypergradient.Direction);
            Residual = batch > 0
                ? assessment.After(gradientNorm, settings.StepX, stages.Lambda, null, Math.Max(followers.Norms[Z], followers.Norms[Y]))
                : Math.Min(gradientNorm + stages.Bias(Apart()) + Missed(accuracy), Assessed());
            Learn();
        }

        // z and y for x, and the hypergradient there.
        private void AnswerX(double accuracy)
        {
            SolveFollowers(accuracy);
            for (int i = 0; i < MostRescues && followers.HasGrown && stages.CanRaise && stages.Lambda * constants.LowerStrongConvexity < MostRescues * constants.UpperSmoothness && IsInDomain(); i++)
            {
                // At this lambda f outweighs g, and y has no minimiser to go to.
                y.CopyFrom(point[BilevelProblem.Y]);
                Raise();
                SolveFollowers(accuracy);
            }

            MeasureHypergradient();
        }

        // Whether f and g have gradients at x with the followers of the step before.
        private bool IsInDomain()
        {
            ReturnFollowers();
            MeasureHypergradient();
            return double.IsFinite(gradientNorm);
        }

        private void KeepFollowers()
        {
            keptY.CopyFrom(y);
            keptZ.CopyFrom(point[BilevelProblem.Y]);
        }

        private void ReturnFollowers()
        {
            y.CopyFrom(keptY);
            point[BilevelProblem.Y].CopyFrom(keptZ);
        }

        // The bounds of inner error and bias are worst cases, which rounding times lambda holds up. Where |h| alone would do, |grad F| is estimated anew, at a smaller lambda.
        private double Assessed()
        {
            bool isRough = gradientNorm + stages.Bias(Apart()) + InnerError() > settings.Tolerance;
            bool rests = gradientNorm <= settings.Tolerance / 2 && isRough && !stages.CanRaise;
            if (!rests) (assessedInVain, leastAtRest) = (0, double.PositiveInfinity);
            leastAtRest = Math.Min(leastAtRest, InnerError());
            if (!rests || iterations < nextAssessment) return double.PositiveInfinity;
            nextAssessment = iterations + Math.Max(MostRescues, iterations / 4);
            double assessed = assessment.Now(gradientNorm, settings.StepX, settings.InnerLimit);
            assessedInVain = assessed > settings.Tolerance && followers.EndedByRounding ? assessedInVain + 1 : 0;
            return assessed;
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(point[BilevelProblem.X]);
            archive.Transfer(point[BilevelProblem.Y]);
            archive.Transfer(y);
            archive.Transfer(hypergradient.Direction);
            archive.Transfer(ref gradientNorm);
            LocalConstants.Transfer(archive, ref constants);
            samples.Transfer(archive);
            stages.Transfer(archive);
            mover.Transfer(archive);
            followers.Transfer(archive);
            assessment.Transfer(archive);
            archive.Transfer(ref iterations);
            archive.Transfer(ref nextAssessment);
            archive.Transfer(ref assessedInVain);
            archive.Transfer(ref leastAtRest);
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
                followers.Steps(steps, settings.Accelerated, shares, samples, batch);
                return;
            }

            InnerTolerances.Fill(tolerances, accuracy, lambda, constants);
            followers.Solve(tolerances, settings.InnerLimit, settings.Accelerated, shares);
        }

        private void MeasureHypergradient()
        {
            if (independent) hypergradient.Evaluate(stages.Lambda, NextSample(), NextSample(), NextSample());
            else hypergradient.Evaluate(stages.Lambda, NextSample(), NextSample());
            gradientNorm = mover.Measure(hypergradient.Direction, settings.StepX);
        }

        // The error of the estimate that the last inner gradients allow (penalty methods, sections 2.3 and 2.4).
        private double InnerError()
        {
            double coupling = stages.Lambda * constants.LowerCoupling;
            return ((coupling * followers.Norms[Z]) + (2 * (coupling + constants.UpperCoupling) * followers.Norms[Y])) / constants.LowerStrongConvexity;
        }

        // What the residual does not yet hold of it: nothing where the tolerances were met.
        private double Missed(double accuracy)
        {
            double error = InnerError();
            return settings.InnerSteps is null && error <= accuracy * (1 + 1e-9) ? 0 : error;
        }

        // Constants that are only estimated follow the run: a smaller curvature that the steps met, and all of them after 8, 16, 32, ... iterations.
        private void Learn()
        {
            iterations++;
            var now = constants;
            if (!constants.SmoothnessKnown && batch == 0 && iterations >= 8 && long.IsPow2(iterations)) now = constants.Again(problem, point[BilevelProblem.X], point[BilevelProblem.Y]);
            if (!constants.StrongConvexityKnown && followers.LeastCurvature < now.LowerStrongConvexity) now = now with { LowerStrongConvexity = followers.LeastCurvature };
            if (now == constants) return;
            constants = now;
            followers.SetConstants(constants);
            stages.SetConstants(constants);
            assessment.SetConstants(constants);
        }

        private Sample NextSample() => samples.Next(batch);

        private void MoveX()
        {
            mover.Move(hypergradient.Direction, settings.StepX);
            if (stages.IsDone(gradientNorm)) Raise();
        }

        private void Raise()
        {
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
