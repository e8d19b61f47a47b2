using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// The same entries as <see cref="FeatureRows{T}"/>, in blocks of rows and feature by feature within a block: the sum of
/// a feature's gradient stays in registers while the slopes of the block's rows stay in the nearest cache, and features
/// can be shared out to threads, which the sums do not notice.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class FeatureBlocks<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // A block has at least so many entries for a feature that occurs as often as the average, if its rows allow.
    private const int EntriesOfFeature = 8;
    private const int FewestRows = 256, MostRows = 1 << 16;

    private readonly int blockRows;
    private readonly int[] blockRuns;      // first run of each block, and the number of runs
    private readonly int[] runFeatures;    // a run is one feature in one block
    private readonly int[] runEnds;        // where its entries end
    private readonly IndexArray rows;      // within the block
    private readonly ValueArray<T> values;
    private readonly int[] partEnds;

    /// <summary>Lays the rows out.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="parts">Number of parts of about equal work that the features are divided into.</param>
    public FeatureBlocks(FeatureRows<T> data, int parts)
    {
        double rowsOfEntries = EntriesOfFeature * (double)data.Count * data.FeatureCount / Math.Max(1, data.NonZeros);
        blockRows = (int)Math.Clamp(rowsOfEntries, FewestRows, MostRows);
        int blocks = (data.Count + blockRows - 1) / blockRows, entries = 0, runs = 0;
        blockRuns = new int[blocks + 1];
        (rows, values) = (new IndexArray((int)data.NonZeros, MostRows), data.Values.Blank((int)data.NonZeros));
        (runFeatures, runEnds) = ([], []);
        var (next, ofFeature) = (new int[data.FeatureCount], new long[data.FeatureCount]);
        for (int b = 0; b < blocks; b++)
        {
            int first = b * blockRows, end = Math.Min(data.Count, first + blockRows);
            Array.Clear(next);
            for (int r = first; r < end; r++)
            {
                for (int k = data.Starts[r]; k < data.Starts[r + 1]; k++) next[data.Features[k]]++;
            }

            for (int j = 0; j < next.Length; j++)
            {
                int count = next[j];
                if (count == 0) continue;
                if (runs == runFeatures.Length)
                {
                    int room = (int)Math.Min(Math.Max(2L * runs, data.FeatureCount), Array.MaxLength);
                    Array.Resize(ref runFeatures, room);
                    Array.Resize(ref runEnds, room);
                }

                next[j] = entries;
                entries += count;
                ofFeature[j] += count;
                (runFeatures[runs], runEnds[runs]) = (j, entries);
                runs++;
            }

            blockRuns[b + 1] = runs;
            for (int r = first; r < end; r++)
            {
                for (int k = data.Starts[r]; k < data.Starts[r + 1]; k++)
                {
                    int at = next[data.Features[k]]++;
                    rows[at] = r - first;
                    data.Values.CopyTo(k, values, at);
                }
            }
        }

        partEnds = Divide(ofFeature, parts);
    }

    /// <summary>Number of parts.</summary>
    public int Parts => partEnds.Length;

    /// <summary>The features of a part.</summary>
    public (int First, int End) Features(int part) => (part == 0 ? 0 : partEnds[part - 1], partEnds[part]);

    /// <summary>gradient = sum over the rows of entry times slopes, for the features of one part and all columns.</summary>
    /// <param name="part">The part.</param>
    /// <param name="slopes">All rows x columns.</param>
    /// <param name="columns">A multiple of the vector's width.</param>
    /// <param name="gradient">All features x columns.</param>
    public void SumGradient(int part, ReadOnlySpan<T> slopes, int columns, Span<T> gradient)
    {
        var (firstFeature, endFeature) = Features(part);
        gradient[(firstFeature * columns)..(endFeature * columns)].Clear();
        for (int b = 0; b + 1 < blockRuns.Length; b++)
        {
            var ofBlock = slopes[(b * blockRows * columns)..];
            int run = FirstRun(b, firstFeature), runs = FirstRun(b, endFeature) - run;
            RowKernels<T>.AddCombined(run == 0 ? 0 : runEnds[run - 1], runEnds.AsSpan(run, runs), rows, values, ofBlock, runFeatures.AsSpan(run, runs), gradient, columns);
        }
    }

    private int FirstRun(int block, int feature)
    {
        int first = blockRuns[block], place = runFeatures.AsSpan(first, blockRuns[block + 1] - first).BinarySearch(feature);
        return first + (place < 0 ? ~place : place);
    }

    // Ends of parts of consecutive features with about as many entries each.
    private static int[] Divide(long[] ofFeature, int parts)
    {
        long total = ofFeature.Sum(), seen = 0;
        var ends = new int[parts];
        int part = 0;
        for (int j = 0; j < ofFeature.Length && part < parts - 1; j++)
        {
            seen += ofFeature[j];
            while (part < parts - 1 && seen * parts >= total * (part + 1)) ends[part++] = j + 1;
        }

        for (; part < parts; part++) ends[part] = ofFeature.Length;
        return ends;
    }
}
