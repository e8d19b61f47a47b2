using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Group-robust training with learned regularisation (applications, section 7): a linear softmax classifier is trained
/// for the worst case over groups of rows, and the upper level chooses its regularisation (l2 weights, weights of
/// samples, the opponent's radius) by the validation loss of the worst group.
/// </summary>
public sealed class GroupDro : TaskOf<GroupDroSettings>
{
    // A learned radius stays within this factor of its start.
    private const double RadiusRange = 10;

    /// <inheritdoc/>
    public override string Name => "group-dro";

    /// <inheritdoc/>
    public override string Summary => "Protect the worst group: a classifier trained for the worst case over groups, its regularisation learned for the worst validation group (your table from --train with --group, marked digits of MNIST from --data, or generated ones).";

    /// <inheritdoc/>
    public override TaskInstance Create(GroupDroSettings settings, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        if (settings is { Penalty: LearnedPenalty.Fixed, SampleWeights: false, LearnRadius: false })
            throw new SettingException("Nothing is left for the upper level to learn. Give --penalty one or features, --sample-weights true, or --learn-radius true.");
        if (!(settings.RidgeMin <= settings.Ridge && settings.Ridge <= settings.RidgeMax) || settings.RidgeMin == settings.RidgeMax)
            throw new SettingException(FormattableString.Invariant($"ridge = {settings.Ridge:G4} must lie between ridge-min = {settings.RidgeMin:G4} and ridge-max = {settings.RidgeMax:G4}, which must differ."));
        var notes = new List<string>();
        var data = GroupSource.Load(settings, context, notes);
        return settings.Precision == NumberFormat.Float32
            ? Build<float>(settings, data, context, notes)
            : Build<double>(settings, data, context, notes);
    }

    private static MinimaxInstance<DenseVector<T>> Build<T>(GroupDroSettings settings, GroupData data, TaskContext context, IReadOnlyList<string> notes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool isWorst = settings.Goal == ValidationGoal.WorstGroup;
        var (trusted, ofGroups) = isWorst ? data.Opposed : data.Checked;
        var (training, validation) = (data.Training.Data.Features<T>(), trusted.Data.Features<T>());
        int classes = data.ClassNames.Count, groups = data.GroupNames.Count, opposed = ofGroups.Length;
        int penalties = settings.Penalty switch { LearnedPenalty.Fixed => 0, LearnedPenalty.One => 1, _ => training.FeatureCount };
        var layout = new LeaderLayout(penalties, settings.SampleWeights ? training.Count : 0, settings.LearnRadius ? 1 : 0, settings.Ridge, settings.Tau);
        var problem = new BilevelMinimaxProblem<DenseVector<T>>(
            new GroupValidationLoss<T>(validation, trusted.Data.Labels, trusted.Groups, opposed, classes, context.Threads),
            new RobustSoftmaxLoss<T>(training, data.Training.Data.Labels, data.Training.Groups, groups, classes, layout, context.Threads))
        {
            X1 = LeaderSet<T>(settings, layout),
            X2 = isWorst ? new Simplex<T>(1, opposed) : new WholeSpace<DenseVector<T>>(),
            Z2 = new Simplex<T>(1, groups),

            // W has no bounds: the strong convexity that the least l2 weight gives bounds the gap.
            Constants = new MinimaxConstants
            {
                LowerStrongConvexity = layout.Penalties > 0 ? settings.RidgeMin : settings.Ridge,
                LowerStrongConcavity = layout.Radii > 0 ? settings.Tau / RadiusRange : settings.Tau,
            },
        };
        DenseVector<T> Shares(int length)
        {
            var shares = new DenseVector<T>(length);
            shares.Span.Fill(T.One / T.CreateChecked(Math.Max(1, length)));
            return shares;
        }

        var leader = new DenseVector<T>(layout.Length);
        leader.Span[..penalties].Fill(T.CreateTruncating(Math.Log(settings.Ridge)));
        if (layout.Radii > 0) leader.Span[^1] = T.CreateTruncating(Math.Log(settings.Tau));
        return new MinimaxInstance<DenseVector<T>>(problem, BilevelMinimaxProblem.Start(leader, Shares(isWorst ? opposed : 0), new DenseVector<T>(checked(training.FeatureCount * classes)), Shares(groups)))
        {
            Components = v => v.ToDoubles(),
            Iterations = 100_000,
            Tolerance = 2e-2,
            Notes = notes,
            FileNames = ["groups.csv", "ridge.csv", "weights.csv", "model.json"],
            Hyperobjective = point => GroupReport.UpperValue(settings, data, layout, context, point[BilevelMinimaxProblem.X1].ToDoubles()),
            Evaluate = solution => GroupReport.Make(settings, data, layout, context, solution.X.ToDoubles(), solution["x2"].ToDoubles(), solution.Y.ToDoubles()),
        };
    }

    private static ProductSet<T> LeaderSet<T>(GroupDroSettings settings, LeaderLayout layout)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        List<(int Length, DenseSet<T> Set)> slices = [];
        if (layout.Penalties > 0) slices.Add((layout.Penalties, new Box<T>(Math.Log(settings.RidgeMin), Math.Log(settings.RidgeMax), layout.Penalties)));
        if (layout.Samples > 0) slices.Add((layout.Samples, new DenseWholeSpace<T>()));
        if (layout.Radii > 0) slices.Add((1, new Box<T>(Math.Log(settings.Tau / RadiusRange), Math.Log(settings.Tau * RadiusRange), 1)));
        return new ProductSet<T>([.. slices]);
    }
}
