using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Bilevel.Gauntlet;

/// <summary>Rates of many runs as rows of a table in Markdown.</summary>
public static partial class GauntletTable
{
    /// <summary>The head of the table.</summary>
    public const string Head = """
        | class | entry | runs | solved | certified | said Converged | false Converged | false certificates | refused | failed | gradients, median of solved | seconds, median / most |
        |---|---|---|---|---|---|---|---|---|---|---|---|
        """;

    /// <summary>A row.</summary>
    public static string Row(string className, string entry, IReadOnlyList<GauntletResult> results)
    {
        double n = Math.Max(1, results.Count);
        return string.Create(CultureInfo.InvariantCulture, $"| {className} | {entry} | {results.Count} | {Share(r => r.Solved)} | {Share(r => r.Certified)} | {Share(r => r.Status == SolveStatus.Converged)} | {results.Count(r => r.FalseConverged)} | {results.Count(r => r.FalseCertificate)} | {results.Count(r => r.Refused)} | {results.Count(r => r.Status is null && !r.Refused)} | {Median(results.Where(r => r.Solved).Select(r => (double)r.Gradients)):N0} | {Median(results.Select(r => r.Seconds)):G2} / {results.Max(r => r.Seconds):G2} |");

        string Share(Func<GauntletResult, bool> holds) => string.Create(CultureInfo.InvariantCulture, $"{100 * results.Count(holds) / n:0.#} %");
    }

    /// <summary>What failed, grouped by the status and the sentence with its numbers taken out, with up to a few seeds each.</summary>
    /// <param name="results">The runs.</param>
    /// <param name="seeds">How many seeds to name of each.</param>
    public static string Failures(IReadOnlyList<GauntletResult> results, int seeds = 8)
    {
        var text = new StringBuilder();
        var groups = results.Where(r => !r.Certified || !r.Solved)
            .GroupBy(r => $"{(r.Solved ? r.AtKink ? "solved at a kink" : "solved" : "NOT SOLVED")}, {r.Status?.ToString() ?? (r.Refused ? "refused" : "failed")}: {Shortened(Numbers().Replace(r.Failing, "#"))}")
            .OrderByDescending(g => g.Count());
        foreach (var group in groups)
            text.AppendLine(CultureInfo.InvariantCulture, $"{group.Count(),5}  {group.Key}  [{string.Join(" ", group.Take(seeds).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Seed} ({r.Gradient:G2})")))}]");
        Name("FALSE CERTIFICATES", r => r.FalseCertificate);
        Name("FALSE Converged", r => r.FalseConverged);
        return text.ToString();

        // Every seed of these, for one is too many.
        void Name(string what, Func<GauntletResult, bool> which)
        {
            ulong[] named = [.. results.Where(which).Select(r => r.Seed)];
            if (named.Length > 0) text.AppendLine(CultureInfo.InvariantCulture, $"{named.Length,5}  {what}: seeds {string.Join(" ", named)}");
        }
    }

    private static string Shortened(string sentence) => sentence.Length > 110 ? sentence[..110] + "..." : sentence;

    private static double Median(IEnumerable<double> numbers)
    {
        double[] sorted = [.. numbers.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2];
    }

    [GeneratedRegex(@"-?\d+([.,]\d+)*(E[+-]?\d+)?")]
    private static partial Regex Numbers();
}
