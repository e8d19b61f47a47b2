namespace Bilevel.Tasks;

/// <summary>
/// Draws rows of a data set for the roles of a task, class by class (or by what else is a stratum), by the content of the rows and the
/// seed alone: the order of the rows in the file decides nothing, and equal rows never come to lie on two sides.
/// </summary>
internal sealed class RowDraw
{
    private readonly ulong[] content;      // of every row: what it says
    private readonly ulong[] places;       // of every row: its place in the drawing order
    private readonly int[] strata;
    private readonly int count;

    /// <summary>A draw.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="strata">The stratum of every row.</param>
    /// <param name="key">Names the order; the same in any order of the rows.</param>
    public RowDraw(LabelledData data, int[] strata, ulong key)
    {
        (content, this.strata, count) = (RowKeys.OfAll(data), strata, strata.Length == 0 ? 0 : strata.Max() + 1);
        places = Array.ConvertAll(content, row => RandomBits.At(key, row));
    }

    /// <summary>All rows in the order of the draw.</summary>
    public int[] All => InOrder(Enumerable.Range(0, content.Length));

    /// <summary>
    /// Divides rows into some that are held out and the others. Every stratum of two different rows or more has a row on either side;
    /// one of a single row, or of equal ones alone, stays with the others.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="wanted">How many to hold out; where rows are equal it may be a few less.</param>
    /// <returns>Both in the order of the draw.</returns>
    public (int[] HeldOut, int[] Others) HoldOut(IReadOnlyList<int> rows, int wanted)
    {
        int[][][] parts = [.. ByStratum(rows).Select(part => part.GroupBy(i => content[i]).Select(equal => equal.ToArray()).ToArray())];
        int[] sizes = [.. parts.Select(part => part.Length > 1 ? part.Sum(equal => equal.Length) : 0)];
        int[] quotas = Quotas(sizes, Math.Min(wanted, sizes.Sum()), least: [.. sizes.Select(n => Math.Min(1, n))]);
        HashSet<int> held = [];
        foreach (var (part, quota) in parts.Zip(quotas))
        {
            if (part.Length < 2) continue;
            int taken = 0, left = part.Length;
            foreach (int[] equal in part)
            {
                if (taken + equal.Length > quota || left == 1) continue;
                (taken, left) = (taken + equal.Length, left - 1);
                held.UnionWith(equal);
            }

            // Where the equal rows of each kind are more than the quota, the fewest.
            if (taken == 0) held.UnionWith(part.MinBy(equal => equal.Length)!);
        }

        return (InOrder(held), InOrder(rows.Where(i => !held.Contains(i))));
    }

    /// <summary>Some rows, of every stratum in its share and at least one where there is room.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="wanted">How many, at most as there are.</param>
    /// <returns>They, in the order of the draw.</returns>
    public int[] Take(IReadOnlyList<int> rows, int wanted)
    {
        int[][] parts = ByStratum(rows);
        int[] quotas = Quotas([.. parts.Select(part => part.Length)], wanted, least: [.. parts.Select(part => wanted < parts.Count(p => p.Length > 0) ? 0 : Math.Min(1, part.Length))]);
        return InOrder(parts.Zip(quotas, (part, quota) => part.Take(quota)).SelectMany(part => part));
    }

    /// <summary>Shares a number out in the proportions of sizes, by largest remainders, with a least share for each that others give up for it.</summary>
    /// <param name="sizes">The sizes; no share is above its size.</param>
    /// <param name="wanted">The number, at most the sum of the sizes. Where the least shares are more, these.</param>
    /// <param name="least">The least shares.</param>
    public static int[] Quotas(int[] sizes, int wanted, int[] least)
    {
        long all = Math.Max(1, sizes.Sum(n => (long)n));
        int[] quotas = [.. sizes.Select(n => (int)((long)n * wanted / all))];
        var byRemainder = Enumerable.Range(0, sizes.Length).OrderByDescending(c => (long)sizes[c] * wanted % all).ThenBy(c => c);
        foreach (int c in byRemainder.Take(wanted - quotas.Sum())) quotas[c]++;
        for (int c = 0; c < quotas.Length; c++)
        {
            while (quotas[c] < least[c])
            {
                quotas[c]++;
                int giver = Enumerable.Range(0, quotas.Length).Where(g => g != c && quotas[g] > least[g]).DefaultIfEmpty(-1).MaxBy(g => g < 0 ? 0 : quotas[g]);
                if (giver >= 0) quotas[giver]--;
            }
        }

        return quotas;
    }

    private int[][] ByStratum(IEnumerable<int> rows)
    {
        List<int>[] parts = [.. Enumerable.Range(0, count).Select(_ => new List<int>())];
        foreach (int i in InOrder(rows)) parts[strata[i]].Add(i);
        return [.. parts.Select(part => part.ToArray())];
    }

    // Rows of one place say the same, so which of them comes first is no matter.
    private int[] InOrder(IEnumerable<int> rows) => [.. rows.OrderBy(i => places[i]).ThenBy(i => i)];
}
