using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bilevel;

/// <summary>How far a run is.</summary>
/// <param name="Iteration">Number of iterations done.</param>
/// <param name="OracleCalls">Number of gradients asked by the method.</param>
/// <param name="UpperValue">The upper value last recorded.</param>
/// <param name="Residual">The method's residual.</param>
/// <param name="Penalty">The penalty parameter: lambda, or rho of a minimax problem.</param>
/// <param name="Elapsed">Time so far.</param>
/// <param name="Share">Share of the nearest limit that is used, 0 where there is none; elapsed / share - elapsed estimates the time left.</param>
public readonly record struct RunProgress(long Iteration, long OracleCalls, double UpperValue, double Residual, double Penalty, TimeSpan Elapsed, double Share)
{
    /// <summary>What the run is at once its iterations are done, such as "certificate"; null while they go on.</summary>
    public string? Stage { get; init; }
}

/// <summary>Receives the rows of a trace as they are recorded.</summary>
public interface ITraceSink
{
    /// <summary>Cuts the trace back to its first <paramref name="rows"/> rows and returns them; called once, before the first row.</summary>
    IReadOnlyList<TraceRow> CutTo(int rows);

    /// <summary>Appends a row.</summary>
    void Append(in TraceRow row);
}

/// <summary>
/// The one loop: iteration, stopping, budgets, recording, cancellation, checkpoints and the detection of divergence,
/// for every method. It never throws because a limit was reached.
/// </summary>
/// <example>
/// A method of one's choice with limits, a trace of every tenth iteration and a certificate.
/// <code>
/// static Solution&lt;DenseVector&lt;double&gt;&gt; Run(BilevelProblem&lt;DenseVector&lt;double&gt;&gt; problem, CancellationToken cancellation)
/// {
///     var driver = new Driver
///     {
///         Stop = Stop.Residual(1e-5) | Stop.Iterations(10_000) | Stop.Time(TimeSpan.FromMinutes(1)),
///         RecordEvery = 10,
///         CertifyAt = 1e-4,
///     };
///     return driver.Run(new F2ba { Accelerated = true, Tolerance = 1e-5 }, problem, Vectors.Of(3), Vectors.Of(0), seed: 1, cancellation);
/// }
/// </code>
/// </example>
public sealed class Driver
{
    /// <summary>When to stop; default: residual 1e-4 or 100,000 iterations.</summary>
    public StoppingRule Stop { get; init; } = Bilevel.Stop.Residual(1e-4) | Bilevel.Stop.Iterations(100_000);

    /// <summary>Records every so many iterations; 0 records eight rows per doubling of the iteration number.</summary>
    public long RecordEvery { get; init; }

    /// <summary>Hard limit on the method's gradients, enforced inside an iteration too; null for none.</summary>
    public long? OracleBudget { get; init; }

    /// <summary>Told about ten times a second how far the run is.</summary>
    public IProgress<RunProgress>? Progress { get; init; }

    /// <summary>Receives the beginning, the end, warnings and checkpoints.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Where checkpoints go; null for none.</summary>
    public ICheckpointStore? Checkpoints { get; init; }

    /// <summary>Saves a checkpoint whenever this much time has passed since the last, and more often where iterations are so long that one may be given up and saving takes little time against them.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Saves a checkpoint every so many iterations as well; 0 for the interval alone.</summary>
    public long CheckpointEvery { get; init; }

    /// <summary>Continues from the stored checkpoint, if there is one.</summary>
    public bool Resume { get; init; }

    /// <summary>Says in the checkpoint what is run (task, method, settings); a resume under another description is refused. Of lines "name: value" the refusal names those that differ; one that is indented follows from the others.</summary>
    public string Description { get; init; } = "";

    /// <summary>Receives the trace as it is recorded.</summary>
    public ITraceSink? Trace { get; init; }

    /// <summary>Runs the validator before the first step; its errors refuse the run.</summary>
    public bool Validate { get; init; } = true;

    /// <summary>Asks for a certificate of the answer at this tolerance; null for none.</summary>
    public double? CertifyAt { get; init; }

    /// <summary>Who certifies; null for the certificate of the problem's class.</summary>
    public ICertifier? Certifier { get; init; }

    /// <summary>In which units the problem is given; sentences about F and x say plain numbers.</summary>
    internal SaidUnits Units { get; init; } = SaidUnits.One;

    /// <summary>Runs a method on a bilevel problem.</summary>
    /// <param name="method">The method.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable; not changed.</param>
    /// <param name="y">Start of the lower variable; not changed.</param>
    /// <param name="seed">Seed of all random draws.</param>
    /// <param name="cancellation">Ends the run after the current iteration, or inside it where it does not end at once; the answer is then the point before it.</param>
    /// <exception cref="InvalidProblemException">The validator found an error.</exception>
    /// <exception cref="CheckpointException">A checkpoint cannot be read, written or continued from.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public Solution<V> Run<V>(IMethod method, BilevelProblem<V> problem, V x, V y, ulong seed = 0, CancellationToken cancellation = default)
        where V : class, IVector<V> => Run(method, problem, [x, y], seed, cancellation);

