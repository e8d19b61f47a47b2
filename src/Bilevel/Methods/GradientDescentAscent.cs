// Plain gradient descent ascent on the penalty function of a bilevel minimax problem (bilevel minimax, section 10),
// for comparison: it cycles on bilinear games.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Gradient descent ascent on the penalty function, simultaneous; for comparison, since it cycles on bilinear games.</summary>
public sealed record GradientDescentAscent : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "gda";

    /// <summary>Accuracy epsilon that is aimed at.</summary>
    [Setting("Accuracy epsilon that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>The penalty parameter.</summary>
    [SettingGroup(typeof(RhoStages))]
    public RhoStages Penalty { get; init; } = new();

    /// <summary>The steps.</summary>
    [SettingGroup(typeof(GameSteps))]
    public GameSteps Steps { get; init; } = new();

    /// <summary>Step of the minimisers as a share of that of the maximisers.</summary>
    [Setting("Step of the minimisers as a share of that of the maximisers.", Min = 1e-6, Max = 1)]
    public double DescentShare { get; init; } = 0.1;

    /// <summary>The reference of section 10: step 0.5/L_h, a tenth of it for w, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static GradientDescentAscent Reference(double tolerance, MinimaxConstants constants)
    {
        var ogda = Ogda.Reference(tolerance, constants);
        return new() { Tolerance = tolerance, Penalty = ogda.Penalty, Steps = ogda.Steps };
    }

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> =>
    [
        .. Penalty.Validate(Tolerance),
        .. Steps.Validate(problem, Penalty.Last(Tolerance)),
        new Finding(Severity.Warning, "Plain gradient descent ascent cycles where the lower level is bilinear (a matrix game, Lagrange multipliers).", "Use it for comparison only; ogda costs the same and does not cycle."),
    ];

    private sealed class Run<V>(GradientDescentAscent settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : GameRun<V>(problem, start, settings.Tolerance, settings.Penalty, settings.Steps)
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
