using System.Text.Json;

namespace Bilevel.Cli;

/// <summary>
/// The folder of <c>--out</c>: whether it can be used is known before the run starts, and every file but the trace is
/// written beside its place and moved there whole.
/// </summary>
internal sealed class OutputFolder : ICheckpointStore, IDisposable
{
    public const string RunName = "run.json", ReportName = "report.html", TraceName = "trace.csv", CheckpointName = "checkpoint";
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

    private readonly FileCheckpointStore checkpoints;
    private readonly TraceFile trace;
    private bool isMade;

    private OutputFolder(string path)
    {
        Path = path;
        checkpoints = new FileCheckpointStore(In(CheckpointName));
        trace = new TraceFile(In(TraceName), RemoveResults, e => Failure ??= Unwritable(In(TraceName), e));
    }

    /// <summary>The path, as the user wrote it.</summary>
    public string Path { get; }

    public ICheckpointStore Checkpoints => this;

    /// <summary>What could not be written while the run went on; a run is not thrown away for it.</summary>
    public UsageException? Failure { get; private set; }

    /// <summary>Whether the last checkpoint is in the folder.</summary>
    public bool IsSaved { get; private set; }

    public ITraceSink Trace => trace;

    public bool HasCheckpoint => File.Exists(In(CheckpointName)) || File.Exists(checkpoints.PreviousPath);

    /// <summary>Makes the folder where it is missing and checks that it can be written to and holds no unfinished run.</summary>
    public static OutputFolder Open(string path, bool resume, bool overwrite)
    {
        var folder = new OutputFolder(path);
        string probe = folder.In(".bilevel-probe");
        try
        {
            if (File.Exists(path)) throw new UsageException($"{path} is a file; --out takes a folder.");
            string full = System.IO.Path.GetFullPath(path);
            if (System.IO.Path.GetDirectoryName(System.IO.Path.TrimEndingDirectorySeparator(full)) is { } parent && !Directory.Exists(parent))
                throw new UsageException($"The folder {path} cannot be made, because {parent} does not exist. Make that folder first, or name another with --out.");
            folder.isMade = !Directory.Exists(full);
            Directory.CreateDirectory(full);
            File.WriteAllText(probe, "a few bytes, to see that the disk takes them\n");
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            WholeFile.TryDelete(probe);
            folder.Dispose();
            throw new UsageException($"The folder {path} cannot be written to: {ErrorText.Sentence(e)} Name another with --out.", e);
        }

        if (!resume && !overwrite && folder.HoldsUnfinishedRun())
            throw new UsageException($"{path} holds an unfinished run. Continue it with --resume, replace it with --overwrite, or name another folder.");
        return folder;
    }

    /// <summary>Names of the files that a report of this run consists of.</summary>
    public IEnumerable<string> FileNames(RunReport report) => Files(report).Select(f => f.Name);

    /// <summary>Files with their meaning, in the order in which to list them.</summary>
    public static IReadOnlyList<(string Name, string Meaning)> Files(RunReport report) =>
    [
        (ReportName, "this page"),
        (RunName, "all numbers of the run, for programs"),
        (TraceName, "one row per recorded iteration"),
        .. report.Blocks.Where(b => b.Components.Length > 0).Select(b => (FileOf(b.Name), Meaning(b.Name))),
        .. report.Outcome.Files.Select(f => (f.Name, f.Meaning)),
        (CheckpointName, "the state from which --resume continues"),
    ];

    /// <summary>Writes the results.</summary>
    /// <exception cref="UsageException">A file could not be written; none is half written.</exception>
    public void Write(RunReport report)
    {
        foreach (var block in report.Blocks.Where(b => b.Components.Length > 0)) WriteFile(FileOf(block.Name), writer => WriteColumn(writer, block.Name, block.Components));
        foreach (var file in report.Outcome.Files)
        {
            if (System.IO.Path.GetFileName(file.Name) != file.Name) throw new InvalidOperationException($"The task names a file '{file.Name}' that is not a plain file name.");
            WriteFile(file.Name, file.Write);
        }

        WriteFile(ReportName, writer => writer.Write(HtmlReport.Of(report)));
        WriteFile(RunName, writer => writer.WriteLine(JsonReport.Of(report)));
    }

    void ICheckpointStore.Save(Checkpoint checkpoint)
    {
        try
        {
            checkpoints.Save(checkpoint);
            IsSaved = true;
        }
        catch (CheckpointException e) when (e.InnerException is not null)
        {
            IsSaved = false;
            Failure ??= Unwritable(In(CheckpointName), e.InnerException);
        }
    }

    Checkpoint? ICheckpointStore.Load() => checkpoints.Load();

    /// <summary>Closes the trace, and takes away a folder that was made for a run that did not begin.</summary>
    public void Dispose()
    {
        trace.Dispose();
        if (!isMade) return;
        try
        {
            if (!Directory.EnumerateFileSystemEntries(Path).Any()) Directory.Delete(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder does no harm.
        }
    }

    /// <summary>A file could not be written.</summary>
    public static UsageException Unwritable(string path, Exception e) =>
        new($"{path} could not be written: {ErrorText.Sentence(e)} Make room or mend the folder, then repeat the command with --resume.", e);

    private static string FileOf(string block) => $"{block}.csv";

    private static string Meaning(string block) => $"{BlockMeanings.GetValueOrDefault(block, $"the block {block}")}, a number per line";

    private static void WriteColumn(TextWriter writer, string header, double[] values)
    {
        writer.WriteLine(header);
        foreach (double value in values) writer.WriteLine(Numbers.Exact(value));
    }

    private void WriteFile(string name, Action<TextWriter> write)
    {
        try
        {
            WholeFile.Replace(In(name), write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(In(name), e);
        }
    }

    // A run whose results are not written yet, or were written because it was interrupted.
    private bool HoldsUnfinishedRun()
    {
        if (!HasCheckpoint) return false;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(In(RunName)));
            return document.RootElement.GetProperty("status").GetString() == RunReport.Interrupted;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return true;
        }
    }

    // The results of an earlier run must not be taken for those of the run that begins.
    private void RemoveResults(bool fromBeginning)
    {
        foreach (string name in new[] { RunName, ReportName }.Concat(BlockMeanings.Keys.Select(FileOf))) File.Delete(In(name));
        if (!fromBeginning) return;
        File.Delete(In(CheckpointName));
        File.Delete(checkpoints.PreviousPath);
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
