using System.Runtime.CompilerServices;
using System.Text;

namespace Bilevel;

/// <summary>
/// Saves or loads scalars; one method of the owner serves both directions. What is saved is named by the expression that is handed
/// over, so that a state of another run is told by the first thing that it does not hold.
/// </summary>
public interface IArchive
{
    /// <summary>Whether values are read from the archive rather than written to it.</summary>
    bool Loading { get; }

    /// <summary>Saves or loads a number.</summary>
    void Transfer(ref double value, [CallerArgumentExpression(nameof(value))] string key = "");

    /// <summary>Saves or loads an integer.</summary>
    void Transfer(ref long value, [CallerArgumentExpression(nameof(value))] string key = "");

    /// <summary>Saves or loads 64 bits.</summary>
    void Transfer(ref ulong value, [CallerArgumentExpression(nameof(value))] string key = "");

    /// <summary>Saves or loads a truth value.</summary>
    void Transfer(ref bool value, [CallerArgumentExpression(nameof(value))] string key = "");
}

/// <summary>Saves or loads scalars and vectors by name.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IArchive<V> : IArchive
    where V : class, IVector<V>
{
    /// <summary>Saves or loads the components of a vector in place.</summary>
    void Transfer(V vector, [CallerArgumentExpression(nameof(vector))] string key = "");
}

/// <summary>An archive that is written, straight to where it is kept.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="stream">Where to.</param>
internal sealed class ArchiveWriter<V>(Stream stream) : IArchive<V>
    where V : class, IVector<V>
{
    private readonly BinaryWriter writer = new(stream, Encoding.UTF8, leaveOpen: true);

    public bool Loading => false;

    public void Transfer(ref double value, [CallerArgumentExpression(nameof(value))] string key = "") => Write(key, BitConverter.DoubleToUInt64Bits(value));

    public void Transfer(ref long value, [CallerArgumentExpression(nameof(value))] string key = "") => Write(key, unchecked((ulong)value));

    public void Transfer(ref ulong value, [CallerArgumentExpression(nameof(value))] string key = "") => Write(key, value);

    public void Transfer(ref bool value, [CallerArgumentExpression(nameof(value))] string key = "") => Write(key, value ? 1UL : 0UL);

    public void Transfer(V vector, [CallerArgumentExpression(nameof(vector))] string key = "")
    {
        var storable = Storable.Of(vector);
        writer.Write(key);
        writer.Write(storable.Storage);
        writer.Write(storable.ByteCount);
        writer.Flush();
        storable.Save(stream);
    }

    /// <summary>Hands on what is still in a buffer.</summary>
    public void Finish() => writer.Flush();

    private void Write(string key, ulong bits)
    {
        writer.Write(key);
        writer.Write(bits);
    }
}

/// <summary>An archive that is read.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="stream">Where from.</param>
/// <param name="end">The position at which it ends.</param>
internal sealed class ArchiveReader<V>(Stream stream, long end) : IArchive<V>
    where V : class, IVector<V>
{
    private readonly BinaryReader reader = new(stream, Encoding.UTF8, leaveOpen: true);

    public bool Loading => true;

    public void Transfer(ref double value, [CallerArgumentExpression(nameof(value))] string key = "") => value = BitConverter.UInt64BitsToDouble(Read(key));

    public void Transfer(ref long value, [CallerArgumentExpression(nameof(value))] string key = "") => value = unchecked((long)Read(key));

    public void Transfer(ref ulong value, [CallerArgumentExpression(nameof(value))] string key = "") => value = Read(key);

    public void Transfer(ref bool value, [CallerArgumentExpression(nameof(value))] string key = "") => value = Read(key) != 0;

    public void Transfer(V vector, [CallerArgumentExpression(nameof(vector))] string key = "")
    {
        var storable = Storable.Of(vector);
        Expect(key);
        try
        {
            string storage = reader.ReadString();
            long count = reader.ReadInt64();
            if (storage != storable.Storage || count != storable.ByteCount)
                throw new CheckpointException($"The checkpoint holds {key} as {count} bytes of {storage}, this run has {storable.ByteCount} bytes of {storable.Storage}: it belongs to a run of other sizes or precision.");
            storable.Load(stream);
        }
        catch (EndOfStreamException)
        {
            throw Foreign(key);
        }
    }

    /// <summary>Checks that all was read.</summary>
    public void Finish()
    {
        if (stream.Position != end) throw Foreign("end");
    }

    private ulong Read(string key)
    {
        Expect(key);
        try
        {
            return reader.ReadUInt64();
        }
        catch (EndOfStreamException)
        {
            throw Foreign(key);
        }
    }

    private void Expect(string key)
    {
        try
        {
            if (reader.ReadString() != key) throw Foreign(key);
        }
        catch (EndOfStreamException)
        {
            throw Foreign(key);
        }
    }

    private static CheckpointException Foreign(string key) =>
        new($"The checkpoint does not hold '{key}' where this run expects it: it belongs to a run with another method, other settings or other stopping rules.");
}

internal static class Storable
{
    public static IStorable Of<V>(V vector)
        where V : class, IVector<V> =>
        vector as IStorable ?? throw new CheckpointException($"Vectors of type {typeof(V).Name} cannot be saved: implement {nameof(IStorable)} to use checkpoints.");
}
