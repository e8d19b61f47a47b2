using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using System.Text;

namespace Bilevel;

/// <summary>A checkpoint cannot be used; the message says why and what to do.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Makes one.</summary>
    public CheckpointException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>What a checkpoint says of itself.</summary>
/// <param name="Description">What was run, in the words of the caller; a resume of something else is refused.</param>
/// <param name="InstructionSet">The vector instructions it was computed with.</param>
/// <param name="Runtime">The runtime version it was computed on.</param>
/// <param name="Iteration">Number of iterations done.</param>
public sealed record CheckpointInfo(string Description, string InstructionSet, string Runtime, long Iteration)
{
    /// <summary>The vector instructions of this machine, as far as they can change the last bits of a result.</summary>
    public static string CurrentInstructionSet =>
        $"{RuntimeInformation.ProcessArchitecture} vectors of {(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 64)} bits";

    /// <summary>The runtime version of this process.</summary>
    public static string CurrentRuntime => RuntimeInformation.FrameworkDescription;
}

/// <summary>A saved state of a run: header, state and checksum, written and read piece by piece, however large it is.</summary>
/// <remarks>Layout: 8 bytes magic, 4 bytes format version, four header fields (three of them length-prefixed), the state, SHA-256 of all before.</remarks>
/// <param name="Info">The header.</param>
/// <param name="WriteState">Writes the state to a stream; of a run that goes on, only until <see cref="ICheckpointStore.Save"/> returns.</param>
public sealed record Checkpoint(CheckpointInfo Info, Action<Stream> WriteState)
{
    /// <summary>The format version that this library writes and reads.</summary>
    public const int FormatVersion = 3;

    private const int BufferSize = 1 << 16;

    // Where one that was read is kept, and where its state lies there.
    private (Func<Stream> Open, long Begin, long End)? kept;

    private static ReadOnlySpan<byte> Magic => "BILEVELC"u8;

    /// <summary>Writes the checkpoint.</summary>
    public void WriteTo(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (var hashed = new BufferedStream(new HashedStream(stream, hash), BufferSize))
        {
            using (var writer = new BinaryWriter(hashed, Encoding.UTF8, leaveOpen: true))
            {
                writer.Write(Magic);
                writer.Write(FormatVersion);
                writer.Write(Info.Description);
                writer.Write(Info.InstructionSet);
                writer.Write(Info.Runtime);
                writer.Write(Info.Iteration);
            }

            WriteState(hashed);
        }

        stream.Write(hash.GetHashAndReset());
    }

    /// <summary>The bytes to store, where they are few.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        WriteTo(stream);
        return stream.ToArray();
    }

    /// <summary>Reads the bytes of a checkpoint.</summary>
    /// <exception cref="CheckpointException">They are no checkpoint, of another version, or damaged.</exception>
    public static Checkpoint FromBytes(ReadOnlySpan<byte> bytes)
    {
        byte[] copy = bytes.ToArray();
        return ReadFrom(() => new MemoryStream(copy, writable: false));
    }

    /// <summary>Reads a checkpoint from where it is kept.</summary>
    /// <param name="open">Opens it for reading, from its beginning; called once more when the state is read.</param>
    /// <exception cref="CheckpointException">It is no checkpoint, of another version, or damaged.</exception>
    public static Checkpoint ReadFrom(Func<Stream> open)
    {
        ArgumentNullException.ThrowIfNull(open);
        using var stream = open();
        Span<byte> head = stackalloc byte[Magic.Length + sizeof(int)];
        if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || !head[..Magic.Length].SequenceEqual(Magic)) throw new CheckpointException("This is no checkpoint of this library, or its beginning is damaged.");
        int version = BinaryPrimitives.ReadInt32LittleEndian(head[Magic.Length..]);
        if (version != FormatVersion) throw new CheckpointException(FormattableString.Invariant($"The checkpoint has format version {version}; this version of the library reads {FormatVersion}."));
        long end = stream.Length - SHA256.HashSizeInBytes;
        if (end < head.Length) throw new CheckpointException("The checkpoint is cut short.");
        if (!IsIntact(stream, head, end)) throw new CheckpointException("The checkpoint is damaged: its checksum differs.");
        stream.Position = head.Length;
        using var reader = new BinaryReader(stream, Encoding.UTF8, leaveOpen: true);
        var info = new CheckpointInfo(reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt64());
        long begin = stream.Position;
        return new Checkpoint(info, destination => CopyTo(destination, open, begin, end)) { kept = (open, begin, end) };
    }

    /// <summary>Opens the state for reading; it ends at a position.</summary>
    internal Stream OpenState(out long end)
    {
        Stream stream;
        if (kept is { } place)
        {
            stream = place.Open();
            (stream.Position, end) = (place.Begin, place.End);
            return stream;
        }

        stream = new MemoryStream();
        WriteState(stream);
        (stream.Position, end) = (0, stream.Length);
        return stream;
    }

    // Whether the checksum is that of what was read and of what follows, up to a position.
    private static bool IsIntact(Stream stream, ReadOnlySpan<byte> head, long end)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        byte[] buffer = new byte[BufferSize];
        for (long left = end - head.Length; left > 0;)
        {
            int read = stream.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0) return false;
            hash.AppendData(buffer, 0, read);
            left -= read;
        }

        Span<byte> stored = stackalloc byte[SHA256.HashSizeInBytes];
        return stream.ReadAtLeast(stored, stored.Length, throwOnEndOfStream: false) == stored.Length && hash.GetHashAndReset().AsSpan().SequenceEqual(stored);
    }

    private static void CopyTo(Stream destination, Func<Stream> open, long begin, long end)
    {
        using var stream = open();
        stream.Position = begin;
        byte[] buffer = new byte[BufferSize];
        for (long left = end - begin; left > 0;)
        {
            int piece = (int)Math.Min(left, buffer.Length);
            stream.ReadExactly(buffer, 0, piece);
            destination.Write(buffer, 0, piece);
            left -= piece;
        }
    }
}

