using System.Text;

namespace Bilevel.Tasks;

/// <summary>
/// Reads the lines of a text file, ended by any of the usual ends, without a string for each. The text is UTF-8, or UTF-16
/// with its mark, or of the encoding that is named; bytes that are none of its characters are refused.
/// </summary>
internal sealed class LineReader(InputFile file, string? encoding = null) : IDisposable
{
    private const int LongestLine = 1 << 25;

    // What no text holds stands for bytes that cannot be read, so that they are found with their line.
    private const char Unreadable = '\uFFFF';

    private readonly StreamReader text = new(file.Open(), EncodingOf(encoding), detectEncodingFromByteOrderMarks: true, 1 << 16);
    private char[] buffer = new char[1 << 12];
    private int start, end;
    private bool afterReturn;

    /// <summary>The number of the line read last, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>Reads the next line.</summary>
    /// <param name="line">The line without its end; valid until the next call.</param>
    /// <returns>False at the end of the file.</returns>
    public bool Next(out ReadOnlySpan<char> line)
    {
        int seen = start;
        while (true)
        {
            int found = buffer.AsSpan(seen, end - seen).IndexOfAny('\n', '\r');
            if (found >= 0)
            {
                int at = seen + found;
                if (buffer[at] == '\n' && afterReturn && at == start)
                {
                    afterReturn = false;
                    seen = start = at + 1;
                    continue;
                }

                afterReturn = buffer[at] == '\r';
                line = buffer.AsSpan(start, at - start);
                start = at + 1;
                Number++;
                Check(line);
                return true;
            }

            seen = end;
            if (Fill(ref seen)) continue;
            line = buffer.AsSpan(start, end - start);
            if (line.IsEmpty) return false;
            start = end;
            Number++;
            Check(line);
            return true;
        }
    }

    public void Dispose() => text.Dispose();

    private static Encoding EncodingOf(string? name)
    {
        try
        {
            var (encode, decode) = (EncoderFallback.ReplacementFallback, new DecoderReplacementFallback(Unreadable.ToString()));
            string given = name ?? Encoding.UTF8.WebName;
            return CodePagesEncodingProvider.Instance.GetEncoding(given, encode, decode) ?? Encoding.GetEncoding(given, encode, decode);
        }
        catch (ArgumentException)
        {
            throw new InputException($"The encoding {InputText.Quoted(name!)} is not known. Name one such as utf-8, utf-16, windows-1252 or iso-8859-1.");
        }
    }

    private void Check(ReadOnlySpan<char> line)
    {
        // A mark of UTF-16 brings an encoding with the usual replacement.
        if (!line.Contains(text.CurrentEncoding is UnicodeEncoding ? '\uFFFD' : Unreadable)) return;
        throw new InputException(InputText.Invariant(
            $"{file.Name}, line {Number}: has bytes that are not text in {text.CurrentEncoding.WebName}. Save the file as UTF-8, or name its encoding, such as windows-1252 (setting encoding; Encoding of DataOptions)."));
    }

    private bool Fill(ref int seen)
    {
        if (end == buffer.Length)
        {
            int length = end - start;
            if (length > LongestLine)
                throw new InputException(InputText.Invariant($"{file.Name}, line {Number + 1}: is longer than {LongestLine} characters. The file is damaged or no text file."));
            char[] target = length > buffer.Length / 2 ? new char[2 * buffer.Length] : buffer;
            buffer.AsSpan(start, length).CopyTo(target);
            buffer = target;
            seen -= start;
            end = length;
            start = 0;
        }

        int read = text.Read(buffer, end, buffer.Length - end);
        end += read;
        return read > 0;
    }
}
