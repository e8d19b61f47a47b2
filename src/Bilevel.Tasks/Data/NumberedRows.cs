namespace Bilevel.Tasks;

/// <summary>
/// Rows of numbered features as a file gives them, zeros left out. Numbers are names: what is kept of a feature, and what
/// it costs, does not depend on how large its number is.
/// </summary>
/// <param name="source">The file, for messages.</param>
internal sealed class NumberedRows(string source)
{
    private readonly List<long> starts = [0];
    private readonly List<int> lines = [];
    private readonly List<ulong> keys = [];
    private int[] numbers = new int[256];
    private double[] values = new double[256];
    private int used;
    private ulong key;

    /// <summary>The keys of the numbers of every row, by which equal rows are found.</summary>
    public ulong[] Keys => [.. keys];

    /// <summary>The line of every row.</summary>
    public IReadOnlyList<int> Lines => lines;

    /// <summary>Adds an entry to the row that is being read; numbers ascend within a row.</summary>
    /// <exception cref="InputException">One array cannot hold so many entries.</exception>
    public void Add(int number, double value)
    {
        if (value == 0) return;
        if (used == numbers.Length)
        {
            int room = SparseTableBuilder.Grown(used, Array.MaxLength, source);
            Array.Resize(ref numbers, room);
            Array.Resize(ref values, room);
        }

        numbers[used] = number;
        values[used++] = value;
        key += RandomBits.At((ulong)number, BitConverter.DoubleToUInt64Bits(value));
    }

    public void EndRow(int line)
    {
        starts.Add(used);
        lines.Add(line);
        keys.Add(key);
        key = 0;
    }

    /// <summary>The features that occur, with the scale of their numbers.</summary>
    /// <param name="standardise">Whether numbers are scaled.</param>
    /// <exception cref="InputException">There is none, or the numbers of one cannot be scaled.</exception>
    public NumberedFeature[] Fit(bool standardise)
    {
        int[] occurring = [.. numbers.AsSpan(0, used).ToArray().Distinct().Order()];
        if (occurring.Length == 0) throw new InputException($"{source}: no line has a feature (index:value) that is not zero. Use another file.");
        if (!standardise) return [.. occurring.Select(number => new NumberedFeature(number, 0, 1))];
        var places = Places(occurring);
        var moments = new Moments[occurring.Length];
        Array.Fill(moments, new Moments());
        for (int k = 0; k < used; k++) moments[places[numbers[k]]].Add(values[k]);
        return [.. occurring.Select((number, j) =>
        {
            var all = moments[j].WithZeros(lines.Count - moments[j].Count);
            return FeatureScale.Of(all) is { } scale ? new NumberedFeature(number, scale.Mean, scale.Scale, scale.Reach) : throw new InputException(InputText.Invariant(
                $"{source}: the numbers of feature {number}, from {all.Least:R} to {all.Greatest:R}, cannot be scaled to mean 0 and deviation 1. Use another unit, or leave the feature out."));
        })];
    }

    /// <summary>The rows in scaled features: dense where most numbers are not zero, else with a centre.</summary>
    /// <param name="features">The features of the training file; others are left out.</param>
    /// <param name="notes">Receives what is to be said of the rows.</param>
    public FeatureTable Encode(IReadOnlyList<NumberedFeature> features, List<string> notes)
    {
        int kept = KeepKnown(features, notes);
        SayBeyond(features, notes);
        long all = (long)lines.Count * features.Count;
        return 2L * kept > all && all <= Array.MaxLength ? Dense(features) : Sparse(features);
    }

