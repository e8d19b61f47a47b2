// Extragradient on the penalty function of a bilevel minimax problem (bilevel minimax, section 10; Korpelevich 1976).
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); exact gradients.
namespace Bilevel;

/// <summary>Extragradient on the penalty function: two evaluations of its six rows per iteration.</summary>
public sealed record Extragradient : PenaltyMethod
{
    /// <inheritdoc/>
    public override string Name => "extragradient";

    /// <summary>The reference of section 10: step 0.5/L_h for all blocks, rho = 1/epsilon, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static Extragradient Reference(double tolerance, MinimaxConstants constants) => Reference(new Extragradient(), tolerance, constants, 0.5);

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start);

    private sealed class Run<V>(Extragradient settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : PenaltyRun<V>(problem, start, settings.Tolerance, settings.Schedule, settings.Steps)
        where V : class, IVector<V>
    {
        protected override void Iterate()
        {
            // half = prox(u - s F(u)), u+ = prox(u - s F(half))
            Direction.CopyFrom(Rows);
            double step;
            do
            {
                step = Search.Step;
                Advance(step);
            }
            while (!IsAccepted());

            Direction.CopyFrom(F);
            Advance(step);
            Conclude(step);
        }
    }
}
