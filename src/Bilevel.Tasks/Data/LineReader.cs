using System.Text;

namespace Bilevel.Tasks;

/// <summary>Reads the lines of a text file, ended by any of the usual ends, without a string for each.</summary>
internal sealed class LineReader(InputFile file) : IDisposable
{
    private const int LongestLine = 1 << 26;

    private readonly StreamReader _text = new(file.Open(), Encoding.UTF8, detectEncodingFromByteOrderMarks: true, 1 << 16);
    private char[] _buffer = new char[1 << 12];
    private int _start, _end;
    private bool _afterReturn;

    /// <summary>The number of the line read last, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>Reads the next line.</summary>
    /// <param name="line">The line without its end; valid until the next call.</param>
    /// <returns>False at the end of the file.</returns>
    public bool Next(out ReadOnlySpan<char> line)
    {
        int seen = _start;
        while (true)
        {
            int found = _buffer.AsSpan(seen, _end - seen).IndexOfAny('\n', '\r');
            if (found >= 0)
            {
                int at = seen + found;
                if (_buffer[at] == '\n' && _afterReturn && at == _start)
                {
                    _afterReturn = false;
                    seen = _start = at + 1;
                    continue;
                }

                _afterReturn = _buffer[at] == '\r';
                line = _buffer.AsSpan(_start, at - _start);
                _start = at + 1;
                Number++;
                return true;
            }

            seen = _end;
            if (Fill(ref seen)) continue;
            line = _buffer.AsSpan(_start, _end - _start);
            if (line.IsEmpty) return false;
            _start = _end;
            Number++;
            return true;
        }
    }

    public void Dispose() => _text.Dispose();

    private bool Fill(ref int seen)
    {
        if (_end == _buffer.Length)
        {
            int length = _end - _start;
            if (length > LongestLine)
                throw new InputException(InputText.Invariant($"{file.Name}, line {Number + 1}: is longer than {LongestLine} characters. The file is damaged or no text file."));
            char[] target = length > _buffer.Length / 2 ? new char[2 * _buffer.Length] : _buffer;
            _buffer.AsSpan(_start, length).CopyTo(target);
            _buffer = target;
            seen -= _start;
            _end = length;
            _start = 0;
        }

        int read = _text.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }
}
