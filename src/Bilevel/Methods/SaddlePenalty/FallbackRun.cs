namespace Bilevel;

/// <summary>
/// A run of a fast method that claims nothing, watched: where it makes no more progress, or is still asked to go on long
/// after its own aim is reached, a method with a theorem goes on from its best point. The driver sees one run.
/// </summary>
internal sealed class FallbackRun<V>(IRun<V> fast, Func<IReadOnlyList<V>, IRun<V>> slow, double tolerance, long patience = FallbackRun<V>.Patience) : IRun<V>, IRaisesPenalty
    where V : class, IVector<V>
{
    // Progress is a residual this much below the best so far. The fast method may go without for as many iterations as it
    // has done, and at least this many.
    private const double Progress = 0.9;

    /// <summary>The patience with a method whose iterations cost few gradients.</summary>
    public const long Patience = 50_000;

    // Its last point counts as its best where the residual is not above this multiple of the least: along flat valleys it
    // is the other blocks that make the difference.
    private const double Near = 3;

    private readonly V[] point = [.. fast.Point.ToArray()];            // the run's own vectors, whichever method is at work
    private readonly V[] best = [.. fast.Point.ToArray().Select(v => v.Copy())];
    private IRun<V>? successor;
    private double bestResidual = double.PositiveInfinity;
    private long iteration, bestAt;

    public double Residual => successor?.Residual ?? fast.Residual;

    public double Penalty => successor?.Penalty ?? fast.Penalty;

    public ReadOnlySpan<V> Point => point;

    public bool CanRaise => (successor ?? fast) is IRaisesPenalty { CanRaise: true };

    public void Raise(double factor)
    {
        ((IRaisesPenalty)(successor ?? fast)).Raise(factor);

        // Another penalty function has other residuals.
        (bestResidual, bestAt) = (double.PositiveInfinity, iteration);
    }

    public void Step()
    {
        if (successor is null) StepFast();
        if (successor is null) return;
        successor.Step();
        CopyAnswer();
    }

    public void Transfer(IArchive<V> archive)
    {
        fast.Transfer(archive);
        archive.Transfer(best);
        archive.Transfer(ref bestResidual);
        archive.Transfer(ref iteration);
        archive.Transfer(ref bestAt);
        long gaveUp = successor is null ? 0 : 1;
        archive.Transfer(ref gaveUp);
        if (gaveUp == 0) return;
        successor ??= slow(best);
        successor.Transfer(archive);
        CopyAnswer();
    }

    private void StepFast()
    {
        fast.Step();
        iteration++;
        if (!double.IsFinite(fast.Residual))
        {
            successor = slow(best);
            return;
        }

        // Below the tolerance there is nothing to gain: that it goes on means that the certificate misses something else.
        if (fast.Residual < Progress * bestResidual && bestResidual > tolerance)
        {
            (bestResidual, bestAt) = (fast.Residual, iteration);
            best.CopyFrom(point);
        }

        if (iteration - bestAt >= Math.Max(patience, bestAt)) successor = slow(fast.Residual <= Near * bestResidual ? point : best);
    }

    private void CopyAnswer()
    {
        for (int b = 0; b < point.Length; b++) point[b].CopyFrom(successor!.Point[b]);
    }
}
