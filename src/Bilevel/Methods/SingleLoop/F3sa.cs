// Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023 (arXiv 2301.10945).
// Problem class: that of F2SA, and the gradients of every sample Lipschitz in mean square.
namespace Bilevel;

/// <summary>
/// F3SA: F2SA with recursive (STORM) estimates of its six gradients, each re-evaluated at the previous point on the same
/// sample. The residual is that of F2SA. E |grad F| falls like K^(-1/5), K^(-1/4), K^(-1/3)
/// under the published schedules with noise in both, in f only, in neither.
/// </summary>
public sealed record F3sa : SingleLoopMethod
{
    /// <inheritdoc/>
    public override string Name => "f3sa";

    /// <summary>Momentum eta of the estimates, the weight of the fresh gradient; 1 is F2SA. Auto takes (k + k0)^(-2c) under the published schedules and 0.1 under matched, and 1 where gradients are exact.</summary>
    [Setting("Momentum eta of the estimates, the weight of the fresh gradient; 1 is F2SA. Auto takes (k + k0)^(-2c) under the published schedules and 0.1 under matched, and 1 where gradients are exact.", Min = 1e-6, Max = 1)]
    public double? Eta { get; init; }

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed) => new Run<V>(this, problem, x.Copy(), y.Copy(), seed);

    private static (double A, double C) Exponents(F2saSchedule schedule) => schedule switch
    {
        F2saSchedule.NoiseInBoth => (3.0 / 5, 2.0 / 5),
        F2saSchedule.NoiseInUpper => (1.0 / 2, 1.0 / 4),
        _ => (1.0 / 3, 0.0),
    };

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private readonly F3sa settings;
        private readonly IFeasibleSet<V> lowerSet;
        private readonly V[] point;                      // x_k and z_k
        private readonly V y, z;                         // y -> y_lambda*(x), z -> y*(x)
        private readonly V[] seen;                       // the x, y, z of the last inner step
        private readonly V[] left;                       // the x, y, z of the last step of x
        private readonly RecursiveEstimate<V> gyz;       // g_y at (x, y) and (x, z), one sample
        private readonly RecursiveEstimate<V> fy;        // f_y at (x, y)
        private readonly RecursiveEstimate<V> fx;        // f_x at (x, y)
        private readonly RecursiveEstimate<V>[] gx;      // g_x(x, y) - g_x(x, z): the published two estimates are linear in it
        private readonly V direction;
        private readonly UpperMover<V> mover;
        private readonly SampleStream samples;
        private readonly HypergradientAssessment<V> assessment;
        private readonly StepGuard<V>? guard;            // where the steps come from estimated constants
        private LocalConstants constants;
        private SingleLoopSchedule schedule;             // alpha_k, gamma_k, lambda_k, eta_k
        private double estimate = double.NaN;   // |h|
        private long k, brokenSteps;
        private double lambda;
        private double limit;                            // of lambda

        public Run(F3sa settings, BilevelProblem<V> problem, V x, V y, ulong seed)
        {
            this.settings = settings;
            lowerSet = problem.LowerSet;
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, NextSample());
            (this.y, z) = (y, y.Copy());
            point = [x, z];
            bool adapts = settings.Adapts(constants);
            (seen, left) = (new[] { x, y, z }.CopyBlocks(), new[] { x, y, z }.CopyBlocks());
            gyz = new(problem.Lower, BilevelProblem.Y, [[x, y], [x, z]], [[seen[0], seen[1]], [seen[0], seen[2]]], values: adapts);
            fy = new(problem.Upper, BilevelProblem.Y, [[x, y]], [[seen[0], seen[1]]], values: adapts);
            fx = new(problem.Upper, BilevelProblem.X, [[x, y]], [[left[0], left[1]]]);
            V[] atY = [x, y], atZ = [x, z], leftY = [left[0], left[1]], leftZ = [left[0], left[2]];
            gx = settings.IndependentSamples
                ? [new(problem.Lower, BilevelProblem.X, [atY], [leftY], [1]), new(problem.Lower, BilevelProblem.X, [atZ], [leftZ], [-1])]
                : [new(problem.Lower, BilevelProblem.X, [atY, atZ], [leftY, leftZ], [1, -1])];
            direction = x.ZerosLike();
            mover = settings.Upper.Start(x, problem.UpperSet);
            lambda = settings.Lambda;
            limit = settings.LambdaLimit ?? Math.Max(SingleLoopMethod.FirstLimit, lambda);
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
            assessment = new HypergradientAssessment<V>(problem, x, y, z, constants, settings.InnerSteps, settings.Batch, seed);
            if (adapts) guard = new StepGuard<V>(problem, x, y, z);
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
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                double momentum = k == 0 && t == 0 ? 1 : Eta();
                gyz.Evaluate(NextSample(), momentum);
                fy.Evaluate(NextSample(), momentum);
                double share = Guarded(t);
                Remember(seen);
                z.AddScaled(-stepZ * share, gyz.Values[1]);
                y.AddScaled(-stepY * share, fy.Values[0]);
                y.AddScaled(-stepY * share * lambda, gyz.Values[0]);
                lowerSet.Project(z);
                lowerSet.Project(y);
            }

            double eta = k == 0 ? 1 : Eta();
            fx.Evaluate(NextSample(), eta);
            direction.CopyFrom(fx.Values[0]);
            foreach (var estimate in gx)
            {
                estimate.Evaluate(NextSample(), eta);
                direction.AddScaled(lambda, estimate.Values[0]);
            }

            Remember(left);
            double norm = estimate = mover.Measure(direction, stepX);
            k++;
            if (guard is not null && !double.IsFinite(norm) && ++brokenSteps < StepGuard<V>.MostBroken)
            {
                // The followers have left the domain; the next inner step takes them back.
                Residual = assessment.AfterBreakdown(Residual, lambda, gyz.Values[1]);
                return;
            }

            brokenSteps = 0;
            mover.Move(direction, stepX);
            Residual = assessment.After(norm, stepX, lambda, gyz.Values[1]);
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
            archive.Transfer(seen);
            archive.Transfer(left);
            archive.Transfer(gyz.Values);
            archive.Transfer(fy.Values);
            archive.Transfer(fx.Values);
            foreach (var estimate in gx) archive.Transfer(estimate.Values);
            archive.Transfer(ref k);
            archive.Transfer(ref lambda);
            archive.Transfer(ref estimate);
            LocalConstants.Transfer(archive, ref constants);
            samples.Transfer(archive);
            mover.Transfer(archive);
            assessment.Transfer(archive);
            guard?.Transfer(archive);
            archive.Transfer(ref limit);
            archive.Transfer(ref brokenSteps);
            schedule = new SingleLoopSchedule(settings, Exponents(settings.Schedule), constants);
        }

        private double Eta() => settings.Eta ?? (settings.Batch == 0 ? 1 : settings.Schedule == F2saSchedule.Matched ? 0.1 : schedule.Eta(k));

        // y - z is of first order in 1/lambda: what lambda gains late, when y and z have settled, sets nothing in motion.
        private void Draw(double share)
        {
            y.AddScaled(-1, z);
            y.Scale(share);
            y.AddScaled(1, z);
            lowerSet.Project(y);
        }

        // The share of the steps to take from here, after going back from points that the steps should not have led to.
        private double Guarded(int t)
        {
            if (guard is null) return 1;
            if (!guard.Accepts(gyz.Values[1], gyz.Values[0], fy.Values[0], lambda, constants.LowerCoupling, gyz.Exists && fy.Exists, t > 0 || settings.InnerSteps == 1))
            {
                gyz.Evaluate(NextSample(), 1);
                fy.Evaluate(NextSample(), 1);
            }

            return guard.Share;
        }

        private void Remember(V[] place)
        {
            place[0].CopyFrom(point[BilevelProblem.X]);
            place[1].CopyFrom(y);
            place[2].CopyFrom(z);
        }

        private Sample NextSample() => samples.Next(settings.Batch);
    }
}
