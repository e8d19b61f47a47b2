namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="SaddleQuadraticNonconvexTask"/>.</summary>
internal sealed record SaddleQuadraticNonconvexSettings
{
    /// <summary>Start of x1; the lower level starts at its saddle there.</summary>
    [Setting("Start of x1; the lower level starts at its saddle there.", Min = -SaddleQuadratic.EndX1, Max = SaddleQuadratic.EndX1)]
    public double StartX { get; init; } = 2;
}

/// <summary>
/// Test T1n (bilevel minimax, section 14): the problem of <see cref="SaddleQuadraticTask"/> with 0.5 sin(3 x1) added
/// to f, so that F has two local minima and a local maximum.
/// </summary>
internal sealed class SaddleQuadraticNonconvexTask : TaskOf<SaddleQuadraticNonconvexSettings>
{
    private static readonly SaddleQuadratic Quadratic = new(0.5);

    /// <inheritdoc/>
    public override string Name => "saddle-quadratic-nonconvex";

    /// <inheritdoc/>
    public override string Summary => "The problem saddle-quadratic with a wave in x1: two local minima.";

    /// <summary>The stationary points of F on X1 = [-3, 3], in ascending order: its global minimum, a local maximum, a local minimum.</summary>
    public static IReadOnlyList<double> StationaryPoints { get; } = Quadratic.StationaryPoints();

    /// <inheritdoc/>
    public override TaskInstance Create(SaddleQuadraticNonconvexSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem, started at the given x1, x2 = 0 and the lower saddle y1 = y2 = -x1/2.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(SaddleQuadraticNonconvexSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return Quadratic.Instance(settings.StartX, "The hyperobjective has two local minima; which one a method finds depends on the start.");
    }
}
