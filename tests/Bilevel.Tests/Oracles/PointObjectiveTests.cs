using CsCheck;

namespace Bilevel.Tests;

public sealed class PointObjectiveTests
{
    [Fact]
    public void A_combined_output_is_the_weighted_sum() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[1, 4], Gen.Double[-2, 2].Array[4], Gen.Double[-1, 1]).Sample(
            (n, m, points, weights, at) =>
            {
                foreach (IObjective<DenseVector<double>> objective in new IObjective<DenseVector<double>>[] { new CurvedLevels.Upper<double>(), new CurvedLevels.Lower<double>() })
                {
                    DenseVector<double>[][] blocks = [.. Enumerable.Range(0, points).Select(p => new[] { CurvedLevels.Vector<double>(n, at + p), CurvedLevels.Vector<double>(m, at - p) })];
                    for (int block = 0; block < 2; block++)
                    {
                        int length = block == 0 ? n : m;
                        DenseVector<double> combined = new(length), sum = new(length), one = new(length);
                        combined.Fill(_ => double.NaN);
                        new PreparedRequest<DenseVector<double>>(objective, blocks, [new(block, Output.Combined, combined)], weights[..points]).Evaluate();
                        for (int p = 0; p < points; p++)
                        {
                            new PreparedRequest<DenseVector<double>>(objective, blocks, [new(block, p, one)]).Evaluate();
                            sum.AddScaled(weights[p], one);
                        }

                        sum.AddScaled(-1, combined);
                        Assert.True(sum.Norm() <= 1e-14 * (1 + combined.Norm()), "combined output is not the weighted sum");
                    }
                }
            },
            iter: 100, seed: "0000000000000");

    [Fact]
    public void One_request_mixes_all_outputs()
    {
        var objective = new FunctionObjective<DenseVector<double>>(
            (x, y) => x[0] * y[0] * y[1],
            (x, y, r) => r[0] = y[0] * y[1],
            (x, y, r) => (r[0], r[1]) = (x[0] * y[1], x[0] * y[0]));
        DenseVector<double> x = Vectors.Of(2), y = Vectors.Of(3, 5), z = Vectors.Of(7, 11), gx = Vectors.Zeros(1), gy = Vectors.Zeros(2), gz = Vectors.Zeros(2), sum = Vectors.Zeros(2);
        var request = new PreparedRequest<DenseVector<double>>(objective, [[x, y], [x, z]], [new(0, Output.Combined, gx), new(1, 0, gy), new(1, 1, gz), new(1, Output.Combined, sum)], [2, -1], values: true);
        request.Evaluate();
        Assert.Equal([(2 * 15) - 77.0], gx.ToDoubles());
        Assert.Equal([10.0, 6], gy.ToDoubles());
        Assert.Equal([22.0, 14], gz.ToDoubles());
        Assert.Equal([-2.0, -2], sum.ToDoubles());
        Assert.Equal([30.0, 154], request.Values.ToArray());
    }

    [Fact]
    public void Combined_outputs_allocate_once()
    {
        DenseVector<double> x = CurvedLevels.Vector<double>(3), y = CurvedLevels.Vector<double>(3), z = CurvedLevels.Vector<double>(3, 1);
        var request = new PreparedRequest<DenseVector<double>>(new Flat(), [[x, y], [x, z]], [new(0, Output.Combined, Vectors.Zeros(3)), new(1, Output.Combined, Vectors.Zeros(3))], [1, -1]);
        request.Evaluate();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) request.Evaluate();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private sealed class Flat : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => 0;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result.CopyFrom(point[block]);
    }
}
