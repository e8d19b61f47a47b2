using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Bilevel.Tasks;

/// <summary>The processor's cache.</summary>
internal static class Cache
{
    private const int LineBytes = 64;

    /// <summary>Sends for numbers that will soon be wanted; does nothing where the processor cannot be told.</summary>
    public static unsafe void Prefetch<T>(ReadOnlySpan<T> numbers)
        where T : unmanaged
    {
        if (!Sse.IsSupported) return;
        var bytes = MemoryMarshal.AsBytes(numbers);

        // Where the garbage collector moves the numbers meanwhile, other memory is sent for, which does no harm.
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        for (int at = 0; at < bytes.Length; at += LineBytes) Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.Add(ref first, at)));
    }
}