    /// <summary>Runs a method on a problem of any class that it can solve.</summary>
    /// <param name="method">The method.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block; not changed.</param>
    /// <param name="seed">Seed of all random draws.</param>
    /// <param name="cancellation">Ends the run after the current iteration, or inside it where it does not end at once; the answer is then the point before it.</param>
    /// <exception cref="InvalidProblemException">The validator found an error.</exception>
    /// <exception cref="CheckpointException">A checkpoint cannot be read, written or continued from.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public Solution<V> Run<V>(IMethod method, IProblem<V> problem, IReadOnlyList<V> start, ulong seed = 0, CancellationToken cancellation = default)
        where V : class, IVector<V> => RunPhases([new Phase(method, Stop)], problem, start, seed, cancellation);

    /// <summary>Runs a method from several starts, one after the other; <see cref="Starts.Around"/> draws them. Checkpoints and the trace sink are left out.</summary>
    /// <param name="method">The method.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="starts">The starts, each block by block; not changed.</param>
    /// <param name="seed">Seed of all random draws of each run.</param>
    /// <param name="cancellation">Ends the current run as it would end a run alone, and leaves the others out.</param>
    /// <returns>A solution per start: the best certified answer first, then the others within the tolerance, each by F. <see cref="Solution{V}.StartIndex"/> names the start.</returns>
    /// <exception cref="InvalidProblemException">The validator found an error.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">There is no start.</exception>
    public IReadOnlyList<Solution<V>> RunStarts<V>(IMethod method, IProblem<V> problem, IReadOnlyList<IReadOnlyList<V>> starts, ulong seed = 0, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(starts);
        if (starts.Count == 0) throw new ArgumentException("A run needs at least one start.", nameof(starts));
        var alone = new Driver
        {
            Stop = Stop,
            RecordEvery = RecordEvery,
            OracleBudget = OracleBudget,
            Progress = Progress,
            Logger = Logger,
            Clock = Clock,
            Description = Description,
            Validate = Validate,
            CertifyAt = CertifyAt,
            Certifier = Certifier,
        };
        var solutions = new List<Solution<V>>();
        for (int k = 0; k < starts.Count && (k == 0 || !cancellation.IsCancellationRequested); k++)
            solutions.Add(alone.Run(method, problem, starts[k], seed, cancellation) with { StartIndex = k });
        return Starts.Ranked(problem, solutions);
    }

    /// <summary>Runs phases one after the other, each from the point where the one before ended, until one converges.</summary>
    /// <param name="phases">The phases.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block; not changed.</param>
    /// <param name="seed">Seed of all random draws.</param>
    /// <param name="cancellation">Ends the run after the current iteration, or inside it where it does not end at once; the answer is then the point before it.</param>
    /// <exception cref="InvalidProblemException">The validator found an error.</exception>
    /// <exception cref="CheckpointException">A checkpoint cannot be read, written or continued from.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">There is no phase.</exception>
    public Solution<V> RunPhases<V>(IReadOnlyList<Phase> phases, IProblem<V> problem, IReadOnlyList<V> start, ulong seed = 0, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(start);
        foreach (var block in start) ArgumentNullException.ThrowIfNull(block, nameof(start));
        ArgumentNullException.ThrowIfNull(phases);
        if (phases.Count == 0) throw new ArgumentException("A run needs at least one phase.", nameof(phases));
        foreach (var (method, _) in phases) ArgumentNullException.ThrowIfNull(method);

        // The time of the checks counts too.
        long began = Clock.GetTimestamp();
        var limit = cancellation.CanBeCanceled || phases.Any(p => p.Stop.TimeLimit is not null) ? new RunLimit(Clock, cancellation) : null;
        var seen = limit is null ? problem : problem.With(new InterruptibleObjective<V>(problem.Upper, limit.Check), new InterruptibleObjective<V>(problem.Lower, limit.Check));
        List<Finding> findings = [];
        try
        {
            limit?.Begin(phases[^1].Stop.TimeLimit, TimeSpan.Zero);
            if (Validate) findings = [.. Validator.Check(phases.Select(p => p.Method), seen, start)];
        }
        catch (OperationCanceledException) when (limit is { IsOver: true })
        {
            findings = [new Finding(Severity.Warning, $"The check of the problem before the first step was cut off {(limit.IsCancelled ? "by an interruption" : "by the time limit")}.", "What it would have found wrong is not known; let it come to its end.")];
        }

        limit?.End();
        if (findings.Any(f => f.Severity == Severity.Error)) throw new InvalidProblemException(findings);
        foreach (var finding in findings) Logger.Warning(finding.ToString());
        return new DriverLoop<V>(this, phases, problem, seen, seed, findings, limit, began).Run(Validator.Feasible(problem, start));
    }
}

internal static partial class DriverLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{Method} starts at iteration {Iteration}")]
    public static partial void Begin(this ILogger logger, string method, long iteration);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Status} after {Iterations} iterations: {Message}")]
    public static partial void End(this ILogger logger, SolveStatus status, long iterations, string message);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Checkpoint saved at iteration {Iteration}")]
    public static partial void Saved(this ILogger logger, long iteration);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Message}")]
    public static partial void Warning(this ILogger logger, string message);
}
