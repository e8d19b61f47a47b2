using Microsoft.Extensions.Logging;

namespace Bilevel.Tests;

public sealed class DriverTests
{
    private readonly BilevelProblem<DenseVector<double>> problem = new TwoVariables().Problem;
    private readonly DenseVector<double> x = Vectors.Of(0), y = Vectors.Of(0);

    [Fact]
    public void Two_lines_solve_and_certify()
    {
        var quadratic = new TwoVariables();
        var solution = BilevelSolver.Solve(quadratic.Problem, x, y);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.Equal(quadratic.Answer, solution.X[0], 1e-3 / 1.5);
    }

    [Fact]
    public void Nothing_may_be_null()
    {
        var driver = new Driver();
        Assert.Throws<ArgumentNullException>(() => driver.Run(null!, problem, x, y));
        Assert.Throws<ArgumentNullException>(() => driver.Run(new F2sa(), (BilevelProblem<DenseVector<double>>)null!, x, y));
        Assert.Throws<ArgumentNullException>(() => driver.Run(new F2sa(), problem, x, null!));
        Assert.Throws<ArgumentNullException>(() => driver.RunPhases(null!, problem, [x, y]));
    }

    [Fact]
    public void Rows_are_recorded_at_multiples()
    {
        var solution = new Driver { Stop = Stop.Iterations(10), RecordEvery = 4 }.Run(new ScriptedMethod(k => k), problem, x, y);
        Assert.Equal([0L, 4, 8, 10], solution.Trace.Select(r => r.Iteration));
        Assert.Equal([0L, 4, 8, 10], solution.Trace.Select(r => r.OracleCalls));
        Assert.Equal([double.NaN, 4, 8, 10], solution.Trace.Select(r => r.Residual));
        Assert.Equal([0.0, 40, 80, 100], solution.Trace.Select(r => r.Penalty));
        Assert.Equal([9.0, 9 + 8, 9 + 32, 9 + 50], solution.Trace.Select(r => r.UpperValue));
        Assert.Equal([0.0, 4, 16, 25], solution.Trace.Select(r => r.LowerValue));

        // What is reported is read at the follower's best answer, x/2.
        Assert.Equal((10.0, 5.0, 10.0, 100.0), (solution.X[0], Math.Round(solution.Y[0], 9), solution.Residual, solution.Penalty));
        Assert.Equal((54.0, 0.0), (Math.Round(solution.UpperValue, 9), Math.Round(solution.LowerValue, 9)));
    }

    [Fact]
    public void By_default_eight_rows_per_doubling()
    {
        var solution = new Driver { Stop = Stop.Iterations(100_000) }.Run(new ScriptedMethod(_ => 1), problem, x, y);
        long[] rows = [.. solution.Trace.Select(r => r.Iteration)];
        Assert.Equal(Enumerable.Range(0, 17).Select(i => (long)i), rows[..17]);
        for (long from = 8; from <= 32_768; from *= 2) Assert.Equal(8, rows.Count(k => k >= from && k < 2 * from));
        Assert.Equal(100_000, rows[^1]);
    }

    [Fact]
    public void Values_do_not_count_as_calls()
    {
        var solution = new Driver { Stop = Stop.Iterations(10), RecordEvery = 1, CertifyAt = 1 }.Run(new ScriptedMethod(_ => 1) { CallsPerStep = 2 }, problem, x, y);
        Assert.Equal([0L, 20], solution.UpperCalls.Gradients.ToArray());
        Assert.Equal((0L, 0L, 20L), (solution.UpperCalls.Values, solution.LowerCalls.Total, solution.OracleCalls));
        Assert.NotNull(solution.Certificate);
    }

    [Fact]
    public void The_sink_receives_every_row()
    {
        var trace = new MemoryTrace();
        trace.Append(default);
        var solution = new Driver { Stop = Stop.Iterations(100), Trace = trace }.Run(new ScriptedMethod(_ => 1), problem, x, y);
        Assert.Equal(solution.Trace, trace.Rows);
        Assert.Equal([0], trace.Cuts);
    }

    [Fact]
    public void Inputs_are_not_changed()
    {
        foreach (IBilevelMethod method in new IBilevelMethod[] { new F2sa(), new F2ba(), new F2ba { Accelerated = true } })
        {
            DenseVector<double> start = Vectors.Of(0.75), follower = Vectors.Of(-0.25);
            new Driver { Stop = Stop.Iterations(20), CertifyAt = 1 }.Run(method, problem with { UpperSet = new Box<double>(-1, 0.5), LowerSet = new WholeSpace<DenseVector<double>>() }, start, follower);
            Assert.Equal((0.75, -0.25), (start[0], follower[0]));
        }
    }

