using System.Text;

namespace Bilevel.Tasks;

/// <summary>Passes bytes of UTF-8 on to a writer of text, part by part, so that a text of any size takes no memory.</summary>
internal sealed class TextStream(TextWriter writer) : Stream
{
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private readonly char[] text = new char[1 << 14];

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Writes what is left of a character that came in parts.</summary>
    public void Complete() => Pass([], flush: true);

    public override void Write(byte[] buffer, int offset, int count) => Pass(buffer.AsSpan(offset, count), flush: false);

    public override void Write(ReadOnlySpan<byte> buffer) => Pass(buffer, flush: false);

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Pass(ReadOnlySpan<byte> bytes, bool flush)
    {
        bool isWhole;
        do
        {
            decoder.Convert(bytes, text, flush, out int read, out int written, out isWhole);
            writer.Write(text, 0, written);
            bytes = bytes[read..];
        }
        while (!isWhole);
    }
}
