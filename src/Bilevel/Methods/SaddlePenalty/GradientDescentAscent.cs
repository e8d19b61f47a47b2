// Plain gradient descent ascent on the penalty function of a bilevel minimax problem (bilevel minimax, section 10),
// for comparison: it cycles on bilinear games.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Gradient descent ascent on the penalty function, simultaneous; for comparison, since it cycles on bilinear games.</summary>
public sealed record GradientDescentAscent : PenaltyMethod
{
    /// <inheritdoc/>
    public override string Name => "gda";

    /// <summary>Step of the minimisers as a share of that of the maximisers.</summary>
    [Setting("Step of the minimisers as a share of that of the maximisers.", Min = 1e-6, Max = 1)]
    public double DescentShare { get; init; } = 0.1;

    /// <summary>The reference of section 10: step 0.5/L_h, a tenth of it for w, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static GradientDescentAscent Reference(double tolerance, MinimaxConstants constants) => Reference(new GradientDescentAscent(), tolerance, constants, 0.5);

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public override IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem) =>
    [
        .. base.Validate(problem),
        new Finding(Severity.Warning, "Plain gradient descent ascent cycles where the lower level is bilinear (a matrix game, Lagrange multipliers).", "Use it for comparison only; ogda costs the same and does not cycle."),
    ];

    private sealed class Run<V>(GradientDescentAscent settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : PenaltyRun<V>(problem, start, settings.Tolerance, settings.Schedule, settings.Steps)
        where V : class, IVector<V>
    {
        protected override void Iterate()
        {
            // u+ = prox(u - s F(u)), with a smaller s for w
            Direction.CopyFrom(Rows);
            double step;
            do
            {
                step = Search.Step;
                Advance(step);
            }
            while (!IsAccepted());

            Conclude(step);
        }

        protected override double Share(int block) => block is X1 or Y1 or Y2 ? settings.DescentShare : 1;
    }
}
