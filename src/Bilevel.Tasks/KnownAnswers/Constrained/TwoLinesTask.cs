using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="TwoLinesTask"/>.</summary>
internal sealed record TwoLinesSettings
{
    /// <summary>Load-shed: as much lost load as possible; critical-load: a true leader, who counts critical load ten times.</summary>
    [Setting("Load-shed: as much lost load as possible; critical-load: a true leader, who counts critical load ten times.")]
    public TwoLinesInstance Instance { get; init; }

    /// <summary>Budget of the attack: the sum of both lines' attacks, each at most 1.</summary>
    [Setting("Budget of the attack: the sum of both lines' attacks, each at most 1.", Min = 0, Max = 2)]
    public double Budget { get; init; } = 1;

    /// <summary>Start of the attack on line 1. Where the start sheds no load, the methods rightly stay.</summary>
    [Setting("Start of the attack on line 1. Where the start sheds no load, the methods rightly stay.", Min = 0, Max = 1)]
    public double Start1 { get; init; } = 0.4;

    /// <summary>Start of the attack on line 2.</summary>
    [Setting("Start of the attack on line 2.", Min = 0, Max = 1)]
    public double Start2 { get; init; } = 0.1;
}

/// <summary>
/// An attack on two parallel lines (applications, section 1.7, T1 and T2): the leader raises their impedances within a
/// budget, the grid operator answers by a DC power flow with least load shed. The smallest grid task, with everything
/// known: two equally good answers, and a flat region around the symmetric attack.
/// </summary>
internal sealed class TwoLinesTask : TaskOf<TwoLinesSettings>
{
    /// <inheritdoc/>
    public override string Name => "two-lines";

    /// <inheritdoc/>
    public override string Summary => "An attack on two parallel power lines, with the grid operator's dispatch as the lower level.";

    /// <inheritdoc/>
    public override TaskInstance Create(TwoLinesSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem of those settings, started at the operator's zero and multipliers zero.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(TwoLinesSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var grid = new TwoLines(settings.Instance);
        var problem = grid.Problem(settings.Budget);
        var start = Vectors.Of(settings.Start1, settings.Start2);
        problem.X1.Project(start);
        double best = TwoLines.BestShed(settings.Budget);
        return new MinimaxInstance<DenseVector<double>>(problem, BilevelMinimaxProblem.Start(start, Vectors.Zeros(grid.LowerCount), Vectors.Zeros(TwoLines.Limits + TwoLines.Balances)))
        {
            Components = v => v.ToDoubles(),
            Answer = new KnownAnswer<DenseVector<double>>
            {
                UpperValue = grid.UpperPerShed * best,
                Accuracy = 1e-12,
                LowerSolution = a => grid.Saddle(a).Z1,
                Hyperobjective = a => grid.UpperPerShed * TwoLines.Shed(a.Span),
                Hypergradient = a =>
                {
                    var gradient = TwoLines.ShedGradient(a.Span);
                    gradient.Scale(grid.UpperPerShed);
                    return gradient;
                },
                Saddle = grid.Saddle,
                Gap = grid.Gap,
            },
            Evaluate = solution => Outcome(grid, best, solution),
            Tolerance = 1e-2,
            Iterations = 1_000_000,
            Notes =
            [
                "Two lines of 60 MW each, a load of 100 MW; powers are per unit of 100 MW, f is in MW, and g in " + (settings.Instance == TwoLinesInstance.LoadShed ? "MW." : "MW^2."),
                FormattableString.Invariant($"The best attack puts all its budget on one line, either of them: {best:G6} MW are shed."),
            ],
        };
    }

    private static TaskOutcome Outcome(TwoLines grid, double best, Solution<DenseVector<double>> solution)
    {
        var a = solution.X;
        double shed = TwoLines.Shed(a.Span), share = Math.Max(Share(solution["y2"].Span), Share(solution["z2"].Span));
        NamedNumber[] metrics =
        [
            new("attack_line_1", a[0], "attack on line 1"),
            new("attack_line_2", a[1], "attack on line 2"),
            new("load_shed_mw", shed, "least load shed under the attack, from the closed form"),
            new("best_load_shed_mw", best, "the same under the best attack"),
            new("hyperobjective", grid.UpperPerShed * shed, "F at the attack, in MW"),
            new("multiplier_bound_share", share, "multipliers over their bounds; below 1/2 the bounds are far away"),
        ];
        return new TaskOutcome
        {
            Metrics = metrics,
            Summary = FormattableString.Invariant($"The attack ({a[0]:F3}, {a[1]:F3}) sheds {shed:F2} MW; the best sheds {best:F2} MW."),
        };
    }

    private static double Share(ReadOnlySpan<double> multipliers) =>
        Math.Max(TensorPrimitives.Sum(multipliers[..TwoLines.Limits]), TensorPrimitives.Norm(multipliers[TwoLines.Limits..])) / TwoLines.MultiplierLimit;
}
