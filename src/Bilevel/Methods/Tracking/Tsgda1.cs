// TSGDA-1: two-timescale stochastic gradient descent ascent, interleaved (stability, sections 9, 11 and 13).
// Problem class: that of SSGDA.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Where the lower pair of a two-timescale method begins in every outer iteration.</summary>
public enum Initialisation
{
    /// <summary>Where the iteration before left it.</summary>
    Warm,

    /// <summary>At the start of the run.</summary>
    Reinit,
}

/// <summary>TSGDA-1: K alternating descent ascent steps of the lower level, y and z in turn, per step of x; with K = 1 it is SSGDA.</summary>
public sealed record Tsgda1 : SaddleTrackingMethod
{
    /// <inheritdoc/>
    public override string Name => "tsgda-1";

    /// <summary>Number K of inner steps.</summary>
    [Setting("Number K of inner steps.", Min = 1)]
    public int InnerSteps { get; init; } = 5;

    /// <summary>Where the lower pair begins in every outer iteration: where it was (warm), or at the start of the run (reinit).</summary>
    [Setting("Where the lower pair begins in every outer iteration: where it was (warm), or at the start of the run (reinit).")]
    public Initialisation Initialisation { get; init; }

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start, seed);

    private sealed class Run<V> : SaddleTrackingRun<V>
        where V : class, IVector<V>
    {
        private readonly Tsgda1 settings;
        private readonly V startY, startZ;
        private readonly LowerSamples zeta;

        public Run(Tsgda1 settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            : base(settings, problem, start, seed)
        {
            this.settings = settings;
            (startY, startZ) = (start[Y1].Copy(), start[Y2].Copy());
            zeta = Samples(seed, 0);
        }

        protected override void Iterate()
        {
            bool warm = settings.Initialisation == Initialisation.Warm;
            zeta.Next();
            MoveLeader(zeta);                                // xNew = x - stepUpper(t) d_x f(x, y_0, z_0; xi)
            if (!warm) Reinitialise(startY, startZ);
            for (int k = 0; k < settings.InnerSteps; k++)
            {
                // The first warm step shows how far the point was from stationary, the last one after a new start how far it is.
                bool measure = warm ? k == 0 : k == settings.InnerSteps - 1;
                if (k > 0) zeta.Next();                      // one zeta_k per k
                MoveY(k, zeta, measure);                     // y = y - stepLowerMin(k) d_y g(xNew, y, z; zeta_k)
                MoveZ(k, zeta, measure);                     // z = z + stepLowerMax(k) d_z g(xNew, y, z; zeta_k)
            }
        }

        protected override void TransferSamples(IArchive archive) => zeta.Transfer(archive);
    }
}
