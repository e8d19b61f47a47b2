namespace Bilevel.Tasks.Tests;

/// <summary>A run of a minimax problem gives the same bits again, however it is watched, and what it asked is counted right.</summary>
public sealed class MinimaxDeterminismTests
{
    private const double Eps = 1e-2;

    [Fact]
    public void The_same_run_has_the_same_bits_however_it_is_recorded()
    {
        var whole = Run(recordEvery: 0);
        Assert.True(whole.Converged);
        foreach (long stride in new long[] { 0, 1, 7, 1000 })
        {
            var again = Run(stride);
            Assert.Equal(whole.Point.SelectMany(Bits), again.Point.SelectMany(Bits));
            Assert.Equal(
                (whole.Iterations, whole.OracleCalls, whole.Residual, whole.Penalty, whole.UpperValue, whole.LowerValue, whole.StatusMessage),
                (again.Iterations, again.OracleCalls, again.Residual, again.Penalty, again.UpperValue, again.LowerValue, again.StatusMessage));
            Assert.Equal(whole.Certificate!.ToString(), again.Certificate!.ToString());

            // Rows of the same iteration are the same.
            var common = whole.Trace.Join(again.Trace, r => r.Iteration, r => r.Iteration, (a, b) => (a with { Seconds = 0 }, b with { Seconds = 0 })).ToList();
            Assert.True(common.Count >= 2);
            Assert.All(common, pair => Assert.Equal(pair.Item1, pair.Item2));
            if (stride > 0) Assert.All(again.Trace.SkipLast(1), r => Assert.Equal(0, r.Iteration % stride));
        }
    }

    [Fact]
    public void Checkpoints_progress_and_a_budget_that_suffices_do_not_change_the_bits()
    {
        var whole = Run(0);
        var watched = Run(0, d => new Driver { Stop = d.Stop, CertifyAt = d.CertifyAt, Checkpoints = new Store(), CheckpointEvery = 13, Progress = new Progress<RunProgress>(), OracleBudget = whole.OracleCalls });
        Assert.Equal(whole.Point.SelectMany(Bits), watched.Point.SelectMany(Bits));
        Assert.Equal((whole.Iterations, whole.OracleCalls, whole.Status), (watched.Iterations, watched.OracleCalls, watched.Status));
    }

    [Fact]
    public void The_trace_goes_forward()
    {
        var solution = Run(recordEvery: 1);
        Assert.Equal(0, solution.Trace[0].Iteration);
        Assert.Equal(solution.Iterations, solution.Trace[^1].Iteration);
        foreach (var (row, next) in solution.Trace.Zip(solution.Trace.Skip(1)))
        {
            Assert.Equal(row.Iteration + 1, next.Iteration);
            Assert.True(next.OracleCalls > row.OracleCalls);
            Assert.True(next.Seconds >= row.Seconds);
            Assert.True(next.Penalty >= row.Penalty);
        }

        // The certificate's own calls are not the method's.
        Assert.Equal(solution.Trace[^1].OracleCalls, solution.OracleCalls);
        Assert.True(solution.Certificate!.OracleCalls > 0);
    }

    [Theory]
    [InlineData("saddle-generator", 3)]
    [InlineData("saddle-quadratic", 4)]
    [InlineData("constrained-qp-a", 3)]
    [InlineData("matrix-game", 3)]
    public void A_penalty_call_counts_one_point_of_f_and_two_of_g(string name, int blocksOfUpper)
    {
        // The reference asks once before the first step and once in every step; x2 or y2 may be absent.
        var instance = KnownProblems.CreateMinimax(name);
        const long Steps = 37;
        var solution = new Driver { Stop = Stop.Iterations(Steps) }.Run(Ogda.Reference(0.1, instance.Problem.Constants), instance.Problem, instance.Start);
        Assert.Equal(blocksOfUpper, instance.Start.Take(BilevelMinimaxProblem.UpperCount).Count(b => b.Length > 0));
        Assert.Equal((Steps + 1, 2 * (Steps + 1)), (solution.UpperCalls.Points, solution.LowerCalls.Points));
        Assert.All(solution.UpperCalls.Gradients.ToArray(), g => Assert.True(g is 0 or Steps + 1));
        Assert.Equal(blocksOfUpper * (Steps + 1), solution.UpperCalls.Total);
        Assert.Equal([2 * (Steps + 1), 2 * (Steps + 1), 2 * (Steps + 1)], solution.LowerCalls.Gradients.ToArray());
        Assert.Equal(0, solution.UpperCalls.Values + solution.LowerCalls.Values);
    }

    private static Solution<DenseVector<double>> Run(long recordEvery, Func<Driver, Driver>? change = null)
    {
        var instance = KnownProblems.CreateMinimax("saddle-generator");
        var driver = new Driver { Stop = Stop.Certified(Eps, 20) | Stop.Iterations(100_000), CertifyAt = Eps, RecordEvery = recordEvery };
        return (change?.Invoke(driver) ?? driver).Run(new Auto { Tolerance = Eps }, instance.Problem, instance.Start);
    }

    private static IEnumerable<long> Bits(DenseVector<double> block) => block.ToDoubles().Select(BitConverter.DoubleToInt64Bits);

    private sealed class Store : ICheckpointStore
    {
        private Checkpoint? last;

        public void Save(Checkpoint checkpoint) => last = Checkpoint.FromBytes(checkpoint.ToBytes());

        public Checkpoint? Load() => last;
    }
}
