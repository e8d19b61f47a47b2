namespace Bilevel.Cli;

/// <summary>What a run says of its data before it begins, and the file that holds all of it.</summary>
internal static class RunNotes
{
    /// <summary>The file of the output folder.</summary>
    public const string FileName = "notes.txt";

    // More lines than these are not read.
    private const int Most = 12;

    /// <summary>Writes the notes for the person at the console, at most twelve lines.</summary>
    /// <param name="notes">The notes, the most important first.</param>
    /// <param name="folder">The output folder; null for none.</param>
    /// <param name="error">Where to write.</param>
    public static void Say(IReadOnlyList<string> notes, OutputFolder? folder, TextWriter error)
    {
        int shown = notes.Count <= Most ? notes.Count : Most - 1;
        foreach (string note in notes.Take(shown)) error.WriteLine($"Note: {OneLine(note)}");
        if (shown == notes.Count) return;
        string where = folder is null ? "--json lists them, and --out DIR keeps them in DIR" : $"they will be in {Path.Combine(folder.Path, FileName)} and in the report";
        error.WriteLine($"Note: {notes.Count - shown} notes more; {where}.");
    }

    /// <summary>Writes all notes, a line each.</summary>
    public static void Write(RunReport report, TextWriter writer)
    {
        string[] all = [.. report.Notes, .. report.AnswerNotes];
        foreach (string note in all) writer.WriteLine(OneLine(note));
        if (all.Length == 0) writer.WriteLine("There is nothing to note.");
    }

    private static string OneLine(string note) => note.ReplaceLineEndings(" ");
}
