namespace Bilevel;

/// <summary>
/// Whether what is being computed is to be given up now: the caller cancelled, or the time is over. It is asked before every
/// gradient; what ends on its own within a short grace is let go on to its end.
/// </summary>
/// <param name="clock">The clock.</param>
/// <param name="cancellation">The caller's wish.</param>
internal sealed class RunLimit(TimeProvider clock, CancellationToken cancellation)
{
    /// <summary>An iteration that ends within this time after its end was asked for is completed.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private TimeSpan grace;
    private long? deadline, cancelled;          // timestamps; the second is when a cancellation was first seen
    private bool isArmed;

    /// <summary>Whether the caller cancelled.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>Whether the caller cancelled, or the time is over.</summary>
    public bool IsOver => IsCancelled || IsLate;

    private bool IsLate => deadline is { } end && clock.GetTimestamp() >= end;

    /// <summary>From now on the limits hold.</summary>
    /// <param name="timeLeft">Time from now on; null for no limit.</param>
    /// <param name="spare">The time that what ends on its own is given.</param>
    public void Begin(TimeSpan? timeLeft, TimeSpan spare)
    {
        // Beyond the clock's range there is no end.
        double ticks = timeLeft is { } left ? left.TotalSeconds * clock.TimestampFrequency : double.PositiveInfinity;
        deadline = ticks < 1e18 ? clock.GetTimestamp() + (long)Math.Max(0, ticks) : null;
        (grace, cancelled, isArmed) = (spare, null, true);
    }

    /// <summary>From now on nothing is given up.</summary>
    public void End() => isArmed = false;

    /// <summary>Gives up where it is time.</summary>
    /// <exception cref="OperationCanceledException">It is.</exception>
    public void Check()
    {
        if (!isArmed || (deadline is null && !IsCancelled)) return;
        long now = clock.GetTimestamp();
        if (IsCancelled) cancelled ??= now;
        long asked = Math.Min(cancelled ?? long.MaxValue, deadline ?? long.MaxValue);
        if (now >= asked && clock.GetElapsedTime(asked, now) >= grace) throw new OperationCanceledException(cancellation);
    }
}