    // Numbers become places among the features; entries of others are left out.
    private int KeepKnown(IReadOnlyList<NumberedFeature> features, List<string> notes)
    {
        var places = Places([.. features.Select(f => f.Number)]);
        int kept = 0, from = 0;
        SortedSet<int> unknown = [];
        for (int row = 0; row < lines.Count; row++)
        {
            int to = (int)starts[row + 1];
            for (int k = from; k < to; k++)
            {
                if (places.TryGetValue(numbers[k], out int place)) (numbers[kept], values[kept++]) = (place, values[k]);
                else unknown.Add(numbers[k]);
            }

            from = to;
            starts[row + 1] = kept;
        }

        if (unknown.Count > 0)
            notes.Add(InputText.Invariant($"{source}: {used - kept} entries of {unknown.Count} features that the training data lack ({InputText.First([.. unknown.Take(4).Select(n => InputText.Invariant($"{n}"))], 3)}) are left out."));
        return used = kept;
    }

    private void SayBeyond(IReadOnlyList<NumberedFeature> features, List<string> notes)
    {
        long count = 0;
        string first = "";
        long[] absent = new long[features.Count];
        Array.Fill(absent, lines.Count);
        for (int row = 0; row < lines.Count; row++)
        {
            for (long k = starts[row]; k < starts[row + 1]; k++)
            {
                var feature = features[numbers[k]];
                absent[numbers[k]]--;
                if (feature.Scaling.IsBeyond(values[k]) && count++ == 0) first = InputText.Invariant($"{values[k]:R} of feature {feature.Number}, line {lines[row]}");
            }
        }

        for (int j = 0; j < absent.Length; j++)
        {
            if (absent[j] == 0 || !features[j].Scaling.IsBeyond(0)) continue;
            if (count == 0) first = InputText.Invariant($"feature {features[j].Number}, which {absent[j]} rows lack and {features[j].Mean:G6} is the mean of");
            count += absent[j];
        }

        if (count > 0)
            notes.Add(InputText.Invariant($"{source}: {count} numbers are more than {FeatureScale.Beyond} times as far from the mean of their feature as any of the training data (the first: {first}); they are taken at that distance."));
    }

    private DenseTable Dense(IReadOnlyList<NumberedFeature> features)
    {
        double[] table = new double[lines.Count * features.Count];
        double[] zeros = [.. features.Select(f => f.Scaling.At(0))];
        for (int row = 0; row < lines.Count; row++)
        {
            var to = table.AsSpan(row * features.Count, features.Count);
            zeros.CopyTo(to);
            for (long k = starts[row]; k < starts[row + 1]; k++) to[numbers[k]] = features[numbers[k]].Scaling.At(values[k]);
        }

        return new DenseTable(table, lines.Count, features.Count);
    }

    // What a zero becomes is subtracted from the entries, and added to all by the centre. Where that is large, which it is in
    // features that most rows of the training file have, digits would be lost, and all rows keep their entries.
    private SparseTable Sparse(IReadOnlyList<NumberedFeature> features)
    {
        double[] zeros = [.. features.Select(f => f.Scaling.At(0))];
        int[] full = [.. Enumerable.Range(0, features.Count).Where(j => Math.Abs(zeros[j]) > 1)];
        double[] centre = [.. zeros.Select(z => Math.Abs(z) > 1 ? 0 : -z)];
        var builder = new SparseTableBuilder(source);
        for (int row = 0; row < lines.Count; row++)
        {
            int next = 0;
            for (long k = starts[row]; k < starts[row + 1]; k++)
            {
                int j = numbers[k];
                for (; next < full.Length && full[next] < j; next++) builder.Add(full[next], zeros[full[next]]);
                if (next < full.Length && full[next] == j) next++;
                builder.Add(j, features[j].Scaling.At(values[k]) + centre[j]);
            }

            for (; next < full.Length; next++) builder.Add(full[next], zeros[full[next]]);
            builder.EndRow();
        }

        return builder.Build(features.Count, Array.TrueForAll(centre, c => c == 0) ? null : centre);
    }

    private static Dictionary<int, int> Places(int[] ascending)
    {
        var places = new Dictionary<int, int>(ascending.Length);
        for (int j = 0; j < ascending.Length; j++) places.Add(ascending[j], j);
        return places;
    }
}
