using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>One block of an answer.</summary>
internal sealed record ReportBlock(string Name, double[] Components);

/// <summary>How the run from one of several starts ended.</summary>
internal sealed record StartRow(int Start, string Status, string Verdict, double UpperValue, double Residual, long Iterations, string Message)
{
    /// <summary>The row of a solution.</summary>
    public static StartRow Of<V>(Solution<V> solution)
        where V : class, IVector<V> => new(
            solution.StartIndex, RunReport.WordOf(solution.Status), JsonReport.WordOf(solution.Certificate?.Verdict), solution.UpperValue, solution.Residual, solution.Iterations, solution.StatusMessage);
}

/// <summary>All that there is to say of a run, whatever its vectors: what the JSON, the page and the console show.</summary>
internal sealed record RunReport
{
    public required string Task { get; init; }

    public required string TaskSummary { get; init; }

    public required string Method { get; init; }

    /// <summary>The method that ran, where <see cref="Method"/> leaves the choice to the problem.</summary>
    public required string MethodUsed { get; init; }

    public required ulong Seed { get; init; }

    public required SolveStatus Status { get; init; }

    public required string StatusMessage { get; init; }

    public required double Tolerance { get; init; }

    /// <summary>The residual at which the method stops, or the numbers of the certificate at which it does.</summary>
    public required double StopsAt { get; init; }

    /// <summary>Whether the certificate ends the run, and not the method's residual.</summary>
    public required bool StopsByCertificate { get; init; }

    public required Certificate? Certificate { get; init; }

    /// <summary>F at the answer: the user's own f, with the follower solved again unless the run is unfinished.</summary>
    public required double UpperValue { get; init; }

    public required double LowerValue { get; init; }

    /// <summary>Whether these values were read with the follower solved again.</summary>
    public required bool FollowerSolvedAgain { get; init; }

    /// <summary>What a reader of the answer should know, each a sentence.</summary>
    public required IReadOnlyList<string> AnswerNotes { get; init; }

    /// <summary>A better point that the check of the answer met; null where it met none.</summary>
    public required IReadOnlyList<ReportBlock>? Better { get; init; }

    /// <summary>How the runs from several starts ended, the best first; empty where there was one start.</summary>
    public required IReadOnlyList<StartRow> Starts { get; init; }

    public required double Residual { get; init; }

    public required double Penalty { get; init; }

    /// <summary>The answer, block by block.</summary>
    public required IReadOnlyList<ReportBlock> Blocks { get; init; }

    /// <summary>The index of the follower's block.</summary>
    public required int FollowerBlock { get; init; }

    /// <summary>The names of the blocks of f.</summary>
    public required IReadOnlyList<string> UpperNames { get; init; }

    /// <summary>The names of the blocks of g.</summary>
    public required IReadOnlyList<string> LowerBlockNames { get; init; }

    public double[] X => Blocks[0].Components;

    public double[] Y => Blocks[FollowerBlock].Components;

    /// <summary>Whether both levels may have maximising blocks.</summary>
    public bool IsMinimax => Blocks.Count > 2;

    /// <summary>Evaluations of the penalty function's rows: one gradient of f and two of g count as one.</summary>
    public long PenaltyCalls => Math.Max(UpperCalls.Points, (LowerCalls.Points + 1) / 2);

    /// <summary>The bounds on multipliers in force at the end, by level; empty where the problem has none.</summary>
    public required IReadOnlyList<KeyValuePair<string, double>> MultiplierBounds { get; init; }

    /// <summary>How often these bounds were doubled.</summary>
    public required int BoundDoublings { get; init; }

    public required OracleCounts UpperCalls { get; init; }

    public required OracleCounts LowerCalls { get; init; }

    public required long Iterations { get; init; }

    public required double Seconds { get; init; }

    public required double CpuSeconds { get; init; }

    public required double PeakMemoryMegabytes { get; init; }

    public required TaskOutcome Outcome { get; init; }

    /// <summary>What to know of the data, each a sentence.</summary>
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
    public string StatusWord => WordOf(Status);

