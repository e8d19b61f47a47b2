using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bilevel.Tasks;

/// <summary>Work on entries, an index and a value each, that is compiled for every way to keep them.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal interface IEntryVisitor<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    void Visit<TIndices, TValues>(TIndices indices, TValues values)
        where TIndices : struct, IEntryIndices, allows ref struct
        where TValues : struct, IEntryValues<T>, allows ref struct;
}

/// <summary>Indices as a loop reads them, without a check.</summary>
internal interface IEntryIndices
{
    uint this[int k] { get; }
}

/// <summary>Values as a loop reads them, without a check.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal interface IEntryValues<T>
{
    T this[int k] { get; }
}

/// <summary>Chooses the code for the way that entries are kept.</summary>
internal static class Entries
{
    public static void Visit<T, TVisitor>(IndexArray indices, ValueArray<T> values, TVisitor visitor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TVisitor : struct, IEntryVisitor<T>, allows ref struct
    {
        if (indices.IsNarrow) Visit(new NarrowIndices(indices.Narrow), values, visitor);
        else Visit(new WideIndices(indices.Wide), values, visitor);
    }

    private static void Visit<T, TIndices, TVisitor>(TIndices indices, ValueArray<T> values, TVisitor visitor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TIndices : struct, IEntryIndices, allows ref struct
        where TVisitor : struct, IEntryVisitor<T>, allows ref struct
    {
        if (values.IsCoded) visitor.Visit(indices, new CodedValues<T>(values.Codes, values.Values));
        else visitor.Visit(indices, new PlainValues<T>(values.Values));
    }

    private readonly ref struct NarrowIndices(ReadOnlySpan<ushort> indices) : IEntryIndices
    {
        private readonly ref ushort first = ref MemoryMarshal.GetReference(indices);

        public uint this[int k] => Unsafe.Add(ref first, k);
    }

    private readonly ref struct WideIndices(ReadOnlySpan<int> indices) : IEntryIndices
    {
        private readonly ref int first = ref MemoryMarshal.GetReference(indices);

        public uint this[int k] => (uint)Unsafe.Add(ref first, k);
    }

    private readonly ref struct PlainValues<T>(ReadOnlySpan<T> values) : IEntryValues<T>
    {
        private readonly ref T first = ref MemoryMarshal.GetReference(values);

        public T this[int k] => Unsafe.Add(ref first, k);
    }

    private readonly ref struct CodedValues<T>(ReadOnlySpan<byte> codes, ReadOnlySpan<T> different) : IEntryValues<T>
    {
        private readonly ref byte first = ref MemoryMarshal.GetReference(codes);
        private readonly ref T table = ref MemoryMarshal.GetReference(different);

        public T this[int k] => Unsafe.Add(ref table, (nuint)Unsafe.Add(ref first, k));
    }
}
