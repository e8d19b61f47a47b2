using System.Text.Json;

namespace Bilevel.Cli;

/// <summary>
/// The folder of <c>--out</c>: whether it can be used is known before the run starts, and every file but the trace is
/// written beside its place and moved there whole.
/// </summary>
internal sealed class OutputFolder : ICheckpointStore, IDisposable
{
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
        checkpoints = new FileCheckpointStore(In(RunFiles.CheckpointName));
        trace = new TraceFile(In(RunFiles.TraceName), RemoveResults, Say, e => Miss(WholeFile.Unwritable(In(RunFiles.TraceName), e)));
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

    public bool HasCheckpoint => File.Exists(In(RunFiles.CheckpointName)) || File.Exists(checkpoints.PreviousPath);

    private WrittenFiles Written => files ?? throw new InvalidOperationException("The folder is not open.");

    private static string[] StateNames => [RunFiles.TraceName, RunFiles.CheckpointName, RunFiles.PreviousName];

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
        Written.Refuse([RunFiles.RunName, RunFiles.ReportName, RunNotes.FileName, .. StateNames.Where(n => !IsState(n)), .. blocks.Select(RunFiles.OfBlock), .. ofTask], Verb, inputs);

    /// <summary>Notes what could not be written.</summary>
    public void Miss(UsageException failure) => missed ??= failure;

    /// <summary>Names of the files that a report of this run consists of.</summary>
    public IEnumerable<string> FileNames(RunReport report) => RunFiles.Of(report).Select(f => f.Name);

    /// <summary>Writes the results, each whatever becomes of the others.</summary>
    /// <param name="report">The run.</param>
    /// <param name="page">Draws its page.</param>
    /// <exception cref="UsageException">Files could not be written, which the message names; none is half written.</exception>
    public void Write(RunReport report, Func<RunReport, string> page)
    {
        List<(string Name, Action<TextWriter> Write)> results =
        [
            .. report.Blocks.Where(b => b.Components.Length > 0).Select(b => (RunFiles.OfBlock(b.Name), (Action<TextWriter>)(writer => WriteColumn(writer, b.Name, b.Components)))),
            .. report.Outcome.Files.Select(f => (f.Name, f.Write)),
            (RunNotes.FileName, writer => RunNotes.Write(report, writer)),
            (RunFiles.ReportName, writer => writer.Write(page(report))),
            (RunFiles.RunName, writer => writer.WriteLine(JsonReport.Of(report))),
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
            unsaved = WholeFile.Unwritable(In(RunFiles.CheckpointName), e.InnerException ?? e);
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
            IOException or UnauthorizedAccessException => WholeFile.Unwritable(In(name), first),
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

    private string? TaskOfFinishedRun() => Written.IsOurs(RunFiles.RunName) ? Told("task") : null;

    // What the run that stands there says of itself; null where it says nothing.
    private string? Told(string property)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(In(RunFiles.RunName)));
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
        Written.Remove(Verb, fromBeginning ? [RunFiles.TraceName] : StateNames);
        if (fromBeginning)
        {
            File.Delete(In(RunFiles.CheckpointName));
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
            byte[] expected = System.Text.Encoding.ASCII.GetBytes(name == RunFiles.TraceName ? TraceFile.Header : "BILEVELC"), start = new byte[expected.Length];
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(expected);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
