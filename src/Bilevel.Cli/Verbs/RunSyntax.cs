using System.CommandLine;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>
/// The options of <c>bilevel run</c>. Those of the task and the method are generated from their settings records, so
/// the task and the method are looked up in the arguments first.
/// </summary>
internal sealed class RunSyntax
{
    private const string Examples = "bilevel run quadratic";

    private readonly Argument<string> task = new("TASK") { Description = "Name of the task; 'bilevel list' shows them." };
    private readonly Option<string> method = Text("--method", "NAME", "Method to use; default: the one that the task prefers.");
    private readonly Option<string[]> set = new("--set") { HelpName = "name=value", Description = "Changes a setting of the task or the method; may be given several times.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> seed = Text("--seed", "N", "Seed of all random choices; default 0.");
    private readonly Option<string> starts = Text("--starts", "N", "Runs from N starts, drawn around the task's from the seed, and takes the best certified answer; default 1.");
    private readonly Option<string> data = Text("--data", "DIR", "Folder of your own data; default: the task's own.");
    private readonly Option<string> threads = Text("--threads", "N", "Threads to use; default: all. The result does not depend on it.");
    private readonly Option<string> iterations = Text("--iterations", "N", "Most iterations; default: the task's.");
    private readonly Option<string> tolerance = Text("--tolerance", "X", "Largest norm of the hypergradient to accept (half of it is the method's, half is left to the certificate), or epsilon of a minimax problem; default: the task's.");
    private readonly Option<string> maxCalls = Text("--max-calls", "N", "Most gradients; the iteration that reaches it is completed.");
    private readonly Option<string> maxSeconds = Text("--max-seconds", "X", "Most seconds of the iterations, counted over all sittings; one that takes too long is given up, for the point before it. The certificate and baselines may go on until twice that, then the rest is left out.");
    private readonly Option<bool> json = new("--json") { Description = "Writes one JSON document to standard output and nothing else." };
    private readonly Option<string> output = Text("--out", "DIR", "Folder for the results: run.json, report.html, trace.csv, a file per variable, checkpoint.");
    private readonly Option<bool> resume = new("--resume") { Description = "Continues from the checkpoint in the folder of --out." };
    private readonly Option<bool> overwrite = new("--overwrite") { Description = "Replaces an unfinished run in the folder of --out; files that no run wrote stay." };
    private readonly Option<string> checkpointSeconds = Text("--checkpoint-seconds", "X", "Seconds between checkpoints; default 30.");
    private readonly Option<bool> requireCertificate = new("--require-certificate") { Description = "Exits with 4 unless the answer is certified at the tolerance." };
    private readonly Option<bool> noCertificate = new("--no-certificate") { Description = "Leaves the certificate out, where it would take too long." };
    private readonly SettingFlags flags;
    private string defaults = "";              // what a run of the task uses, for its help

    private RunSyntax(SettingFlags flags) => this.flags = flags;

    private IEnumerable<Option> Own =>
        [method, set, seed, starts, data, threads, iterations, tolerance, maxCalls, maxSeconds, json, output, resume, overwrite, checkpointSeconds, requireCertificate, noCertificate];

    /// <summary>The syntax for the task and method that the arguments name, or for all where they name none.</summary>
    public static RunSyntax For(string[] args, IReadOnlyList<ITask> tasks, ParserConfiguration parsing)
    {
        var everything = new RunSyntax(SettingFlags.Of(tasks, MethodCatalog.All));
        var command = everything.Command((_, _) => 0, args);
        command.TreatUnmatchedTokensAsErrors = false;
        var first = new RootCommand { command }.Parse(args, parsing);
        string? taskName = first.GetResult(everything.task) is { Tokens: [var t, ..] } ? t.Value : null;
        string? methodName = first.GetResult(everything.method) is { Tokens: [var m, ..] } ? m.Value : null;
        var chosenTasks = tasks.Where(x => x.Name == taskName).ToList();
        var chosenMethods = MethodCatalog.All.Where(x => x.Name == methodName).ToList();

        // A name that is unknown is refused later, with advice; until then any flag will do.
        if (!args.Any(IsHelp) || chosenTasks.Count == 0) return new RunSyntax(SettingFlags.Of(chosenTasks.Count > 0 ? chosenTasks : taskName is null ? [] : tasks, chosenMethods.Count > 0 ? chosenMethods : MethodCatalog.All));
        return ForHelp(chosenTasks[0], chosenMethods.FirstOrDefault());
    }

    // The settings of the task and of the method that it would use, with the values that a run has.
    private static RunSyntax ForHelp(ITask task, MethodEntry? method)
    {
        var run = DefaultRun.Of(task);
        method ??= run?.Method;
        var ofTask = task.Settings([]).ToDictionary(s => s.Key, s => s.Value);
        var ofMethod = method is null ? [] : run?.Settings(method).ToDictionary(s => s.Setting.Name, s => s.Value) ?? [];
        var syntax = new RunSyntax(SettingFlags.Of([task], method is null ? MethodCatalog.All : [method], (scope, name) => (scope == SettingScope.Task ? ofTask : ofMethod).GetValueOrDefault(name)));
        if (run is not null && method is not null) syntax.defaults = $"{string.Join(Environment.NewLine, run.Lines())}{Environment.NewLine}{Environment.NewLine}";
        return syntax;
    }

    private static bool IsHelp(string argument) => argument is "--help" or "-h" or "-?";

    /// <summary>The command, with an action.</summary>
    public Command Command(Func<RunOptions, string[], int> action, string[] args)
    {
        var command = new Command("run", "Solves a task and says how good the answer is.");
        command.Arguments.Add(task);
        foreach (var option in Own) command.Options.Add(option);
        foreach (var option in flags.Options(Own.Select(o => o.Name).Append("--help").ToHashSet())) command.Options.Add(option);
        command.SetAction(parsed => action(Read(parsed), args));
        ExampleHelp.Attach(
            command,
            [Examples + " --out result", Examples + " --method f2ba --lambda 1000 --tolerance 1e-5", Examples + " --set lambda=1000 --json", Examples + " --out result --resume"],
            defaults + """
            Settings: every setting of the task and of the method is an option of its own, as --lambda above; 'bilevel list
            NAME' and 'bilevel run TASK --method NAME --help' show them. A name that the task and the method share is the
            task's; write task.NAME or method.NAME to tell them apart, as in --set method.tolerance=1e-6.

            Exit codes: 0 finished; 1 a defect of the tool; 2 wrong input; 3 the computation broke down or seems
            unbounded; 4 not certified, with --require-certificate; 130 and 143 interrupted by Ctrl-C and SIGTERM.
            The first Ctrl-C ends the run with what there is and leaves the certificate and baselines out, the second ends it at once.
            """);
        return command;
    }

    private static Option<string> Text(string name, string help, string description) => new(name) { HelpName = help, Description = description };

    private RunOptions Read(ParseResult parsed)
    {
        string? Given(Option<string> option) => parsed.GetResult(option) is { Tokens.Count: > 0 } ? parsed.GetValue(option) : null;
        T? Number<T>(Option<string> option, Func<string, string, T> read)
            where T : struct => Given(option) is { } text ? read(option.Name, text) : null;

        var options = new RunOptions
        {
            Task = parsed.GetValue(task)!,
            Method = Given(method),
            Changes = [.. (parsed.GetValue(set) ?? []).Select(SettingChange.Parse), .. flags.Read(parsed)],
            Seed = Number(seed, Numbers.Seed) ?? 0,
            Starts = (int)(Number(starts, (name, text) => Numbers.Integer(name, text, 1, 10_000)) ?? 1),
            DataFolder = Given(data),
            Threads = (int)(Number(threads, (name, text) => Numbers.Integer(name, text, 1, 4096)) ?? Environment.ProcessorCount),
            Iterations = Number(iterations, (name, text) => Numbers.Integer(name, text, 1)),
            Tolerance = Number(tolerance, Numbers.Positive),
            MaxCalls = Number(maxCalls, (name, text) => Numbers.Integer(name, text, 1)),
            MaxSeconds = Number(maxSeconds, Numbers.Positive),
            Json = parsed.GetValue(json),
            OutFolder = Given(output),
            Resume = parsed.GetValue(resume),
            Overwrite = parsed.GetValue(overwrite),
            CheckpointSeconds = Number(checkpointSeconds, Numbers.Positive) ?? 30,
            RequireCertificate = parsed.GetValue(requireCertificate),
            NoCertificate = parsed.GetValue(noCertificate),
        };
        options.Check();
        return options;
    }
}