    [Fact]
    public void A_start_outside_is_projected()
    {
        var seen = new List<double>();
        var solution = new Driver { Stop = Stop.Iterations(1) }
            .Run(new ScriptedMethod(_ => 1) { OnStart = p => seen.AddRange([p[0][0], p[1][0]]) }, problem with { UpperSet = new Box<double>(2, 3), LowerSet = new Ball<double>(1) }, x, Vectors.Of(-5));
        Assert.Equal([2.0, -1], seen);
        Assert.Equal(["The start of x lies outside", "The start of y lies outside"], solution.Findings.Select(f => string.Join(' ', f.What.Split(' ')[..6])));
    }

    [Fact]
    public void Cancellation_ends_after_the_current_iteration()
    {
        using var source = new CancellationTokenSource();
        var store = new MemoryCheckpoints();
        var solution = new Driver { Stop = Stop.Never, Checkpoints = store }.Run(new ScriptedMethod(_ => 1) { OnStep = k => { if (k == 1_005) source.Cancel(); } }, problem, x, y, cancellation: source.Token);
        Assert.Equal((SolveStatus.Cancelled, 1_005L, "Interrupted after 1,005 iterations; the answer so far is unfinished."), (solution.Status, solution.Iterations, solution.StatusMessage));
        Assert.Equal(1_005, store.Load()!.Info.Iteration);
        var none = new Driver { Stop = Stop.Never }.Run(new ScriptedMethod(_ => 1), problem, x, y, cancellation: source.Token);
        Assert.Equal((SolveStatus.Cancelled, 0L), (none.Status, none.Iterations));
    }

    [Fact]
    public void Progress_comes_ten_times_a_second()
    {
        var clock = new ManualClock();
        var reports = new Reports();
        new Driver { Stop = Stop.Iterations(1_000) | Stop.Residual(0.1), Clock = clock, Progress = reports, CheckpointInterval = TimeSpan.MaxValue }
            .Run(new ScriptedMethod(_ => 1) { CallsPerStep = 2, OnStep = _ => clock.Advance(TimeSpan.FromMilliseconds(20)) }, problem, x, y);
        Assert.Equal("answer", reports[^1].Stage);
        reports.RemoveAt(reports.Count - 1);
        Assert.All(reports, r => Assert.Null(r.Stage));
        Assert.Equal(Enumerable.Range(1, 200).Select(i => 5L * i).ToArray()[..reports.Count], reports.Select(r => r.Iteration));
        Assert.InRange(reports.Count, 199, 200);
        Assert.Equal((500L, 1_000L, 1.0, 5_000.0, 0.5), (reports[99].Iteration, reports[99].OracleCalls, reports[99].Residual, reports[99].Penalty, reports[99].Share));
        Assert.Equal(10, reports[99].Elapsed.TotalSeconds, 1e-9);
    }

    [Fact]
    public void Slow_steps_after_fast_ones_are_noticed_in_the_next_phase()
    {
        var clock = new ManualClock();
        var reports = new Reports();
        new Driver { Clock = clock, Progress = reports }.RunPhases(
            [new Phase(new ScriptedMethod(_ => 1), Stop.Iterations(3_000_000)), new Phase(new ScriptedMethod(_ => 1) { OnStep = _ => clock.Advance(TimeSpan.FromSeconds(1)) }, Stop.Iterations(3_000_010))],
            problem, [x, y]);
        Assert.Equal(9, reports.Count(r => r.Stage is null));                // none after the tenth step, which ends the run
    }

    [Fact]
    public void Checkpoints_come_by_time_and_by_number()
    {
        var clock = new ManualClock();
        var store = new MemoryCheckpoints();
        new Driver { Stop = Stop.Iterations(100), Clock = clock, Checkpoints = store, CheckpointInterval = TimeSpan.FromSeconds(10) }
            .Run(new ScriptedMethod(_ => 1) { OnStep = _ => clock.Advance(TimeSpan.FromSeconds(1)) }, problem, x, y);
        Assert.Equal([10L, 20, 30, 40, 50, 60, 70, 80, 90, 100], store.Saved.Select(b => Checkpoint.FromBytes(b).Info.Iteration));
        store.Saved.Clear();
        new Driver { Stop = Stop.Iterations(100), Clock = clock, Checkpoints = store, CheckpointEvery = 30 }.Run(new ScriptedMethod(_ => 1), problem, x, y);
        Assert.Equal([30L, 60, 90, 100], store.Saved.Select(b => Checkpoint.FromBytes(b).Info.Iteration));
    }

