namespace Bilevel.Tasks;

/// <summary>
/// A number of 64 bits for what a file says of each row, so that equal rows are found, and drawn alike whatever the order of rows and
/// columns. Of numbers as they stand in the file: scaled ones depend on all rows, in their last digits on the order too.
/// </summary>
/// <param name="columns">The names of the columns that become features.</param>
internal sealed class RowKeys(string[] columns)
{
    private const ulong FnvStart = 0xCBF29CE484222325, FnvPrime = 0x100000001B3;

    private readonly ulong[] names = [.. columns.Select(name => Of(name))];
    private readonly List<ulong> rows = [];
    private ulong sum;

    /// <summary>The key of every row.</summary>
    public ulong[] Rows => [.. rows];

    /// <summary>A number in a column of the row that is being read; NaN where it is missing.</summary>
    public void Add(int column, double value) => sum += RandomBits.At(names[column], BitConverter.DoubleToUInt64Bits(double.IsNaN(value) ? double.NaN : value + 0.0));

    /// <summary>A text in a column of that row.</summary>
    public void Add(int column, ReadOnlySpan<char> text) => sum += RandomBits.At(names[column], Of(text));

    /// <summary>Ends the row.</summary>
    public void EndRow()
    {
        rows.Add(sum);
        sum = 0;
    }

    /// <summary>The keys of the features of all rows, as the file has them, or as the table has them where that is the same.</summary>
    public static ulong[] OfFeatures(LabelledData data) => data.FeatureKeys.Length == data.Table.Count ? data.FeatureKeys : OfEntries(data.Table);

    /// <summary>The keys of all that a row says: its features, its label, its group.</summary>
    public static ulong[] OfAll(LabelledData data)
    {
        ulong[] keys = [.. OfFeatures(data)], classes = [.. data.ClassNames.Select(name => Of(name))], groups = [.. data.GroupNames.Select(name => Of(name))];
        for (int i = 0; i < keys.Length; i++)
        {
            if (data.Labels[i] != LabelledData.NoLabel) keys[i] = RandomBits.At(keys[i], classes[data.Labels[i]]);
            if (groups.Length > 0) keys[i] = RandomBits.At(keys[i], groups[data.Groups[i]]);
        }

        return keys;
    }

    private static ulong[] OfEntries(FeatureTable table)
    {
        var keys = new ulong[table.Count];
        var (features, values) = (Array.Empty<int>(), Array.Empty<double>());
        for (int i = 0; i < keys.Length; i++)
        {
            int count = table.NonZeroCount(i);
            if (count > features.Length) (features, values) = (new int[count], new double[count]);
            table.Read(i, features, values);
            for (int k = 0; k < count; k++) keys[i] += RandomBits.At((ulong)features[k], BitConverter.DoubleToUInt64Bits(values[k]));
        }

        return keys;
    }

    // FNV-1a, the same on every machine.
    private static ulong Of(ReadOnlySpan<char> text)
    {
        ulong hash = FnvStart;
        foreach (char c in text) hash = (hash ^ c) * FnvPrime;
        return hash;
    }
}
