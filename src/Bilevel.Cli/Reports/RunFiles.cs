namespace Bilevel.Cli;

/// <summary>The files that a run leaves, and what they are.</summary>
internal static class RunFiles
{
    public const string RunName = "run.json", ReportName = "report.html", TraceName = "trace.csv", CheckpointName = "checkpoint", PreviousName = CheckpointName + ".previous";

    // What the blocks of the problem classes mean, by symbol.
    private static readonly Dictionary<string, string> BlockMeanings = new()
    {
        ["x"] = "the upper variable x",
        ["y"] = "the lower variable y",
        ["x1"] = "the leader's variable x1",
        ["x2"] = "the upper opponent's variable x2 (behind it the multipliers of upper constraints, if any)",
        ["y1"] = "the follower's answer y1",
        ["y2"] = "the lower opponent's answer y2 (the multipliers, where the lower level has constraints)",
        ["z1"] = "the copy z1 of the follower's variable",
        ["z2"] = "the copy z2 of the lower opponent's variable",
    };

    /// <summary>Files with their meaning, in the order in which to list them.</summary>
    public static IReadOnlyList<(string Name, string Meaning)> Of(RunReport report) =>
    [
        (ReportName, "this page"),
        (RunName, "all numbers of the run, for programs"),
        (RunNotes.FileName, "what to know of the data and the answer, a sentence per line"),
        (TraceName, "one row per recorded iteration"),
        .. report.Blocks.Where(b => b.Components.Length > 0).Select(b => (OfBlock(b.Name), Meaning(b.Name))),
        .. report.Outcome.Files.Select(f => (f.Name, f.Meaning)),
        (CheckpointName, "the state from which --resume continues"),
    ];

    /// <summary>The file of a block of the answer.</summary>
    public static string OfBlock(string block) => $"{block}.csv";

    private static string Meaning(string block) => $"{BlockMeanings.GetValueOrDefault(block, $"the block {block}")}, a number per line";
}
