namespace Bilevel;

/// <summary>
/// Arrays of many megabytes come and go in large problems, and the garbage collector lets several times what is in use pile up
/// before it looks. It is asked to look whenever a sixteenth of what was in use is new, which costs next to nothing: such arrays are few.
/// </summary>
internal static class LargeArrays
{
    private const long Large = 4 << 20, LeastAllowance = 128 << 20;

    private static long allocated;
    private static long allowance = LeastAllowance;

    /// <summary>Counts an array that is about to be made.</summary>
    /// <param name="bytes">Its size.</param>
    public static void Expect(long bytes)
    {
        if (bytes < Large || Interlocked.Add(ref allocated, bytes) < Interlocked.Read(ref allowance)) return;
        Interlocked.Exchange(ref allocated, 0);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        Interlocked.Exchange(ref allowance, Math.Max(LeastAllowance, GC.GetTotalMemory(forceFullCollection: false) / 16));
    }
}
