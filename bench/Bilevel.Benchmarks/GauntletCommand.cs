using System.Globalization;
using System.Text.Json;
using Bilevel.Gauntlet;

namespace Bilevel.Benchmarks;

/// <summary>
/// <c>gauntlet [class] [--count 1000] [--seed 1] [--method NAME|all] [--threads 2] [--scales all|functions|none] [--json FILE] [--verbose SEED]</c>: problems from seeds
/// through the library's two-line entry, or through methods at their defaults, as docs/numbers.md shows it.
/// </summary>
internal static class GauntletCommand
{
    /// <summary>Runs the command.</summary>
    public static void Run(string[] arguments)
    {
        var options = new Arguments(arguments);
        IReadOnlyList<GauntletClass> classes = options.First is { } name ? [GauntletClass.Find(name)] : GauntletClass.All;
        int count = (int)options.Number("count", 1000), threads = (int)options.Number("threads", 2);
        ulong seed = (ulong)options.Number("seed", 1);
        var scales = Enum.Parse<DrawnScales>(options.Text("scales") ?? "All", ignoreCase: true);
        string? method = options.Text("method"), json = options.Text("json");
        if (options.Text("verbose") is { } one)
        {
            foreach (var of in classes) Show(of, ulong.Parse(one, CultureInfo.InvariantCulture), scales, method);
            return;
        }

        var failures = new List<(string Title, string Text)>();
        Console.WriteLine(GauntletTable.Head);
        foreach (var of in classes)
        {
            foreach (var entry in method switch { null => [null], "all" => MethodCatalog.All, _ => (IEnumerable<MethodEntry?>)[MethodCatalog.Find(method)] })
            {
                var results = GauntletRunner.All(of, seed, count, threads, scales, problem => entry is null ? GauntletRunner.Entry(problem) : GauntletRunner.Method(problem, entry, seconds: 20));
                string title = entry?.Name ?? "`BilevelSolver.Solve`";
                Console.WriteLine(GauntletTable.Row(of.Name, title, results));
                failures.Add(($"{of.Name}, {title}", GauntletTable.Failures(results)));
                if (json is not null) File.AppendAllLines(json, results.Select(r => JsonSerializer.Serialize(new { Class = of.Name, Entry = title, r.Seed, Status = r.Status?.ToString(), r.Certified, r.Solved, r.AtKink, Gradient = Finite(r.Gradient), r.Violation, r.FalseConverged, r.FalseCertificate, r.Gradients, r.Seconds, r.Failing })));
            }
        }

        foreach (var (heading, text) in failures) Console.WriteLine($"\n{heading}: what is not certified or not solved (|grad F| or the KKT residual, over the tolerance, in brackets)\n\n{text}");
    }

    private static void Show(GauntletClass of, ulong seed, DrawnScales scales, string? method)
    {
        var problem = GauntletProblem.Create(of, seed, scales);
        Console.WriteLine(problem);
        var planted = problem.At(problem.Planted);
        Console.WriteLine(FormattableString.Invariant($"tolerance {problem.Tolerance:G4}; at the planted point |grad F| {planted.Gradient:G3}, at the start {problem.At(problem.X0).Gradient:G3}; there {planted.Value:G6}, at the start {problem.At(problem.X0).Value:G6}"));
        var result = method is null ? GauntletRunner.Entry(problem) : GauntletRunner.Method(problem, MethodCatalog.Find(method));
        Console.WriteLine(FormattableString.Invariant($"{result.Status}: {result.Message}\nsolved {result.Solved}{(result.AtKink ? " (at a kink)" : "")}, measure / tolerance {result.Gradient:G4} (at its own y {result.Claimed:G3}, around x {string.Join(" ", result.Around.Select(a => a.ToString("G3", CultureInfo.InvariantCulture)))}), violation {result.Violation:G3}, {result.Gradients:N0} gradients, {result.Seconds:G3} s\n{result.Failing}\n{result.Certificate}"));
        if (result.X is not { } x || !x.IsFinite()) return;
        if (problem.Constrained is not null && result.Certificate is { } certificate && problem.LowerLoss(x, result.Y!) is var (loss, error))
            Console.WriteLine(FormattableString.Invariant($"the follower loses {loss:G4} (the reference may err by {error:G2}); the certificate's bound is {GauntletRunner.PlainGapBound(certificate):G4}"));
        var (end, value, gradient, distance) = problem.Polish(x);
        Console.WriteLine(FormattableString.Invariant($"the reference descends from there by {distance:G3} in units of x, F from {problem.At(x).Value:G8} to {value:G8}, where |grad F| is {problem.At(end).Gradient / problem.Tolerance:G3} and convex combinations around are {gradient / problem.Tolerance:G3} times the tolerance\n"));
    }

    private static double? Finite(double number) => double.IsFinite(number) ? number : null;
}

/// <summary>Options of a command: <c>--name value</c>, or <c>--name</c> alone, after an optional first word.</summary>
/// <param name="arguments">What follows the command.</param>
internal sealed class Arguments(string[] arguments)
{
    /// <summary>The first word, where it is no option.</summary>
    public string? First => arguments.Length > 0 && !arguments[0].StartsWith("--", StringComparison.Ordinal) ? arguments[0] : null;

    /// <summary>Whether the option is there.</summary>
    public bool Has(string name) => arguments.Contains("--" + name);

    /// <summary>What follows the option; null where it is not there.</summary>
    public string? Text(string name)
    {
        int at = Array.IndexOf(arguments, "--" + name);
        return at < 0 ? null : at + 1 < arguments.Length ? arguments[at + 1] : throw new ArgumentException($"--{name} needs a value.");
    }

    /// <summary>The number that follows the option.</summary>
    public double Number(string name, double otherwise) => Text(name) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
