using System.Globalization;

namespace Bilevel.Tasks.Tests;

/// <summary>Of the start, the end and what a run passed, the best point with the lower level solved again is the answer of a task.</summary>
public sealed class BestPointTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-best-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_point_that_was_passed_beats_the_end_and_is_certified_on_its_own()
    {
        var (instance, best) = Quadratic();
        var answer = Solve(instance, best, [0.5, instance.Answer!.X![0], 5]);
        Assert.Equal(instance.Answer.X[0], answer.Solution.X[0]);
        Assert.Equal(instance.Answer.UpperValue!.Value, answer.Solution.UpperValue, 1e-9);
        Assert.Equal(Verdict.Certified, answer.Solution.Certificate!.Verdict);
        Assert.Equal(SolveStatus.Converged, answer.Solution.Status);
        Assert.Contains("the point of iteration 2", Assert.Single(answer.Notes));
        Assert.Equal(3, answer.Solution.Iterations);
    }

    [Fact]
    public void A_run_that_ends_worse_than_its_start_answers_with_the_start_and_does_not_call_it_converged()
    {
        var (instance, best) = Quadratic();
        double atStart = instance.Answer!.Hyperobjective!(instance.X);
        var answer = Solve(instance, best, [20, 30, 40], Stop.Residual(1) | Stop.Iterations(3));
        Assert.Equal(instance.X.ToDoubles(), answer.Solution.X.ToDoubles());
        Assert.Equal(atStart, answer.Solution.UpperValue, 1e-9);
        Assert.NotEqual(SolveStatus.Converged, answer.Solution.Status);
        Assert.Contains("The answer is the start", Assert.Single(answer.Notes));
        Assert.Equal(atStart, answer.Outcome.Metrics.Single(m => m.Name == BestPoint<DenseVector<double>>.StartName).Value, 1e-12);
    }

    [Fact]
    public void An_end_that_is_the_best_stays_and_one_that_is_worse_by_less_than_the_tolerance_too()
    {
        var (instance, best) = Quadratic();
        double optimum = instance.Answer!.X![0];
        Assert.Empty(Solve(instance, best, [3, 2, optimum]).Notes);
        var (other, bestOfOther) = Quadratic();

        // F is a quadratic, so a thousandth away it is worse by about a millionth.
        var answer = Solve(other, bestOfOther, [3, optimum, optimum + 1e-3]);
        Assert.Empty(answer.Notes);
        Assert.Equal(optimum + 1e-3, answer.Solution.X[0]);
    }

    [Fact]
    public void The_points_are_kept_over_a_resume()
    {
        double optimum = Quadratic().Instance.Answer!.X![0];
        double[] path = [0.5, optimum, 7, 8, 9, 10];
        var store = new Store();
        var (instance, best) = Quadratic();
        new Driver { Stop = Stop.Iterations(3), Checkpoints = store, Validate = false }.Run(best.Watching(new Walk(path)), instance.Problem, instance.Start);
        var (again, bestOfAgain) = Quadratic();
        var solution = new Driver { Stop = Stop.Iterations(6), Checkpoints = store, Resume = true, Validate = false }.Run(bestOfAgain.Watching(new Walk(path)), again.Problem, again.Start);
        var answer = bestOfAgain.Choose(solution, Tolerance, certify: false);
        Assert.Equal(optimum, answer.Solution.X[0]);
        Assert.Contains("the point of iteration 2", Assert.Single(answer.Notes));
    }

    [Fact]
    public void Watching_changes_no_bit_of_a_run()
    {
        var instance = KnownProblems.Create("quadratic-matrix");
        Solution<DenseVector<double>> Run(IMethod method) => new Driver { Stop = Stop.Iterations(25) }.Run(method, instance.Problem, instance.Start);
        var method = new F2ba { Accelerated = true };
        var (alone, watched) = (Run(method), Run(new BestPoint<DenseVector<double>>(instance).Watching(method)));
        Assert.Equal(alone.X.ToDoubles(), watched.X.ToDoubles());
        Assert.Equal(alone.OracleCalls, watched.OracleCalls);
    }

    [Fact]
    public void A_long_run_keeps_few_points_and_the_best_of_them()
    {
        var (instance, best) = Quadratic();
        double optimum = instance.Answer!.X![0];
        double[] path = [.. Enumerable.Range(1, 5000).Select(k => k == 64 ? optimum : 20 + (10 * Math.Sin(k)))];
        Assert.Equal(optimum, Solve(instance, best, path).Solution.X[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_machine_for_rare_rows_is_never_worse_than_at_its_start(ulong seed)
    {
        // One row in ten is of the other class: the leader is drawn to C = 0, where any constant answers.
        string path = Path.Combine(folder, "rare.csv");
        using (var writer = new StreamWriter(path))
        {
            writer.Write("a,b,label\n");
            for (int i = 0; i < 100; i++)
            {
                bool rare = i % 10 == 0;
                double a = RandomBits.Normal(seed, (ulong)(2 * i)), b = RandomBits.Normal(seed, (ulong)((2 * i) + 1));
                writer.Write(string.Create(CultureInfo.InvariantCulture, $"{a + (rare ? -2 : 1):F2},{b:F2},{(rare ? "fraud" : "ok")}\n"));
            }
        }

        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.SvmTuning().Create([new("train", path), new("costs", "one")], new TaskContext(seed));
        var best = new BestPoint<DenseVector<double>>(instance);
        var driver = new Driver { Stop = Stop.Certified(instance.Tolerance) | Stop.Iterations(5_000) };
        var solution = driver.Run(best.Watching(instance.Presets[0]), instance.Problem, instance.Start, seed);
        var answer = best.Choose(solution, instance.Tolerance, certify: true);
        double Metric(string name) => answer.Outcome.Metrics.Single(m => m.Name == name).Value;
        double end = instance.UpperValueAt(solution.Point);
        Assert.Equal(Metric("upper_value"), answer.Solution.UpperValue);
        Assert.True(answer.Solution.UpperValue <= Math.Min(Metric(BestPoint<DenseVector<double>>.StartName), end) + instance.Tolerance);
        Assert.Equal(end - answer.Solution.UpperValue > instance.Tolerance, answer.Notes.Count == 1);
    }

    private static (BilevelInstance<DenseVector<double>> Instance, BestPoint<DenseVector<double>> Best) Quadratic()
    {
        var instance = KnownProblems.Create("quadratic");
        return (instance, new BestPoint<DenseVector<double>>(instance));
    }

    private static TaskAnswer<DenseVector<double>> Solve(BilevelInstance<DenseVector<double>> instance, BestPoint<DenseVector<double>> best, double[] path, StoppingRule? stop = null)
    {
        var driver = new Driver { Stop = stop ?? Stop.Iterations(path.Length), CertifyAt = Tolerance, Validate = false };
        return best.Choose(driver.Run(best.Watching(new Walk(path)), instance.Problem, instance.Start), Tolerance, certify: true);
    }

    // A method that walks along a path, the lower level solved wherever it is.
    private sealed class Walk(double[] path) : IMethod
    {
        public string Name => "walk";

        public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            where V : class, IVector<V> => new Run<V>((BilevelProblem<V>)problem, [.. start.Select(b => b.Copy())], path);

        public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
            where V : class, IVector<V> => [];

        private sealed class Run<V>(BilevelProblem<V> problem, V[] point, double[] path) : IRun<V>
            where V : class, IVector<V>
        {
            private long k;

            public double Residual => k == path.Length ? 0.5 : 1.5;

            public double Penalty => 1000;

            public ReadOnlySpan<V> Point => point;

            public void Step()
            {
                double next = path[k++];
                ((IFillable)point[0]).Fill(_ => next);
                point[1].CopyFrom(LowerLevelSolver.Solve(problem.Lower, point[0], point[1], problem.LowerSet, 1e-12).Y);
            }

            public void Transfer(IArchive<V> archive)
            {
                archive.Transfer(ref k);
                foreach (var block in point) archive.Transfer(block);
            }
        }
    }

    private sealed class Store : ICheckpointStore
    {
        private Checkpoint? last;

        public void Save(Checkpoint checkpoint) => last = Checkpoint.FromBytes(checkpoint.ToBytes());

        public Checkpoint? Load() => last;
    }
}
