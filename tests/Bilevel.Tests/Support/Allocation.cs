namespace Bilevel.Tests;

/// <summary>What a piece of work allocates on its thread.</summary>
internal static class Allocation
{
    /// <summary>Bytes in the best of five trials: the runtime may allocate once while it compiles again what runs often; work that allocates does it every time.</summary>
    public static long Least(Action work)
    {
        long least = long.MaxValue;
        for (int trial = 0; trial < 5; trial++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
