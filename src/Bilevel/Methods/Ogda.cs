// OGDA: the optimistic gradient method on the penalty function of a bilevel minimax problem
// (bilevel minimax, section 10; Popov 1980; the penalty function is that of Shen, He, Wang, Lin, arXiv 2605.08006).
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); exact gradients.
// The penalty function is not convex in w and no theorem covers the method there: the certificate decides.
namespace Bilevel;

/// <summary>OGDA, the optimistic gradient method on the penalty function: one evaluation of its six rows per iteration.</summary>
public sealed record Ogda : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "ogda";

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
    public static Ogda Reference(double tolerance, MinimaxConstants constants)
    {
        ArgumentNullException.ThrowIfNull(constants);
        return new()
        {
            Tolerance = tolerance,
            Penalty = new RhoStages { Rho = 1 / tolerance, SaddleSteps = 0 },
            Steps = GameSteps.Fixed(0.5 / (constants.PenaltySmoothness(1 / tolerance) ?? throw new ArgumentException("The reference needs both L_f and L_g.", nameof(constants)))),
        };
    }

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> => [.. Penalty.Validate(Tolerance), .. Steps.Validate(problem, Penalty.Last(Tolerance))];

    private sealed class Run<V>(Ogda settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        : GameRun<V>(problem, start, settings.Tolerance, settings.Penalty, settings.Steps)
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

        protected override void TransferMore(IArchive<V> archive) => archive.Transfer("F(u) - F(u before)", changeBefore);
    }
}
