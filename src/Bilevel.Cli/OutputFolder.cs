using System.Text.Json;

namespace Bilevel.Cli;

/// <summary>
/// The folder of <c>--out</c>: whether it can be used is known before the run starts, and every file but the trace is
/// written beside its place and moved there whole.
/// </summary>
internal sealed class OutputFolder : ICheckpointStore, IDisposable
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

    private const string Verb = "run";

    private readonly FileCheckpointStore checkpoints;
    private readonly TraceFile trace;
    private readonly List<string> made = [];      // the folders that were made, the innermost first
    private readonly List<string> notes = [];
    private readonly Action<string> warn;
    private WrittenFiles? files;
    private UsageException? missed, unsaved;      // a file that could not be written, and the last checkpoint

    private OutputFolder(string path, Action<string> warn)
    {
        Path = path;
        this.warn = warn;
        checkpoints = new FileCheckpointStore(In(CheckpointName));
        trace = new TraceFile(In(TraceName), RemoveResults, Say, e => Miss(Unwritable(In(TraceName), e)));
    }

    /// <summary>The path, as the user wrote it.</summary>
    public string Path { get; }

    public ICheckpointStore Checkpoints => this;

    /// <summary>What could not be written while the run went on; a run is not thrown away for it.</summary>
    public UsageException? Failure => missed ?? unsaved;

    /// <summary>Whether the last checkpoint is in the folder.</summary>
    public bool IsSaved { get; private set; }

    /// <summary>What a reader of the results should know of the folder, a sentence each.</summary>
    public IReadOnlyList<string> Notes => notes;

    public ITraceSink Trace => trace;

    public bool HasCheckpoint => File.Exists(In(CheckpointName)) || File.Exists(checkpoints.PreviousPath);

    private WrittenFiles Written => files ?? throw new InvalidOperationException("The folder is not open.");

    private static string[] StateNames => [TraceName, CheckpointName, PreviousName];

    /// <summary>Makes the folder where it is missing, locks it, and checks that it can be written to and holds no unfinished run.</summary>
    public static OutputFolder Open(string path, bool resume, bool overwrite, Action<string> warn)
    {
        if (path.Length == 0) throw new UsageException("The text behind --out is empty. Name a folder.");
        var folder = new OutputFolder(path, warn);
        string probe = folder.In(".bilevel-probe");
        try
        {
            if (File.Exists(path)) throw new UsageException($"{path} is a file; --out takes a folder.");
            string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
            for (string? missing = full; missing is not null && !Directory.Exists(missing); missing = System.IO.Path.GetDirectoryName(missing)) folder.made.Add(missing);
            Directory.CreateDirectory(full);
            folder.files = WrittenFiles.Open(path);
            File.WriteAllText(probe, "a few bytes, to see that the disk takes them\n");
            File.Delete(probe);
        }
        catch (UsageException)
        {
            folder.Dispose();
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            WholeFile.TryDelete(probe);
            folder.Dispose();
            throw new UsageException($"The folder {path} cannot be written to: {ErrorText.Sentence(e)} Name another with --out.", e);
        }

        if (resume || overwrite) return folder;
        if (!folder.HoldsUnfinishedRun())
        {
            if (folder.TaskOfFinishedRun() is { } task) warn($"{path} holds a finished run of {task}, which is replaced.");
            return folder;
        }

        folder.Dispose();
        throw new UsageException($"{path} holds an unfinished run. Continue it with --resume, replace it with --overwrite, or name another folder.");
    }

    /// <summary>Refuses a run that would write over files of others or over what it reads.</summary>
    /// <param name="blocks">The blocks that the answer will have.</param>
    /// <param name="ofTask">The files that the task may write.</param>
    /// <param name="inputs">Full paths of the files that the run reads.</param>
    /// <exception cref="UsageException">The message names the file.</exception>
    public void Refuse(IEnumerable<string> blocks, IEnumerable<string> ofTask, IReadOnlyList<string> inputs) =>
        Written.Refuse([RunName, ReportName, RunNotes.FileName, .. StateNames.Where(n => !IsState(n)), .. blocks.Select(FileOf), .. ofTask], Verb, inputs);

    /// <summary>Notes what could not be written.</summary>
    public void Miss(UsageException failure) => missed ??= failure;

    /// <summary>Names of the files that a report of this run consists of.</summary>
    public IEnumerable<string> FileNames(RunReport report) => Files(report).Select(f => f.Name);

    /// <summary>Files with their meaning, in the order in which to list them.</summary>
    public static IReadOnlyList<(string Name, string Meaning)> Files(RunReport report) =>
    [
        (ReportName, "this page"),
        (RunName, "all numbers of the run, for programs"),
        (RunNotes.FileName, "what to know of the data and the answer, a sentence per line"),
        (TraceName, "one row per recorded iteration"),
        .. report.Blocks.Where(b => b.Components.Length > 0).Select(b => (FileOf(b.Name), Meaning(b.Name))),
        .. report.Outcome.Files.Select(f => (f.Name, f.Meaning)),
        (CheckpointName, "the state from which --resume continues"),
    ];

    /// <summary>Writes the results, each whatever becomes of the others.</summary>
    /// <exception cref="UsageException">Files could not be written, which the message names; none is half written.</exception>
    public void Write(RunReport report)
    {
        List<(string Name, Action<TextWriter> Write)> results =
        [
            .. report.Blocks.Where(b => b.Components.Length > 0).Select(b => (FileOf(b.Name), (Action<TextWriter>)(writer => WriteColumn(writer, b.Name, b.Components)))),
            .. report.Outcome.Files.Select(f => (f.Name, f.Write)),
            (RunNotes.FileName, writer => RunNotes.Write(report, writer)),
            (ReportName, writer => writer.Write(HtmlReport.Of(report))),
            (RunName, writer => writer.WriteLine(JsonReport.Of(report))),
        ];
        if (results.Find(r => System.IO.Path.GetFileName(r.Name) != r.Name) is { Name: { } odd }) throw new InvalidOperationException($"The task names a file '{odd}' that is not a plain file name.");

        // A file of somebody else's that has appeared since, or that the task did not announce, costs that one result only.
        List<(string Name, Exception Failure)> failures = [];
        results.RemoveAll(r => !Attempt(failures, r.Name, () => Written.Refuse([r.Name], null, [])));
        Attempt(failures, WrittenFiles.ListName, () => Written.Begin(Verb, results.Select(r => r.Name)));
        results.RemoveAll(r => !Attempt(failures, r.Name, () => WholeFile.Replace(In(r.Name), r.Write)));
        Written.End(Verb, results.Select(r => r.Name));
        if (failures.Count > 0) throw Unwritten(failures);
    }

    void ICheckpointStore.Save(Checkpoint checkpoint)
    {
        try
        {
            checkpoints.Save(checkpoint);
            (IsSaved, unsaved) = (true, null);
        }
        catch (CheckpointException e)
        {
            IsSaved = false;
            unsaved = Unwritable(In(CheckpointName), e.InnerException ?? e);
            throw;
        }
    }

    Checkpoint? ICheckpointStore.Load() => checkpoints.Load();

    /// <summary>Closes the trace, gives the folder free, and takes away folders that were made for a run that did not begin.</summary>
    public void Dispose()
    {
        trace.Dispose();
        files?.Dispose();
        try
        {
            foreach (string folder in made)
            {
                if (!Directory.Exists(folder)) continue;
                if (Directory.EnumerateFileSystemEntries(folder).Any()) break;
                Directory.Delete(folder);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder does no harm.
        }
    }

    /// <summary>A file could not be written.</summary>
    public static UsageException Unwritable(string path, Exception e) =>
        new($"{path} could not be written: {ErrorText.Sentence(e)} Make room or mend the folder, then repeat the command; with --resume it goes on from the last checkpoint, where there is one.", e);

    private static string FileOf(string block) => $"{block}.csv";

    private static string Meaning(string block) => $"{BlockMeanings.GetValueOrDefault(block, $"the block {block}")}, a number per line";

    private static void WriteColumn(TextWriter writer, string header, double[] values)
    {
        writer.WriteLine(header);
        foreach (double value in values) writer.WriteLine(Numbers.Exact(value));
    }

    private static bool Attempt(List<(string Name, Exception Failure)> failures, string name, Action write)
    {
        try
        {
            write();
            return true;
        }
        catch (Exception e)
        {
            failures.Add((name, e));
            return false;
        }
    }

    // The first failure in full, the other files by name.
    private UsageException Unwritten(List<(string Name, Exception Failure)> failures)
    {
        var (name, first) = failures[0];
        var told = first switch
        {
            UsageException usage => usage,
            IOException or UnauthorizedAccessException => Unwritable(In(name), first),
            _ => new UsageException($"{In(name)} could not be written: {ErrorText.Sentence(first)} That is a defect of what writes it; the other results do not depend on it.", first),
        };
        string others = string.Join(", ", failures.Skip(1).Select(f => f.Name));
        return others.Length == 0 ? told : new UsageException($"{told.Message} Not written either: {others}.", told);
    }

    private void Say(string note)
    {
        notes.Add(note);
        warn(note);
    }

    // A run whose results are not written yet, or were written because it was interrupted.
    private bool HoldsUnfinishedRun() => HasCheckpoint && (Told("status") ?? RunReport.Interrupted) == RunReport.Interrupted;

    private string? TaskOfFinishedRun() => Written.IsOurs(RunName) ? Told("task") : null;

    // What the run that stands there says of itself; null where it says nothing.
    private string? Told(string property)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(In(RunName)));
            return document.RootElement.GetProperty(property).GetString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    // The results of an earlier run must not be taken for those of the run that begins.
    private void RemoveResults(bool fromBeginning)
    {
        Written.Remove(Verb, fromBeginning ? [TraceName] : StateNames);
        if (fromBeginning)
        {
            File.Delete(In(CheckpointName));
            File.Delete(checkpoints.PreviousPath);
        }

        Written.Begin(Verb, StateNames);
    }

    // A checkpoint or a trace that was copied here is known by how it begins.
    private bool IsState(string name)
    {
        try
        {
            using var stream = File.OpenRead(In(name));
            byte[] expected = System.Text.Encoding.ASCII.GetBytes(name == TraceName ? TraceFile.Header : "BILEVELC"), start = new byte[expected.Length];
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(expected);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
