using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bilevel.Tasks;

/// <summary>
/// Numbers in little room: where there are at most 256 different ones (grey levels, columns of zeros and ones), a byte
/// for each that tells which. The numbers read are to the bit those written.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class ValueArray<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly T[] values;           // all, or the different ones
    private readonly byte[]? codes;

    private ValueArray(T[] values, byte[]? codes) => (this.values, this.codes) = (values, codes);

    /// <summary>Wraps numbers, each in its own place.</summary>
    public ValueArray(T[] values)
        : this(values, codes: null)
    {
    }

    /// <summary>How many.</summary>
    public int Length => codes?.Length ?? values.Length;

    /// <summary>Whether each is a byte.</summary>
    public bool IsCoded => codes is not null;

    public T this[int k] => codes is null ? values[k] : values[codes[k]];

    /// <summary>The codes; none where <see cref="IsCoded"/> is false.</summary>
    public ReadOnlySpan<byte> Codes => codes;

    /// <summary>The 256 numbers that codes stand for, or all numbers.</summary>
    public ReadOnlySpan<T> Values => values;

    /// <summary>Places for some of these numbers, kept in the same way; zeros, or codes of zero.</summary>
    public ValueArray<T> Blank(int length) => codes is null ? new(new T[length]) : new(values, new byte[length]);

    /// <summary>Copies a number to a <see cref="Blank"/> of this array.</summary>
    public void CopyTo(int k, ValueArray<T> blank, int place)
    {
        if (codes is null) blank.values[place] = values[k];
        else blank.codes![place] = codes[k];
    }

    /// <summary>Copies numbers to a <see cref="Blank"/> of this array.</summary>
    public void CopyTo(int start, int count, ValueArray<T> blank, int place)
    {
        if (codes is null) values.AsSpan(start, count).CopyTo(blank.values.AsSpan(place));
        else codes.AsSpan(start, count).CopyTo(blank.codes.AsSpan(place));
    }

    /// <summary>Sends for numbers that will soon be wanted.</summary>
    public void Prefetch(int start, int count)
    {
        if (codes is null) Cache.Prefetch<T>(values.AsSpan(start, count));
        else Cache.Prefetch<byte>(codes.AsSpan(start, count));
    }

    /// <summary>Copies numbers, out of their codes.</summary>
    public void CopyTo(int start, Span<T> to)
    {
        if (codes is null)
        {
            values.AsSpan(start, to.Length).CopyTo(to);
            return;
        }

        var from = codes.AsSpan(start, to.Length);
        ref T table = ref MemoryMarshal.GetArrayDataReference(values);
        for (int k = 0; k < from.Length; k++) to[k] = Unsafe.Add(ref table, (nuint)from[k]);
    }

    /// <summary>Takes numbers one after the other and codes them while there are few different ones.</summary>
    public sealed class Writer
    {
        private const int MostCodes = 256;
        private const int SlotBits = 10;                               // a table four times as large as the codes

        private readonly T[] different = new T[MostCodes];
        private readonly short[] slots = new short[1 << SlotBits];     // code + 1, or 0
        private byte[]? codes;
        private T[] plain = [];
        private int codesTaken, count;

        /// <param name="length">How many numbers will come.</param>
        /// <param name="coded">Whether they may be coded.</param>
        public Writer(int length, bool coded)
        {
            if (coded) codes = new byte[length];
            else plain = new T[length];
        }

        public void Add(T value)
        {
            if (codes is not null)
            {
                int code = CodeOf(value);
                if (code >= 0)
                {
                    codes[count++] = (byte)code;
                    return;
                }

                plain = new T[codes.Length];
                for (int k = 0; k < count; k++) plain[k] = different[codes[k]];
                codes = null;
            }

            plain[count++] = value;
        }

        /// <summary>The numbers; once all have come.</summary>
        public ValueArray<T> ToArray() => codes is null ? new(plain) : new(different, codes);

        // -1 where another code would be one too many. Bits are compared, so that zeros keep their signs.
        private int CodeOf(T value)
        {
            ulong bits = Bits(value);
            int slot = (int)((bits * 0x9E3779B97F4A7C15) >> (64 - SlotBits));
            for (; slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
            {
                if (Bits(different[slots[slot] - 1]) == bits) return slots[slot] - 1;
            }

            if (codesTaken == MostCodes) return -1;
            different[codesTaken++] = value;
            slots[slot] = (short)codesTaken;
            return codesTaken - 1;
        }

        private static ulong Bits(T value) => BitConverter.DoubleToUInt64Bits(double.CreateTruncating(value));
    }
}
