namespace Bilevel.Tasks;

/// <summary>The problems with known answers, by name, for tests and comparisons.</summary>
public static class KnownProblems
{
    /// <summary>All of them; each call of the function builds a fresh instance.</summary>
    public static IReadOnlyList<(string Name, Func<BilevelInstance<DenseVector<double>>> Create)> All { get; } =
    [
        ("quadratic", () => QuadraticTask.Instance(ScalarQuadratic.Default)),
        ("quadratic-matrix", () => QuadraticTask.Instance(MatrixQuadratic.Random(3, 4, 10, seed: 1), 4)),
        ("quadratic-stiff", () => QuadraticTask.Instance(MatrixQuadratic.Random(5, 8, 100, seed: 2), 8)),
        ("lower-bound-quadratic", () => LowerBoundTask.Instance(LowerBoundFunction.Quadratic, 3)),
        ("lower-bound-cosine", () => LowerBoundTask.Instance(LowerBoundFunction.Cosine, 2)),
        ("lower-bound-valley", () => LowerBoundTask.Instance(LowerBoundFunction.Valley, 2)),
        ("nasty", NastyTask.Instance),
        ("ridge", () => RidgeTask.Instance(new RidgeSettings())),
        ("logistic", () => LogisticTask.Instance(new LogisticSettings())),
        ("cleaning-small", () => CleaningSmallTask.Instance(new CleaningSmallSettings())),
    ];

    /// <summary>The bilevel minimax problems; each call of the function builds a fresh instance.</summary>
    public static IReadOnlyList<(string Name, Func<MinimaxInstance<DenseVector<double>>> Create)> Minimax { get; } =
    [
        ("saddle-quadratic", SaddleQuadraticTask.Instance),
        ("saddle-quadratic-nonconvex", () => SaddleQuadraticNonconvexTask.Instance(new SaddleQuadraticNonconvexSettings())),
        ("saddle-merely-convex", SaddleMerelyConvexTask.Instance),
        ("group-dro-small", GroupDroSmallTask.Instance),
        ("group-dro-logistic", GroupDroLogisticTask.Instance),
        ("saddle-generator", () => SaddleGeneratorTask.Instance(new SaddleGeneratorSettings())),
        ("saddle-generator-2", () => SaddleGeneratorTask.Instance(new SaddleGeneratorSettings { DataSeed = 2 })),
        ("partial-gradient", () => PartialGradientTask.Instance(new PartialGradientSettings())),
        ("partial-gradient-strong", () => PartialGradientTask.Instance(new PartialGradientSettings { P = 1.2, Q = 1.2 })),
        ("matrix-game", () => MatrixGameTask.Instance(new MatrixGameSettings())),
        ("constrained-qp-a", () => ConstrainedQpTask.Instance(new ConstrainedQpSettings { Case = ConstrainedQpCase.A })),
        ("constrained-qp-b", () => ConstrainedQpTask.Instance(new ConstrainedQpSettings { Case = ConstrainedQpCase.B })),
        ("constrained-linear", () => ConstrainedLinearTask.Instance(new ConstrainedLinearSettings())),
        ("two-lines", () => TwoLinesTask.Instance(new TwoLinesSettings())),
        ("two-lines-critical", () => TwoLinesTask.Instance(new TwoLinesSettings { Instance = TwoLinesInstance.CriticalLoad })),
        ("constrained-qp-c", () => ConstrainedQpTask.Instance(new ConstrainedQpSettings { Case = ConstrainedQpCase.C })),
    ];

    /// <summary>A fresh instance of the problem of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static BilevelInstance<DenseVector<double>> Create(string name) => All.FirstOrDefault(p => p.Name == name).Create?.Invoke()
        ?? throw new ArgumentException($"There is no problem '{name}'. There are: {string.Join(", ", All.Select(p => p.Name))}.", nameof(name));

    /// <summary>A fresh instance of the bilevel minimax problem of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static MinimaxInstance<DenseVector<double>> CreateMinimax(string name) => Minimax.FirstOrDefault(p => p.Name == name).Create?.Invoke()
        ?? throw new ArgumentException($"There is no problem '{name}'. There are: {string.Join(", ", Minimax.Select(p => p.Name))}.", nameof(name));
}
