namespace Bilevel;

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
