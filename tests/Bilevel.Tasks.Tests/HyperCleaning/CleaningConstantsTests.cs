using CsCheck;

namespace Bilevel.Tasks.Tests.HyperCleaning;

/// <summary>The bounds on derivatives of data hyper-cleaning against the derivatives themselves, from cumulants.</summary>
public sealed class CleaningConstantsTests
{
    private const int Rows = 12, Features = 5, Classes = 4;

    [Fact]
    public void No_derivative_exceeds_its_bound()
    {
        var nearest = new double[5];
        for (int seed = 0; seed < 60; seed++)
        {
            ulong key = (ulong)seed;
            double[] numbers = [.. Enumerable.Range(0, Rows * Features).Select(k => RandomBits.Normal(key, (ulong)k))];
            var rows = FeatureRows<double>.From(new DenseTable(numbers, Rows, Features), [.. Enumerable.Range(0, Rows)]);
            double[] x = [.. Enumerable.Range(0, Rows).Select(i => 3 * RandomBits.Normal(key + 1000, (ulong)i))];
            int[] labels = [.. Enumerable.Range(0, Rows).Select(i => (int)(RandomBits.At(key + 2000, (ulong)i) % Classes))];
            var constants = new CleaningConstants<double>(rows, rows, ridge: 0).At(new DenseVector<double>(x));
            for (int trial = 0; trial < 200; trial++)
            {
                double[] w = Matrix(key + 3000, trial, size: trial % 3), v = Matrix(key + 4000, trial, size: 1);
                double length = Math.Sqrt(v.Sum(e => e * e));
                var (second, third, fourth) = (0.0, 0.0, 0.0);
                var (coupling, mixed, mixedThird) = (0.0, 0.0, 0.0);
                for (int i = 0; i < Rows; i++)
                {
                    double[] p = Softmax(Scores(rows, i, w)), s = [.. Scores(rows, i, v).Select(e => e / length)];
                    double weight = 1 / (1 + Math.Exp(-x[i])), slope = weight * (1 - weight) / Rows;
                    var (mean, k2, k3, k4) = Cumulants(p, s);
                    (second, third, fourth) = (second + (weight * k2 / Rows), third + (weight * k3 / Rows), fourth + (weight * k4 / Rows));
                    coupling += Math.Pow(slope * (mean - s[labels[i]]), 2);
                    mixed += Math.Pow(slope * k2, 2);
                    mixedThird += Math.Pow(slope * k3, 2);
                }

                double[] shares =
                [
                    second / constants.LowerSmoothness!.Value, Math.Abs(third) / constants.LowerHessianLipschitz!.Value, Math.Abs(fourth) / constants.LowerThirdDerivativeLipschitz!.Value,
                    Math.Sqrt(coupling) / constants.LowerCoupling!.Value, Math.Max(Math.Sqrt(mixed) / constants.LowerMixedHessianLipschitz!.Value, Math.Sqrt(mixedThird) / constants.LowerMixedThirdDerivativeLipschitz!.Value),
                ];
                for (int k = 0; k < shares.Length; k++)
                {
                    Assert.True(shares[k] <= 1 + 1e-9, $"seed {seed}, trial {trial}, derivative {k}: {shares[k]} of the bound");
                    nearest[k] = Math.Max(nearest[k], shares[k]);
                }
            }
        }

        // Random directions come within two decades of bounds that hold for the worst.
        Assert.All(nearest, share => Assert.True(share > 0.01, string.Join(", ", nearest)));
    }

    [Fact]
    public void Cumulants_of_a_unit_direction_are_at_most_a_half_the_root_of_a_half_and_a_half()
    {
        Gen.Select(Gen.Double[0, 1].Array[2, 6], Gen.Double[-1, 1].Array[6]).Sample((raw, direction) =>
        {
            double sum = raw.Sum() + 1e-12;
            double[] p = [.. raw.Select(r => (r + (1e-12 / raw.Length)) / sum)], s = direction[..raw.Length];
            double length = Math.Sqrt(s.Sum(e => e * e));
            if (length < 1e-6) return;
            var (_, k2, k3, k4) = Cumulants(p, [.. s.Select(e => e / length)]);
            Assert.True(k2 <= 0.5 + 1e-12 && Math.Abs(k3) <= Math.Sqrt(0.5) + 1e-12 && Math.Abs(k4) <= 0.5 + 1e-12, $"{k2} {k3} {k4}");
        }, iter: 20_000);

        // Two classes of one half each attain the second and the fourth.
        double half = Math.Sqrt(0.5);
        var (_, second, _, fourth) = Cumulants([0.5, 0.5], [half, -half]);
        Assert.Equal((0.5, -0.5), (Math.Round(second, 12), Math.Round(fourth, 12)));
    }

    [Fact]
    public void Weights_of_rows_enter_the_second_moment()
    {
        // Two rows on features of their own: the largest eigenvalue is that of the heavier one, beside the bias in both.
        var rows = FeatureRows<double>.From(new DenseTable(new double[] { 3, 0, 0, 4 }, 2, 2), [0, 1]);
        double Exact(double a, double b)
        {
            // The nonzero eigenvalues of A'DA/2 are those of the 2 x 2 matrix of products of rows, weighted.
            double p = a * 10 / 2, q = b * 17 / 2, r = Math.Sqrt(a * b) / 2;
            return ((p + q) / 2) + Math.Sqrt(((p - q) * (p - q) / 4) + (r * r));
        }

        foreach (var (a, b) in new[] { (1.0, 1.0), (0.5, 0.1), (0.01, 0.9), (0, 1) })
        {
            double bound = rows.LargestSecondMoment(i => i == 0 ? a : b);
            Assert.InRange(bound, Exact(a, b) * (1 - 1e-12), Exact(a, b) * 1.001);
        }

        Assert.Equal(rows.LargestSecondMoment(), rows.LargestSecondMoment(_ => 1));
        Assert.Equal(0, rows.LargestSecondMoment(_ => 0));
    }

    private static double[] Matrix(ulong key, int trial, double size) =>
        [.. Enumerable.Range(0, (Features + 1) * Classes).Select(k => size * RandomBits.Normal(key, (ulong)((trial * 1000) + k)))];

    private static double[] Scores(FeatureRows<double> rows, int row, double[] w)
    {
        double[] scores = new double[Classes];
        foreach (var (j, value) in rows.Row(row))
        {
            for (int k = 0; k < Classes; k++) scores[k] += value * w[(j * Classes) + k];
        }

        return scores;
    }

    private static double[] Softmax(double[] scores)
    {
        double largest = scores.Max(), sum = scores.Sum(s => Math.Exp(s - largest));
        return [.. scores.Select(s => Math.Exp(s - largest) / sum)];
    }

    private static (double Mean, double Second, double Third, double Fourth) Cumulants(double[] p, double[] s)
    {
        double mean = p.Zip(s, (a, b) => a * b).Sum();
        double Moment(int power) => p.Zip(s, (a, b) => a * Math.Pow(b - mean, power)).Sum();
        return (mean, Moment(2), Moment(3), Moment(4) - (3 * Moment(2) * Moment(2)));
    }
}
