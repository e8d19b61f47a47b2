namespace Bilevel.Tasks;

/// <summary>
/// Splits a text file into rows of cells. A quote counts only where a cell begins with it: then the cell ends at the next
/// quote that is not doubled, and may go over several lines. Anywhere else it is text, as in 10" disc.
/// </summary>
internal sealed class CsvRows(InputFile file, char separator, string? encoding) : IDisposable
{
    private const int LongestRow = 1 << 24;

    private readonly LineReader lines = new(file, encoding);
    private readonly List<int> ends = [];
    private char[] text = new char[1 << 10];
    private int used;

    /// <summary>What stands between the cells.</summary>
    public char Separator => separator;

    /// <summary>As many cells as a row should have; 0 while that is not known.</summary>
    public int Width { get; set; }

    /// <summary>The line on which the row begins, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>The line on which it ends.</summary>
    public int LastLine => lines.Number;

    /// <summary>The number of its cells.</summary>
    public int Count => ends.Count;

    /// <summary>The number of comment lines so far, and the first of them.</summary>
    public (int Count, int First) Comments { get; private set; }

    /// <summary>A cell without blanks around it; valid until the next call of <see cref="Next"/>.</summary>
    public ReadOnlySpan<char> this[int cell]
    {
        get
        {
            int start = cell == 0 ? 0 : ends[cell - 1];
            return text.AsSpan(start, ends[cell] - start).Trim();
        }
    }

    /// <summary>Reads the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="InputException">A quote is not closed, or closed in the middle of a cell.</exception>
    public bool Next()
    {
        used = 0;
        ends.Clear();
        ReadOnlySpan<char> rest;
        while (true)
        {
            if (!lines.Next(out rest)) return false;
            if (lines.Number == 1 && SeparatorNamed(rest) == separator) continue;
            if (!IsComment(rest, [separator])) break;
            Comments = (Comments.Count + 1, Comments.Count == 0 ? lines.Number : Comments.First);
        }

        Line = lines.Number;
        bool areRows = LooksLikeRow(rest);
        while (true)
        {
            rest = rest.TrimStart(' ');
            if (rest.StartsWith('"'))
            {
                rest = Quoted(rest[1..], ref areRows);
            }
            else
            {
                int end = rest.IndexOf(separator);
                Append(end < 0 ? rest : rest[..end]);
                rest = end < 0 ? [] : rest[end..];
            }

            ends.Add(used);
            if (rest.IsEmpty) break;
            rest = rest[1..];
        }

        // Text of several lines hardly has the columns of a row in each of them.
        if (areRows && LastLine > Line) throw Unclosed();
        return true;
    }

    public void Dispose() => lines.Dispose();

    /// <summary>Whether a line is a comment: # and then no name, as in #chrom, or nothing that is separated.</summary>
    public static bool IsComment(ReadOnlySpan<char> line, ReadOnlySpan<char> separators) =>
        line is ['#', ..] && (line is ['#'] or ['#', ' ' or '#' or '!' or '-' or '=', ..] || !line.ContainsAny(separators));

    /// <summary>The separator that a first line such as sep=; names, as spreadsheets understand it; null where the line is none such.</summary>
    public static char? SeparatorNamed(ReadOnlySpan<char> line)
    {
        line = line.Trim().Trim('"');
        return line.Length >= 5 && line.StartsWith("sep=", StringComparison.OrdinalIgnoreCase) && !line[4..].ContainsAnyExcept(line[4]) ? line[4] : null;
    }

    private bool LooksLikeRow(ReadOnlySpan<char> line) => line.Count(separator) + 1 == Width;

    // Appends a cell from behind its first quote; the answer is what stands behind its last.
    private ReadOnlySpan<char> Quoted(ReadOnlySpan<char> rest, scoped ref bool areRows)
    {
        while (true)
        {
            int quote = rest.IndexOf('"');
            Append(quote < 0 ? rest : rest[..quote]);
            if (quote < 0)
            {
                Append("\n");
                if (used > LongestRow || !lines.Next(out rest)) throw Unclosed();
                areRows &= LooksLikeRow(rest);
                continue;
            }

            rest = rest[(quote + 1)..];
            if (!rest.StartsWith('"')) break;
            Append("\"");
            rest = rest[1..];
        }

        rest = rest.TrimStart(' ');
        if (rest.IsEmpty || rest[0] == separator) return rest;
        throw new InputException(InputText.Invariant(
            $"{file.Name}, line {LastLine}: in column {ends.Count + 1} of the row that begins on line {Line}, text follows the quote that ends a cell. A cell that begins with a quote ends with one; double the quotes inside it."));
    }

    private InputException Unclosed() => new(InputText.Invariant(
        $"{file.Name}, line {Line}: a cell begins with a quote that is not closed on this line, and what follows looks like further rows or has no end. Close it; where the quote is text, write the cell in quotes and the quote twice."));

    private void Append(ReadOnlySpan<char> part)
    {
        if (used + part.Length > text.Length) Array.Resize(ref text, Math.Max(2 * text.Length, used + part.Length));
        part.CopyTo(text.AsSpan(used));
        used += part.Length;
    }
}
