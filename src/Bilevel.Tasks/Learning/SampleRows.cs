using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// The rows of a sample: all rows where they lie, or those of a minibatch copied side by side, so that the passes of all
/// requests on the sample read memory in its order. Values that are kept as codes are looked up once, by the copying. Dense
/// rows are long and stay where they are.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The rows to draw from.</param>
internal sealed class SampleRows<T>(FeatureRows<T> data)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Ahead = 4;           // rows whose entries are under way to the cache while one is copied

    private Sample sample = Sample.All;
    private int[] drawn = [];              // index in the data of each row of a minibatch
    private int[] starts = [];             // where it begins in the copies
    private IndexArray features = new(0, data.FeatureCount);
    private T[] plain = [];
    private ValueArray<T> values = new([]);

    /// <summary>Number of rows of the sample.</summary>
    public int Count { get; private set; } = data.Count;

    /// <summary>Whether the sample is all rows.</summary>
    public bool IsAll => sample.IsAll;

    /// <summary>Number of entries of the sample's rows.</summary>
    public long NonZeros { get; private set; } = data.NonZeros;

    /// <summary>Index in the data of row r of the sample.</summary>
    public int Index(int r) => IsAll ? r : drawn[r];

    /// <summary>Where each row starts in <see cref="Features"/> and <see cref="Values"/>, and where the last one ends; not for a minibatch that is not copied.</summary>
    public ReadOnlySpan<int> Starts => IsCopied ? starts : data.Starts;

    /// <summary>The features of the rows that are not zero, ascending in a row.</summary>
    public IndexArray Features => IsCopied ? features : data.Features;

    /// <summary>Their values.</summary>
    public ValueArray<T> Values => IsCopied ? values : data.Values;

    /// <summary>Takes the rows of a sample; nothing is done for the sample that was taken last.</summary>
    public void Take(Sample next)
    {
        if (next.Equals(sample)) return;
        sample = next;
        Count = Minibatch.Count(next, data.Count);
        NonZeros = data.NonZeros;
        if (IsAll) return;

        if (drawn.Length < Count) (drawn, starts) = (new int[Count], new int[Count + 1]);
        long total = 0;
        for (int r = 0; r < Count; r++)
        {
            drawn[r] = Minibatch.Index(next, r, data.Count);
            total += data.Length(drawn[r]);
        }

        NonZeros = total;
        if (data.IsDense) return;
        Reserve(total);
        for (int r = 0; r < Count; r++)
        {
            if (r + Ahead < Count) data.Prefetch(drawn[r + Ahead]);
            int from = data.Starts[drawn[r]], length = data.Length(drawn[r]);
            data.Features.CopyTo(from, length, features, starts[r]);
            data.Values.CopyTo(from, plain.AsSpan(starts[r], length));
            starts[r + 1] = starts[r] + length;
        }
    }

    private bool IsCopied => !data.IsDense && !IsAll;

    // Room for half as much again, so that a run soon stops asking for memory.
    private void Reserve(long total)
    {
        if (total <= features.Length) return;
        if (total > Array.MaxLength) throw new InputException(FormattableString.Invariant($"A minibatch of {Count} rows has {total} entries that are not zero, and at most {Array.MaxLength} can be taken at a time; take a smaller batch."));
        int room = (int)Math.Min(total + (total / 2), Array.MaxLength);
        (features, plain) = (new IndexArray(room, data.FeatureCount), new T[room]);
        values = new ValueArray<T>(plain);
    }
}
