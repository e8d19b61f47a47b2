namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="SaddleQuadraticTask"/>; there are none.</summary>
internal sealed record SaddleQuadraticSettings;

/// <summary>
/// Test T1 (bilevel minimax, section 14): four numbers x1, x2, y1, y2, a lower level that is strongly convex and
/// strongly concave, F(x1) = 0.475 x1^2 + 0.25 x1 + 0.625 and x1* = -5/19.
/// </summary>
internal sealed class SaddleQuadraticTask : TaskOf<SaddleQuadraticSettings>
{
    /// <inheritdoc/>
    public override string Name => "saddle-quadratic";

    /// <inheritdoc/>
    public override string Summary => "A quadratic minimax problem at both levels, with every quantity in closed form.";

    /// <inheritdoc/>
    public override TaskInstance Create(SaddleQuadraticSettings settings, TaskContext context) => Instance();

    /// <summary>The problem, started at x1 = 2, x2 = 0 and the lower saddle y1 = y2 = -1.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance() => new SaddleQuadratic(0).Instance(2, "The answer is known in closed form.");
}
