namespace Bilevel.Tasks;

/// <summary>Indices below a limit, of two bytes each where the limit allows.</summary>
internal sealed class IndexArray
{
    private const int NarrowLimit = 1 << 16;

    private readonly ushort[]? narrow;
    private readonly int[]? wide;

    /// <summary>Zeros.</summary>
    /// <param name="length">How many.</param>
    /// <param name="limit">Above every index.</param>
    public IndexArray(int length, int limit)
    {
        if (limit <= NarrowLimit) narrow = new ushort[length];
        else wide = new int[length];
    }

    /// <summary>How many.</summary>
    public int Length => narrow?.Length ?? wide!.Length;

    /// <summary>Whether each is of two bytes.</summary>
    public bool IsNarrow => narrow is not null;

    public int this[int k]
    {
        get => narrow is null ? wide![k] : narrow[k];
        set
        {
            if (narrow is null) wide![k] = value;
            else narrow[k] = (ushort)value;
        }
    }

    /// <summary>The indices, where <see cref="IsNarrow"/>.</summary>
    public ReadOnlySpan<ushort> Narrow => narrow;

    /// <summary>The indices, where not.</summary>
    public ReadOnlySpan<int> Wide => wide;

    /// <summary>Sends for indices that will soon be wanted.</summary>
    public void Prefetch(int start, int count)
    {
        if (narrow is null) Cache.Prefetch<int>(wide.AsSpan(start, count));
        else Cache.Prefetch<ushort>(narrow.AsSpan(start, count));
    }

    /// <summary>Copies indices to an array of the same kind.</summary>
    public void CopyTo(int start, int count, IndexArray to, int toStart)
    {
        if (narrow is null) wide.AsSpan(start, count).CopyTo(to.wide.AsSpan(toStart));
        else narrow.AsSpan(start, count).CopyTo(to.narrow.AsSpan(toStart));
    }
}
