// Smoothed extragradient on the penalty function of a bilevel minimax problem (bilevel minimax, section 10):
// extragradient on P + (weight/2)|w - wBar|^2 with a centre wBar that follows w slowly.
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); exact gradients.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Smoothed extragradient on the penalty function: slower, for problems whose leader makes the others cycle.</summary>
public sealed record SmoothedExtragradient : PenaltyMethod
{
    // The blocks of w, which the added term makes strongly convex.
    private static readonly int[] Minimisers = [X1, Y1, Y2];

    /// <inheritdoc/>
    public override string Name => "smoothed-extragradient";

    /// <summary>Share of the way to w that the centre goes in an iteration.</summary>
    [Setting("Share of the way to w that the centre goes in an iteration.", Min = 1e-6, Max = 1)]
    public double CentreShare { get; init; } = 0.2;

    /// <summary>Weight of |w - centre|^2 as a multiple of 1/s.</summary>
    [Setting("Weight of |w - centre|^2 as a multiple of 1/s.", Min = 0, Max = 10)]
    public double Smoothing { get; init; } = 1.0 / 6;

    /// <summary>The reference of section 10: step 0.5/(3 L_h), weight L_h, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static SmoothedExtragradient Reference(double tolerance, MinimaxConstants constants) => Reference(new SmoothedExtragradient(), tolerance, constants, 0.5 / 3);

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start);

    private sealed class Run<V>(SmoothedExtragradient settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : PenaltyRun<V>(problem, start, settings.Tolerance, settings.Schedule, settings.Steps)
        where V : class, IVector<V>
    {
        private readonly V[] centre = start.CopyBlocks();             // wBar

        protected override void Iterate()
        {
            double step;
            do
            {
                step = Search.Step;
                Direction.CopyFrom(Rows);
                foreach (int b in Minimisers) Pull(b, Origin(b), step);
                Advance(step);
            }
            while (!IsAccepted());

            Direction.CopyFrom(F);
            foreach (int b in Minimisers) Pull(b, U[b], step);
            Advance(step);
            Conclude(step);
            foreach (int b in Minimisers)
            {
                // wBar = wBar + share (w - wBar)
                centre[b].Scale(1 - settings.CentreShare);
                centre[b].AddScaled(settings.CentreShare, U[b]);
            }
        }

        protected override void Restart() => centre.CopyFrom(U);

        protected override void TransferMore(IArchive<V> archive) => archive.Transfer(centre);

        // The gradient of weight |w - wBar|^2 at a point, added to the direction.
        private void Pull(int block, V at, double step)
        {
            double weight = settings.Smoothing / (step * Factors[block]);
            Direction[block].AddScaled(2 * weight, at);
            Direction[block].AddScaled(-2 * weight, centre[block]);
        }
    }
}
