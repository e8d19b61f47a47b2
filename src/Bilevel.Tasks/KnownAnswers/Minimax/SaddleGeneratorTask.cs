namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="SaddleGeneratorTask"/>.</summary>
internal sealed record SaddleGeneratorSettings
{
    /// <summary>Number of components of x1.</summary>
    [Setting("Number of components of x1.", Min = 1, Max = 100)]
    public int UpperSize { get; init; } = 3;

    /// <summary>Number of components of the lower minimiser z1.</summary>
    [Setting("Number of components of the lower minimiser z1.", Min = 1, Max = 100)]
    public int MinimiserSize { get; init; } = 4;

    /// <summary>Number of components of the lower maximiser z2.</summary>
    [Setting("Number of components of the lower maximiser z2.", Min = 1, Max = 100)]
    public int MaximiserSize { get; init; } = 2;

    /// <summary>Strong convexity a of g in z1.</summary>
    [Setting("Strong convexity a of g in z1.", Min = 1e-6, Max = 1e6)]
    public double A { get; init; } = 0.8;

    /// <summary>Strong concavity b of g in z2.</summary>
    [Setting("Strong concavity b of g in z2.", Min = 1e-6, Max = 1e6)]
    public double B { get; init; } = 0.5;

    /// <summary>Curvature k of f in x1.</summary>
    [Setting("Curvature k of f in x1.", Min = 1e-6, Max = 1e6)]
    public double K { get; init; } = 1;

    /// <summary>Seed of the random matrices.</summary>
    [Setting("Seed of the random matrices.", Min = 0)]
    public long DataSeed { get; init; } = 1;
}

/// <summary>
/// Test T5 (bilevel minimax, section 14): random quadratic problems of chosen sizes whose lower level is strongly convex
/// in z1 and strongly concave in z2, without x2. Saddle, hyperobjective and solution come from linear systems.
/// </summary>
internal sealed class SaddleGeneratorTask : TaskOf<SaddleGeneratorSettings>
{
    /// <inheritdoc/>
    public override string Name => "saddle-generator";

    /// <inheritdoc/>
    public override string Summary => "Random quadratic minimax problems of chosen sizes, solved by linear algebra.";

    /// <inheritdoc/>
    public override TaskInstance Create(SaddleGeneratorSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem, started at x1 = 1 and the lower saddle there.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(SaddleGeneratorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return new RandomSaddle(settings).Instance();
    }
}
