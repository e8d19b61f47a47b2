// Extragradient on the penalty function of a bilevel minimax problem (bilevel minimax, section 10; Korpelevich 1976).
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); exact gradients.
namespace Bilevel;

/// <summary>Extragradient on the penalty function: two evaluations of its six rows per iteration.</summary>
public sealed record Extragradient : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "extragradient";

    /// <summary>Accuracy epsilon that is aimed at.</summary>
    [Setting("Accuracy epsilon that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>The penalty parameter.</summary>
    [SettingGroup(typeof(RhoStages))]
    public RhoStages Penalty { get; init; } = new();

    /// <summary>The steps.</summary>
    [SettingGroup(typeof(GameSteps))]
    public GameSteps Steps { get; init; } = new();

    /// <summary>The reference of section 10: step 0.5/L_h for all blocks, rho = 1/epsilon, from the given start.</summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    public static Extragradient Reference(double tolerance, MinimaxConstants constants)
    {
        var ogda = Ogda.Reference(tolerance, constants);
        return new() { Tolerance = tolerance, Penalty = ogda.Penalty, Steps = ogda.Steps };
    }

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> => [.. Penalty.Validate(Tolerance), .. Steps.Validate(problem, Penalty.Last(Tolerance))];

    private sealed class Run<V>(Extragradient settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : GameRun<V>(problem, start, settings.Tolerance, settings.Penalty, settings.Steps)
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
