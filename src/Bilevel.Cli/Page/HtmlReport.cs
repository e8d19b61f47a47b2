using System.Text;
using Bilevel.Tasks;
using static Bilevel.Cli.Html;

namespace Bilevel.Cli;

/// <summary>A run as one page that needs nothing but itself: no script, no network, no font.</summary>
internal sealed class HtmlReport
{
    private const string StoppedByCertificate = "the method's own measure of being done; the run ends when the numbers of the certificate, which are others, come below the dashed line";

    private readonly StringBuilder page = new();
    private readonly RunReport report;

    private HtmlReport(RunReport report) => this.report = report;

    public static string Of(RunReport report)
    {
        var html = new HtmlReport(report);
        html.Head();
        html.Result();
        html.TaskSections();
        html.CertificateSection();
        html.CurvesSection();
        html.WarningsSection();
        html.FilesSection();
        html.SettingsSection();
        html.EnvironmentSection();
        html.CommandSection();
        html.Add($"<footer>Written by bilevel {Text(report.Environment.Tool)}. This page loads nothing from anywhere.</footer>\n</main>\n</body>\n</html>\n");
        return html.page.ToString();
    }

    // The colour says it at a glance; the words beside it say it too.
    private (string Class, string Word) Standing => (report.Status, report.Certificate?.Verdict) switch
    {
        (SolveStatus.Diverged, _) => ("bad", "broke down"),
        (SolveStatus.Unbounded, _) => ("bad", "seems unbounded"),
        (SolveStatus.NotWithinTolerance, _) => ("bad", "not within the tolerance"),
        (SolveStatus.Cancelled, _) => ("open", "interrupted"),
        (_, Verdict.Certified) => ("good", "certified"),
        (_, Verdict.NotCertified) => ("open", "not certified"),
        (_, Verdict.NotCheckable) => ("open", "not checkable"),
        _ => ("open", "no certificate"),
    };

