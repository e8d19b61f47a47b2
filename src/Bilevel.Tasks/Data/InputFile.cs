using System.Buffers.Binary;
using System.IO.Compression;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.BZip2;
using ICSharpCode.SharpZipLib.GZip;

namespace Bilevel.Tasks;

/// <summary>
/// A file to be read, maybe more than once; gzip and bzip2 are told by the first bytes. Whatever goes wrong while its
/// streams are opened or read is an <see cref="InputException"/>.
/// </summary>
internal sealed class InputFile(string name, Func<Stream> open)
{
    /// <summary>The path, for messages.</summary>
    public string Name { get; } = name;

    public static InputFile OnDisk(string path) => new(path, () =>
    {
        if (Directory.Exists(path)) throw new InputException($"{path}: is a folder. Give the path of a file.");
        if (!File.Exists(path)) throw new InputException($"{(path.Length == 0 ? "(empty path)" : path)}: no such file. Check the path.");
        FilesRead.Add(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
    });

    public static InputFile InMemory(string name, byte[] content) => new(name, () => new MemoryStream(content, writable: false));

    /// <summary>Opens the content, decompressed.</summary>
    /// <exception cref="InputException">The file is missing or cannot be opened.</exception>
    public Stream Open()
    {
        try
        {
            return new InputStream(Name, open());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Unreadable(Name, error);
        }
    }

    private static InputException Unreadable(string name, Exception error) =>
        new($"{name}: cannot be read ({FirstLine(error)}). Check that it is a readable file.", error);

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0].Trim().TrimEnd('.');

    // Decompresses, and turns every failure into one that says which file.
    private sealed class InputStream : Stream
    {
        // A file that expands so much is made to fill the memory, or is nearly empty of information.
        private const long FreeBytes = 64L << 20, MostExpansion = 200;

        private readonly string name;
        private readonly Stream file;
        private readonly bool isGzip, isBzip2;
        private readonly CancellationToken cancellation = FilesRead.Cancellation;
        private Stream content;
        private long delivered;
        private bool isVerified;

        public InputStream(string name, Stream file)
        {
            this.name = name;
            this.file = file;
            Span<byte> start = stackalloc byte[4];
            int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            file.Position = 0;
            isGzip = read >= 2 && start[0] == 0x1f && start[1] == 0x8b;
            isBzip2 = read >= 4 && start[..3].SequenceEqual("BZh"u8) && start[3] is >= (byte)'1' and <= (byte)'9';
            this.content = isGzip ? new GZipStream(file, CompressionMode.Decompress, leaveOpen: true) : file;
            if (isBzip2)
            {
                try
                {
                    this.content = NextPart();
                }
                catch (Exception error) when (IsDamage(error))
                {
                    throw Damaged(error);
                }
            }
        }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                int read = this.content.Read(buffer, offset, count);

                // Programs that compress in parallel write several parts one after another.
                while (read == 0 && count > 0 && isBzip2 && this.file.Position < this.file.Length)
                {
                    this.content = NextPart();
                    read = this.content.Read(buffer, offset, count);
                }

                if (read == 0 && count > 0 && isGzip && !isVerified) VerifyEnd();
                delivered += read;
                if (delivered > FreeBytes && this.content != this.file && delivered / MostExpansion > this.file.Position)
                {
                    throw new InputException(InputText.Invariant(
                        $"{this.name}: expands to more than {MostExpansion} times its size. If that is meant, decompress it and give the plain file."));
                }

                return read;
            }
            catch (Exception error) when (IsDamage(error))
            {
                throw Damaged(error);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
            {
                throw Unreadable(this.name, error);
            }
        }

        public override int Read(Span<byte> buffer)
        {
            byte[] copy = new byte[buffer.Length];
            int read = Read(copy, 0, copy.Length);
            copy.AsSpan(0, read).CopyTo(buffer);
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) this.file.Dispose();
            base.Dispose(disposing);
        }

        // GZipStream ends silently where the file is cut off. The last four bytes are the size; if that is not what came,
        // the file is cut off, or has several parts, which another reader decides.
        private void VerifyEnd()
        {
            isVerified = true;
            Span<byte> size = stackalloc byte[4];
            this.file.Position = Math.Max(0, this.file.Length - size.Length);
            this.file.ReadAtLeast(size, size.Length, throwOnEndOfStream: false);
            if (BinaryPrimitives.ReadUInt32LittleEndian(size) == (uint)delivered) return;
            this.file.Position = 0;
            using var parts = new GZipInputStream(this.file) { IsStreamOwner = false };
            byte[] buffer = new byte[1 << 16];
            long total = 0;
            for (int read; (read = parts.Read(buffer, 0, buffer.Length)) > 0 && total <= delivered;) total += read;
            if (total != delivered) throw new InvalidDataException("it ends before its data");
        }

        private BZip2InputStream NextPart() => new(this.file) { IsStreamOwner = false };

        // The readers run off its arrays on some damaged files.
        private bool IsDamage(Exception error) => error is InvalidDataException
            || ((isBzip2 || isGzip) && error is SharpZipBaseException or EndOfStreamException or IndexOutOfRangeException or ArgumentException or NullReferenceException or OverflowException or InvalidOperationException);

        private InputException Damaged(Exception error) =>
            new($"{this.name}: is damaged or cut off inside its {(isBzip2 ? "bzip2" : "gzip")} data ({FirstLine(error)}). Download the file again.", error);
    }
}
