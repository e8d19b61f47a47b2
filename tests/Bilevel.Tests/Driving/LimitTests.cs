using System.Diagnostics;

namespace Bilevel.Tests;

public class LimitTests
{
    private static readonly DenseVector<double> X = Vectors.Of(0.5), Y = Vectors.Of(0);

    private static F2sa LongSteps => new() { InnerSteps = 1000 };

    // Every request takes so long.
    private static BilevelProblem<DenseVector<double>> Slow(Action onRequest)
    {
        var problem = new TwoVariables().Problem;
        return problem with { Upper = new InterruptibleObjective<DenseVector<double>>(problem.Upper, onRequest), Lower = new InterruptibleObjective<DenseVector<double>>(problem.Lower, onRequest) };
    }

    private static (ManualClock Clock, BilevelProblem<DenseVector<double>> Problem) Slow(double seconds)
    {
        var clock = new ManualClock();
        return (clock, Slow(() => clock.Advance(TimeSpan.FromSeconds(seconds))));
    }

    private static Solution<DenseVector<double>> Whole(long iterations) =>
        new Driver { Stop = Stop.Iterations(iterations), Validate = false }.Run(LongSteps, new TwoVariables().Problem, X, Y);

    [Fact]
    public void Real_time_is_kept_inside_an_iteration()
    {
        var watch = Stopwatch.StartNew();
        var solution = new Driver { Stop = Stop.Time(TimeSpan.FromSeconds(1)), CertifyAt = 1e-4 }.Run(LongSteps, Slow(() => Thread.Sleep(50)), X, Y);

        // One iteration takes 50 s, one gradient 0.05.
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 10);
        Assert.Equal((SolveStatus.TimeLimit, 0L), (solution.Status, solution.Iterations));
        Assert.Equal((0.5, 0.0), (solution.X[0], solution.Point[0][0] - 0.5));
    }

    [Fact]
    public void An_iteration_that_is_given_up_leaves_the_point_before_it()
    {
        // 3,000 requests an iteration and more, 0.01 s each: the limit of 100 s is reached inside the fourth.
        var (clock, problem) = Slow(0.01);
        var solution = new Driver { Stop = Stop.Time(TimeSpan.FromSeconds(110)) | Stop.Iterations(1_000), Clock = clock, Validate = false }.Run(LongSteps, problem, X, Y);
        long done = solution.Iterations;
        Assert.InRange(done, 1, 20);
        var whole = Whole(done);
        Assert.Equal(SolveStatus.TimeLimit, solution.Status);
        Assert.StartsWith(
            FormattableString.Invariant($"Stopped before it converged. The time limit of 110 s was reached inside iteration {done + 1}, which was given up: the answer is the point after iteration {done}."), solution.StatusMessage, StringComparison.Ordinal);
        Assert.Equal((whole.X[0], whole.Y[0], whole.Residual, whole.Penalty, whole.UpperValue), (solution.X[0], solution.Y[0], solution.Residual, solution.Penalty, solution.UpperValue));
        Assert.InRange(solution.Seconds, 110, 221);
    }

    [Fact]
    public void An_iteration_that_ends_within_the_grace_is_completed()
    {
        var clock = new ManualClock();
        var method = new ScriptedMethod(_ => 1) { OnStep = _ => clock.Advance(TimeSpan.FromSeconds(0.6)) };
        var solution = new Driver { Stop = Stop.Time(TimeSpan.FromSeconds(1)), Clock = clock }.Run(method, new TwoVariables().Problem, X, Y);
        Assert.Equal((2L, 2.5), (solution.Iterations, solution.X[0]));
        Assert.Equal("The time limit of 1 s was reached.", solution.Reason[..34]);
    }

    [Fact]
    public void Cancellation_inside_an_iteration()
    {
        using var source = new CancellationTokenSource();
        long requests = 0;
        var (clock, problem) = Slow(0.01);
        problem = problem with { Upper = new InterruptibleObjective<DenseVector<double>>(problem.Upper, () => { if (++requests == 2_500) source.Cancel(); }) };
        var solution = new Driver { Stop = Stop.Never, Clock = clock, Validate = false }.Run(LongSteps, problem, X, Y, cancellation: source.Token);
        var whole = Whole(solution.Iterations);
        Assert.Equal(SolveStatus.Cancelled, solution.Status);
        Assert.Equal(FormattableString.Invariant($"Interrupted inside iteration {solution.Iterations + 1}, which was given up; the answer so far, the point after iteration {solution.Iterations}, is unfinished."), solution.StatusMessage);
        Assert.Equal((whole.X[0], whole.Residual), (solution.X[0], solution.Residual));
        Assert.InRange(requests, 2_500, 2_560);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_run_that_was_cut_off_inside_goes_on_to_the_same_bits(long every)
    {
        const int Iterations = 30;
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        Solution<DenseVector<double>>? solution = null;
        int sittings = 0;
        for (double limit = 70; solution is null or { Status: SolveStatus.TimeLimit }; limit += 70, sittings++)
        {
            var (clock, problem) = Slow(0.01);
            solution = new Driver { Stop = Stop.Time(TimeSpan.FromSeconds(limit)) | Stop.Iterations(Iterations), Clock = clock, Checkpoints = store, CheckpointEvery = every, Resume = true, Trace = trace, Validate = false }.Run(LongSteps, problem, X, Y);
        }

        var wholeTrace = new MemoryTrace();
        var whole = new Driver { Stop = Stop.Iterations(Iterations), Trace = wholeTrace, Validate = false }.Run(LongSteps, new TwoVariables().Problem, X, Y);
        Assert.InRange(sittings, 5, 40);
        ResumeTests.AssertSame(whole, solution, "cut off");
        Assert.Equal(wholeTrace.Rows.Select(r => r with { Seconds = 0 }), trace.Rows.Select(r => r with { Seconds = 0 }));
    }

    [Fact]
    public void A_certificate_is_cut_off_at_twice_the_limit()
    {
        Solution<DenseVector<double>> Run(double seconds)
        {
            var clock = new ManualClock();
            return new Driver { Stop = Stop.Residual(1e-3) | Stop.Time(TimeSpan.FromSeconds(100)), CertifyAt = 1e-2, Certifier = new Slowly(clock, seconds), Clock = clock }.Run(new F2ba { Accelerated = true }, new TwoVariables().Problem, X, Y);
        }

        Assert.Equal(Verdict.Certified, Run(1).Certificate!.Verdict);
        var cut = Run(300);
        Assert.Equal((SolveStatus.Converged, Verdict.NotCheckable), (cut.Status, cut.Certificate!.Verdict));
        Assert.Equal("Not certified: the certificate was cut off because twice the time limit of 100 s has passed. Raise the limit to have it.", cut.Certificate.Summary);
        Assert.StartsWith("Converged by the method's measure; not checked: the certificate was cut off because twice the time limit of 100 s has passed. Raise the limit to have it. The residual ", cut.StatusMessage, StringComparison.Ordinal);
        Assert.Equal(Run(1).X[0], cut.X[0]);
        Assert.False(cut.FollowerSolvedAgain);
        Assert.Contains(cut.Notes, n => n.EndsWith("because twice the time limit of 100 s has passed.", StringComparison.Ordinal));
    }

    [Fact]
    public void Cancellation_inside_the_certificate_leaves_the_rest_out()
    {
        using var source = new CancellationTokenSource();
        var solution = new Driver { Stop = Stop.Residual(1e-3), CertifyAt = 1e-2, Certifier = new Slowly(new ManualClock(), 0) { OnCheck = source.Cancel } }
            .Run(new F2ba { Accelerated = true }, new TwoVariables().Problem, X, Y, cancellation: source.Token);
        Assert.Equal((SolveStatus.Converged, Verdict.NotCheckable), (solution.Status, solution.Certificate!.Verdict));
        Assert.Equal("Not certified: the certificate was cut off because the run was interrupted. Let it come to its end to have it.", solution.Certificate.Summary);
    }

    [Fact]
    public void Cancellation_inside_a_certificate_that_a_rule_asks_for()
    {
        using var source = new CancellationTokenSource();
        var store = new MemoryCheckpoints();
        var clock = new ManualClock();
        var driver = new Driver { Stop = Stop.Certified(1e-6, 5), CertifyAt = 1e-6, Certifier = new Slowly(clock, 1) { OnCheck = source.Cancel }, Clock = clock, Checkpoints = store };
        var solution = driver.Run(new F2sa(), new TwoVariables().Problem, X, Y, cancellation: source.Token);
        Assert.Equal((SolveStatus.Cancelled, 5L, "Interrupted after 5 iterations; the answer so far is unfinished."), (solution.Status, solution.Iterations, solution.StatusMessage));
        Assert.Equal(5, store.Load()!.Info.Iteration);
    }

    [Fact]
    public void Cancellation_inside_the_start_and_the_checks_before_it()
    {
        foreach (bool inChecks in new[] { true, false })
        {
            using var source = new CancellationTokenSource();
            var clock = new ManualClock();
            var problem = Slow(() =>
            {
                clock.Advance(TimeSpan.FromSeconds(1));
                if (inChecks) source.Cancel();
            });
            var method = new ScriptedMethod(_ => 1) { CallsToStart = 10, OnStart = _ => source.Cancel() };
            var solution = new Driver { Clock = clock, Validate = inChecks }.Run(method, problem, X, Y, cancellation: source.Token);
            Assert.Equal((SolveStatus.Cancelled, 0L, 0.5), (solution.Status, solution.Iterations, solution.X[0]));
            Assert.Equal(inChecks, solution.Findings.Any(f => f.What == "The check of the problem before the first step was cut off by an interruption."));
        }
    }

    [Fact]
    public void Without_an_end_to_come_nothing_is_asked()
    {
        IProblem<DenseVector<double>>? seen = null;
        var problem = new TwoVariables().Problem;
        var method = new ScriptedMethod(_ => 1);
        new Driver { Stop = Stop.Iterations(2), CertifyAt = 1, Certifier = new Slowly(new ManualClock(), 0) { OnProblem = p => seen = (IProblem<DenseVector<double>>)p } }.Run(method, problem, X, Y);
        Assert.Same(problem.Lower, ((BilevelProblem<DenseVector<double>>)seen!).Lower);
    }

    // The certificate of the class, each of whose gradients takes so long.
    private sealed record Slowly(ManualClock Clock, double Seconds) : ICertifier
    {
        public Action OnCheck { get; init; } = () => { };

        public Action<object> OnProblem { get; init; } = _ => { };

        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V>
        {
            OnProblem(problem);
            OnCheck();
            void Pass() => Clock.Advance(TimeSpan.FromSeconds(Seconds));
            return new HypergradientCertificate().Check(problem.With(new Before<V>(problem.Upper, Pass), new Before<V>(problem.Lower, Pass)), point, tolerance, penalty, quick);
        }
    }

    private sealed class Before<V>(IObjective<V> inner, Action action) : IObjective<V>
        where V : class, IVector<V>
    {
        public void Evaluate(in Request<V> request)
        {
            action();
            inner.Evaluate(request);
        }
    }
}
