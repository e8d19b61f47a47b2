namespace Bilevel.Tests.Methods;

/// <summary>A fast method that makes no more progress hands over to the one with a guarantee.</summary>
public class FallbackTests
{
    private const double Eps = 0.1;

    private static readonly DenseVector<double>[] Start = BilevelMinimaxProblem.Start(Vectors.Of(-1), Vectors.Of(0), Vectors.Of(-0.5, -0.5), Vectors.Of(0));

    [Fact]
    public void Descent_ascent_that_circles_is_taken_over_and_certified()
    {
        // The lower level is bilinear: descent ascent circles its saddle points and never comes nearer.
        var driver = new Driver { Stop = Stop.Certified(Eps, 100) | Stop.Iterations(200_000), CertifyAt = Eps };
        Assert.Equal(SolveStatus.IterationLimit, driver.Run(new GradientDescentAscent { Tolerance = Eps }, KktProblems.T2(), Start).Status);

        var solution = driver.Run(new Watched(), KktProblems.T2(), Start);
        Assert.Equal((SolveStatus.Converged, Verdict.Certified), (solution.Status, solution.Certificate!.Verdict));
        Assert.InRange(solution.Iterations, 50_001, 110_000);
        Assert.InRange(solution["x1"][0], 1 - (2 * Eps), 1 + (2 * Eps));
    }

    [Fact]
    public void Stopped_before_and_after_the_change_and_resumed_to_the_bit()
    {
        var whole = Sittings(50_200);
        var resumed = Sittings(30_000, 50_010, 50_120, 50_200);
        for (int b = 0; b < Start.Length; b++) Assert.Equal(whole.Point[b].ToDoubles(), resumed.Point[b].ToDoubles());
        Assert.Equal(whole.UpperCalls.Points, resumed.UpperCalls.Points);

        static Solution<DenseVector<double>> Sittings(params long[] limits)
        {
            var store = new MemoryCheckpoints();
            Solution<DenseVector<double>>? solution = null;
            foreach (long limit in limits) solution = new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true }.Run(new Watched(), KktProblems.T2(), Start);
            return solution!;
        }
    }

    [Fact]
    public void Auto_hands_over_only_where_sets_are_bounded()
    {
        Assert.IsType<FallbackRun<DenseVector<double>>>(new Auto { Tolerance = Eps }.Start(KktProblems.T2(), Start, 0));
        Assert.IsNotType<FallbackRun<DenseVector<double>>>(new Auto { Tolerance = Eps }.Start(KktProblems.T2() with { Z1 = new WholeSpace<DenseVector<double>>() }, Start, 0));
    }

    /// <summary>Descent ascent in place of the fast method of auto.</summary>
    private sealed record Watched : IBilevelMinimaxMethod
    {
        public string Name => "watched";

        public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            where V : class, IVector<V> => new FallbackRun<V>(
                new GradientDescentAscent { Tolerance = Eps }.Start(problem, start, seed),
                best => new ProximalPoint { Tolerance = Eps }.Start(problem, best, seed),
                Eps);

        public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
            where V : class, IVector<V> => [];
    }
}
