using System.Runtime.CompilerServices;

namespace Bilevel.Tasks.Tests.Learning;

/// <summary>Loops whose indices are shared out to threads.</summary>
public sealed class ForkJoinTests
{
    [Fact]
    public void Every_index_runs_once_in_every_loop()
    {
        for (int loop = 0; loop < 20_000; loop++)
        {
            int[] runs = new int[loop % 7];
            ForkJoin.For(runs.Length, 1 + (loop % 4), i => Interlocked.Increment(ref runs[i]));
            Assert.All(runs, n => Assert.Equal(1, n));

            // Now and then the helpers fall asleep.
            if (loop % 2000 == 0) Thread.Sleep(5);
        }
    }

    [Fact]
    public void Loops_of_several_threads_do_not_mix()
    {
        const int Loops = 3000;
        long[] sums = new long[4];
        Thread[] callers = [.. Enumerable.Range(0, sums.Length).Select(c => new Thread(() =>
        {
            for (int loop = 0; loop < Loops; loop++) ForkJoin.For(5, 3, i => Interlocked.Add(ref sums[c], (i + 1) * (c + 1)));
        }))];
        foreach (var caller in callers) caller.Start();
        foreach (var caller in callers) caller.Join();
        Assert.Equal(Enumerable.Range(1, sums.Length).Select(c => 15L * c * Loops), sums);
    }

    [Fact]
    public void A_loop_within_a_loop_runs()
    {
        int runs = 0;
        ForkJoin.For(4, 4, _ => ForkJoin.For(5, 4, _ => Interlocked.Increment(ref runs)));
        Assert.Equal(20, runs);
    }

    [Fact]
    public void More_than_one_thread_takes_part()
    {
        Assert.SkipWhen(Environment.ProcessorCount == 1, "One processor.");

        // Other tests may have the helpers for a while.
        int[] ran = new int[2];
        bool shared = false;
        for (int loop = 0; loop < 10_000 && !shared; loop++)
        {
            ForkJoin.For(2, 2, i =>
            {
                ran[i] = Environment.CurrentManagedThreadId;
                Thread.Sleep(1);
            });
            shared = ran[0] != ran[1];
        }

        Assert.True(shared);
    }

    [Fact]
    public void What_a_body_throws_reaches_the_caller_and_the_next_loop_runs()
    {
        for (int loop = 0; loop < 200; loop++)
        {
            int bad = loop % 6;
            Assert.Equal("index " + bad, Assert.Throws<InvalidOperationException>(() => ForkJoin.For(6, 3, i =>
            {
                if (i == bad) throw new InvalidOperationException("index " + bad);
            })).Message);
            int runs = 0;
            ForkJoin.For(6, 3, _ => Interlocked.Increment(ref runs));
            Assert.Equal(6, runs);
        }
    }

    [Fact]
    public void What_a_body_holds_does_not_outlive_the_loop()
    {
        var held = RunAndForget();
        GC.Collect();
        Assert.False(held.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference RunAndForget()
    {
        int[] data = new int[1000];
        ForkJoin.For(4, 2, i => data[i]++);
        return new WeakReference(data);
    }
}
