using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;

namespace Bilevel.Tests;

/// <summary>The samples run as the README says and print what they promise. All run in this process; one of each library runs by its command too.</summary>
[Collection(nameof(Alone))]
public partial class SamplesTests
{
    private static readonly Dictionary<string, string> Promised = new()
    {
        ["01-first-solve.cs"] = "x = 0.60000, y = 0.90000: Converged",
        ["02-certified.cs"] = "Certified: the hypergradient at x is at most",
        ["03-full-control.cs"] = "Converged by the method's own measure; not checked. The residual",
        ["04-minimax.cs"] = "x1 = -0.2632, x2 = -0.1315, y1 = 0.1316, y2 = 0.1316",
        ["05-constrained-follower.cs"] = "multiplier = 0.750",
        ["06-sets.cs"] = "x = (0.8333, 0.1667, 0.0000), y = (1.0000, 0.3333, 0.0000)",
        ["07-minibatches.cs"] = "minibatches: x = -0.48, F = 8.1930; all data: x = -0.48, F = 8.1930",
        ["08-toll.cs"] = "toll = 11.000, flows = (5.500, 3.250, 1.250), revenue = 60.500",
        ["09-own-method.cs"] = "penalty-descent: x = 0.5999 after 18 iterations and 1134 gradients; Converged",
        ["10-clean-a-table.cs"] = "72 labels look wrong; of the 62 that are, 55 are among the first 62",
    };

    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Path.Combine(Root(), "samples"), "*.cs").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_sample_prints_what_it_promises(string file)
    {
        // Directives of one-file programs are for the command that builds them.
        string text = Directive().Replace(File.ReadAllText(Path.Combine(Root(), "samples", file)), "//");
        var (program, messages) = CompiledProgram.Compile("sample", OutputKind.ConsoleApplication, (file, text));
        Assert.Empty(messages);
        Assert.Contains(Promised[file], CompiledProgram.Output(program), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("01-first-solve.cs")]
    [InlineData("10-clean-a-table.cs")]
    public async Task A_sample_runs_by_its_command(string file)
    {
        var start = new ProcessStartInfo("dotnet", ["run", Path.Combine(Root(), "samples", file)]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await output + await error);
        Assert.Contains(Promised[file], await output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_readme_links_every_sample()
    {
        string readme = File.ReadAllText(Path.Combine(Root(), "README.md"));
        Assert.All(Promised.Keys, file => Assert.Contains($"(samples/{file})", readme, StringComparison.Ordinal));
    }

    [Fact]
    public void The_readme_shows_the_first_sample()
    {
        string readme = File.ReadAllText(Path.Combine(Root(), "README.md"));
        string[] code = [.. File.ReadAllLines(Path.Combine(Root(), "samples", "01-first-solve.cs")).Where(l => l.Length > 0 && !l.StartsWith('#') && !l.StartsWith("//", StringComparison.Ordinal))];
        Assert.All(code, line => Assert.Contains(line, readme));
    }

    [Fact]
    public void The_code_shown_to_contributors_is_in_the_sources()
    {
        string[] files = [.. new[] { "src/Bilevel", "tests/Bilevel.Tests" }.SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root(), f), "*.cs", SearchOption.AllDirectories))];
        string sources = Dense(string.Concat(files.Where(f => !f.EndsWith(nameof(SamplesTests) + ".cs", StringComparison.Ordinal)).Select(File.ReadAllText)));
        string[] blocks = [.. File.ReadAllText(Path.Combine(Root(), "CONTRIBUTING.md")).Split("```csharp").Skip(1).Select(b => b.Split("```")[0])];
        Assert.NotEmpty(blocks);
        Assert.All(blocks.SelectMany(b => b.Split('\n')).Select(line => Dense(line.Split("  //")[0])).Where(line => line is not ("" or "...")), line => Assert.Contains(line, sources));
        static string Dense(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
    }

    [GeneratedRegex("^#:.*$", RegexOptions.Multiline)]
    private static partial Regex Directive();

    internal static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bilevel.slnx"))) folder = folder.Parent ?? throw new InvalidOperationException("Bilevel.slnx is in no folder above the tests.");
        return folder.FullName;
    }
}
