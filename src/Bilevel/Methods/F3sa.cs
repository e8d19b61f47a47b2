// Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023 (arXiv 2301.10945).
// Problem class: that of F2SA, and the gradients of every sample Lipschitz in mean square.
namespace Bilevel;

/// <summary>
/// F3SA: F2SA with recursive (STORM) estimates of its six gradients, each re-evaluated at the previous point on the same
/// sample. The residual is the norm of the hypergradient estimate; E |grad F| falls like K^(-1/5), K^(-1/4), K^(-1/3)
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

    private sealed class Run<V> : IRun<V>
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
        private LocalConstants constants;
        private SingleLoopSchedule schedule;             // alpha_k, gamma_k, lambda_k, eta_k
        private long k;
        private double lambda;

        public Run(F3sa settings, BilevelProblem<V> problem, V x, V y, ulong seed)
        {
            this.settings = settings;
            lowerSet = problem.LowerSet;
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, NextSample(), couplings: false);
            (this.y, z) = (y, y.Copy());
            point = [x, z];
            (seen, left) = (new[] { x, y, z }.CopyBlocks(), new[] { x, y, z }.CopyBlocks());
            gyz = new(problem.Lower, BilevelProblem.Y, [[x, y], [x, z]], [[seen[0], seen[1]], [seen[0], seen[2]]]);
            fy = new(problem.Upper, BilevelProblem.Y, [[x, y]], [[seen[0], seen[1]]]);
            fx = new(problem.Upper, BilevelProblem.X, [[x, y]], [[left[0], left[1]]]);
            V[] atY = [x, y], atZ = [x, z], leftY = [left[0], left[1]], leftZ = [left[0], left[2]];
            gx = settings.IndependentSamples
                ? [new(problem.Lower, BilevelProblem.X, [atY], [leftY], [1]), new(problem.Lower, BilevelProblem.X, [atZ], [leftZ], [-1])]
                : [new(problem.Lower, BilevelProblem.X, [atY, atZ], [leftY, leftZ], [1, -1])];
            direction = x.ZerosLike();
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
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                double momentum = k == 0 && t == 0 ? 1 : Eta();
                gyz.Evaluate(NextSample(), momentum);
                fy.Evaluate(NextSample(), momentum);
                Remember(seen);
                z.AddScaled(-stepZ, gyz.Values[1]);
                y.AddScaled(-stepY, fy.Values[0]);
                y.AddScaled(-stepY * lambda, gyz.Values[0]);
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
            Residual = mover.Measure(direction, stepX);
            mover.Move(direction, stepX);
            k++;
            lambda = schedule.Lambda(k, lambda);
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer("x", point[BilevelProblem.X]);
            archive.Transfer("y", y);
            archive.Transfer("z", z);
            archive.Transfer("last inner point", seen);
            archive.Transfer("last outer point", left);
            archive.Transfer("g_y", gyz.Values);
            archive.Transfer("f_y", fy.Values);
            archive.Transfer("f_x", fx.Values);
            foreach (var estimate in gx) archive.Transfer("g_x", estimate.Values);
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

        private double Eta() => settings.Eta ?? (settings.Batch == 0 ? 1 : settings.Schedule == F2saSchedule.Matched ? 0.1 : schedule.Eta(k));

        private void Remember(V[] place)
        {
            place[0].CopyFrom(point[BilevelProblem.X]);
            place[1].CopyFrom(y);
            place[2].CopyFrom(z);
        }

        private Sample NextSample() => samples.Next(settings.Batch);
    }
}
