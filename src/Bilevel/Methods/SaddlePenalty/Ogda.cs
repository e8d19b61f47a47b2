// OGDA: the optimistic gradient method on the penalty function of a bilevel minimax problem
// (bilevel minimax, section 10; Popov 1980; the penalty function is that of Shen, He, Wang, Lin, arXiv 2605.08006).
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); exact gradients.
// The penalty function is not convex in w and no theorem covers the method there: the certificate decides.
namespace Bilevel;

/// <summary>OGDA, the optimistic gradient method on the penalty function: one evaluation of its six rows per iteration.</summary>
public sealed record Ogda : PenaltyMethod
{
    /// <inheritdoc/>
    public override string Name => "ogda";

    /// <summary>The reference of section 10: step 0.5/L_h for all blocks, rho = 1/epsilon, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static Ogda Reference(double tolerance, MinimaxConstants constants) => Reference(new Ogda(), tolerance, constants, 0.5);

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start);

    private sealed class Run<V>(Ogda settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : PenaltyRun<V>(problem, start, settings.Tolerance, settings.Schedule, settings.Steps)
        where V : class, IVector<V>
    {
        private V[] changeBefore = start.ZeroBlocks();                // F(u_k) - F(u_{k-1})

        protected override void Iterate()
        {
            double step;
            do
            {
                // u_{k+1} = prox(u_k - s_k F(u_k) - s_{k-1} (F(u_k) - F(u_{k-1})))
                step = Search.Step;
                Direction.CopyFrom(Rows);
                Direction.AddScaled(Search.Last / step, changeBefore);
                Advance(step);
            }
            while (!IsAccepted());

            Conclude(step);
            (changeBefore, Change) = (Change, changeBefore);
        }

        protected override void Restart() => changeBefore.Scale(0);

        protected override void TransferMore(IArchive<V> archive) => archive.Transfer(changeBefore);
    }
}
