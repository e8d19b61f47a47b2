namespace Bilevel.Tasks;

/// <summary>Random permutations.</summary>
internal static class RandomOrder
{
    /// <summary>The numbers below <paramref name="count"/> in the order that <paramref name="key"/> names (Fisher and Yates).</summary>
    public static int[] Of(int count, ulong key)
    {
        var order = Enumerable.Range(0, count).ToArray();
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)Math.BigMul(RandomBits.At(key, (ulong)i), (ulong)(i + 1), out ulong _);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
