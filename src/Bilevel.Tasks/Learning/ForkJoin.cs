using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Bilevel.Tasks;

/// <summary>
/// Loops too short for the thread pool, whose threads take longer to wake than a pass over a minibatch lasts: helpers
/// stay awake for a moment after a loop, since another one mostly follows.
/// </summary>
/// <remarks>
/// Who is not awake in time is not waited for, and one loop at a time has helpers; other loops run on their own threads
/// alone. So a body must not care which thread runs which index.
/// </remarks>
internal static class ForkJoin
{
    private const int Closed = 1 << 30;            // no helper may join any more
    private const int SpinLength = 10;

    private static readonly TimeSpan Patience = TimeSpan.FromMicroseconds(100);        // of a helper before it sleeps
    private static readonly Lock Turn = new();
    private static readonly SemaphoreSlim Bell = new(0);
    private static readonly int MostHelpers = Environment.ProcessorCount - 1;
    private static int helpers, asleep;

    // The loop at work.
    private static int members = Closed;           // helpers in the loop, and whether it is closed
    private static int wanted, next, end;
    private static Action<int> body = Nothing;
    private static ExceptionDispatchInfo? failure;

    /// <summary>Runs the body for 0 to count - 1 on at most so many threads, this one among them; rethrows the first exception of a body.</summary>
    public static void For(int count, int threads, Action<int> toRun)
    {
        int help = Math.Min(Math.Min(threads, count) - 1, MostHelpers);
        if (help <= 0 || Turn.IsHeldByCurrentThread || !Turn.TryEnter())
        {
            for (int i = 0; i < count; i++) toRun(i);
            return;
        }

        try
        {
            for (; helpers < help; helpers++) new Thread(Help) { IsBackground = true, Name = "bilevel helper" }.Start();
            (body, next, end, wanted, failure) = (toRun, 0, count, help, null);
            Interlocked.Exchange(ref members, 0);
            int toWake = Math.Min(Volatile.Read(ref asleep), help);
            if (toWake > 0) Bell.Release(toWake);
            Work();
            Interlocked.Or(ref members, Closed);
            for (var spin = default(SpinWait); Volatile.Read(ref members) != Closed;) spin.SpinOnce(sleep1Threshold: -1);
            failure?.Throw();
        }
        finally
        {
            // What the body holds, data perhaps, must not live on with the helpers.
            (body, failure) = (Nothing, null);
            Turn.Exit();
        }
    }

    private static void Nothing(int index)
    {
    }

    private static void Work()
    {
        try
        {
            for (int i; (i = Interlocked.Increment(ref next) - 1) < end;) body(i);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref next, end);
        }
    }

    private static void Help()
    {
        long since = Stopwatch.GetTimestamp();
        while (true)
        {
            if (TryJoin())
            {
                Work();
                Interlocked.Decrement(ref members);
                since = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(since) < Patience)
            {
                Thread.SpinWait(SpinLength);
            }
            else
            {
                // Counted as asleep before looking once more: a loop that opens meanwhile rings the bell.
                Interlocked.Increment(ref asleep);
                if (!IsOpen()) Bell.Wait();
                Interlocked.Decrement(ref asleep);
                since = Stopwatch.GetTimestamp();
            }
        }
    }

    private static bool IsOpen() => Volatile.Read(ref members) < Volatile.Read(ref wanted) && Volatile.Read(ref next) < Volatile.Read(ref end);

    private static bool TryJoin()
    {
        if (!IsOpen()) return false;
        int now = Volatile.Read(ref members);
        return now < Volatile.Read(ref wanted) && Interlocked.CompareExchange(ref members, now + 1, now) == now;
    }
}
