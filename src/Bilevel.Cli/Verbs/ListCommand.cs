using System.CommandLine;
using System.Text.Json;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>The verb <c>list</c>: what there is to run, and what can be set.</summary>
internal static class ListCommand
{
    private const int Width = 100, Indent = 6;

    public static Command Syntax(IReadOnlyList<ITask> tasks, Terminal terminal)
    {
        var name = new Argument<string?>("NAME") { Description = "A task or a method, to see all its settings.", Arity = ArgumentArity.ZeroOrOne };
        var json = new Option<bool>("--json") { Description = "Writes one JSON document to standard output and nothing else." };
        var outFolder = new Option<string>("--out") { HelpName = "DIR", Description = "Writes the JSON document to DIR/list.json as well." };
        var command = new Command("list", "Lists the tasks and the methods, or all settings of one of them.") { name, json, outFolder };
        command.SetAction(parsed =>
        {
            Action<bool, TextWriter> write = parsed.GetValue(name) is { } chosen
                ? (asJson, output) => ListOne(Find(chosen, tasks), tasks.FirstOrDefault(t => t.Name == chosen) is { } task ? DefaultRun.Of(task) : null, asJson, output)
                : (asJson, output) => ListAll(tasks, asJson, output);
            if (parsed.GetValue(outFolder) is { } folder) WholeFile.Write(folder, "list.json", writer => write(true, writer), "list", []);
            write(parsed.GetValue(json), terminal.Out);
            return ExitCode.Finished;
        });
        ExampleHelp.Attach(command, ["bilevel list", "bilevel list f2ba-plus"]);
        return command;
    }

    private static Entry Find(string name, IReadOnlyList<ITask> tasks)
    {
        var entries = Entries(tasks);
        return entries.FirstOrDefault(e => e.Name == name)
            ?? throw new UsageException($"There is no task or method '{name}'. {NearestName.Advice(name, [.. entries.Select(e => e.Name)])}");
    }

    private static void ListAll(IReadOnlyList<ITask> tasks, bool asJson, TextWriter output)
    {
        var entries = Entries(tasks);
        if (asJson)
        {
            output.WriteLine(JsonReport.Document(json =>
            {
                json.WriteNumber("format", JsonReport.FormatVersion);
                foreach (var kind in entries.GroupBy(e => e.Kind))
                {
                    json.WriteStartArray(kind.Key + "s");
                    foreach (var entry in kind)
                    {
                        json.WriteStartObject();
                        json.WriteString("name", entry.Name);
                        json.WriteString("summary", entry.Summary);
                        json.WriteEndObject();
                    }

                    json.WriteEndArray();
                }
            }));
            return;
        }

        foreach (string kind in new[] { "task", "method" })
        {
            output.WriteLine(kind == "task" ? "Tasks" : "Methods");
            var rows = entries.Where(e => e.Kind == kind).ToList();
            int width = rows.Select(r => r.Name.Length).DefaultIfEmpty().Max() + 3;
            foreach (var entry in rows)
            {
                string name = entry.Name.PadRight(width);
                foreach (string line in TextTable.Wrap(entry.Summary, Width - width - 2))
                {
                    output.WriteLine($"  {name}{line}");
                    name = new string(' ', width);
                }
            }

            output.WriteLine();
        }

        output.WriteLine("'bilevel list NAME' shows the settings of a task or a method; 'bilevel run TASK' runs one.");
    }

    private static void ListOne(Entry entry, DefaultRun? run, bool asJson, TextWriter output)
    {
        if (asJson)
        {
            output.WriteLine(JsonReport.Document(json => WriteEntry(json, entry, run)));
            return;
        }

        output.WriteLine($"{entry.Name} ({entry.Kind}): {entry.Summary}");
        output.WriteLine();
        output.WriteLine(entry.Settings.Count == 0 ? "It has no settings." : "Settings, as --name value or --set name=value:");
        foreach (var (setting, value, _) in entry.Settings)
        {
            output.WriteLine();
            output.WriteLine($"  --{setting.Name}   {SettingText.TypeAndRange(setting)}; default {value}; in C# {setting.CSharpName}");
            foreach (string line in TextTable.Wrap(setting.Help, Width - Indent)) output.WriteLine(new string(' ', Indent) + line);
        }

        if (run is not null)
        {
            output.WriteLine();
            foreach (string line in run.Lines()) output.WriteLine(line);
        }

        if (entry.Settings.Count == 0) return;
        output.WriteLine();
        output.WriteLine($"Where the tool, the task and the method share a name, --{entry.Kind}.NAME and --set {entry.Kind}.NAME=value mean this {entry.Kind}'s.");
    }

    private static void WriteEntry(Utf8JsonWriter json, Entry entry, DefaultRun? run)
    {
        json.WriteNumber("format", JsonReport.FormatVersion);
        json.WriteString("name", entry.Name);
        json.WriteString("kind", entry.Kind);
        json.WriteString("summary", entry.Summary);
        json.WriteStartArray("settings");
        foreach (var (setting, value, _) in entry.Settings)
        {
            json.WriteStartObject();
            json.WriteString("name", setting.Name);
            json.WriteString("csharp_name", setting.CSharpName);
            json.WriteString("type", setting.TypeName);
            JsonReport.WriteFinite(json, "min", setting.Min);
            JsonReport.WriteFinite(json, "max", setting.Max);
            json.WritePropertyName("default");
            JsonReport.WriteTyped(json, setting, value);
            json.WriteString("help", setting.Help);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        run?.Write(json);
    }

    private static List<Entry> Entries(IReadOnlyList<ITask> tasks) =>
    [
        .. tasks.Select(t => new Entry("task", t.Name, t.Summary, SettingValue.Of(t.Schema, t.Settings([]), t.Settings([])))),
        .. MethodCatalog.All.Select(m => new Entry("method", m.Name, m.Summary, SettingValue.Of(m.Schema, m.Defaults, m.Defaults))),
    ];

    private sealed record Entry(string Kind, string Name, string Summary, IReadOnlyList<SettingValue> Settings);
}
