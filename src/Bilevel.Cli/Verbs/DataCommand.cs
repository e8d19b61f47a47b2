using System.CommandLine;

namespace Bilevel.Cli;

/// <summary>The verb <c>data</c>: fetches public data sets that tasks read.</summary>
internal static class DataCommand
{
    private const string ExitCodes = "Exit codes: 0 all files are there; 2 wrong input: the address, the folder, a full disk; 3 a file did not come, or came damaged; 130 and 143 interrupted.";

    public static Command Syntax(Terminal terminal)
    {
        var command = new Command("data", "Fetches public data sets that tasks read.") { List(terminal), Get(terminal) };
        ExampleHelp.Attach(command, ["bilevel data list", "bilevel data get mnist --out mnist"]);
        return command;
    }

    private static Command List(Terminal terminal)
    {
        var json = Json();
        var command = new Command("list", "Lists the data sets.") { json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json)) terminal.Out.WriteLine(JsonReport.Document(WriteList));
            else WriteList(terminal.Out);
            return ExitCode.Finished;
        });
        ExampleHelp.Attach(command, ["bilevel data list"]);
        return command;
    }

    private static Command Get(Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "Name of the data set; 'bilevel data list' shows them." };
        var outFolder = new Option<string>("--out") { HelpName = "DIR", Description = "Folder for the files; default: NAME in the current folder." };
        var from = new Option<string>("--from") { HelpName = "URL", Description = $"Folder on the web that holds the files; default: {DataSet.AddressVariable}, or else the one of 'bilevel data list'." };
        var json = Json();
        var command = new Command("get", "Fetches the files of a data set, going on where an earlier attempt ended.") { name, outFolder, from, json };
        command.SetAction(parsed =>
        {
            string chosen = parsed.GetValue(name)!;
            var set = DataSet.All.FirstOrDefault(s => s.Name == chosen)
                ?? throw new UsageException($"There is no data set '{chosen}'. {NearestName.Advice(chosen, [.. DataSet.All.Select(s => s.Name)])}");
            string folder = parsed.GetValue(outFolder) is { Length: > 0 } given ? given : set.Name;
            return Execute(set, folder, Address(parsed.GetValue(from), set), parsed.GetValue(json), terminal);
        });
        ExampleHelp.Attach(command, ["bilevel data get mnist", "bilevel data get mnist --out mnist --from http://localhost:8000/mnist"], ExitCodes);
        return command;
    }

    private static Option<bool> Json() => new("--json") { Description = "Writes one JSON document to standard output and nothing else." };

    private static Uri Address(string? option, DataSet set)
    {
        string? variable = Environment.GetEnvironmentVariable(DataSet.AddressVariable);
        var (text, source) = option is not null ? (option, "--from") : variable is { Length: > 0 } ? (variable, DataSet.AddressVariable) : (set.Address, "");
        if (Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Query.Length == 0 && address.Fragment.Length == 0) return address;
        throw new UsageException($"{source} takes the address of a folder on the web, such as {set.Address}; it got '{text}'.");
    }

    private static int Execute(DataSet set, string folder, Uri address, bool asJson, Terminal terminal)
    {
        try
        {
            if (File.Exists(folder)) throw new UsageException($"{folder} is a file; --out takes a folder.");
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"The folder {folder} cannot be made: {ErrorText.Sentence(e)} Name another with --out.", e);
        }

        var files = new List<(RemoteFile File, DownloadOutcome Outcome)>();
        using var interruption = new Interruption(terminal.Error, "Stopping; what has arrived is kept");
        using var line = new DownloadLine(terminal);
        using var download = new Download(address, folder) { Progress = line.Show, Note = line.Note };
        try
        {
            foreach (var file in set.Files) files.Add((file, download.Fetch(file, interruption.Token).GetAwaiter().GetResult()));
        }
        catch (OperationCanceledException) when (interruption.ExitCode is { } code)
        {
            line.Clear();
            terminal.Error.WriteLine("bilevel: Interrupted; repeat the command to go on from there.");
            return code;
        }

        line.Clear();
        if (asJson) terminal.Out.WriteLine(JsonReport.Document(json => WriteResult(json, set, folder, files)));
        else WriteResult(set, folder, files, terminal.Out);
        return ExitCode.Finished;
    }

    private static void WriteList(TextWriter output)
    {
        foreach (var set in DataSet.All)
        {
            output.WriteLine($"{set.Name}: {set.Summary}");
            output.WriteLine($"  from {set.Address}");
            TextTable.Write(output, [.. set.Files.Select(f => new[] { "  " + f.Name, Numbers.Count(f.Length) + " bytes" })]);
            output.WriteLine();
        }

        output.WriteLine("'bilevel data get NAME' fetches one; its help tells more.");
    }

    private static void WriteList(System.Text.Json.Utf8JsonWriter json)
    {
        json.WriteNumber("format", JsonReport.FormatVersion);
        json.WriteStartArray("data_sets");
        foreach (var set in DataSet.All)
        {
            json.WriteStartObject();
            json.WriteString("name", set.Name);
            json.WriteString("summary", set.Summary);
            json.WriteString("address", set.Address);
            json.WriteStartArray("files");
            foreach (var file in set.Files) WriteFile(json, file, null);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteResult(DataSet set, string folder, IReadOnlyList<(RemoteFile File, DownloadOutcome Outcome)> files, TextWriter output)
    {
        TextTable.Write(output, [.. files.Select(f => new[] { f.File.Name, Numbers.Count(f.File.Length) + " bytes", Word(f.Outcome) })]);
        output.WriteLine($"All files are in {folder}, with the right checksums. To use them: {set.Use} {ShellCommand.Quote(folder)}");
    }

    private static void WriteResult(System.Text.Json.Utf8JsonWriter json, DataSet set, string folder, IReadOnlyList<(RemoteFile File, DownloadOutcome Outcome)> files)
    {
        json.WriteNumber("format", JsonReport.FormatVersion);
        json.WriteString("name", set.Name);
        json.WriteString("folder", folder);
        json.WriteStartArray("files");
        foreach (var (file, outcome) in files) WriteFile(json, file, outcome);
        json.WriteEndArray();
    }

    private static void WriteFile(System.Text.Json.Utf8JsonWriter json, RemoteFile file, DownloadOutcome? outcome)
    {
        json.WriteStartObject();
        json.WriteString("name", file.Name);
        json.WriteNumber("bytes", file.Length);
        json.WriteString("sha256", file.Sha256);
        if (outcome is { } how) json.WriteString("outcome", Word(how));
        json.WriteEndObject();
    }

    private static string Word(DownloadOutcome outcome) => outcome switch
    {
        DownloadOutcome.Kept => "kept",
        DownloadOutcome.Resumed => "resumed",
        _ => "downloaded",
    };
}

/// <summary>One line about a download, rewritten in place where a person watches.</summary>
internal sealed class DownloadLine(Terminal terminal) : IDisposable
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(0.1);

    private readonly System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();
    private TimeSpan shown = -Often;
    private int width;

    public void Show(RemoteFile file, long arrived)
    {
        if (!terminal.ErrorIsTerminal || (clock.Elapsed - shown < Often && arrived < file.Length)) return;
        shown = clock.Elapsed;
        string line = $"{file.Name}: {Numbers.Count(arrived)} of {Numbers.Count(file.Length)} bytes ({100 * arrived / file.Length}%)";
        terminal.Error.Write($"\r{line.PadRight(width)}");
        width = line.Length;
    }

    public void Note(string text)
    {
        Clear();
        terminal.Error.WriteLine($"bilevel: {text}");
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (width > 0) terminal.Error.Write($"\r{new string(' ', width)}\r");
        width = 0;
    }

    public void Dispose() => Clear();
}
