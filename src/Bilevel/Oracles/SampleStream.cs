namespace Bilevel;

/// <summary>
/// The sequence of samples of a run: sample k depends on the seed and k alone, so a run resumed at k draws what it
/// would have drawn.
/// </summary>
/// <param name="seed">Seed of the run.</param>
public sealed class SampleStream(ulong seed)
{
    private ulong seed = seed;
    private ulong drawn;

    /// <summary>The next sample, of <paramref name="size"/> data items (0: all data, for which nothing is drawn).</summary>
    public Sample Next(int size) => size == 0 ? Sample.All : new(RandomBits.Mix(seed + (++drawn * RandomBits.Golden)), size);

    /// <summary>Saves or loads the place in the sequence.</summary>
    public void Transfer(IArchive archive)
    {
        archive.Transfer(ref seed);
        archive.Transfer(ref drawn);
    }
}

/// <summary>
/// The indices of the data items that a sample takes from a population, in the order of the draws; <see cref="Sample.Rows"/> makes them.
/// Enumerating them allocates nothing, and again gives the same ones.
/// </summary>
public readonly struct SampledRows
{
    private readonly Sample sample;
    private readonly int population;

    internal SampledRows(Sample sample, int population)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(population);
        if (population == 0 && !sample.IsAll) throw new ArgumentOutOfRangeException(nameof(population), population, "There is no data item to draw a sample from.");
        (this.sample, this.population) = (sample, population);
    }

    /// <summary>Number of indices: the size of the sample, or the population where the sample is all data. Means divide by it.</summary>
    public int Count => Minibatch.Count(sample, population);

    /// <summary>The indices, for foreach.</summary>
    public Enumerator GetEnumerator() => new(this);

    /// <summary>Walks through the indices.</summary>
    public struct Enumerator
    {
        private readonly SampledRows rows;
        private int draw;

        internal Enumerator(SampledRows rows) => (this.rows, draw) = (rows, -1);

        /// <summary>The index of a data item.</summary>
        public readonly int Current => rows.sample.IsAll ? draw : Minibatch.Index(rows.sample, draw, rows.population);

        /// <summary>Goes on to the next index, if there is one.</summary>
        public bool MoveNext() => ++draw < rows.Count;
    }
}
