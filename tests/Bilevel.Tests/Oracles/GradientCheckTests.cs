using System.Numerics;

namespace Bilevel.Tests;

public sealed class GradientCheckTests
{
    [Fact]
    public void Right_gradients_pass_in_double() => RightGradientsPass<double>(1e-4);

    [Fact]
    public void Right_gradients_pass_in_float() => RightGradientsPass<float>(1e-2);

    [Fact]
    public void Wrong_gradients_are_found_in_double() => WrongGradientsAreFound<double>(1e-4);

    [Fact]
    public void Wrong_gradients_are_found_in_float() => WrongGradientsAreFound<float>(1e-2);

    private static void RightGradientsPass<T>(double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var problem = CurvedLevels.Problem<T>();
        foreach (var objective in new[] { problem.Upper, problem.Lower })
        {
            for (ulong key = 0; key < 50; key++)
            {
                DenseVector<T> x = CurvedLevels.Vector<T>(3, 0.1 * key), y = CurvedLevels.Vector<T>(4, 1 - (0.05 * key)), x0 = x.Copy(), y0 = y.Copy();
                foreach (var comparison in GradientCheck.Compare(objective, [x, y], key))
                {
                    Assert.True(comparison.Agrees(tolerance), comparison.ToString());
                    if (typeof(T) == typeof(double)) Assert.True(comparison.RelativeError < 1e-6 || Math.Abs(comparison.Declared) < 1e-3, comparison.ToString());
                }

                Assert.Equal(x0.ToDoubles(), x.ToDoubles());
                Assert.Equal(y0.ToDoubles(), y.ToDoubles());
            }
        }
    }

    private static void WrongGradientsAreFound<T>(double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var right = CurvedLevels.Problem<T>().Upper;
        DenseVector<T> x = CurvedLevels.Vector<T>(3, 0.7), y = CurvedLevels.Vector<T>(4, -0.4);
        var wrongs = new (string Name, Action<DenseVector<T>> Spoil)[]
        {
            ("sign", g => g.Scale(-1)),
            ("factor", g => g.Scale(typeof(T) == typeof(double) ? 1.01 : 1.5)),
            ("missing term", g => g[g.Length - 1] = T.Zero),
            ("nothing", g => g.Scale(0)),
            ("not a number", g => g[0] = T.NaN),
        };
        foreach (var (name, spoil) in wrongs)
        {
            for (int block = 0; block < 2; block++)
            {
                int spoiled = block;
                var wrong = new Spoiled<T>(right, block, spoil);
                var comparisons = GradientCheck.Compare(wrong, [x, y]);
                Assert.False(comparisons[block].Agrees(tolerance), $"{name} in block {spoiled}");
                Assert.True(comparisons[1 - block].Agrees(tolerance), $"{name} in block {spoiled}");

                var checking = new CheckedObjective<DenseVector<T>>(wrong, tolerance);
                DenseVector<T> gx = x.ZerosLike(), gy = y.ZerosLike();
                var e = Assert.Throws<GradientMismatchException>(() => new PreparedRequest<DenseVector<T>>(checking, [[x, y]], [new(0, 0, gx), new(1, 0, gy)]).Evaluate());
                Assert.Equal(block, e.Comparison.Block);
                Assert.StartsWith(FormattableString.Invariant($"The gradient in block {block} has the directional derivative {e.Comparison.Declared:G6}, differences of the values give "), e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Only_blocks_that_are_asked_for_are_checked()
    {
        var wrong = new CheckedObjective<DenseVector<double>>(new Spoiled<double>(CurvedLevels.Problem<double>().Upper, BilevelProblem.Y, g => g.Scale(-1)));
        DenseVector<double> x = CurvedLevels.Vector<double>(2), y = CurvedLevels.Vector<double>(2), result = new(2);
        new PreparedRequest<DenseVector<double>>(wrong, [[x, y]], [new(0, 0, result)], values: true).Evaluate();
        Assert.True(result.Norm() > 0);
    }

    [Fact]
    public void Every_point_of_a_request_is_checked()
    {
        // Wrong at the second point alone, where y[0] > 1.
        var wrong = new CheckedObjective<DenseVector<double>>(new FunctionObjective<DenseVector<double>>((x, y) => y[0] * y[0], (x, y, r) => r[0] = 0, (x, y, r) => r[0] = y[0] > 1 ? 0 : 2 * y[0]));
        DenseVector<double> x = Vectors.Of(0), y = Vectors.Of(0.5), z = Vectors.Of(2), r = Vectors.Of(0);
        new PreparedRequest<DenseVector<double>>(wrong, [[x, y]], [new(1, 0, r)]).Evaluate();
        Assert.Throws<GradientMismatchException>(() => new PreparedRequest<DenseVector<double>>(wrong, [[x, y], [x, z]], [new(1, Output.Combined, r)], [1, -1]).Evaluate());
    }

    [Fact]
    public void A_fused_answer_that_differs_from_its_parts_is_found()
    {
        var e = Assert.Throws<GradientMismatchException>(() =>
        {
            DenseVector<double> x = Vectors.Of(1), y = Vectors.Of(2), z = Vectors.Of(3), r = Vectors.Of(0);
            new PreparedRequest<DenseVector<double>>(new CheckedObjective<DenseVector<double>>(new ForgetsWeights()), [[x, y], [x, z]], [new(1, Output.Combined, r)], [1, -1]).Evaluate();
        });
        Assert.StartsWith("The combined gradient in block 1 differs from the weighted sum of the gradients at its points", e.Message, StringComparison.Ordinal);
    }

    // f = y^2 / 2, whose combined answer forgets the weights.
    private sealed class ForgetsWeights : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            for (int p = 0; p < request.Values.Length; p++) request.Values[p] = Math.Pow(request.Point(p)[1][0], 2) / 2;
            foreach (var output in request.Gradients)
            {
                double sum = 0;
                for (int p = 0; p < request.PointCount; p++) sum += output.Point == p || output.Point == Output.Combined ? request.Point(p)[1][0] : 0;
                output.Result[0] = output.Block == BilevelProblem.Y ? sum : 0;
            }
        }
    }

    private sealed class Spoiled<T>(IObjective<DenseVector<T>> inner, int block, Action<DenseVector<T>> spoil) : IObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public void Evaluate(in Request<DenseVector<T>> request)
        {
            inner.Evaluate(request);
            foreach (var output in request.Gradients)
            {
                if (output.Block == block) spoil(output.Result);
            }
        }
    }
}
