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
        archive.Transfer("seed", ref seed);
        archive.Transfer("drawn", ref drawn);
    }
}

/// <summary>Random numbers as a function of a key and a position (the output function of SplitMix64).</summary>
public static class RandomBits
{
    /// <summary>The increment of SplitMix64: the golden ratio times 2^64, made odd.</summary>
    public const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>A bijection of 64 bits whose outputs on consecutive multiples of <see cref="Golden"/> look random.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>64 random bits: number <paramref name="position"/> of the sequence that <paramref name="key"/> names.</summary>
    public static ulong At(ulong key, ulong position) => Mix(key + ((position + 1) * Golden));

    /// <summary>A number uniform in [0, 1), a multiple of 2^-53.</summary>
    public static double Uniform(ulong key, ulong position) => (At(key, position) >> 11) * (1.0 / (1UL << 53));

    /// <summary>A standard normal number (Box and Muller, cosine branch; uses positions 2p and 2p + 1).</summary>
    public static double Normal(ulong key, ulong position) =>
        Math.Sqrt(-2 * Math.Log(1 - Uniform(key, 2 * position))) * Math.Cos(2 * Math.PI * Uniform(key, (2 * position) + 1));
}

/// <summary>The data items of a minibatch, drawn with replacement from the key of a sample, without memory.</summary>
public static class Minibatch
{
    /// <summary>Index of draw <paramref name="draw"/> (from 0), uniform in [0, <paramref name="population"/>).</summary>
    public static int Index(Sample sample, int draw, int population) =>
        (int)Math.BigMul(RandomBits.At(sample.Key, (ulong)draw), (ulong)population, out _);

    /// <summary>Number of items that a sample takes from a population: its size, or all.</summary>
    public static int Count(Sample sample, int population) => sample.IsAll ? population : sample.Size;
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
