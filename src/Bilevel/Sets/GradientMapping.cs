namespace Bilevel;

/// <summary>
/// The norm of the gradient mapping of a point x that is changed in place. Where x is constrained a long step makes it small at any point
/// of a small set, whatever the direction, so the step is at most a tenth of what is small: of the set, or of x.
/// </summary>
internal sealed class GradientMapping<V>(V x, IFeasibleSet<V> set)
    where V : class, IVector<V>
{
    private const double LongestMove = 0.1;

    private readonly V? trial = set.IsWholeSpace ? null : x.ZerosLike();   // x - s d

    /// <summary>s of the last norm.</summary>
    public double Step { get; private set; } = double.NaN;

    /// <summary>|d|, or where x is constrained |x - Proj(x - s d)| / s.</summary>
    /// <param name="direction">d; not changed.</param>
    /// <param name="step">The longest s.</param>
    public double Norm(V direction, double step)
    {
        double norm = direction.Norm();
        if (trial is null || !double.IsFinite(norm)) return norm;
        double size = x.Norm(), diameter = set.DiameterAt(x.Length);
        if (size > 0) diameter = Math.Min(diameter, size);
        Step = diameter > 0 && step * norm > LongestMove * diameter ? LongestMove * diameter / norm : step;
        trial.CopyFrom(x);
        trial.AddScaled(-Step, direction);
        set.Project(trial);
        trial.AddScaled(-1, x);
        return trial.Norm() / Step;
    }
}
