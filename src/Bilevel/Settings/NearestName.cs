namespace Bilevel;

/// <summary>Finds what a mistyped name was meant to be.</summary>
public static class NearestName
{
    // More changed letters than this are no typing error.
    private const int LargestDistance = 3;

    /// <summary>A sentence that helps with an unknown name: the nearest of the known ones, or all of them.</summary>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">The names that there are.</param>
    public static string Advice(string name, IReadOnlyCollection<string> known)
    {
        if (known.Count == 0) return "There are none to choose from here.";
        string near = known.MinBy(k => Distance(k, name))!;
        return Distance(near, name) <= Math.Min(LargestDistance, near.Length - 1) ? $"Did you mean '{near}'?" : $"There are: {string.Join(", ", known)}.";
    }

    // Levenshtein distance.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
    }
}
