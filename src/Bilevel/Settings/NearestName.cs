namespace Bilevel;

/// <summary>Finds what a mistyped name was meant to be.</summary>
public static class NearestName
{
    // A typing error changes a letter in so many, three letters at most; the beginning of a name stands for it from three letters on.
    private const int LettersPerChange = 3, MostChanges = 3, ShortestBeginning = 3;

    /// <summary>A sentence that helps with an unknown name: the nearest of the known ones, or all of them.</summary>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">The names that there are.</param>
    public static string Advice(string name, IReadOnlyCollection<string> known)
    {
        ArgumentNullException.ThrowIfNull(known);
        if (known.Count == 0) return "There are none to choose from here.";
        return Find(name, known) is { } near ? $"Did you mean '{near}'?" : $"There are: {string.Join(", ", known)}.";
    }

    /// <summary>The known name that was probably meant; null where none is near.</summary>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">The names that there are.</param>
    public static string? Find(string name, IReadOnlyCollection<string> known)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(known);
        var (near, distance) = known.Select(k => (Name: k, Distance: Distance(k, name))).DefaultIfEmpty((name, int.MaxValue)).MinBy(k => k.Item2);
        if (distance <= Math.Clamp(Math.Max(near.Length, name.Length) / LettersPerChange, 1, MostChanges) && distance < Math.Min(near.Length, name.Length)) return near;
        return name.Length >= ShortestBeginning ? known.Where(k => k.StartsWith(name, StringComparison.Ordinal)).MinBy(k => k.Length) : null;
    }

    // Letters to change, add, leave out, or exchange with their neighbour.
    private static int Distance(string a, string b)
    {
        var (before, last, row) = (new int[b.Length + 1], new int[b.Length + 1], Enumerable.Range(0, b.Length + 1).ToArray());
        for (int i = 1; i <= a.Length; i++)
        {
            (before, last, row) = (last, row, before);
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), 1 + Math.Min(row[j - 1], last[j]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
        }

        return row[b.Length];
    }
}