    private void Head() => Add($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="color-scheme" content="light dark">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
        <title>{Text(report.Title)} - bilevel</title>
        <style>
        {HtmlStyle.Sheet}
        </style>
        </head>
        <body>
        <main>
        <header>
        <h1>{Text(report.Task)} <span class="by">by {Text(report.MethodInWords)}</span></h1>
        <p class="what">{Text(report.TaskSummary)}</p>
        </header>
        <section class="verdict {Standing.Class}">
        <p><span class="word">{Standing.Word}</span> {Text(report.Headline)}</p>
        {(report.BelowHeadline.Length > 0 ? $"<p>{Text(report.BelowHeadline)}</p>\n" : "")}</section>

        """);

    private void Result()
    {
        Heading("Result");
        if (report.Outcome.Summary.Length > 0) Paragraph(report.Outcome.Summary);
        Table(null, [.. report.KeyNumbers.Concat(report.TaskNumbers).Select(NumberRow)]);
        List(report.AnswerNotes, "sign");
        StartsTable();
        Add($"<p class=\"quiet\">{Text($"{Numbers.Plural(report.Iterations, "iteration")}, {Numbers.Plural(report.OracleCalls, "oracle call")}, {Numbers.Duration(report.Seconds)}.")}</p>\n");
        EndSection();
    }

    private void StartsTable()
    {
        if (report.Starts.Count == 0) return;
        Paragraph($"From {Numbers.Plural(report.Starts.Count, "start")}, the best first; the answer is that of the first row.");
        Table("<tr><th>start</th><th>status</th><th>verdict</th><th class=\"number\">F</th><th class=\"number\">residual</th></tr>\n", [.. report.Starts.Select(s =>
            $"<tr><td>{Numbers.Plain(s.Start)}</td><td>{Text(s.Status.Replace('_', ' '))}</td><td>{Text(s.Verdict.Replace('_', ' '))}</td><td class=\"number\">{Text(Numbers.Short(s.UpperValue))}</td><td class=\"number\">{Text(Numbers.Rough(s.Residual))}</td></tr>")]);
    }

    private void TaskSections()
    {
        foreach (var section in report.Outcome.Sections)
        {
            Heading(section.Title);
            Add($"{SectionMarkup.Of(section)}");
            EndSection();
        }
    }

    private void CertificateSection()
    {
        Heading("Certificate");
        if (report.Certificate is not { } certificate)
        {
            Paragraph(report.CertificateSentence);
        }
        else
        {
            string how = report.IsMinimax
                ? "it measures the stationarity of the penalty function for the minimisers (K1) and the maximisers (K2) after one proximal step, bounds the gap of the lower level (K3), and solves the lower level again with a solver of its own"
                : "it solves the lower level again, from first derivatives alone, and bounds how far the leader is from a point where it cannot improve";
            Add($"<p class=\"quiet\">The certificate shares no code with the method: {how}. The tolerance is {Text(Numbers.Short(certificate.Tolerance))}; it took {Text(Numbers.Plural(certificate.OracleCalls, "oracle call"))} of its own.</p>\n");
            Table(null, [.. certificate.Residuals.Select(NumberRow)]);
            List(certificate.Signs, "sign");
            if (certificate.Evidence.Count > 0) Paragraph("Seen besides, which proves nothing:");
            List(certificate.Evidence, "evidence");
        }

        if (report.BoundsSentence is { } bounds) List([bounds], "sign");
        EndSection();
    }

    private void CurvesSection()
    {
        Heading("Curves");
        foreach (var quantity in Curves.Quantities)
        {
            Add($"<h3>{quantity.Name} <span class=\"quiet\">{(quantity.HasGoal && report.StopsByCertificate ? StoppedByCertificate : quantity.Meaning)}</span></h3>\n");
            if (!report.Trace.Any(r => double.IsFinite(quantity.Of(r))))
            {
                Add($"<p class=\"quiet\">This run has none.</p>\n");
                continue;
            }

            var references = report.Outcome.References.Where(r => r.Curve == quantity.Curve && double.IsFinite(r.Value)).ToList();
            Add($"<div class=\"curves\">\n{string.Join("\n", Curves.Drawings(report.Trace, quantity, quantity.HasGoal ? report.StopsAt : double.NaN, references, MarkOf(quantity)))}\n</div>\n");
            if (references.Count > 0) Add($"<p class=\"legend\">Dashed lines: {string.Concat(references.Select((r, i) => $"<span><b>{Curves.Letter(i)}</b> {Text(r.Name)} ({Text(Numbers.Short(r.Value))})</span> "))}</p>\n");
        }

        EndSection();
    }

    // F itself, apart from the curve, which reads f where the method's own follower stood.
    private double MarkOf(Curves.Quantity quantity) => quantity.Curve == ReportCurve.UpperValue && report.FollowerSolvedAgain ? report.UpperValue : double.NaN;

    private void WarningsSection()
    {
        if (report.Findings.Count == 0) return;
        Heading("Warnings");
        List(report.Findings.Select(f => f.ToString()), "sign");
        EndSection();
    }

    private void FilesSection()
    {
        Heading("Data and files");
        List(report.Notes, "");
        Add($"<table>\n");
        foreach (var (name, meaning) in RunFiles.Of(report))
            Add($"<tr><td><a href=\"{Text(Uri.EscapeDataString(name))}\">{Text(name)}</a></td><td class=\"words\">{Text(meaning)}</td></tr>\n");
        Add($"</table>\n");
        EndSection();
    }

    private void SettingsSection()
    {
        Heading("Settings");
        Add($"<p class=\"quiet\">Marked values differ from the defaults.</p>\n");
        SettingTable($"Task {report.Task}", report.TaskSettings);
        SettingTable($"Method {report.Method}", report.MethodSettings);
        Add($"<h3>Run</h3>\n");
        Pairs(report.RunSettings);
        EndSection();
    }

    private void SettingTable(string title, IReadOnlyList<SettingValue> settings)
    {
        Add($"<h3>{Text(title)}</h3>\n");
        if (settings.Count == 0)
        {
            Add($"<p class=\"quiet\">It has no settings.</p>\n");
            return;
        }

        Add($"<table class=\"settings\">\n<tr><th>name</th><th>value</th><th>default</th><th>meaning</th></tr>\n");
        foreach (var setting in settings)
        {
            string value = setting.IsChanged ? $"<mark>{Text(setting.Value)}</mark>" : Text(setting.Value);
            Add($"<tr><td>{Text(setting.Setting.Name)}</td><td>{value}</td><td class=\"quiet\">{Text(setting.Default)}</td><td class=\"words\">{Text(setting.Setting.Help)}</td></tr>\n");
        }

        Add($"</table>\n");
    }

    private void EnvironmentSection()
    {
        Heading("Cost and environment");
        foreach (var (level, counts, names) in new[] { ("upper objective f", report.UpperCalls, report.UpperNames), ("lower objective g", report.LowerCalls, report.LowerBlockNames) })
        {
            Add($"<table>\n<tr><th>oracle calls</th>{string.Concat(names.Select(n => $"<th class=\"number\">gradients in {Text(n)}</th>"))}</tr>\n");
            Add($"<tr><td>{level}</td>{string.Concat(names.Select((_, b) => $"<td class=\"number\">{Numbers.Count(counts.Gradients[b])}</td>"))}</tr>\n</table>\n");
        }

        if (report.IsMinimax) Paragraph($"{Numbers.Plural(report.PenaltyCalls, "penalty call")}: one gradient of f and two of g count as one.");
        Pairs([
            new("Time", Numbers.Duration(report.Seconds)),
            new("Processor time", $"{Numbers.Duration(report.CpuSeconds)} in this sitting"),
            new("Peak memory", FormattableString.Invariant($"{report.PeakMemoryMegabytes:F0} MB")),
            .. report.Environment.Facts]);
        EndSection();
    }

    private void CommandSection()
    {
        Heading("Repeat this run");
        Add($"<pre>{Text(report.Command)}</pre>\n");
        Add($"<p class=\"quiet\">The same command gives the same bits, whatever the number of threads, on the same instruction set and runtime version.</p>\n");
        EndSection();
    }

    private void Heading(string title) => Add($"<section>\n<h2>{Text(title)}</h2>\n");

    private void EndSection() => Add($"</section>\n");

    private void Paragraph(string text) => Add($"<p>{Text(text)}</p>\n");

    private static string NumberRow(NamedNumber number) =>
        $"<tr><td>{Text(number.Name.Replace('_', ' '))}</td><td class=\"number\">{Text(Numbers.Short(number.Value))}</td><td class=\"words\">{Text(number.Meaning)}</td></tr>";

    private void Table(string? header, IReadOnlyList<string> rows)
    {
        if (rows.Count > 0) Add($"<table>\n{header}{string.Join("\n", rows)}\n</table>\n");
    }

    private void Pairs(IEnumerable<KeyValuePair<string, string>> pairs) =>
        Table(null, [.. pairs.Select(p => $"<tr><td>{Text(p.Key)}</td><td class=\"words\">{Text(p.Value)}</td></tr>")]);

    private void List(IEnumerable<string> items, string kind)
    {
        var all = items.ToList();
        if (all.Count > 0) Add($"<ul class=\"{kind}\">\n{string.Join("\n", all.Select(i => $"<li>{Text(i)}</li>"))}\n</ul>\n");
    }

    private void Add(FormattableString html) => page.Append(FormattableString.Invariant(html));
}
