namespace Bilevel;

/// <summary>
/// Tells a run that cycles from one that drifts slowly. It looks at windows of iterations: where no residual in a window
/// came much below the best before it while the watched variable travelled far and came back to where it was, the run
/// cycles.
/// </summary>
internal sealed class CycleGuard<V>(V watched)
    where V : class, IVector<V>
{
    // Length of the first window, and how much longer each is after a cycle was seen.
    private const double FirstWindow = 200, LongerWindow = 1.2;

    // Progress is a residual below this share of the best; coming back is a distance below this share of the path.
    private const double Progress = 0.9, Return = 0.1;

    private readonly V began = watched.Copy(), scratch = watched.ZerosLike();
    private double window = FirstWindow, path;
    private double best = double.PositiveInfinity, least = double.PositiveInfinity;       // residuals: before the window, and in it
    private long iteration;

    /// <summary>Whether the run cycles, as seen at the end of a window; false within one.</summary>
    /// <param name="residual">The residual after an iteration.</param>
    /// <param name="move">How far the watched variable moved in it.</param>
    public bool SeesCycle(double residual, double move)
    {
        path += move;
        least = Math.Min(least, residual);
        if (++iteration < window) return false;
        scratch.CopyFrom(watched);
        scratch.AddScaled(-1, began);
        bool cycles = least > Progress * best && scratch.Norm() < Return * path;
        if (cycles) window *= LongerWindow;
        best = Math.Min(best, least);
        Begin();
        return cycles;
    }

    /// <summary>Forgets the residuals, which a change of the problem makes incomparable.</summary>
    public void Restart()
    {
        best = double.PositiveInfinity;
        Begin();
    }

    /// <summary>Saves or loads the state.</summary>
    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(began);
        archive.Transfer(ref window);
        archive.Transfer(ref path);
        archive.Transfer(ref best);
        archive.Transfer(ref least);
        archive.Transfer(ref iteration);
    }

    private void Begin()
    {
        (least, path, iteration) = (double.PositiveInfinity, 0, 0);
        began.CopyFrom(watched);
    }
}
