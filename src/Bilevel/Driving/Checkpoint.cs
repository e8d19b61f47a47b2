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

/// <summary>A saved state of a run: header, state and checksum in one block of bytes.</summary>
/// <remarks>Layout: 8 bytes magic, 4 bytes format version, four length-prefixed header fields, the state, SHA-256 of all before.</remarks>
/// <param name="Info">The header.</param>
/// <param name="State">The state.</param>
public sealed record Checkpoint(CheckpointInfo Info, ReadOnlyMemory<byte> State)
{
    /// <summary>The format version that this library writes and reads.</summary>
    public const int FormatVersion = 1;

    private static ReadOnlySpan<byte> Magic => "BILEVELC"u8;

    /// <summary>The bytes to store.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(FormatVersion);
            writer.Write(Info.Description);
            writer.Write(Info.InstructionSet);
            writer.Write(Info.Runtime);
            writer.Write(Info.Iteration);
            writer.Write(State.Length);
            writer.Write(State.Span);
        }

        var body = stream.GetBuffer().AsSpan(0, (int)stream.Length);
        return [.. body, .. SHA256.HashData(body)];
    }

    /// <summary>Reads the bytes of a checkpoint.</summary>
    /// <exception cref="CheckpointException">They are no checkpoint, of another version, or damaged.</exception>
    public static Checkpoint FromBytes(ReadOnlySpan<byte> bytes)
    {
        int head = Magic.Length + sizeof(int);
        if (bytes.Length < head || !bytes[..Magic.Length].SequenceEqual(Magic)) throw new CheckpointException("This is no checkpoint of this library, or its beginning is damaged.");
        int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[Magic.Length..]);
        if (version != FormatVersion) throw new CheckpointException(FormattableString.Invariant($"The checkpoint has format version {version}; this version of the library reads {FormatVersion}."));
        if (bytes.Length < head + SHA256.HashSizeInBytes) throw new CheckpointException("The checkpoint is cut short.");
        var body = bytes[..^SHA256.HashSizeInBytes];
        if (!SHA256.HashData(body).AsSpan().SequenceEqual(bytes[^SHA256.HashSizeInBytes..])) throw new CheckpointException("The checkpoint is damaged: its checksum differs.");
        using var reader = new BinaryReader(new MemoryStream(body.ToArray(), head, body.Length - head, writable: false), Encoding.UTF8);
        var info = new CheckpointInfo(reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt64());
        return new Checkpoint(info, reader.ReadBytes(reader.ReadInt32()));
    }
}

/// <summary>Where checkpoints are kept.</summary>
public interface ICheckpointStore
{
    /// <summary>Replaces the stored checkpoint; a crash in between leaves a whole one.</summary>
    void Save(Checkpoint checkpoint);

    /// <summary>The stored checkpoint, or null when there is none.</summary>
    /// <exception cref="CheckpointException">What is stored is damaged.</exception>
    Checkpoint? Load();
}

/// <summary>Keeps checkpoints in a file, written beside it and moved over it, with the one before kept as <c>.previous</c>.</summary>
/// <param name="path">Path of the file; its folder must exist.</param>
public sealed class FileCheckpointStore(string path) : ICheckpointStore
{
    /// <summary>Path of the checkpoint before the last.</summary>
    public string PreviousPath { get; } = path + ".previous";

    /// <inheritdoc/>
    public void Save(Checkpoint checkpoint)
    {
        string fresh = path + ".new";
        try
        {
            using (var stream = new FileStream(fresh, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                stream.Write(checkpoint.ToBytes());
                stream.Flush(flushToDisk: true);
            }

            // A damaged file must not push a whole one out.
            if (IsWhole(path)) File.Move(path, PreviousPath, overwrite: true);
            File.Move(fresh, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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
            return Checkpoint.FromBytes(File.ReadAllBytes(path));
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