    /// <summary>The word of a status.</summary>
    public static string WordOf(SolveStatus status) => status switch
    {
        SolveStatus.Converged => "converged",
        SolveStatus.IterationLimit => "iteration_limit",
        SolveStatus.OracleLimit => "oracle_limit",
        SolveStatus.TimeLimit => "time_limit",
        SolveStatus.Stalled => "stalled",
        SolveStatus.BoundTouched => "bound_touched",
        SolveStatus.Cancelled => Interrupted,
        SolveStatus.Diverged => "diverged",
        SolveStatus.NotWithinTolerance => "not_within_tolerance",
        SolveStatus.Unbounded => "unbounded",
        _ => status.ToString(),
    };

    /// <summary>The status word of a run that can be resumed.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>The numbers of the answer that every task has, in the order in which to show them.</summary>
    public IReadOnlyList<NamedNumber> KeyNumbers => [.. EveryTasksNumbers.Where(n => !double.IsNaN(n.Value))];

    /// <summary>The task's own numbers without those that every task has: F is one number, wherever it is shown.</summary>
    public IReadOnlyList<NamedNumber> TaskNumbers => [.. Outcome.Metrics.Where(m => EveryTasksNumbers.All(n => n.Name != m.Name))];

    private IEnumerable<NamedNumber> EveryTasksNumbers =>
    [
        new("upper_value", UpperValue, Outcome.Metrics.FirstOrDefault(m => m.Name == "upper_value")?.Meaning ?? (FollowerSolvedAgain ? "F, the leader's objective f with " + ValuesReadAt : "f at " + ValuesReadAt)),
        new("lower_value", LowerValue, FollowerSolvedAgain ? "g there" : "g at " + ValuesReadAt),
        new("residual", Residual, "the method's own measure of being done"),
        new(IsMinimax ? "rho" : "lambda", Penalty, "penalty parameter at the end"),
    ];

    /// <summary>Where the upper value is read, in words.</summary>
    public string ValuesReadAt => !FollowerSolvedAgain ? Status is SolveStatus.Cancelled or SolveStatus.Diverged or SolveStatus.Unbounded ? "the point where the run stood" : "the answer"
        : IsMinimax && Blocks[BilevelMinimaxProblem.X2].Components.Length > 0 ? "the lower level and x2 solved again"
        : "the lower level solved again";

    /// <summary>The task and the method, in a few words.</summary>
    public string Title => $"{Task} by {MethodInWords}";

    /// <summary>The method, and where it leaves the choice to the problem, what it chose.</summary>
    public string MethodInWords => MethodUsed == Method ? Method : $"{Method} ({MethodUsed})";

    /// <summary>The outcome in a sentence or two, without the certificate's summary where that follows.</summary>
    public string Headline => Certificate is { } certificate && StatusMessage.EndsWith(certificate.Summary, StringComparison.Ordinal)
        ? StatusMessage[..^certificate.Summary.Length].TrimEnd()
        : StatusMessage;

    /// <summary>What is to be said of the certificate below the headline; empty where that says it already.</summary>
    public string BelowHeadline => Certificate is { } certificate && Headline.Contains(AfterVerdict(certificate.Summary), StringComparison.OrdinalIgnoreCase) ? "" : CertificateSentence;

    private static string AfterVerdict(string summary) => summary[(summary.IndexOf(": ", StringComparison.Ordinal) is var colon and >= 0 ? colon + 2 : 0)..].TrimEnd('.');

    /// <summary>What to know of bounds on multipliers that were too small, in a sentence or two; null where they were not.</summary>
    public string? BoundsSentence => BoundDoublings == 0 ? null
        : $"The bounds on the multipliers were touched, so they were doubled {Numbers.Plural(BoundDoublings, "time")}; the answer is that of the last: {string.Join(", ", MultiplierBounds.Select(b => $"{Numbers.Short(b.Value)} in the {b.Key} level"))}."
            + (Status == SolveStatus.Converged ? "" : " Where they are touched however large they are, the constraints cannot be satisfied with room to spare at some x1 that was visited: restrict x1, relax the constraints, or state equalities as equalities.");

    /// <summary>The certificate in a sentence or two.</summary>
    public string CertificateSentence => Certificate?.Summary ?? Status switch
    {
        SolveStatus.Cancelled => "No certificate: the run was interrupted.",
        SolveStatus.Diverged => "No certificate: the computation broke down.",
        SolveStatus.Unbounded => "No certificate: there is no minimiser to check.",
        _ => "No certificate was asked for.",
    };
}
