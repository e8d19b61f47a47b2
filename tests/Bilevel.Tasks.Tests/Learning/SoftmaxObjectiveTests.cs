using System.Numerics;

namespace Bilevel.Tasks.Tests.Learning;

/// <summary>The fused kernels against the formulas written out row by row.</summary>
public class SoftmaxObjectiveTests
{
    private const int Rows = 700, Classes = ImageSet.Classes;
    private const double Ridge = 0.01;

    private static readonly ImageSet Images = SyntheticDigits.Generate(Rows, seed: 5);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(37)]
    [InlineData(500)]
    public void A_request_of_everything_equals_the_formulas(int batch)
    {
        var lower = Lower<double>(threads: 1);
        var (x, u, v) = (Random(Rows, 1, 1), Random(785 * Classes, 2, 0.05), Random(785 * Classes, 3, 0.05));
        var sample = new Sample(77, batch);
        DenseVector<double> gu = u.ZerosLike(), gv = v.ZerosLike(), gCombined = u.ZerosLike(), xu = x.ZerosLike(), xDifference = x.ZerosLike();
        var request = new PreparedRequest<DenseVector<double>>(
            lower,
            [[x, u], [x, v]],
            [new(1, 0, gu), new(1, 1, gv), new(1, Output.Combined, gCombined), new(0, 0, xu), new(0, Output.Combined, xDifference)],
            weights: [1, -1],
            values: true);
        request.Evaluate(sample);

        var (atU, atV) = (Naive(x, u, sample), Naive(x, v, sample));
        Close(atU.GradientW, gu, 1e-12);
        Close(atV.GradientW, gv, 1e-12);
        Close([.. atU.GradientW.Zip(atV.GradientW, (a, b) => a - b)], gCombined, 1e-12);
        Close(atU.GradientX, xu, 1e-13);
        Close([.. atU.GradientX.Zip(atV.GradientX, (a, b) => a - b)], xDifference, 1e-13);
        Assert.Equal(atU.Value, request.Values[0], 1e-11);
        Assert.Equal(atV.Value, request.Values[1], 1e-11);
    }

    [Fact]
    public void Points_may_differ_in_x()
    {
        var lower = Lower<double>(threads: 1);
        var (x, other, w) = (Random(Rows, 1, 1), Random(Rows, 9, 1), Random(785 * Classes, 2, 0.05));
        var difference = w.ZerosLike();
        new PreparedRequest<DenseVector<double>>(lower, [[x, w], [other, w]], [new(1, Output.Combined, difference)], [1, -1]).Evaluate();
        Close([.. Naive(x, w, Sample.All).GradientW.Zip(Naive(other, w, Sample.All).GradientW, (a, b) => a - b)], difference, 1e-12);
    }

    [Fact]
    public void Gradients_match_differences_of_values()
    {
        var (x, w) = (Random(Rows, 4, 1), Random(785 * Classes, 5, 0.05));
        Assert.All(GradientCheck.Compare(Lower<double>(1), [x, w]), c => Assert.True(c.Agrees(1e-6), $"{c}"));
        Assert.All(GradientCheck.Compare(Upper<double>(1), [x, w]), c => Assert.True(c.Agrees(1e-6), $"{c}"));
        Assert.All(GradientCheck.Compare(Lower<double>(1), [x, w], sample: new Sample(3, 50)), c => Assert.True(c.Agrees(1e-6), $"{c}"));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void The_bits_do_not_depend_on_the_number_of_threads(int threads)
    {
        Assert.Equal(Everything<double>(1), Everything<double>(threads));
        Assert.Equal(Everything<float>(1), Everything<float>(threads));
    }

    [Fact]
    public void Single_precision_agrees_with_double_to_its_digits()
    {
        var (narrow, wide) = (Everything<float>(1), Everything<double>(1));
        Assert.Equal(wide.Length, narrow.Length);
        for (int i = 0; i < wide.Length; i++) Assert.Equal(wide[i], narrow[i], 2e-5);
    }

    [Fact]
    public void Minibatches_are_unbiased()
    {
        var lower = Lower<double>(threads: 1);
        var (x, w) = (Random(Rows, 4, 1), Random(785 * Classes, 5, 0.05));
        DenseVector<double> exact = w.ZerosLike(), one = w.ZerosLike(), mean = w.ZerosLike();
        new PreparedRequest<DenseVector<double>>(lower, [[x, w]], [new(1, 0, exact)]).Evaluate();
        var estimate = new PreparedRequest<DenseVector<double>>(lower, [[x, w]], [new(1, 0, one)]);
        const int Draws = 400;
        for (ulong k = 0; k < Draws; k++)
        {
            estimate.Evaluate(new Sample(RandomBits.At(1, k), 50));
            mean.AddScaled(1.0 / Draws, one);
        }

        // 20,000 draws of one row: the error is about the spread of one row over 141.
        mean.AddScaled(-1, exact);
        Assert.InRange(mean.Norm(), 0, 0.05 * (1 + exact.Norm()));
        estimate.Evaluate(new Sample(1, 50));
        one.AddScaled(-1, exact);
        Assert.True(one.Norm() > 3 * mean.Norm());
    }

    [Fact]
    public void A_difference_of_upper_gradients_keeps_its_digits_at_large_lambda()
    {
        // Followers that differ by 1e-6: the difference is formed sample by sample.
        var lower = Lower<double>(threads: 1);
        var (x, z) = (Random(Rows, 4, 1), Random(785 * Classes, 5, 0.05));
        var direction = Random(785 * Classes, 6, 1e-6);
        var y = z.Copy();
        y.AddScaled(1, direction);
        var difference = x.ZerosLike();
        new PreparedRequest<DenseVector<double>>(lower, [[x, y], [x, z]], [new(0, Output.Combined, difference)], [1e6, -1e6]).Evaluate();
        var (atY, atZ) = (Naive(x, y, Sample.All), Naive(x, z, Sample.All));
        for (int i = 0; i < Rows; i++) Assert.Equal(1e6 * (atY.GradientX[i] - atZ.GradientX[i]), difference[i], 1e-10);
    }

    [Fact]
    public void Answering_allocates_nothing_on_one_thread()
    {
        var lower = Lower<double>(threads: 1);
        var (x, u, v) = (Random(Rows, 1, 1), Random(785 * Classes, 2, 0.05), Random(785 * Classes, 3, 0.05));
        DenseVector<double> gu = u.ZerosLike(), gv = v.ZerosLike();
        var request = new PreparedRequest<DenseVector<double>>(lower, [[x, u], [x, v]], [new(1, 0, gu), new(1, 1, gv)]);
        for (ulong k = 0; k < 20; k++) request.Evaluate(new Sample(k, 100));

        Assert.Equal(0, Allocation.Least(() => { for (ulong k = 0; k < 20; k++) request.Evaluate(new Sample(k, 100)); }));
    }

    [Fact]
    public void The_bound_on_the_second_moment_is_one_and_a_tight_one()
    {
        var rows = FeatureRows<double>.From(new ImageTable(Images), [.. Enumerable.Range(0, Rows)]);
        double bound = rows.LargestSecondMoment();

        // Power iteration from below.
        var u = new double[rows.FeatureCount];
        Array.Fill(u, 1.0);
        double norm = 0;
        for (int k = 0; k < 200; k++)
        {
            var next = new double[u.Length];
            for (int i = 0; i < rows.Count; i++)
            {
                double dot = 0;
                foreach (var (j, value) in rows.Row(i)) dot += value * u[j];
                foreach (var (j, value) in rows.Row(i)) next[j] += value * dot / rows.Count;
            }

            norm = Math.Sqrt(next.Sum(a => a * a));
            u = [.. next.Select(a => a / norm)];
        }

        Assert.InRange(bound, norm * (1 - 1e-9), norm * 1.5);
    }

    private static double[] Everything<T>(int threads)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        static DenseVector<T> Narrow(DenseVector<double> v) => new([.. v.ToDoubles().Select(T.CreateTruncating)]);
        var (x, u, v) = (Narrow(Random(Rows, 1, 1)), Narrow(Random(785 * Classes, 2, 0.05)), Narrow(Random(785 * Classes, 3, 0.05)));
        DenseVector<T> gu = u.ZerosLike(), gv = v.ZerosLike(), xd = x.ZerosLike(), fu = u.ZerosLike();
        var lower = new PreparedRequest<DenseVector<T>>(Lower<T>(threads), [[x, u], [x, v]], [new(1, 0, gu), new(1, 1, gv), new(0, Output.Combined, xd)], [1, -1], values: true);
        lower.Evaluate();
        var upper = new PreparedRequest<DenseVector<T>>(Upper<T>(threads), [[x, u]], [new(1, 0, fu)], values: true);
        upper.Evaluate();
        return [.. gu.ToDoubles(), .. gv.ToDoubles(), .. xd.ToDoubles(), .. fu.ToDoubles(), lower.Values[0], lower.Values[1], upper.Values[0]];
    }

    private static WeightedSoftmaxLoss<T> Lower<T>(int threads)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(FeatureRows<T>.From(new ImageTable(Images), [.. Enumerable.Range(0, Rows)]), Images.Labels.ToArray().Select(l => (int)l).ToArray(), Classes, Ridge, threads);

    private static SoftmaxLoss<T> Upper<T>(int threads)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(FeatureRows<T>.From(new ImageTable(Images), [.. Enumerable.Range(0, Rows)]), Images.Labels.ToArray().Select(l => (int)l).ToArray(), Classes, threads);

    private static DenseVector<double> Random(int length, ulong key, double size) =>
        new([.. Enumerable.Range(0, length).Select(i => size * RandomBits.Normal(key, (ulong)i))]);

    private static (double Value, double[] GradientX, double[] GradientW) Naive(DenseVector<double> x, DenseVector<double> w, Sample sample)
    {
        int count = Minibatch.Count(sample, Rows);
        var (gx, gw) = (new double[Rows], new double[w.Length]);
        double value = Ridge * w.Dot(w);
        for (int r = 0; r < count; r++)
        {
            int i = sample.IsAll ? r : Minibatch.Index(sample, r, Rows);
            double[] a = [.. Images.Image(i).ToArray().Select(p => p / 255.0), 1];
            int label = Images.Labels.Span[i];
            var scores = new double[Classes];
            for (int j = 0; j < a.Length; j++)
            {
                for (int k = 0; k < Classes; k++) scores[k] += a[j] * w[(j * Classes) + k];
            }

            double largest = scores.Max(), total = scores.Sum(s => Math.Exp(s - largest));
            double loss = Math.Log(total) + largest - scores[label], sigmoid = 1 / (1 + Math.Exp(-x[i]));
            value += sigmoid * loss / count;
            gx[i] += sigmoid * (1 - sigmoid) * loss / count;
            for (int k = 0; k < Classes; k++)
            {
                double slope = sigmoid * ((Math.Exp(scores[k] - largest) / total) - (k == label ? 1 : 0)) / count;
                for (int j = 0; j < a.Length; j++) gw[(j * Classes) + k] += slope * a[j];
            }
        }

        for (int j = 0; j < gw.Length; j++) gw[j] += 2 * Ridge * w[j];
        return (value, gx, gw);
    }

    private static void Close(double[] expected, DenseVector<double> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance);
    }
}
