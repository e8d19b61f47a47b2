using System.Numerics;

namespace Bilevel.Tests;

/// <summary>
/// A random smooth function of blocks: sums of e^(sin a'u) log cosh(b'v + c'u) with a sign for each block v, where u is the
/// first block, and cos(k'u) v'M w over the other pairs of blocks. It is convex in blocks of sign 1 and concave in those of
/// sign -1, and depends on the first block in any way. A sample scales it.
/// </summary>
internal sealed class RandomLevel<T> : PointObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Ridges = 3;
    private readonly double[] signs;                 // of the blocks after the first
    private readonly double[][][] inner, shift;      // b and c by block and ridge
    private readonly double[] weight;                // a
    private readonly double[] angle;                 // k
    private readonly double[,][,] couplings;         // M

    public RandomLevel(Random random, int[] lengths, double[] signs)
    {
        this.signs = signs;
        weight = Dense.Normal(random, lengths[0]);
        angle = Dense.Normal(random, lengths[0]);
        inner = [.. signs.Select((_, b) => Enumerable.Range(0, Ridges).Select(_ => Dense.Normal(random, lengths[b + 1])).ToArray())];
        shift = [.. signs.Select(_ => Enumerable.Range(0, Ridges).Select(_ => Dense.Normal(random, lengths[0])).ToArray())];
        couplings = new double[signs.Length, signs.Length][,];
        for (int b = 0; b < signs.Length; b++)
        {
            for (int c = 0; c < b; c++) couplings[b, c] = Dense.NormalMatrix(random, lengths[b + 1], lengths[c + 1]);
        }
    }

    protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample)
    {
        double[] u = point[0].ToDoubles();
        double factor = Math.Exp(Math.Sin(Dot(weight, u))), turn = Math.Cos(Dot(angle, u)), sum = 0;
        for (int b = 0; b < signs.Length; b++)
        {
            double[] v = point[b + 1].ToDoubles();
            for (int r = 0; r < Ridges; r++) sum += signs[b] * factor * Math.Log(Math.Cosh(Dot(inner[b][r], v) + Dot(shift[b][r], u)));
            for (int c = 0; c < b; c++) sum += turn * Dot(v, Dense.Times(couplings[b, c], point[c + 1].ToDoubles()));
        }

        return Scale(sample) * sum;
    }

    protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
    {
        double[] u = point[0].ToDoubles(), gradient = new double[result.Length];
        double argument = Dot(weight, u), factor = Math.Exp(Math.Sin(argument)), turn = Math.Cos(Dot(angle, u)), slope = -Math.Sin(Dot(angle, u));
        for (int b = 0; b < signs.Length; b++)
        {
            double[] v = point[b + 1].ToDoubles();
            for (int r = 0; r < Ridges; r++)
            {
                double at = Dot(inner[b][r], v) + Dot(shift[b][r], u), outer = signs[b] * factor;
                if (block == 0)
                {
                    gradient = Dense.Sum(gradient, outer * Math.Tanh(at), shift[b][r]);
                    gradient = Dense.Sum(gradient, outer * Math.Log(Math.Cosh(at)) * Math.Cos(argument), weight);
                }
                else if (block == b + 1)
                {
                    gradient = Dense.Sum(gradient, outer * Math.Tanh(at), inner[b][r]);
                }
            }

            for (int c = 0; c < b; c++)
            {
                double[] w = point[c + 1].ToDoubles();
                if (block == 0) gradient = Dense.Sum(gradient, slope * Dot(v, Dense.Times(couplings[b, c], w)), angle);
                if (block == b + 1) gradient = Dense.Sum(gradient, turn, Dense.Times(couplings[b, c], w));
                if (block == c + 1) gradient = Dense.Sum(gradient, turn, Dense.TransposedTimes(couplings[b, c], v));
            }
        }

        double scale = Scale(sample);
        result.Fill(i => scale * gradient[i]);
    }

    private static double Scale(Sample sample) => sample.IsAll ? 1 : 1 + (0.3 * Math.Sin(sample.Key));

    private static double Dot(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();
}

/// <summary>Random bilevel minimax problems of <see cref="RandomLevel{T}"/>, any block of which may be empty.</summary>
internal sealed record RandomSaddleLevels(int Seed, int X1, int X2, int Y1, int Y2, bool UpperMaximises, bool LowerMaximises, bool Terms)
{
    public int[] Lengths => [X1, X2, Y1, Y2, Y1, Y2];

    public BilevelMinimaxProblem<DenseVector<T>> Problem<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var random = new Random(Seed);
        double up = UpperMaximises ? -1 : 1, low = LowerMaximises ? -1 : 1;
        var upper = new RandomLevel<T>(random, [X1, X2, Y1, Y2], [-up, random.Next(0, 2) - 0.5, random.Next(0, 2) - 0.5]);
        var lower = new RandomLevel<T>(random, [X1, Y1, Y2], [low, -low]);
        var problem = new BilevelMinimaxProblem<DenseVector<T>>(upper, lower)
        {
            UpperSense = UpperMaximises ? Sense.Maximise : Sense.Minimise,
            LowerSense = LowerMaximises ? Sense.Maximise : Sense.Minimise,
        };
        return !Terms ? problem : problem with { X1 = new SquaredNormTerm<T>(0.5), X2 = new Ball<T>(3), Z1 = new L1Term<T>(0.25), Z2 = new L1Term<T>(0.5, new Box<T>(-4, 4)) };
    }

    /// <summary>Six blocks of multiples of 2^-8, so that floats hold them and what is added to them exactly.</summary>
    public DenseVector<T>[] Point<T>(int salt = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var random = new Random(Seed + 1_000_003 + salt);
        return [.. Lengths.Select(n =>
        {
            var block = new DenseVector<T>(n);
            block.Fill(_ => Math.Round(256 * ((2 * random.NextDouble()) - 1)) / 256);
            return block;
        })];
    }
}
