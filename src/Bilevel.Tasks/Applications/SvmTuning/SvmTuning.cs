namespace Bilevel.Tasks;

/// <summary>
/// Tuning of a support vector machine (bilevel minimax, sections 16.1 and 16.5, after the SMO paper, section 3.3): costs C in
/// [0, 10], of every sample or group of samples, such that the machine trained with them does well on validation samples.
/// Upper level: half the mean squared hinge of the validation samples. Lower level: minimise |w|^2/2 + sum C_i xi_i over w, b
/// in [-1, 1] and xi in [0, 20] subject to 1 - xi_i - s_i (w'a_i + b) &lt;= 0, through its Lagrange multipliers.
/// </summary>
public sealed class SvmTuning : TaskOf<SvmTuningSettings>
{
    // What every slack may be, or more where the data could need more: then a slack is the hinge loss of its sample.
    private const double SlackLimit = 20;

    private const double Tolerance = 0.01;

    /// <inheritdoc/>
    public override string Name => "svm-tuning";

    /// <inheritdoc/>
    public override string Summary => "Tune the costs C of a support vector machine, one per sample, class or in all, on validation samples (your two-class file from --train, or generated).";

    /// <inheritdoc/>
    public override TaskInstance Create(SvmTuningSettings settings, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        if (settings.StartCost is { } start && start > settings.CostLimit) throw new SettingException(FormattableString.Invariant($"The setting 'start-cost' is {start:G6}, above cost-limit = {settings.CostLimit:G6}. Lower it, or raise cost-limit."));
        var notes = new List<string>();
        return Instance(settings, SvmData.Load(settings, context, notes), notes, context);
    }

    internal static MinimaxInstance<DenseVector<double>> Instance(SvmTuningSettings settings, SvmData data, IReadOnlyList<string> notes, TaskContext context)
    {
        var (training, validation) = (data.Training, data.Validation);
        int[] groups = Groups(settings.Costs, training.Signs);
        int costs = groups.Max() + 1, weights = training.Features.FeatureCount - 1, count = training.Signs.Length;

        // Where no slack meets its limit, its multiplier is at most C_i, so the largest cost is B0 of the box.
        double slackLimit = Math.Max(SlackLimit, 1 + (settings.WeightLimit * training.Features.LargestSumOfSizes()));
        var lower = new ConstrainedLowerLevel<double>(new SvmLowerObjective(weights, groups), new SvmConstraints(training.Features, training.Signs))
        {
            Set = new ProductSet<double>((weights + 1, new Box<double>(-settings.WeightLimit, settings.WeightLimit, weights + 1)), (count, new Box<double>(0, slackLimit, count))),
            OptimalBound = settings.CostLimit,
            MultiplierSet = MultiplierSet.Box,
            Smoothness = Math.Sqrt(Math.Max(1, groups.CountBy(g => g).Max(g => g.Value))),
        };
        var lifted = Lift.ConstrainedLowerLevel(new SquaredHingeLoss(validation.Features, validation.Signs), lower);
        var problem = lifted with
        {
            X1 = new Box<double>(0, settings.CostLimit, costs),
            Constants = lifted.Constants with { UpperSmoothness = validation.Features.LargestSecondMoment() },
        };

        // The run starts at a machine of one common cost, with its multipliers.
        var baselines = SvmBaselines.Of(settings, data, context);
        var (start, first) = settings.StartCost is { } cost ? (cost, baselines.Solver.Train(cost)) : baselines.Best;
        return new MinimaxInstance<DenseVector<double>>(problem, BilevelMinimaxProblem.Start(new DenseVector<double>([.. Enumerable.Repeat(start, costs)]), new DenseVector<double>([.. first.Classifier, .. baselines.Solver.Slacks(first.Classifier)]), new DenseVector<double>(first.Multipliers)))
        {
            Components = v => v.ToDoubles(),
            Presets = [new Ogda { Tolerance = Tolerance }, new SmoothedExtragradient { Tolerance = Tolerance }],
            Tolerance = Tolerance,
            Iterations = 200_000,
            Notes = notes,
            FileNames = ["costs.csv", "model.json"],
            Hyperobjective = point => new SvmReport(settings, data, groups, baselines, context).UpperValue(point[BilevelMinimaxProblem.X1].ToDoubles()),
            Evaluate = solution => new SvmReport(settings, data, groups, baselines, context).Make(solution),
        };
    }

    private static int[] Groups(SvmCosts costs, double[] signs) => costs switch
    {
        SvmCosts.Sample => [.. Enumerable.Range(0, signs.Length)],
        SvmCosts.Class => [.. signs.Select(s => s < 0 ? 0 : 1)],
        _ => new int[signs.Length],
    };
}
