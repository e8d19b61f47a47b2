using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Text;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>The entry of the tool: from arguments to an exit code.</summary>
internal static class CommandLine
{
    private const string Name = "bilevel";

    /// <summary>Runs on the console of this process.</summary>
    public static int RunOnConsole(string[] args, IReadOnlyList<ITask> tasks)
    {
        if (Console.IsOutputRedirected) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return Run(args, tasks, new Terminal(Console.Out, Console.Error, !Console.IsErrorRedirected));
    }

    /// <summary>Runs with the given tasks and writers.</summary>
    public static int Run(string[] args, IReadOnlyList<ITask> tasks, Terminal terminal)
    {
        try
        {
            var root = Root(args, tasks, terminal);
            var parsed = root.Parse(args, Parsing);
            if (parsed.Errors.Count > 0 && parsed.Action is not HelpAction and not ExampleHelp) throw UnusableArguments(parsed, tasks);
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (Exception e) when (e is UsageException or SettingException or InputException or InvalidProblemException or CheckpointException)
        {
            terminal.Error.WriteLine($"bilevel: {e.Message}");
            return ExitCode.WrongInput;
        }
        catch (DownloadException e)
        {
            terminal.Error.WriteLine($"bilevel: {e.Message}");
            return ExitCode.BrokeDown;
        }
        catch (IOException e)
        {
            // Files have messages of their own; what is left is the standard output, on a full disk for example.
            terminal.Error.WriteLine($"bilevel: The output could not be written: {ErrorText.Sentence(e)}");
            return ExitCode.WrongInput;
        }
        catch (OutOfMemoryException)
        {
            terminal.Error.WriteLine("bilevel: There is not enough memory for this problem. Take a smaller one, or a machine with more memory.");
            return ExitCode.BrokeDown;
        }
        catch (Exception e)
        {
            terminal.Error.WriteLine("bilevel: This is a defect of the tool, not of your input. Please report the lines below.");
            terminal.Error.WriteLine(e);
            return ExitCode.Defect;
        }
    }

    // An argument that begins with @ stays what it is.
    private static ParserConfiguration Parsing => new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    private static Command Root(string[] args, IReadOnlyList<ITask> tasks, Terminal terminal)
    {
        var root = new Command(Name, "First-order bilevel optimization, with a certificate attached to every answer.")
        {
            new VersionOption { Description = "Shows the version." },
            RunSyntax.For(args, tasks, Parsing).Command((options, arguments) => new RunCommand(options, arguments, tasks, terminal).Execute(), args),
            ListCommand.Syntax(tasks, terminal),
            CheckCommand.Syntax(tasks, terminal),
            DataCommand.Syntax(terminal),
            PredictCommand.Syntax(terminal),
        };
        ExampleHelp.Attach(root, ["bilevel list", "bilevel run quadratic --out result"]);
        return root;
    }

    private static UsageException UnusableArguments(ParseResult parsed, IReadOnlyList<ITask> tasks)
    {
        var command = parsed.CommandResult.Command;
        string name = string.Join(' ', Path(parsed.CommandResult).Reverse());
        string remedy = $"'{name} --help' shows what it takes, with examples.";
        if (command.Subcommands.Count > 0)
        {
            if (parsed.UnmatchedTokens is not [var verb, ..]) return new UsageException($"Say what to do: {string.Join(", ", command.Subcommands.Select(c => c.Name))}. {remedy}");
            return new UsageException($"There is no command '{verb}'. {NearestName.Advice(verb, [.. command.Subcommands.Select(c => c.Name)])}");
        }

        if (parsed.UnmatchedTokens is [var unknown, ..]) return new UsageException(Unknown(unknown, command, name, tasks));
        return new UsageException($"{parsed.Errors[0].Message} {remedy}");
    }

    private static IEnumerable<string> Path(System.CommandLine.Parsing.CommandResult? command)
    {
        for (; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult) yield return command.Command.Name;
    }

    private static string Unknown(string token, Command command, string name, IReadOnlyList<ITask> tasks)
    {
        if (!token.StartsWith('-')) return $"'{name}' does not know what to do with '{token}'. If it is the value of an option, write the option before it.";
        string option = token.Split('=')[0];
        var owners = MethodCatalog.All.Where(m => m.Schema.Settings.Any(s => "--" + s.Name == option || "--method." + s.Name == option)).Select(m => m.Name).ToList();
        if (command.Name == "run" && owners.Count > 0) return $"{option} is a setting of the method {string.Join(", ", owners)}: choose it with --method, or leave the option out.";
        var others = tasks.Where(t => t.Schema.Settings.Any(s => "--" + s.Name == option || "--task." + s.Name == option)).Select(t => t.Name).ToList();
        if (command.Name == "run" && others.Count > 0) return $"{option} is a setting of the task {string.Join(", ", others)}, not of this one; leave the option out.";
        string advice = Nearest(option, command, tasks) ?? $"'{name} --help' shows what it takes, with examples.";
        return $"'{name}' has no option {option}. {advice}";
    }

    // The option that was meant: of the verb, or a setting, of the task and method of this command before those of others.
    private static string? Nearest(string option, Command command, IReadOnlyList<ITask> tasks)
    {
        string prefix = new[] { SettingChange.TaskPrefix, SettingChange.MethodPrefix }.FirstOrDefault(p => option.StartsWith("--" + p, StringComparison.Ordinal)) ?? "";
        string start = "--" + prefix;
        if (!option.StartsWith(start, StringComparison.Ordinal)) return null;
        string meant = option[start.Length..];
        List<string> here = [.. command.Options.Select(o => o.Name).Where(n => n.StartsWith(start, StringComparison.Ordinal)).Select(n => n[start.Length..])];
        if (NearestName.Find(meant, here) is { } near) return $"Did you mean '{start}{near}'?";
        if (command.Name != "run") return null;
        var owners = MethodCatalog.All.Select(m => (Kind: "method", m.Name, m.Schema)).Concat(tasks.Select(t => (Kind: "task", t.Name, t.Schema))).ToList();
        if (NearestName.Find(meant, [.. owners.SelectMany(o => o.Schema.Settings).Select(s => s.Name).Distinct()]) is not { } setting) return null;
        var owner = owners.First(o => o.Schema.Settings.Any(s => s.Name == setting));
        return $"Did you mean '--{setting}'? It is a setting of the {owner.Kind} {owner.Name}, not of this command's.";
    }
}

/// <summary>The help of a verb, followed by examples.</summary>
internal sealed class ExampleHelp(HelpAction inner, IReadOnlyList<string> examples, string after) : SynchronousCommandLineAction
{
    private const int Width = 110;

    public override bool ClearsParseErrors => true;

    public static void Attach(Command command, IReadOnlyList<string> examples, string after = "")
    {
        var option = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (option is null)
        {
            option = new HelpOption();
            command.Options.Add(option);
        }

        option.Description = "Shows this help.";
        var inner = (HelpAction)option.Action!;
        inner.MaxWidth = Width;
        option.Action = new ExampleHelp(inner, examples, after);
    }

    public override int Invoke(ParseResult parseResult)
    {
        int code = inner.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine(examples.Count == 1 ? "Example:" : "Examples:");
        foreach (string example in examples) output.WriteLine($"  {example}");
        if (after.Length == 0) return code;
        output.WriteLine();
        output.WriteLine(after);
        return code;
    }
}
