using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bilevel.Tasks;

/// <summary>Numbers that begin at a cache line, so that rows of whole vectors never straddle two lines more than they must.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class AlignedArray<T>
    where T : unmanaged
{
    private const int LineBytes = 64;

    // Room for so many times what is needed is let go, where it is much.
    private const int Excess = 4, Much = 1 << 20;

    private readonly T[] storage;
    private readonly int first;

    /// <summary>Zeros.</summary>
    /// <param name="length">How many.</param>
    public AlignedArray(int length)
    {
        int lineLength = LineBytes / Unsafe.SizeOf<T>();
        storage = GC.AllocateArray<T>(length + lineLength, pinned: true);
        Length = length;
        nint past = Marshal.UnsafeAddrOfPinnedArrayElement(storage, 0) % LineBytes;
        first = (int)((LineBytes - past) % LineBytes) / Unsafe.SizeOf<T>();
    }

    public int Length { get; private set; }

    /// <summary>Zeros in the place of others, where that has room.</summary>
    /// <param name="other">Not used any more.</param>
    /// <param name="length">How many.</param>
    public static AlignedArray<T> InPlaceOf(AlignedArray<T>? other, int length)
    {
        int room = other is null ? -1 : other.storage.Length - other.first;
        if (other is null || room < length || (room > Much && room / Excess > length)) return new AlignedArray<T>(length);
        other.Length = length;
        other.Span.Clear();
        return other;
    }

    public Span<T> Span => storage.AsSpan(first, Length);
}
