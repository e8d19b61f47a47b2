namespace Bilevel.Cli;

/// <summary>The outcome of a run for the person at the console.</summary>
internal static class RunSummary
{
    public static void Write(RunReport report, OutputFolder? folder, TextWriter output)
    {
        output.WriteLine($"{report.Title}: {report.Headline}");
        if (report.Outcome.Summary.Length > 0) output.WriteLine(report.Outcome.Summary);
        foreach (string note in report.AnswerNotes) output.WriteLine($"Note: {note}");
        output.WriteLine();
        TextTable.Write(output, [.. report.KeyNumbers.Concat(report.Outcome.Metrics).Select(Row)]);
        output.WriteLine();
        output.WriteLine(report.CertificateSentence);
        if (report.IsMinimax && report.Certificate is { } certificate) output.WriteLine($"  {string.Join(", ", certificate.Residuals.TakeWhile(n => n.Name != "rounding").Select(n => $"{n.Name} {Numbers.Rough(n.Value)}"))}");
        if (report.BoundsSentence is { } bounds) output.WriteLine($"  Note: {bounds}");
        foreach (string sign in report.Certificate?.Signs ?? []) output.WriteLine($"  Note: {sign}");
        foreach (string seen in report.Certificate?.Evidence ?? []) output.WriteLine($"  Seen, which proves nothing: {seen}");
        foreach (var finding in report.Findings) output.WriteLine($"  Warning: {finding}");
        output.WriteLine();
        output.WriteLine($"{Numbers.Plural(report.Iterations, "iteration")}, {Numbers.Plural(report.OracleCalls, "oracle call")}, {Numbers.Duration(report.Seconds)}.");
        if (folder is null) return;
        output.WriteLine($"Results: {folder.Path} ({string.Join(", ", folder.FileNames(report))})");
        output.WriteLine($"Report:  open {System.IO.Path.Combine(folder.Path, OutputFolder.ReportName)} in a browser");
    }

    private static string[] Row(NamedNumber number) => ["  " + number.Name, Numbers.Short(number.Value), number.Meaning];
}
