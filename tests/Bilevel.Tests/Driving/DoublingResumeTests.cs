namespace Bilevel.Tests;

/// <summary>A run whose bound on multipliers is doubled on the way gives the same bits however often it is stopped and resumed.</summary>
public sealed class DoublingResumeTests
{
    private const double Tolerance = 0.1;
    private const long Every = 20;

    [Fact]
    public void Stopped_before_at_and_after_every_doubling()
    {
        var (whole, wholeTrace) = Sittings([100_000]);
        Assert.Equal(SolveStatus.Converged, whole.Status);
        Assert.InRange(whole.BoundDoublings, 2, 6);

        // When each doubling happened: the shortest run that has it, in multiples of the stride of the certificate.
        long[] doubledAt = [.. Enumerable.Range(1, whole.BoundDoublings).Select(d =>
        {
            long without = 0, with = whole.Iterations / Every;
            while (with - without > 1)
            {
                long middle = (without + with) / 2;
                if (Sittings([middle * Every]).Solution.BoundDoublings >= d) with = middle;
                else without = middle;
            }

            return with * Every;
        })];
        foreach (long k in doubledAt)
        {
            foreach (long stop in new[] { k - 1, k, k + 7 }) AssertSame([stop]);
        }

        AssertSame([.. doubledAt.Select(k => k + 3).Distinct()]);
        AssertSame([.. doubledAt.SelectMany(k => new[] { k, k + 1 }).Distinct()]);

        void AssertSame(long[] stops)
        {
            stops = [.. stops.Where(s => s < whole.Iterations)];
            var (resumed, trace) = Sittings([.. stops, 100_000]);
            string what = $"stopped at {string.Join(", ", stops)}";
            Assert.True(whole.Point.Zip(resumed.Point).All(p => p.First.ToDoubles().SequenceEqual(p.Second.ToDoubles())), what);
            Assert.Equal((whole.Residual, whole.Penalty, whole.OracleCalls, whole.Iterations), (resumed.Residual, resumed.Penalty, resumed.OracleCalls, resumed.Iterations));
            Assert.Equal((whole.BoundDoublings, whole.UpperValue, whole.Status, whole.StatusMessage), (resumed.BoundDoublings, resumed.UpperValue, resumed.Status, resumed.StatusMessage));
            Assert.Equal(whole.Certificate!.ToString(), resumed.Certificate!.ToString());
            Assert.Equal(wholeTrace.Select(r => r with { Seconds = 0 }), trace.Select(r => r with { Seconds = 0 }));
        }
    }

    [Fact]
    public void A_checkpoint_taken_after_a_doubling_is_of_the_enlarged_problem()
    {
        var store = new MemoryCheckpoints();
        var driver = new Driver { Stop = Stop.Certified(Tolerance, Every) | Stop.Iterations(100_000), Checkpoints = store, CheckpointEvery = 10 };
        var whole = driver.Run(new Ogda { Tolerance = Tolerance }, Problem, ConstrainedQp.Start(0));

        // From every one of the checkpoints the same end.
        int step = Math.Max(1, store.Saved.Count / 25);
        for (int i = 0; i < store.Saved.Count; i += step)
        {
            var one = new MemoryCheckpoints();
            one.Saved.Add(store.Saved[i]);
            var resumed = new Driver { Stop = driver.Stop, Checkpoints = one, Resume = true }.Run(new Ogda { Tolerance = Tolerance }, Problem, ConstrainedQp.Start(0));
            Assert.Equal(whole.Point.Select(b => b.ToDoubles()), resumed.Point.Select(b => b.ToDoubles()));
            Assert.Equal((whole.BoundDoublings, whole.Iterations, whole.OracleCalls), (resumed.BoundDoublings, resumed.Iterations, resumed.OracleCalls));
        }
    }

    private static BilevelMinimaxProblem<DenseVector<double>> Problem
    {
        get
        {
            var qp = new ConstrainedQp();
            return (qp with { Lower = qp.Lower with { SlaterMargin = null, ObjectiveRange = null, Bound = 0.1 } }).Problem;
        }
    }

    private static (Solution<DenseVector<double>> Solution, IReadOnlyList<TraceRow> Trace) Sittings(long[] limits)
    {
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        Solution<DenseVector<double>>? solution = null;
        foreach (long limit in limits)
        {
            solution = new Driver { Stop = Stop.Certified(Tolerance, Every) | Stop.Iterations(limit), Checkpoints = store, Resume = true, Trace = trace, CertifyAt = Tolerance }
                .Run(new Ogda { Tolerance = Tolerance }, Problem, ConstrainedQp.Start(0));
        }

        return (solution!, trace.Rows);
    }
}
