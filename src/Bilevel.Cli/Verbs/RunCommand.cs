using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>The verb <c>run</c>: builds the task, runs the method, reports.</summary>
internal sealed class RunCommand(RunOptions options, string[] arguments, IReadOnlyList<ITask> tasks, Terminal terminal)
{
    public int Execute()
    {
        var started = DateTimeOffset.UtcNow;
        var task = Lookup.Task(options.Task, tasks);
        IReadOnlyList<MethodEntry> methods = options.Method is { } name ? [Lookup.Method(name)] : MethodCatalog.All;
        var changes = new SettingChanges(task, options.Changes);
        changes.CheckNames(methods);
        var taskSettings = task.Settings(changes.ForTask);
        if (options.Method is not null) methods[0].With(methods[0].Defaults, changes.ForMethod(methods[0]));

        using var folder = options.OutFolder is { } path ? OutputFolder.Open(path, options.Resume, options.Overwrite, note => terminal.Error.WriteLine($"bilevel: {note}")) : null;
        if (options.Resume && folder?.HasCheckpoint == false) terminal.Error.WriteLine($"bilevel: There is no checkpoint in {options.OutFolder} yet; the run starts at its beginning.");
        using var interruption = new Interruption(terminal.Error);

        using var measuring = CancellationTokenSource.CreateLinkedTokenSource(interruption.Token);
        try
        {
            return Execute(started, task, taskSettings, changes, folder, interruption, measuring);
        }
        catch (OperationCanceledException) when (interruption.ExitCode is { } code)
        {
            terminal.Error.WriteLine("bilevel: Interrupted before the first iteration; nothing was computed.");
            return code;
        }
    }

    private int Execute(DateTimeOffset started, ITask task, IReadOnlyList<KeyValuePair<string, string>> taskSettings, SettingChanges changes, OutputFolder? folder, Interruption interruption, CancellationTokenSource measuring)
    {
        ConsoleProgress? progress = null;
        var context = new TaskContext(options.Seed, options.DataFolder, options.Threads) { Stage = stage => progress?.Stage(stage), Cancellation = measuring.Token };
        var (instance, inputs) = FilesRead.During(() => task.Create(changes.ForTask, context), interruption.Token);
        var plan = RunPlan.Of(options, task, taskSettings, instance, changes, inputs);
        RunNotes.Say(plan.Notes, folder, terminal.Error);
        progress = new ConsoleProgress(terminal.Error, terminal.ErrorIsTerminal, $"{task.Name} by {plan.Method.Name}");
        RunReport Solve() => instance.Accept(new RunVisitor(plan, folder, progress, interruption.Token, measuring));
        var report = progress.During(Solve) with
        {
            TaskSummary = task.Summary,
            TaskSettings = SettingValue.Of(task.Schema, taskSettings, task.Settings([])),
            Environment = RunEnvironment.Current(options.Threads, started),
            Command = ShellCommand.Repeating(arguments),
        };

        // What was computed is told even where it cannot be written.
        var unwritten = folder?.Failure;
        try
        {
            folder?.Write(report, HtmlReport.Of);
        }
        catch (UsageException e)
        {
            unwritten ??= e;
        }

        if (options.Json) terminal.Out.WriteLine(JsonReport.Of(report));
        else RunSummary.Write(report, unwritten is null ? folder : null, terminal.Out);
        if (unwritten is not null) throw unwritten;
        return Exit(report, folder, interruption);
    }

    private int Exit(RunReport report, OutputFolder? folder, Interruption interruption)
    {
        switch (report.Status)
        {
            case SolveStatus.Cancelled:
                terminal.Error.WriteLine(folder switch
                {
                    null => "bilevel: Interrupted. Nothing was saved, because no --out DIR was given.",
                    { IsSaved: false, HasCheckpoint: false } => "bilevel: Interrupted before there was a checkpoint to resume from.",
                    { IsSaved: false } => $"bilevel: Interrupted inside an iteration. To resume from the last checkpoint:\n  {ShellCommand.Resuming(arguments)}",
                    _ => $"bilevel: Interrupted; the checkpoint is saved. To resume:\n  {ShellCommand.Resuming(arguments)}",
                });
                return interruption.ExitCode ?? ExitCode.Interrupted;
            case SolveStatus.Diverged or SolveStatus.Unbounded:
                terminal.Error.WriteLine($"bilevel: {report.StatusMessage}{(folder is null ? "" : $" The {(report.Status == SolveStatus.Diverged ? "last good point" : "point where it stood")} is in {folder.Path}.")}");
                return ExitCode.BrokeDown;
            default:
                if (interruption.ExitCode is { } code)
                {
                    terminal.Error.WriteLine(folder is null ? "bilevel: Interrupted while the answer was checked and measured."
                        : $"bilevel: Interrupted while the answer was checked and measured; the rest is written. To make up for what was left out:\n  {ShellCommand.Resuming(arguments)}");
                    return code;
                }

                if (!options.RequireCertificate || report.Certified == true) return ExitCode.Finished;
                terminal.Error.WriteLine($"bilevel: {report.CertificateSentence}");
                return ExitCode.NotCertified;
        }
    }
}

/// <summary>Finds tasks and methods by name.</summary>
internal static class Lookup
{
    public static ITask Task(string name, IReadOnlyList<ITask> tasks) => tasks.FirstOrDefault(t => t.Name == name)
        ?? throw new UsageException($"There is no task '{name}'. {NearestName.Advice(name, [.. tasks.Select(t => t.Name)])}");

    public static MethodEntry Method(string name) => MethodCatalog.All.FirstOrDefault(m => m.Name == name)
        ?? throw new UsageException($"There is no method '{name}'. {NearestName.Advice(name, [.. MethodCatalog.All.Select(m => m.Name)])}");
}
