using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>One block of an answer.</summary>
internal sealed record ReportBlock(string Name, double[] Components);

/// <summary>All that there is to say of a run, whatever its vectors: what the JSON, the page and the console show.</summary>
internal sealed record RunReport
{
    public required string Task { get; init; }

    public required string TaskSummary { get; init; }

    public required string Method { get; init; }

    public required ulong Seed { get; init; }

    public required SolveStatus Status { get; init; }

    public required string StatusMessage { get; init; }

    public required double Tolerance { get; init; }

    /// <summary>The residual at which the method stops.</summary>
    public required double StopsAt { get; init; }

    public required Certificate? Certificate { get; init; }

    /// <summary>F(x), read at the lower level solved again where there is a certificate, else at the method's y.</summary>
    public required double UpperValue { get; init; }

    public required double LowerValue { get; init; }

    public required double Residual { get; init; }

    public required double Penalty { get; init; }

    /// <summary>The answer, block by block.</summary>
    public required IReadOnlyList<ReportBlock> Blocks { get; init; }

    /// <summary>The index of the follower's block.</summary>
    public required int Follower { get; init; }

    /// <summary>The names of the blocks of f.</summary>
    public required IReadOnlyList<string> UpperNames { get; init; }

    /// <summary>The names of the blocks of g.</summary>
    public required IReadOnlyList<string> LowerNames { get; init; }

    public double[] X => Blocks[0].Components;

    public double[] Y => Blocks[Follower].Components;

    /// <summary>Whether both levels may have maximising blocks.</summary>
    public bool IsMinimax => Blocks.Count > 2;

    /// <summary>Evaluations of the penalty function's rows: one gradient of f and two of g count as one.</summary>
    public long PenaltyCalls => Math.Max(UpperCalls.Points, (LowerCalls.Points + 1) / 2);

    public required OracleCounts UpperCalls { get; init; }

    public required OracleCounts LowerCalls { get; init; }

    public required long Iterations { get; init; }

    public required double Seconds { get; init; }

    public required double CpuSeconds { get; init; }

    public required double PeakMemoryMegabytes { get; init; }

    public required TaskOutcome Outcome { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    public required IReadOnlyList<Finding> Findings { get; init; }

    public required IReadOnlyList<TraceRow> Trace { get; init; }

    public required IReadOnlyList<SettingValue> TaskSettings { get; init; }

    public required IReadOnlyList<SettingValue> MethodSettings { get; init; }

    /// <summary>Limits and the like, as pairs of name and value.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> RunSettings { get; init; }

    public required RunEnvironment Environment { get; init; }

    /// <summary>The command that repeats the run.</summary>
    public required string Command { get; init; }

    public long OracleCalls => UpperCalls.Total + LowerCalls.Total;

    /// <summary>true, false, or null where it cannot be checked or was not asked.</summary>
    public bool? Certified => Certificate?.Verdict switch
    {
        Verdict.Certified => true,
        Verdict.NotCertified => false,
        _ => null,
    };

    /// <summary>The status as a word.</summary>
    public string StatusWord => Status switch
    {
        SolveStatus.Converged => "converged",
        SolveStatus.IterationLimit => "iteration_limit",
        SolveStatus.OracleLimit => "oracle_limit",
        SolveStatus.TimeLimit => "time_limit",
        SolveStatus.Stalled => "stalled",
        SolveStatus.BoundTouched => "bound_touched",
        SolveStatus.Cancelled => Interrupted,
        SolveStatus.Diverged => "diverged",
        _ => Status.ToString(),
    };

    /// <summary>The status word of a run that can be resumed.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>The status in a sentence that begins with the outcome.</summary>
    public string StatusSentence => Status switch
    {
        SolveStatus.Converged => $"Converged. {StatusMessage}",
        SolveStatus.Cancelled => $"Interrupted after {Numbers.Plural(Iterations, "iteration")}; the answer so far is unfinished.",
        SolveStatus.Diverged => StatusMessage,
        _ => $"Stopped before it converged. {StatusMessage}",
    };

    /// <summary>The numbers of the answer that every task has and that the task's own metrics do not repeat, in the order in which to show them.</summary>
    public IReadOnlyList<NamedNumber> KeyNumbers => [.. EveryTasksNumbers.Where(n => !double.IsNaN(n.Value) && Outcome.Metrics.All(m => m.Name != n.Name))];

    private IEnumerable<NamedNumber> EveryTasksNumbers =>
    [
        new("upper_value", UpperValue, Certificate is null ? "F(x), read at the method's y" : "F(x), read at the lower level solved again"),
        new("lower_value", LowerValue, Certificate is null ? "g at the method's y" : "g at the lower level solved again"),
        new("residual", Residual, "the method's own measure of being done"),
        new(IsMinimax ? "rho" : "lambda", Penalty, "penalty parameter at the end"),
    ];

    /// <summary>The certificate in a sentence or two.</summary>
    public string CertificateSentence => Certificate?.Summary ?? Status switch
    {
        SolveStatus.Cancelled => "No certificate: the run was interrupted.",
        SolveStatus.Diverged => "No certificate: the computation broke down.",
        _ => "No certificate was asked for.",
    };
}
