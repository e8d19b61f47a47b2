using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Bilevel.Benchmarks;

/// <summary>
/// <c>attacks [--attacks 500] [--honest 16000] [--filter TEXT]</c>: the suites that attack certificates with wrong gradients, constants, sets and
/// shapes, with so many problems a kind, and those that hold them to honest problems, with so many in all. The environment variables
/// BILEVEL_ATTACKS and BILEVEL_HONEST hand the numbers to the tests; what they report is printed as the table of docs/numbers.md.
/// </summary>
internal static partial class AttacksCommand
{
    private static readonly string[] Suites = ["AttackTests", "KktHonestTests", "SetCheckTests", "KktSignsTests", "KinkTests"];

    /// <summary>Runs the command and returns the exit code of the tests.</summary>
    public static int Run(string[] arguments)
    {
        var options = new Arguments(arguments);
        string filter = options.Text("filter") ?? string.Join('|', Suites.Select(s => "FullyQualifiedName~" + s));
        string results = Directory.CreateTempSubdirectory("attacks").FullName;
        try
        {
            var start = new ProcessStartInfo("dotnet") { ArgumentList = { "test", "tests/Bilevel.Tests", "-c", "Release", "--filter", filter, "--logger", "trx;LogFileName=attacks.trx", "--results-directory", results } };
            start.Environment["BILEVEL_ATTACKS"] = options.Text("attacks") ?? "500";
            start.Environment["BILEVEL_HONEST"] = options.Text("honest") ?? "16000";
            using var tests = Process.Start(start) ?? throw new InvalidOperationException("The tests do not start.");
            tests.WaitForExit();
            string file = Path.Combine(results, "attacks.trx");
            if (!File.Exists(file)) throw new InvalidOperationException("The tests wrote no results; run this from the root of the repository.");
            Print(XDocument.Load(file));
            return tests.ExitCode;
        }
        finally
        {
            Directory.Delete(results, recursive: true);
        }
    }

    private static void Print(XDocument results)
    {
        Console.WriteLine("\n| kind | problems | false certificates, bounds below the truth, accusations | seconds |\n|---|---|---|---|");
        var tests = results.Descendants().Where(e => e.Name.LocalName == "UnitTestResult")
            .Select(e => (Name: Readable((string?)e.Attribute("testName") ?? ""), Passed: (string?)e.Attribute("outcome") == "Passed", Seconds: TimeSpan.TryParse((string?)e.Attribute("duration"), CultureInfo.InvariantCulture, out var time) ? time.TotalSeconds : 0, Text: e.Value))
            .OrderBy(t => t.Name, StringComparer.Ordinal);
        int faults = 0;
        foreach (var (name, passed, seconds, text) in tests)
        {
            int problems = Problems().Matches(text).Sum(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));
            if (!passed) faults++;
            string first = text.Trim().Split('\n')[0].Trim();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {(problems > 0 ? problems.ToString("N0", CultureInfo.InvariantCulture) : "")} | {(passed ? "0" : first)} | {seconds:F1} |"));
        }

        Console.WriteLine(faults == 0 ? "\nNo fault." : FormattableString.Invariant($"\n{faults} kinds with faults."));
    }

    // Namespace and method as a sentence: "HypergradientAttack: wrong gradients are never certified (f_y wrong about the answer)".
    private static string Readable(string name)
    {
        var match = Name().Match(name);
        return match.Success
            ? $"{match.Groups[1].Value}: {match.Groups[2].Value.Replace('_', ' ')}{Argument().Replace(match.Groups[3].Value, "").Replace("\\\"", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal)}"
            : name;
    }

    [GeneratedRegex(@"problems: (\d+)")]
    private static partial Regex Problems();

    [GeneratedRegex(@"([A-Za-z0-9]+)Tests\.([A-Za-z0-9_]+)(.*)$", RegexOptions.Singleline)]
    private static partial Regex Name();

    [GeneratedRegex(@"\w+: ")]
    private static partial Regex Argument();
}
