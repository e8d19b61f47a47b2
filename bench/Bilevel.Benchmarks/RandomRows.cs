using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>Rows whose entries follow from row and feature alone.</summary>
internal sealed class RandomRows(int rows, int features, double density, bool grey = false) : FeatureTable
{
    public double Density => density;

    public override int Count => rows;

    public override int FeatureCount => features;

    public override int NonZeroCount(int row)
    {
        int count = 0;
        for (int j = 0; j < features; j++) count += Uniform(row, j) < density ? 1 : 0;
        return count;
    }

    public override int Read(int row, Span<int> features, Span<double> values)
    {
        int count = 0;
        for (int j = 0; j < FeatureCount; j++)
        {
            if (Uniform(row, j) < density) (features[count], values[count++]) = (j, Value(Uniform(row, j) / density));
        }

        return count;
    }

    private double Value(double share) => grey ? Math.Ceiling(255 * share) / 255 : 0.5 + share;

    // The high bits of a multiplied counter (Weyl sequence through one round of mixing).
    private static double Uniform(int row, int feature)
    {
        ulong h = (((ulong)row << 32) | (uint)feature) * 0x9E3779B97F4A7C15;
        h = (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9;
        return (h >> 11) * (1.0 / (1UL << 53));
    }
}