    [Fact]
    public void Beginning_end_warnings_and_checkpoints_are_logged()
    {
        var logger = new Lines();
        new Driver { Stop = Stop.Iterations(2), Logger = logger, Checkpoints = new MemoryCheckpoints() }
            .Run(new ScriptedMethod(_ => 1), problem with { UpperSet = new Box<double>(2, 3) }, x, y);
        Assert.Equal(4, logger.Count);
        Assert.StartsWith("Warning: The start of x lies outside", logger[0], StringComparison.Ordinal);
        Assert.Equal("Information: scripted starts at iteration 0", logger[1]);
        Assert.Equal("Debug: Checkpoint saved at iteration 2", logger[2]);
        Assert.Equal("Information: IterationLimit after 2 iterations: Stopped before it converged. The limit of 2 iterations was reached.", logger[3]);
    }

    [Fact]
    public void A_residual_that_runs_away_ends_the_run_at_the_last_sound_point()
    {
        var solution = new Driver { Stop = Stop.Iterations(1_000), RecordEvery = 10, Checkpoints = new MemoryCheckpoints(), CertifyAt = 1 }
            .Run(new ScriptedMethod(k => k < 25 ? 5 : 6e12), problem, x, y);
        Assert.Equal((SolveStatus.Diverged, 25L), (solution.Status, solution.Iterations));
        Assert.Equal("The run broke down at iteration 25 (residual 6E+12, penalty parameter 250). Start elsewhere, scale the variables to sizes near 1, or take another method.", solution.StatusMessage);
        Assert.Equal(20, solution.X[0]);
        Assert.Equal((209.0, 100.0), (solution.UpperValue, solution.LowerValue));
        Assert.Null(solution.Certificate);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_residual_that_is_not_finite_ends_the_run(double residual)
    {
        foreach (long at in new long[] { 1, 2, 100 })
        {
            var solution = new Driver { Stop = Stop.Iterations(1_000) }.Run(new ScriptedMethod(k => k < at ? 1 : residual), problem, x, y);
            Assert.Equal((SolveStatus.Diverged, at), (solution.Status, solution.Iterations));
            Assert.True(double.IsFinite(solution.UpperValue));
        }
    }

    [Fact]
    public void A_point_that_is_not_finite_ends_the_run()
    {
        // f is not a number from x = 17 on, while the residual looks fine.
        var broken = problem with { Upper = new FunctionObjective<DenseVector<double>>((x, y) => x[0] >= 17 ? double.NaN : x[0], (x, y, r) => r[0] = 1, (x, y, r) => r[0] = 0) };
        var solution = new Driver { Stop = Stop.Iterations(1_000), RecordEvery = 5 }.Run(new ScriptedMethod(_ => 1), broken, x, y);
        Assert.Equal((SolveStatus.Diverged, 20L), (solution.Status, solution.Iterations));
        Assert.Equal((15.0, 15.0), (solution.X[0], solution.UpperValue));
    }

    [Fact]
    public void F2sa_with_a_step_too_long_breaks_down_politely()
    {
        var solution = new Driver { Stop = Stop.Iterations(100_000) }.Run(new F2sa { StepX = 100 }, problem, Vectors.Of(1), y);
        Assert.Equal(SolveStatus.Diverged, solution.Status);
        Assert.Contains("Take smaller steps", solution.StatusMessage, StringComparison.Ordinal);
        Assert.True(solution.X.IsFinite() && solution.Y.IsFinite());
        Assert.Equal(TwoVariablesUpper(solution.X[0], solution.Y[0]), solution.UpperValue, 1e-12 * solution.UpperValue);
    }

    [Fact]
    public void The_budget_holds_inside_an_iteration()
    {
        foreach (long budget in new long[] { 1, 3, 10, 37, 38, 39 })
        {
            // F2SA asks for 2 + 1 + 1 + 2 gradients per iteration in four requests, none to start.
            var solution = new Driver { Stop = Stop.Iterations(1_000), OracleBudget = budget }.Run(new F2sa(), problem, x, y);
            Assert.Equal((SolveStatus.OracleLimit, budget / 6), (solution.Status, solution.Iterations));
            Assert.Equal(FormattableString.Invariant($"Stopped before it converged. The budget of {budget} oracle calls is used up."), solution.StatusMessage);
            Assert.InRange(solution.OracleCalls, budget - 1, budget);
            Assert.Equal(TwoVariablesUpper(solution.X[0], solution.Y[0]), solution.UpperValue, 1e-12);
        }
    }

    [Fact]
    public void A_budget_too_small_to_start_is_a_status_too()
    {
        // Constants that are not declared are estimated from gradients, which cost.
        var solution = new Driver { Stop = Stop.Iterations(1_000), OracleBudget = 5, CertifyAt = 1, Checkpoints = new MemoryCheckpoints() }
            .Run(new F2ba(), problem with { Constants = new() }, Vectors.Of(0.5), Vectors.Of(2));
        Assert.Equal((SolveStatus.OracleLimit, 0L), (solution.Status, solution.Iterations));
        Assert.Equal((0.5, 0.25), (solution.X[0], solution.Y[0]));
        Assert.Equal(TwoVariablesUpper(0.5, 0.25), solution.UpperValue);
        Assert.InRange(solution.OracleCalls, 0, 5);
    }

    [Fact]
    public void The_budget_ends_all_phases()
    {
        var starts = 0;
        var second = new ScriptedMethod(_ => 1) { OnStart = _ => starts++ };
        var solution = new Driver { OracleBudget = 10 }.RunPhases([new Phase(new ScriptedMethod(_ => 1) { CallsPerStep = 3 }, Stop.Never), new Phase(second, Stop.Never)], problem, [x, y]);
        Assert.Equal((SolveStatus.OracleLimit, 3L, 0), (solution.Status, solution.Iterations, starts));
        var atStart = new Driver { OracleBudget = 10 }.RunPhases([new Phase(new ScriptedMethod(_ => 1), Stop.Iterations(8)), new Phase(second with { CallsToStart = 5 }, Stop.Never)], problem, [x, y]);
        Assert.Equal((SolveStatus.OracleLimit, 8L, 8.0), (atStart.Status, atStart.Iterations, atStart.X[0]));
    }

    [Fact]
    public void Phases_follow_each_other_from_point_to_point()
    {
        var starts = new List<double>();
        ScriptedMethod Method(string name) => new(_ => 1) { Name = name, OnStart = p => starts.Add(p[0][0]) };
        var logger = new Lines();
        var solution = new Driver { Logger = logger, RecordEvery = 1 }.RunPhases(
            [new Phase(Method("one"), Stop.Iterations(3)), new Phase(Method("two"), Stop.OracleCalls(5)), new Phase(Method("three"), Stop.Iterations(9))], problem, [Vectors.Of(100), y]);
        Assert.Equal([100.0, 103, 105], starts);
        Assert.Equal((SolveStatus.IterationLimit, 9L, 109.0), (solution.Status, solution.Iterations, solution.X[0]));
        Assert.Equal(Enumerable.Range(0, 10).Select(k => (long)k), solution.Trace.Select(r => r.Iteration));
        Assert.Equal(["one starts at iteration 0", "two starts at iteration 3", "three starts at iteration 5"], logger.Where(l => l.Contains("starts", StringComparison.Ordinal)).Select(l => l["Information: ".Length..]));
    }

    [Fact]
    public void Convergence_ends_all_phases()
    {
        var solution = new Driver().RunPhases([new Phase(new ScriptedMethod(k => 1.0 / k), Stop.Residual(0.5)), new Phase(new ScriptedMethod(_ => 1), Stop.Iterations(100))], problem, [x, y]);
        Assert.Equal((SolveStatus.Converged, 2L), (solution.Status, solution.Iterations));
    }

    [Fact]
    public void After_a_breakdown_the_next_phase_starts_from_the_last_sound_point()
    {
        var starts = new List<double>();
        var solution = new Driver { RecordEvery = 10 }.RunPhases(
            [new Phase(new ScriptedMethod(k => k < 35 ? 1 : double.NaN), Stop.Iterations(100)), new Phase(new ScriptedMethod(_ => 1e20) { OnStart = p => starts.Add(p[0][0]) }, Stop.Iterations(40))], problem, [x, y]);
        Assert.Equal([30.0], starts);
        Assert.Equal((SolveStatus.IterationLimit, 40L, 35.0), (solution.Status, solution.Iterations, solution.X[0]));
    }

    [Fact]
    public void A_run_needs_a_phase() =>
        Assert.StartsWith("A run needs at least one phase.", Assert.Throws<ArgumentException>(() => new Driver().RunPhases([], problem, [x, y])).Message, StringComparison.Ordinal);

    private static double TwoVariablesUpper(double x, double y) => Math.Pow(y - 3, 2) + (x * x / 2);

    private sealed class Reports : List<RunProgress>, IProgress<RunProgress>
    {
        public void Report(RunProgress value) => Add(value);
    }

    private sealed class Lines : List<string>, ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Add($"{logLevel}: {formatter(state, exception)}");
    }
}
