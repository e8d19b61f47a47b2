namespace Bilevel;

/// <summary>The data items of a minibatch, drawn with replacement from the key of a sample, without memory.</summary>
public static class Minibatch
{
    /// <summary>Index of draw <paramref name="draw"/> (from 0), uniform in [0, <paramref name="population"/>).</summary>
    public static int Index(Sample sample, int draw, int population) =>
        (int)Math.BigMul(RandomBits.At(sample.Key, (ulong)draw), (ulong)population, out _);

    /// <summary>Number of items that a sample takes from a population: its size, or all.</summary>
    public static int Count(Sample sample, int population) => sample.IsAll ? population : sample.Size;
}
