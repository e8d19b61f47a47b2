// Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023 (arXiv 2301.10945).
// Problem class: g(x, .) strongly convex, f and g smooth; x in a closed convex set; exact or sampled gradients.
namespace Bilevel;

/// <summary>
/// F2SA: a single loop (or T inner steps) over two followers, z on g and y on f + lambda g, with growing lambda.
/// The residual is what an occasional solve of the followers at x says of |grad F|, error bounds included, and never less than
/// the norm of the hypergradient estimate; on minibatches it is a bound that does not fall to a tolerance. E |grad F| falls like K^(-1/7), K^(-1/5), K^(-1/3) under
/// the published schedules with noise in both, in f only, in neither.
/// </summary>
public sealed record F2sa : SingleLoopMethod
{
    /// <inheritdoc/>
    public override string Name => "f2sa";

    /// <summary>Draws one sample per iteration for f and one for g, and uses them in all inner steps and for the hypergradient: cheaper, since the data stay near.</summary>
    [Setting("Draws one sample per iteration for f and one for g, and uses them in all inner steps and for the hypergradient: cheaper, since the data stay near.")]
    public bool SamplePerIteration { get; init; }

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed) => new Run<V>(this, problem, x.Copy(), y.Copy(), seed);

    /// <inheritdoc/>
    public override IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
    {
        foreach (var finding in base.Validate(problem)) yield return finding;
        if (SamplePerIteration && IndependentSamples) yield return new Finding(Severity.Error, "sample-per-iteration and independent-samples contradict each other.", "Take one of the two.");
    }

    // Corollary 4.2.
    private static (double A, double C) Exponents(F2saSchedule schedule) => schedule switch
    {
        F2saSchedule.NoiseInBoth => (5.0 / 7, 4.0 / 7),
        F2saSchedule.NoiseInUpper => (3.0 / 5, 2.0 / 5),
        _ => (1.0 / 3, 0.0),
    };

    private sealed class Run<V> : MethodRun<V>
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
        private readonly HypergradientAssessment<V> assessment;
        private readonly StepGuard<V>? guard;            // where the steps come from estimated constants
        private LocalConstants constants;
        private SingleLoopSchedule schedule;             // alpha_k, gamma_k, lambda_k
        private double estimate = double.NaN;   // |h|
        private long k, brokenSteps;
        private double lambda;
        private double limit;                            // of lambda

        public Run(F2sa settings, BilevelProblem<V> problem, V x, V y, ulong seed)
        {
            this.settings = settings;
            lowerSet = problem.LowerSet;
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, NextSample());
            (this.y, z) = (y, y.Copy());
            point = [x, z];
            (gy, gz, fy) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
            followers = new(problem.Lower, [[x, y], [x, z]], [new(BilevelProblem.Y, 0, gy), new(BilevelProblem.Y, 1, gz)], values: settings.Adapts(constants));
            leader = new(problem.Upper, [[x, y]], [new(BilevelProblem.Y, 0, fy)], values: settings.Adapts(constants));
            hypergradient = new PenaltyGradient<V>(problem, x, y, z);
            mover = settings.Upper.Start(x, problem.UpperSet);
            lambda = settings.Lambda;
            limit = settings.LambdaLimit ?? Math.Max(SingleLoopMethod.FirstLimit, lambda);
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
            assessment = new HypergradientAssessment<V>(problem, x, y, z, constants, settings.InnerSteps, settings.Batch, seed);
            if (settings.Adapts(constants)) guard = new StepGuard<V>(problem, x, y, z);
        }

        public override double Estimate => estimate;

        public override string? Remark => assessment.Remark;

        public override (SolveStatus Status, string Reason)? Settled(double tolerance) => settings.Settled(lambda, Estimate, assessment.Resting(Estimate, tolerance), tolerance);

        public override string Advice => settings.Advice;

        public override double Penalty => lambda;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            var (stepZ, stepY, stepX) = schedule.Steps(k, lambda);
            Sample ofLower = default, ofUpper = default;
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                if (t == 0 || !settings.SamplePerIteration) (ofLower, ofUpper) = (NextSample(), NextSample());
                followers.Evaluate(ofLower);
                leader.Evaluate(ofUpper);
                double share = Guarded(t, ofLower, ofUpper);
                z.AddScaled(-stepZ * share, gz);
                y.AddScaled(-stepY * share, fy);
                y.AddScaled(-stepY * share * lambda, gy);
                lowerSet.Project(z);
                lowerSet.Project(y);
            }

            if (settings.IndependentSamples) hypergradient.Evaluate(lambda, NextSample(), NextSample(), NextSample());
            else if (settings.SamplePerIteration) hypergradient.Evaluate(lambda, ofUpper, ofLower);
            else hypergradient.Evaluate(lambda, NextSample(), NextSample());
            double norm = estimate = mover.Measure(hypergradient.Direction, stepX);
            k++;
            if (guard is not null && !double.IsFinite(norm) && ++brokenSteps < StepGuard<V>.MostBroken)
            {
                // The followers have left the domain; the next inner step takes them back.
                Residual = assessment.AfterBreakdown(Residual, lambda, gz);
                return;
            }

            brokenSteps = 0;
            mover.Move(hypergradient.Direction, stepX);
            Residual = assessment.After(norm, stepX, lambda, gz);
            if (settings.RaisesLambda && lambda >= limit && assessment.WantsLargerLambda(norm, lambda)) limit *= 10;
            double before = lambda;
            lambda = schedule.Lambda(k, lambda, limit);
            if (settings.RaisesLambda && lambda > Math.Max(before, SingleLoopMethod.FirstLimit)) Draw(before / lambda);
            if (guard?.Measures(ref constants) == true) schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(point[BilevelProblem.X]);
            archive.Transfer(y);
            archive.Transfer(z);
            archive.Transfer(ref k);
            archive.Transfer(ref lambda);
            archive.Transfer(ref estimate);
            LocalConstants.Transfer(archive, ref constants);
            samples.Transfer(archive);
            mover.Transfer(archive);
            archive.Transfer(gz);
            assessment.Transfer(archive);
            guard?.Transfer(archive);
            archive.Transfer(ref limit);
            archive.Transfer(ref brokenSteps);
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
        }

        // y - z is of first order in 1/lambda: what lambda gains late, when y and z have settled, sets nothing in motion.
        private void Draw(double share)
        {
            y.AddScaled(-1, z);
            y.Scale(share);
            y.AddScaled(1, z);
            lowerSet.Project(y);
        }

        // The share of the steps to take from here, after going back from points that the steps should not have led to.
        private double Guarded(int t, Sample ofLower, Sample ofUpper)
        {
            if (guard is null) return 1;
            bool exists = double.IsFinite(followers.Values[0] + followers.Values[1] + leader.Values[0]);
            if (!guard.Accepts(gz, gy, fy, lambda, constants.LowerCoupling, exists, t > 0 || settings.InnerSteps == 1))
            {
                followers.Evaluate(ofLower);
                leader.Evaluate(ofUpper);
            }

            return guard.Share;
        }

        private Sample NextSample() => samples.Next(settings.Batch);
    }
}
