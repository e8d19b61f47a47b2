using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="ConstrainedLinearTask"/>.</summary>
internal sealed record ConstrainedLinearSettings
{
    /// <summary>Size k: 100 k upper and 100 k lower variables, 5 k constraints.</summary>
    [Setting("Size k: 100 k upper and 100 k lower variables, 5 k constraints.", Min = 1, Max = 20)]
    public int Scale { get; init; } = 1;

    /// <summary>Number of upper variables; auto takes 100 k.</summary>
    [Setting("Number of upper variables; auto takes 100 k.", Min = 1, Max = 10_000)]
    public int? Upper { get; init; }

    /// <summary>Number of lower variables; auto takes 100 k.</summary>
    [Setting("Number of lower variables; auto takes 100 k.", Min = 1, Max = 10_000)]
    public int? Lower { get; init; }

    /// <summary>Number of constraints; auto takes 5 k.</summary>
    [Setting("Number of constraints; auto takes 5 k.", Min = 1, Max = 500)]
    public int? Constraints { get; init; }

    /// <summary>Which of the random instances of that size.</summary>
    [Setting("Which of the random instances of that size.", Min = 0)]
    public int Instance { get; init; }

    /// <summary>Bound on every multiplier; auto takes twice the largest that the generator made.</summary>
    [Setting("Bound on every multiplier; auto takes twice the largest that the generator made.", Min = 1e-300)]
    public double? Bound { get; init; }

    /// <summary>Factor of every constraint, which makes primal and dual steps fit each other; it does not change the problem.</summary>
    [Setting("Factor of every constraint, which makes primal and dual steps fit each other; it does not change the problem.", Min = 1e-300)]
    public double RowFactor { get; init; } = 0.03;
}

/// <summary>
/// Test T7 (bilevel minimax, section 14), random bilevel linear problems with constraints of the lower level that
/// couple both levels: minimise c'x + d'y over x and y in [-1, 1], where y minimises dTilde'z over z in [-1, 1] subject
/// to A x + B z &lt;= b.
/// </summary>
internal sealed class ConstrainedLinearTask : TaskOf<ConstrainedLinearSettings>
{
    private const int VariablesPerScale = 100, ConstraintsPerScale = 5;

    /// <inheritdoc/>
    public override string Name => "constrained-linear";

    /// <inheritdoc/>
    public override string Summary => "Random bilevel linear problems whose lower level has coupled constraints, with a certified lower gap.";

    /// <inheritdoc/>
    public override TaskInstance Create(ConstrainedLinearSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem of those settings, started at x = 0, y = 0 and multipliers 0.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(ConstrainedLinearSettings settings)
    {
        var data = Data(settings);
        int n = data.UpperX.Length, m = data.UpperY.Length, l = data.Right.Length;
        double largest = TensorPrimitives.Max<double>(data.Multipliers), bound = settings.Bound ?? 2 * largest;
        var constraints = new LinearConstraints<double>(data.OfX.Values, data.OfZ.Values, data.Right).Scaled([.. Enumerable.Repeat(settings.RowFactor, l)]);

        // The multipliers of the generator are optimal wherever all constraints can hold with equality, but not for
        // every x of the box: the lower level is even infeasible in some of its corners. So no bound B0 is declared.
        var problem = Lift.ConstrainedLowerLevel(
            new LinearFunction(data.UpperX, data.UpperY),
            new ConstrainedLowerLevel<double>(new LinearFunction(new double[n], data.LowerCost), constraints)
            {
                Set = new Box<double>(-1, 1, m),
                MultiplierSet = MultiplierSet.Box,
                Bound = bound / settings.RowFactor,
                Smoothness = 0,
            });
        problem = problem with { X1 = new Box<double>(-1, 1, n), Constants = problem.Constants with { UpperSmoothness = 0 } };
        return new MinimaxInstance<DenseVector<double>>(problem, BilevelMinimaxProblem.Start(Vectors.Zeros(n), Vectors.Zeros(m), Vectors.Zeros(l)))
        {
            Components = v => v.ToDoubles(),
            Answer = new KnownAnswer<DenseVector<double>> { Gap = (x, y1, y2) => data.Gap(x.Span, y1.Span, y2.Span, settings.RowFactor, bound) },
            Evaluate = solution => Outcome(data, settings.RowFactor, bound, solution),
            Tolerance = 1e-2,
            Iterations = 1_000_000,
            Notes =
            [
                FormattableString.Invariant($"Generated data: {n} upper and {m} lower variables, {l} constraints, instance {settings.Instance}; sizes and instance alone decide the numbers."),
                FormattableString.Invariant($"At x = 0 the largest multiplier is {largest:G4}; the bound is {bound:G4}."),
            ],
        };
    }

    internal static ConstrainedLinearData Data(ConstrainedLinearSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return new(settings.Upper ?? VariablesPerScale * settings.Scale, settings.Lower ?? VariablesPerScale * settings.Scale, settings.Constraints ?? ConstraintsPerScale * settings.Scale, settings.Instance);
    }

    private static TaskOutcome Outcome(ConstrainedLinearData data, double factor, double bound, Solution<DenseVector<double>> solution)
    {
        ReadOnlySpan<double> x = solution.X.Span, y = solution.Y.Span;
        double largest = factor * Math.Max(TensorPrimitives.Max<double>(solution["y2"].Span), TensorPrimitives.Max<double>(solution["z2"].Span));
        double infeasibility = data.Infeasibility(x, y), lowerValue = TensorPrimitives.Dot<double>(data.LowerCost, y);
        var lower = data.LowerLevel(x)?.Solve();
        bool solved = lower?.Succeeded() == true;
        double gap = solved ? lowerValue - lower!.Bound : double.NaN;
        var (active, cooperative) = (data.AllActive().Solve(), data.Cooperative().Solve());
        var metrics = new List<NamedNumber>
        {
            new("upper_objective", data.Upper(x, y), "c'x + d'y"),
            new("infeasibility", infeasibility, "norm of [A x + B y - b]_+"),
            new("lower_gap", gap, "dTilde'y minus the lower level's optimal value at x; negative where y gains from infeasibility"),
            new("largest_multiplier", largest, "largest component of y2 and z2, in units of the constraints as generated"),
            new("multiplier_bound_share", largest / bound, "largest multiplier over its bound"),
        };
        if (solved) metrics.Add(new("lower_level_largest_multiplier", TensorPrimitives.Max<double>(lower!.Multipliers), "largest optimal multiplier of the lower level solved again at x"));
        if (active.Succeeded()) metrics.Add(new("upper_bound_of_best", active.Value, "best c'x + d'y with all constraints active, where y is an answer of the lower level"));
        if (cooperative.Succeeded()) metrics.Add(new("lower_bound_of_best", cooperative.Bound, "best c'x + d'y if the lower level had no aim of its own"));
        return new TaskOutcome
        {
            Metrics = metrics,
            Summary = FormattableString.Invariant($"Upper objective {data.Upper(x, y):G6}, infeasibility {infeasibility:G3}, ")
                + (solved ? FormattableString.Invariant($"lower gap {gap:G3}.") : "and no answer of the lower level was found at x: it may be infeasible there."),
        };
    }
}
