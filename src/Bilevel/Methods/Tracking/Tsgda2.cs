// TSGDA-2: two-timescale stochastic gradient descent ascent, nested (stability, sections 9, 12 and 13).
// Problem class: that of SSGDA. With many steps of either player it becomes best response after best response, which does
// not reach the saddle of every game.
namespace Bilevel;

/// <summary>TSGDA-2: K descent steps of the lower minimiser, then Q ascent steps of the lower maximiser, per step of x.</summary>
public sealed record Tsgda2 : SaddleTrackingMethod
{
    /// <inheritdoc/>
    public override string Name => "tsgda-2";

    /// <summary>Number K of steps of the lower minimiser.</summary>
    [Setting("Number K of steps of the lower minimiser.", Min = 1)]
    public int InnerSteps { get; init; } = 5;

    /// <summary>Number Q of steps of the lower maximiser.</summary>
    [Setting("Number Q of steps of the lower maximiser.", Min = 1)]
    public int MaximiserSteps { get; init; } = 5;

    /// <summary>Takes the samples of the minimiser's steps again for those of the maximiser, which takes as many; with one step of each this is SSGDA.</summary>
    [Setting("Takes the samples of the minimiser's steps again for those of the maximiser, which takes as many; with one step of each this is SSGDA.")]
    public bool SharedSamples { get; init; }

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start, seed);

    /// <inheritdoc/>
    public override IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
    {
        foreach (var finding in base.Validate(problem)) yield return finding;
        if (SharedSamples && InnerSteps != MaximiserSteps)
            yield return new Finding(Severity.Error, FormattableString.Invariant($"shared-samples needs as many steps of the maximiser as of the minimiser, and there are {MaximiserSteps} and {InnerSteps}."), "Give inner-steps and maximiser-steps the same value.");
    }

    private sealed class Run<V> : SaddleTrackingRun<V>
        where V : class, IVector<V>
    {
        private readonly Tsgda2 settings;
        private readonly LowerSamples zetaK, zetaQ;

        public Run(Tsgda2 settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            : base(settings, problem, start, seed)
        {
            this.settings = settings;
            (zetaK, zetaQ) = (Samples(seed, 0), Samples(seed, settings.SharedSamples ? 0 : 1));
        }

        protected override void Iterate()
        {
            zetaK.Next();
            MoveLeader(zetaK);                               // xNew = x - stepUpper(t) d_x f(x, y, z; xi)
            for (int k = 0; k < settings.InnerSteps; k++)
            {
                if (k > 0) zetaK.Next();
                MoveY(k, zetaK, measure: k == 0);            // y = y - stepLowerMin(k) d_y g(xNew, y, z_t0; zeta_k)
            }

            for (int q = 0; q < settings.MaximiserSteps; q++)
            {
                zetaQ.Next();
                MoveZ(q, zetaQ, measure: q == 0);            // z = z + stepLowerMax(q) d_z g(xNew, y_K, z; zeta_q)
            }
        }

        protected override void TransferSamples(IArchive archive)
        {
            zetaK.Transfer(archive);
            zetaQ.Transfer(archive);
        }
    }
}
