using System.Diagnostics;
using Bilevel.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bilevel.Cli;

/// <summary>Runs a plan on a task's problem, whatever its vectors.</summary>
/// <param name="plan">The plan.</param>
/// <param name="folder">Where results go; null for nowhere.</param>
/// <param name="progress">Told how far the run is.</param>
/// <param name="cancellation">Ends the run.</param>
/// <param name="measuring">Ends the measuring of its answer, with the run or when its time is over.</param>
internal sealed class RunVisitor(RunPlan plan, OutputFolder? folder, ConsoleProgress progress, CancellationToken cancellation, CancellationTokenSource measuring) : ITaskVisitor<RunReport>
{
    public RunReport Visit<V>(TaskInstance<V> instance)
        where V : class, IVector<V>
    {
        folder?.Refuse(instance.Problem.Blocks.Where((_, b) => instance.Components(instance.Start[b]).Length > 0).Select(b => b.Name), instance.FileNames, plan.Inputs);
        double need = MemoryNeed.Of(plan.Method, instance.Problem, instance.Start, plan.Certify);
        if (MemoryNeed.Sentence(need, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, instance.Start.Sum(b => (long)b.Length), plan.Method.Name) is { } much) progress.Say(much);
        var driver = new Driver
        {
            Stop = plan.Stop,
            CertifyAt = plan.Certify ? plan.Tolerance : null,
            Certifier = instance.Certifier,
            Resume = plan.Resume,
            Description = plan.Description,
            Checkpoints = folder?.Checkpoints,
            CheckpointInterval = plan.CheckpointInterval,
            Trace = folder?.Trace,
            Progress = progress,
            Logger = progress.IsTerminal ? new WarningLogger(progress.Warn) : NullLogger.Instance,
        };
        var answers = plan.Starts > 1 ? FromStarts(driver, instance) : [From(new BestPoint<V>(instance) { Cancellation = measuring.Token }, best => driver.Run(best.Watching(plan.Method), instance.Problem, instance.Start, plan.Seed, cancellation))];
        if (plan.Starts > 1 && folder is not null) WriteTrace(folder.Trace, answers[0].Solution.Trace);
        var (solution, outcome) = (answers[0].Solution, answers[0].Outcome);
        return new RunReport
        {
            Task = plan.Task,
            TaskSummary = "",
            Method = plan.Method.Name,
            MethodUsed = plan.Method is Auto auto ? auto.Choice(instance.Problem).Name : plan.Method.Name,
            Seed = plan.Seed,
            Status = solution.Status,
            StatusMessage = solution.StatusMessage,
            Tolerance = plan.Tolerance,
            StopsAt = plan.StopsAt,
            StopsByCertificate = plan.StopsByCertificate,
            Certificate = solution.Certificate,
            UpperValue = solution.UpperValue,
            LowerValue = solution.LowerValue,
            FollowerSolvedAgain = solution.FollowerSolvedAgain,
            AnswerNotes = [.. folder?.Notes ?? [], .. LeftOut(outcome), .. answers[0].Notes, .. solution.Notes],
            Better = solution.Better is { } better ? [.. better.Select((block, b) => new ReportBlock(solution.BlockNames[b], instance.Components(block)))] : null,
            Starts = plan.Starts > 1 ? [.. answers.Select(a => StartRow.Of(a.Solution))] : [],
            Residual = solution.Residual,
            Penalty = solution.Penalty,
            Blocks = [.. solution.Point.Select((block, b) => new ReportBlock(solution.BlockNames[b], instance.Components(block)))],
            FollowerBlock = solution.FollowerBlock,
            UpperNames = [.. instance.Problem.UpperBlocks.Select(b => solution.BlockNames[b])],
            LowerBlockNames = instance.Problem.LowerBlockNames,
            MultiplierBounds = Bounds(instance.Problem, solution.Enlargement),
            BoundDoublings = solution.BoundDoublings,
            UpperCalls = solution.UpperCalls,
            LowerCalls = solution.LowerCalls,
            Iterations = solution.Iterations,
            Seconds = solution.Seconds,
            CpuSeconds = Environment.CpuUsage.TotalTime.TotalSeconds,
            PeakMemoryMegabytes = PeakMemory(),
            Outcome = outcome,
            Notes = plan.Notes,
            Findings = solution.Findings,
            Trace = solution.Trace,
            TaskSettings = [],
            MethodSettings = plan.MethodSettings,
            RunSettings = plan.RunSettings,
            Environment = RunEnvironment.Current(0, default),
            Command = "",
        };
    }

    private TaskAnswer<V> From<V>(BestPoint<V> best, Func<BestPoint<V>, Solution<V>> run)
        where V : class, IVector<V>
    {
        var solution = run(best);
        if (plan.TimeLimit is { } limit) EndMeasuringAfter((2 * limit.TotalSeconds) - solution.Seconds);
        return best.Choose(solution, plan.Tolerance, plan.Certify);
    }

    private void EndMeasuringAfter(double seconds)
    {
        if (seconds <= 0) measuring.Cancel();
        else if (seconds * 1000 < int.MaxValue) measuring.CancelAfter(TimeSpan.FromSeconds(seconds));
    }

    private IEnumerable<string> LeftOut(TaskOutcome outcome) => outcome.LeftOut.Count == 0 ? []
        : [$"Left out, because {(cancellation.IsCancellationRequested ? "the run was interrupted" : $"twice the time limit of {Numbers.Short(plan.TimeLimit!.Value.TotalSeconds)} s had passed")}: {string.Join("; ", outcome.LeftOut)}."];

    // The answers from several starts, each the best point of its run, the best first.
    private List<TaskAnswer<V>> FromStarts<V>(Driver driver, TaskInstance<V> instance)
        where V : class, IVector<V>
    {
        List<TaskAnswer<V>> answers = [];
        foreach (var start in Starts.Around(instance.Problem, instance.Start, plan.Starts, plan.Seed))
        {
            if (answers.Count > 0 && cancellation.IsCancellationRequested) break;
            int index = answers.Count;
            answers.Add(From(new BestPoint<V>(instance, start) { Cancellation = measuring.Token }, best => driver.RunStarts(best.Watching(plan.Method), instance.Problem, [start], plan.Seed, cancellation)[0] with { StartIndex = index }));
        }

        return [.. Starts.Ranked(instance.Problem, answers.Select(a => a.Solution)).Select(s => answers.Find(a => ReferenceEquals(a.Solution, s))!)];
    }

    // The trace of the best run, once it is known which that is.
    private void WriteTrace(ITraceSink sink, IReadOnlyList<TraceRow> rows)
    {
        try
        {
            sink.CutTo(0);
        }
        catch (UsageException e)
        {
            folder!.Miss(e);
            return;
        }

        foreach (var row in rows) sink.Append(row);
    }

    // The bounds on multipliers, doubled that many times.
    private static List<KeyValuePair<string, double>> Bounds<V>(IProblem<V> problem, long enlargement)
        where V : class, IVector<V>
    {
        if (problem is not BilevelMinimaxProblem<V> minimax) return [];
        var enlarged = (BilevelMinimaxProblem<V>)minimax.Enlarged(enlargement);
        List<KeyValuePair<string, double>> bounds = [];
        if (enlarged.LowerMultipliers is { } lower) bounds.Add(new("lower", lower.Bound));
        if (enlarged.UpperMultipliers is { } upper) bounds.Add(new("upper", upper.Bound));
        return bounds;
    }

    private static double PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1e6;
    }

    // Shows warnings while a person watches; they are in every report too.
    private sealed class WarningLogger(Action<string> warn) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) warn(formatter(state, exception));
        }
    }
}
