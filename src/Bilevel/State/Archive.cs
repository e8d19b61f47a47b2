using System.Text;

namespace Bilevel;

/// <summary>Saves or loads scalars by name; one method of the owner serves both directions.</summary>
public interface IArchive
{
    /// <summary>Whether values are read from the archive rather than written to it.</summary>
    bool Loading { get; }

    /// <summary>Saves or loads a number.</summary>
    void Transfer(string name, ref double value);

    /// <summary>Saves or loads an integer.</summary>
    void Transfer(string name, ref long value);

    /// <summary>Saves or loads 64 bits.</summary>
    void Transfer(string name, ref ulong value);

    /// <summary>Saves or loads a truth value.</summary>
    void Transfer(string name, ref bool value);
}

/// <summary>Saves or loads scalars and vectors by name.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IArchive<V> : IArchive
    where V : class, IVector<V>
{
    /// <summary>Saves or loads the components of a vector in place.</summary>
    void Transfer(string name, V vector);
}

/// <summary>An archive that is written, straight to where it is kept.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="stream">Where to.</param>
internal sealed class ArchiveWriter<V>(Stream stream) : IArchive<V>
    where V : class, IVector<V>
{
    private readonly BinaryWriter writer = new(stream, Encoding.UTF8, leaveOpen: true);

    public bool Loading => false;

    public void Transfer(string name, ref double value) => Write(name, BitConverter.DoubleToUInt64Bits(value));

    public void Transfer(string name, ref long value) => Write(name, unchecked((ulong)value));

    public void Transfer(string name, ref ulong value) => Write(name, value);

    public void Transfer(string name, ref bool value) => Write(name, value ? 1UL : 0UL);

    public void Transfer(string name, V vector)
    {
        var storable = Storable.Of(vector);
        writer.Write(name);
        writer.Write(storable.Storage);
        writer.Write(storable.ByteCount);
        writer.Flush();
        storable.Save(stream);
    }

    /// <summary>Hands on what is still in a buffer.</summary>
    public void Finish() => writer.Flush();

    private void Write(string name, ulong bits)
    {
        writer.Write(name);
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

    public void Transfer(string name, ref double value) => value = BitConverter.UInt64BitsToDouble(Read(name));

    public void Transfer(string name, ref long value) => value = unchecked((long)Read(name));

    public void Transfer(string name, ref ulong value) => value = Read(name);

    public void Transfer(string name, ref bool value) => value = Read(name) != 0;

    public void Transfer(string name, V vector)
    {
        var storable = Storable.Of(vector);
        Expect(name);
        try
        {
            string storage = reader.ReadString();
            long count = reader.ReadInt64();
            if (storage != storable.Storage || count != storable.ByteCount)
                throw new CheckpointException($"The checkpoint holds {name} as {count} bytes of {storage}, this run has {storable.ByteCount} bytes of {storable.Storage}: it belongs to a run of other sizes or precision.");
            storable.Load(stream);
        }
        catch (EndOfStreamException)
        {
            throw Foreign(name);
        }
    }

    /// <summary>Checks that all was read.</summary>
    public void Finish()
    {
        if (stream.Position != end) throw Foreign("end");
    }

    private ulong Read(string name)
    {
        Expect(name);
        try
        {
            return reader.ReadUInt64();
        }
        catch (EndOfStreamException)
        {
            throw Foreign(name);
        }
    }

    private void Expect(string name)
    {
        try
        {
            if (reader.ReadString() != name) throw Foreign(name);
        }
        catch (EndOfStreamException)
        {
            throw Foreign(name);
        }
    }

    private static CheckpointException Foreign(string name) =>
        new($"The checkpoint does not hold '{name}' where this run expects it: it belongs to a run with another method, other settings or other stopping rules.");
}

internal static class Storable
{
    public static IStorable Of<V>(V vector)
        where V : class, IVector<V> =>
        vector as IStorable ?? throw new CheckpointException($"Vectors of type {typeof(V).Name} cannot be saved: implement {nameof(IStorable)} to use checkpoints.");
}
