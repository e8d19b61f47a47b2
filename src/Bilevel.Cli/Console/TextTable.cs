namespace Bilevel.Cli;

/// <summary>Columns of plain text.</summary>
internal static class TextTable
{
    private const int Gap = 3;

    /// <summary>Writes rows with every column but the last padded to its widest cell.</summary>
    public static void Write(TextWriter output, IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0) return;
        int columns = rows[0].Length;
        int[] widths = [.. Enumerable.Range(0, columns - 1).Select(c => rows.Max(r => r[c].Length) + Gap)];
        foreach (var row in rows) output.WriteLine(string.Concat(row.Select((cell, c) => c < columns - 1 ? cell.PadRight(widths[c]) : cell)).TrimEnd());
    }

    /// <summary>A text broken into lines at spaces.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }

            line += (line.Length > 0 ? " " : "") + word;
        }

        if (line.Length > 0) yield return line;
    }
}
