namespace Bilevel.Tasks;

/// <summary>
/// The generator of all synthetic test data: a counter that steps by the golden ratio and a mixing function (Steele,
/// Lea and Flood, 2014). The numbers drawn are part of the definition of a test instance.
/// </summary>
internal sealed class SplitMix64(ulong seed)
{
    private ulong state = seed;

    /// <summary>64 random bits.</summary>
    public ulong Next() => RandomBits.Mix(state += RandomBits.Golden);

    /// <summary>Uniform in [0, 1), a multiple of 2^-53.</summary>
    public double NextUniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Standard normal, from two uniform numbers; the sine that they would give too is not kept.</summary>
    public double NextNormal()
    {
        double first = NextUniform(), second = NextUniform();
        return Math.Sqrt(-2 * Math.Log(1 - first)) * Math.Cos(2 * Math.PI * second);
    }

    /// <summary>A vector of standard normal numbers.</summary>
    public double[] NextNormals(int count)
    {
        var numbers = new double[count];
        for (int i = 0; i < count; i++) numbers[i] = NextNormal();
        return numbers;
    }

    /// <summary>A matrix of standard normal numbers, drawn row by row.</summary>
    public Matrix NextNormals(int rows, int columns) => new(rows, columns, NextNormals(rows * columns));
}
