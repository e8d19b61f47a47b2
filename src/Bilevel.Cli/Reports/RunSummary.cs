namespace Bilevel.Cli;

/// <summary>The outcome of a run for the person at the console.</summary>
internal static class RunSummary
{
    public static void Write(RunReport report, OutputFolder? folder, TextWriter output)
    {
        output.WriteLine($"{report.Title}: {report.Headline}");
        if (report.Outcome.Summary.Length > 0) output.WriteLine(report.Outcome.Summary);
        output.WriteLine();
        TextTable.Write(output, [.. report.KeyNumbers.Concat(report.TaskNumbers).Select(Row)]);
        output.WriteLine();
        if (report.BelowHeadline.Length > 0) output.WriteLine(report.BelowHeadline);
        if (report.IsMinimax && report.Certificate is { } certificate) output.WriteLine($"  {string.Join(", ", certificate.Residuals.TakeWhile(n => n.Name != "rounding").Select(n => $"{n.Name} {Numbers.Rough(n.Value)}"))}");
        if (report.BoundsSentence is { } bounds) output.WriteLine($"  Note: {bounds}");
        foreach (string note in report.AnswerNotes.Where(n => !report.Headline.Contains(n, StringComparison.Ordinal))) output.WriteLine($"  Note: {note}");
        foreach (string sign in report.Certificate?.Signs ?? []) output.WriteLine($"  Note: {sign}");
        foreach (string seen in report.Certificate?.Evidence ?? []) output.WriteLine($"  Seen, which proves nothing: {seen}");
        foreach (var finding in report.Findings) output.WriteLine($"  Warning: {finding}");
        if (report.Starts.Count > 0) WriteStarts(report, output);
        output.WriteLine();
        output.WriteLine($"{Numbers.Plural(report.Iterations, "iteration")}, {Numbers.Plural(report.OracleCalls, "oracle call")}, {Numbers.Duration(report.Seconds)}.");
        if (folder is null) return;
        output.WriteLine($"Results: {folder.Path} ({string.Join(", ", folder.FileNames(report))})");
        output.WriteLine($"Report:  open {System.IO.Path.Combine(folder.Path, RunFiles.ReportName)} in a browser");
    }

    private static void WriteStarts(RunReport report, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine($"From {Numbers.Plural(report.Starts.Count, "start")}, the best first; the answer above is that of the first row:");
        TextTable.Write(output, [["  start", "status", "verdict", "F", "residual"], .. report.Starts.Select(s => new[] { "  " + Numbers.Plain(s.Start), s.Status, s.Verdict, Numbers.Short(s.UpperValue), Numbers.Rough(s.Residual) })]);
    }

    private static string[] Row(NamedNumber number) => ["  " + number.Name, Numbers.Short(number.Value), number.Meaning];
}
