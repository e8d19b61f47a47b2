// Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023 (arXiv 2301.10945).
// Problem class: g(x, .) strongly convex, f and g smooth; x in a closed convex set; exact or sampled gradients.
namespace Bilevel;

/// <summary>
/// F2SA: a single loop (or T inner steps) over two followers, z on g and y on f + lambda g, with growing lambda.
/// The residual is the norm of the hypergradient estimate; E |grad F| falls like K^(-1/7), K^(-1/5), K^(-1/3) under
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
        private LocalConstants constants;
        private SingleLoopSchedule schedule;             // alpha_k, gamma_k, lambda_k
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
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => lambda;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            var (stepZ, stepY, stepX) = schedule.Steps(k, lambda);
            Sample ofLower = default, ofUpper = default;
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                if (t == 0 || !settings.SamplePerIteration) (ofLower, ofUpper) = (NextSample(), NextSample());
                followers.Evaluate(ofLower);
                leader.Evaluate(ofUpper);
                z.AddScaled(-stepZ, gz);
                y.AddScaled(-stepY, fy);
                y.AddScaled(-stepY * lambda, gy);
                lowerSet.Project(z);
                lowerSet.Project(y);
            }

            if (settings.IndependentSamples) hypergradient.Evaluate(lambda, NextSample(), NextSample(), NextSample());
            else if (settings.SamplePerIteration) hypergradient.Evaluate(lambda, ofUpper, ofLower);
            else hypergradient.Evaluate(lambda, NextSample(), NextSample());
            Residual = mover.Measure(hypergradient.Direction, stepX);
            mover.Move(hypergradient.Direction, stepX);
            k++;
            lambda = schedule.Lambda(k, lambda);
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
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
        }

        private Sample NextSample() => samples.Next(settings.Batch);
    }
}
