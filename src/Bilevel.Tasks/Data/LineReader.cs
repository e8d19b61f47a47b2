using System.Text;

namespace Bilevel.Tasks;

/// <summary>Reads the lines of a text file, ended by any of the usual ends, without a string for each.</summary>
internal sealed class LineReader(InputFile file) : IDisposable
{
    private const int LongestLine = 1 << 26;

    private readonly StreamReader text = new(file.Open(), Encoding.UTF8, detectEncodingFromByteOrderMarks: true, 1 << 16);
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
                return true;
            }

            seen = end;
            if (Fill(ref seen)) continue;
            line = buffer.AsSpan(start, end - start);
            if (line.IsEmpty) return false;
            start = end;
            Number++;
            return true;
        }
    }

    public void Dispose() => text.Dispose();

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
