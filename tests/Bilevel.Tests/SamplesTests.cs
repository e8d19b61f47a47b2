using System.Diagnostics;

namespace Bilevel.Tests;

/// <summary>The samples run as the README says and print what they promise.</summary>
public class SamplesTests
{
    [Theory]
    [InlineData("01-first-solve.cs", "x = 0.60000, y = 0.90000: Converged")]
    [InlineData("02-certified.cs", "Certified: the hypergradient at x is at most")]
    [InlineData("03-full-control.cs", "Converged by the method's own measure; not checked. The residual")]
    [InlineData("04-minimax.cs", "x1 = -0.2632, x2 = -0.1315, y1 = 0.1316, y2 = 0.1316")]
    [InlineData("05-constrained-follower.cs", "multiplier = 0.750")]
    public async Task A_sample_runs(string file, string expected)
    {
        var start = new ProcessStartInfo("dotnet", ["run", Path.Combine(Root(), "samples", file)]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await output + await error);
        Assert.Contains(expected, await output);
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

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bilevel.slnx"))) folder = folder.Parent ?? throw new InvalidOperationException("Bilevel.slnx is in no folder above the tests.");
        return folder.FullName;
    }
}