/// <summary>Where checkpoints are kept.</summary>
public interface ICheckpointStore
{
    /// <summary>
    /// Replaces the stored checkpoint; a crash in between leaves a whole one. It is to be written within the call, as the run goes on
    /// afterwards: by <see cref="Checkpoint.WriteTo"/>, or as a copy in memory, <c>Checkpoint.FromBytes(checkpoint.ToBytes())</c>.
    /// </summary>
    void Save(Checkpoint checkpoint);

    /// <summary>The stored checkpoint, or null when there is none.</summary>
    /// <exception cref="CheckpointException">What is stored is damaged.</exception>
    Checkpoint? Load();
}

/// <summary>Keeps checkpoints in a file, written beside it and moved over it, with the one before kept as <c>.previous</c>.</summary>
/// <param name="path">Path of the file; its folder must exist.</param>
public sealed class FileCheckpointStore(string path) : ICheckpointStore
{
    private const int BufferSize = 1 << 16;

    /// <summary>Path of the checkpoint before the last.</summary>
    public string PreviousPath { get; } = path + ".previous";

    /// <inheritdoc/>
    public void Save(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        string fresh = path + ".new";
        try
        {
            using (var stream = new FileStream(fresh, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                checkpoint.WriteTo(stream);
                stream.Flush(flushToDisk: true);
            }

            // A damaged file must not push a whole one out.
            if (IsWhole(path)) File.Move(path, PreviousPath, overwrite: true);
            File.Move(fresh, path, overwrite: true);
        }
        catch (Exception e) when (e is not CheckpointException)
        {
            TryDelete(fresh);
            throw new CheckpointException($"The checkpoint {path} could not be written: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public Checkpoint? Load()
    {
        if (!File.Exists(path))
        {
            // Killed between the two moves: the previous one is the last whole one.
            return File.Exists(PreviousPath) ? ReadPrevious() : null;
        }

        try
        {
            return Read(path);
        }
        catch (CheckpointException e) when (IsWhole(PreviousPath))
        {
            throw new CheckpointException($"{path}: {e.Message} The one before it is whole: copy {PreviousPath} over it and resume.", e);
        }
        catch (CheckpointException e)
        {
            throw new CheckpointException($"{path}: {e.Message} There is no earlier one; start the run anew.", e);
        }
    }

    private Checkpoint ReadPrevious()
    {
        try
        {
            return Read(PreviousPath);
        }
        catch (CheckpointException e)
        {
            throw new CheckpointException($"{PreviousPath}: {e.Message} There is no other one; start the run anew.", e);
        }
    }

    private static Checkpoint Read(string path)
    {
        try
        {
            return Checkpoint.ReadFrom(() => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BufferSize));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"It could not be read: {e.Message}", e);
        }
    }

    private static bool IsWhole(string path)
    {
        try
        {
            if (!File.Exists(path)) return false;
            Read(path);
            return true;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The write failed already; that is the error to tell.
        }
    }
}
