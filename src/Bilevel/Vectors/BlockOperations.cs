namespace Bilevel;

/// <summary>Operations on points of several blocks, block by block, without allocating.</summary>
internal static class BlockOperations
{
    public static V[] CopyBlocks<V>(this IReadOnlyList<V> source)
        where V : class, IVector<V>
    {
        var copy = new V[source.Count];
        for (int b = 0; b < copy.Length; b++) copy[b] = source[b].Copy();
        return copy;
    }

    public static V[] ZeroBlocks<V>(this IReadOnlyList<V> like)
        where V : class, IVector<V>
    {
        var zeros = new V[like.Count];
        for (int b = 0; b < zeros.Length; b++) zeros[b] = like[b].ZerosLike();
        return zeros;
    }

    public static void CopyFrom<V>(this V[] target, V[] source)
        where V : class, IVector<V>
    {
        for (int b = 0; b < target.Length; b++) target[b].CopyFrom(source[b]);
    }

    public static void AddScaled<V>(this V[] target, double factor, V[] direction)
        where V : class, IVector<V>
    {
        for (int b = 0; b < target.Length; b++) target[b].AddScaled(factor, direction[b]);
    }

    public static void Scale<V>(this V[] target, double factor)
        where V : class, IVector<V>
    {
        for (int b = 0; b < target.Length; b++) target[b].Scale(factor);
    }

    public static double Dot<V>(this V[] a, V[] b)
        where V : class, IVector<V>
    {
        double sum = 0;
        for (int k = 0; k < a.Length; k++) sum += a[k].Dot(b[k]);
        return sum;
    }

    public static double Norm<V>(this V[] a)
        where V : class, IVector<V> => Math.Sqrt(a.Dot(a));
}
