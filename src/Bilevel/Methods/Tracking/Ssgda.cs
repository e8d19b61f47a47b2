// SSGDA: single-timescale stochastic gradient descent ascent for bilevel minimax problems, from the literature on the
// stability of first-order bilevel minimax methods (stability, sections 9, 10 and 13).
// Problem class: f smooth, g smooth and strongly convex-strongly concave in (z1, z2), with simple terms; one sample of each
// level per iteration. An x2, which the published problem does not have, ascends f beside x1.
namespace Bilevel;

/// <summary>
/// SSGDA: one alternating descent ascent step of the lower level per step of x, all on one sample. Follows the
/// hyperobjective unless its upper gradient is partial, the published one.
/// </summary>
public sealed record Ssgda : SaddleTrackingMethod
{
    /// <inheritdoc/>
    public override string Name => "ssgda";

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start, seed);

    private sealed class Run<V> : SaddleTrackingRun<V>
        where V : class, IVector<V>
    {
        private readonly LowerSamples zeta;

        public Run(Ssgda settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            : base(settings, problem, start, seed) => zeta = Samples(seed, 0);

        protected override void Iterate()
        {
            zeta.Next();
            MoveLeader(zeta);                                // xNew = x - stepUpper(t) d_x f(x, y, z; xi)
            MoveY(Iteration, zeta, measure: true);           // yNew = y - stepLowerMin(t) d_y g(xNew, y, z; zeta)
            MoveZ(Iteration, zeta, measure: true);           // zNew = z + stepLowerMax(t) d_z g(xNew, yNew, z; zeta)
        }

        protected override void TransferSamples(IArchive archive) => zeta.Transfer(archive);
    }
}
