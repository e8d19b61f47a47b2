namespace Bilevel.Tasks;

/// <summary>All tasks.</summary>
public static class TaskCatalog
{
    /// <summary>The tasks, in the order in which to list them.</summary>
    public static IReadOnlyList<ITask> All { get; } =
    [
        new HyperCleaning(),
        new SvmTuning(),
        new QuadraticTask(),
        new LowerBoundTask(),
        new NastyTask(),
        new RidgeTask(),
        new LogisticTask(),
        new CleaningSmallTask(),
        new SaddleQuadraticTask(),
        new SaddleQuadraticNonconvexTask(),
        new SaddleMerelyConvexTask(),
        new GroupDroSmallTask(),
        new SaddleGeneratorTask(),
        new PartialGradientTask(),
        new MatrixGameTask(),
        new ConstrainedQpTask(),
        new ConstrainedLinearTask(),
        new TwoLinesTask(),
    ];

    /// <summary>The task of that name.</summary>
    /// <exception cref="SettingException">There is none; the message lists them.</exception>
    public static ITask Find(string name) => All.FirstOrDefault(t => t.Name == name)
        ?? throw new SettingException($"There is no task '{name}'. There are: {string.Join(", ", All.Select(t => t.Name))}.");
}
