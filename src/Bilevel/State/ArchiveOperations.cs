using System.Runtime.CompilerServices;

namespace Bilevel;

/// <summary>What is saved and loaded by value, because no reference to it can be had.</summary>
internal static class ArchiveOperations
{
    /// <summary>A number as it is afterwards: the one given where the archive is written, the one read where it is loaded.</summary>
    public static double Transferred(this IArchive archive, double value, [CallerArgumentExpression(nameof(value))] string key = "")
    {
        archive.Transfer(ref value, key);
        return value;
    }

    /// <summary>The same of an integer.</summary>
    public static long Transferred(this IArchive archive, long value, [CallerArgumentExpression(nameof(value))] string key = "")
    {
        archive.Transfer(ref value, key);
        return value;
    }

    /// <summary>The same of a truth value.</summary>
    public static bool Transferred(this IArchive archive, bool value, [CallerArgumentExpression(nameof(value))] string key = "")
    {
        archive.Transfer(ref value, key);
        return value;
    }

    /// <summary>Saves or loads the blocks of a point.</summary>
    public static void Transfer<V>(this IArchive<V> archive, V[] blocks, [CallerArgumentExpression(nameof(blocks))] string key = "")
        where V : class, IVector<V>
    {
        for (int b = 0; b < blocks.Length; b++) archive.Transfer(blocks[b], key);
    }
}
