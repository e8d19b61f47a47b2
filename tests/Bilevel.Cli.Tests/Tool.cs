using System.Diagnostics;
using System.Text.Json;
using Bilevel.Cli.TestHost;
using Bilevel.Tasks;

namespace Bilevel.Cli.Tests;

/// <summary>What the tool answered.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Out">Standard output.</param>
/// <param name="Errors">Standard error.</param>
internal sealed record Answer(int Code, string Out, string Errors)
{
    private const string Mark = "Note: ";

    /// <summary>Standard error without the notes on data.</summary>
    public string Error { get; } = string.Concat(Lines(Errors).Where(line => !line.StartsWith(Mark, StringComparison.Ordinal)));

    /// <summary>The notes on data, in their order.</summary>
    public IReadOnlyList<string> Notes { get; } = [.. Lines(Errors).Where(line => line.StartsWith(Mark, StringComparison.Ordinal)).Select(line => line[Mark.Length..].TrimEnd('\n'))];

    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    private static IEnumerable<string> Lines(string text) => text.Split('\n').Select((line, i) => i == text.Count(c => c == '\n') ? line : line + "\n");
}

/// <summary>Runs the tool with the tests' tasks, in this process or in one of its own.</summary>
internal static class Tool
{
    public static Answer Run(params string[] args) => RunWith(TestTasks.All, args);

    /// <summary>Runs the tool with its own tasks.</summary>
    public static Answer RunOwn(params string[] args) => RunWith(TaskCatalog.All, args);

    private static Answer RunWith(IReadOnlyList<ITask> tasks, string[] args)
    {
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = CommandLine.Run(args, tasks, new Terminal(output, error, ErrorIsTerminal: false));
        return new Answer(code, output.ToString(), error.ToString());
    }

    public static Process Start(params string[] args) => Start([], args);

    public static Process Start(KeyValuePair<string, string>[] variables, params string[] args)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Bilevel.Cli.TestHost" + (OperatingSystem.IsWindows() ? ".exe" : "")), args)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits for the end of a process and reads what it wrote.</summary>
    public static Answer Finish(Process process)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            Assert.True(process.WaitForExit(30_000), "The process did not end.");
            return new Answer(process.ExitCode, output.Result, error.Result);
        }
    }

    public static void Signal(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public static void WaitForFile(string path)
    {
        var clock = Stopwatch.StartNew();
        while (!File.Exists(path))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{path} did not appear.");
            Thread.Sleep(5);
        }
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class Folder : IDisposable
{
    public Folder() => Path = Directory.CreateTempSubdirectory("bilevel-cli-").FullName;

    public string Path { get; }

    public string this[params string[] names] => System.IO.Path.Combine([Path, .. names]);

    public string Read(params string[] names) => File.ReadAllText(this[names]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
