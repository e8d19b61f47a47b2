namespace Bilevel.Tasks;

/// <summary>Orders in which to take the rows of a data set.</summary>
internal static class Permutation
{
    /// <summary>A random order of 0 to <paramref name="count"/> - 1 (Fisher and Yates).</summary>
    /// <param name="count">Number of rows.</param>
    /// <param name="key">Names the order.</param>
    public static int[] Random(int count, ulong key)
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
