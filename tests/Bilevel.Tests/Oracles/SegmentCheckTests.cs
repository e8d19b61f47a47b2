using CsCheck;

namespace Bilevel.Tests;

/// <summary>Gradients against values along segments: bends of every width are no mistake, wrong gradients are one beside any bend.</summary>
public sealed class SegmentCheckTests
{
    private static readonly int Attacks = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_ATTACKS"), out int attacks) ? attacks : 20;

    // slope x + w log cosh((x - p) / w), which bends within w of p, or its gradient times a factor.
    private static FunctionObjective<DenseVector<double>> Bend(double p, double w, double slope, double factor) => new(
        (x, _) => (slope * x[0]) + (w * (Math.Abs((x[0] - p) / w) + Math.Log(1 + Math.Exp(-2 * Math.Abs((x[0] - p) / w))) - Math.Log(2))),
        (x, _, r) => r[0] = factor * (slope + Math.Tanh((x[0] - p) / w)),
        (_, _, r) => r[0] = 0);

    private static bool IsAccused(IObjective<DenseVector<double>> objective, double at, ulong key) =>
        SegmentCheck.Find(objective, [Vectors.Of(at), Vectors.Of(0)], [new WholeSpace<DenseVector<double>>(), new WholeSpace<DenseVector<double>>()], key) is not null;

    [Fact]
    public void A_bend_is_no_mistake_however_short_and_a_wrong_gradient_beside_it_is_one()
    {
        Gen.Select(Gen.Double[-9, 1], Gen.Double[-4, 4], Gen.Double[-0.9, 0.9], Gen.ULong).Each(50 * Attacks, sample =>
        {
            var (decade, place, slope, key) = sample;
            double w = Math.Pow(10, decade), at = place * w;
            Assert.False(IsAccused(Bend(0, w, slope, 1), at, key));

            // A hundredth of the slope, where it is not near zero on either side.
            if (Math.Abs(Math.Abs(slope) - 1) > 0.2 && w < 1e-6) Assert.True(IsAccused(Bend(0, w, slope, 1.01), at, key));
        });
    }

    [Fact]
    public void A_kink_is_no_mistake()
    {
        Gen.Select(Gen.Double[-1, 1], Gen.Double[-0.9, 0.9], Gen.ULong).Each(50 * Attacks, sample =>
        {
            var (p, slope, key) = sample;
            var kink = new FunctionObjective<DenseVector<double>>((x, _) => (slope * x[0]) + Math.Abs(x[0] - (0.1 * p)), (x, _, r) => r[0] = slope + Math.Sign(x[0] - (0.1 * p)), (_, _, r) => r[0] = 0);
            Assert.False(IsAccused(kink, 0, key));
        });
    }
}
