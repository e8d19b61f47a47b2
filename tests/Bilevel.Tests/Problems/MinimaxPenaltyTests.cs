using System.Numerics;
using CsCheck;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>The penalty function of random smooth convex-concave problems: its six rows, its symmetries, its samples.</summary>
public sealed class MinimaxPenaltyTests
{
    private const int Samples = 60;

    private static readonly Gen<RandomSaddleLevels> Problems = Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3]), Gen.Bool, Gen.Bool, Gen.Bool)
        .Select(t => new RandomSaddleLevels(t.Item1, t.Item2, t.Item3, t.Item4.Item1, t.Item4.Item2, t.Item5, t.Item6, t.Item7));

    private static double[][] Rows<T>(BilevelMinimaxProblem<DenseVector<T>> problem, DenseVector<T>[] point, double rho, Sample sample = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var penalty = new MinimaxPenalty<DenseVector<T>>(problem, point);
        penalty.Evaluate(rho, sample);
        return [.. penalty.Rows.Select(r => r.ToDoubles())];
    }

    private static double Value<T>(BilevelMinimaxProblem<DenseVector<T>> problem, DenseVector<T>[] point, double rho, Sample sample = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var penalty = new MinimaxPenalty<DenseVector<T>>(problem, point, values: true);
        penalty.Evaluate(rho, sample);
        return penalty.Value(rho);
    }

    private static void AssertNear(double[][] expected, double[][] actual, double relative)
    {
        double size = 1 + expected.SelectMany(r => r).Select(Math.Abs).DefaultIfEmpty().Max();
        for (int b = 0; b < expected.Length; b++)
        {
            Assert.Equal(expected[b].Length, actual[b].Length);
            for (int i = 0; i < expected[b].Length; i++) Assert.Equal(expected[b][i], actual[b][i], relative * size);
        }
    }

    [Fact]
    public void The_six_rows_match_central_differences() => Problems.Each(Samples, p => AssertRows<double>(p, 1e-8));

    [Fact]
    public void The_six_rows_match_central_differences_in_single_precision() => Problems.Each(Samples / 2, p => AssertRows<float>(p, 2e-6));

    private static void AssertRows<T>(RandomSaddleLevels levels, double relative)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const double Step = 1.0 / 256;
        double rho = Math.Pow(10, levels.Seed % 3);
        var sample = levels.Seed % 2 == 0 ? Sample.All : new Sample((ulong)levels.Seed, 5);
        var (problem, point) = (levels.Problem<T>(), levels.Point<T>());
        double[][] rows = Rows(problem, point, rho, sample), measured = [.. rows.Select(r => new double[r.Length])];
        for (int b = 0; b < BlockCount; b++)
        {
            for (int i = 0; i < point[b].Length; i++)
            {
                T at = point[b][i];
                double Slope(double h)
                {
                    point[b][i] = at + T.CreateChecked(h);
                    double ahead = Value(problem, point, rho, sample);
                    point[b][i] = at - T.CreateChecked(h);
                    double behind = Value(problem, point, rho, sample);
                    point[b][i] = at;
                    return (ahead - behind) / (2 * h);
                }

                // Free of error up to the sixth power of the step.
                double one = Slope(Step), two = Slope(2 * Step), four = Slope(4 * Step);
                double best = ((64 * one) - (20 * two) + four) / 45;
                measured[b][i] = b is X1 or Y1 or Y2 ? best : -best;
            }
        }

        AssertNear(measured, rows, relative);
    }

    [Fact]
    public void The_rows_are_affine_in_rho() => Problems.Each(Samples, p =>
    {
        var (problem, point) = (p.Problem<double>(), p.Point<double>());
        double[][] zero = Rows(problem, point, 0), one = Rows(problem, point, 1), many = Rows(problem, point, 1234.5);
        AssertNear([.. zero.Select((r, b) => r.Select((v, i) => v + (1234.5 * (one[b][i] - v))).ToArray())], many, 1e-11);

        // At rho = 0 only f is left, and z has no row.
        Assert.All(zero[Z1].Concat(zero[Z2]), v => Assert.Equal(0, v));
    });

    [Fact]
    public void Proximal_terms_are_no_part_of_the_rows() => Problems.Each(Samples, p =>
    {
        var point = p.Point<double>();
        Assert.Equal(Rows((p with { Terms = false }).Problem<double>(), point, 7), Rows((p with { Terms = true }).Problem<double>(), point, 7));
    });

    [Fact]
    public void Where_copies_equal_their_blocks_the_penalty_vanishes() => Problems.Each(Samples, p =>
    {
        var (problem, point) = (p.Problem<double>(), p.Point<double>());
        (point[Z1], point[Z2]) = (point[Y1].Copy(), point[Y2].Copy());
        var penalty = new MinimaxPenalty<DenseVector<double>>(problem, point, values: true);
        penalty.Evaluate(1e9);
        Assert.Equal(0, penalty.Difference);
        Assert.Equal(Value(problem, point, 0), penalty.Value(1e9));

        // Not a rounding error of x1's row is left, whatever rho, and y and z are pushed by the same force.
        Assert.Equal(Rows(problem, point, 0)[X1], penalty.Rows[X1].ToDoubles());
        double[][] at = Rows(problem, point, 1), without = Rows(problem, point, 0);
        for (int i = 0; i < at[Y1].Length; i++) Assert.Equal(at[Y1][i] - without[Y1][i], at[Z1][i], 1e-12 * (1 + Math.Abs(at[Y1][i])));
    });

    [Fact]
    public void Exchanging_blocks_and_copies_changes_the_sign_of_the_penalty() => Problems.Each(Samples, p =>
    {
        var problem = p.Problem<double>() with { Upper = new Nothing() };
        var point = p.Point<double>();
        DenseVector<double>[] exchanged = [point[X1], point[X2], point[Z1], point[Z2], point[Y1], point[Y2]];
        double[][] rows = Rows(problem, point, 3), other = Rows(problem, exchanged, 3);
        Assert.Equal(Value(problem, point, 3), -Value(problem, exchanged, 3));
        Assert.Equal([.. rows[X1].Select(v => -v)], other[X1]);
        Assert.Equal(rows[Y1], other[Z1]);
        Assert.Equal(rows[Y2], other[Z2]);
        Assert.Equal(rows[Z1], other[Y1]);
        Assert.Equal(rows[Z2], other[Y2]);
    });

    [Fact]
    public void A_level_that_maximises_is_its_negative_that_minimises() => Problems.Each(Samples, p =>
    {
        var (problem, point) = (p.Problem<double>(), p.Point<double>());
        static Sense Other(Sense sense) => sense == Sense.Minimise ? Sense.Maximise : Sense.Minimise;
        var upper = problem with { Upper = new Negative(problem.Upper), UpperSense = Other(problem.UpperSense) };
        var lower = problem with { Lower = new Negative(problem.Lower), LowerSense = Other(problem.LowerSense) };
        foreach (var same in new[] { upper, lower, upper with { Lower = lower.Lower, LowerSense = lower.LowerSense } })
        {
            Assert.Equal(Rows(problem, point, 5), Rows(same, point, 5));
            Assert.Equal(Value(problem, point, 5), Value(same, point, 5));
        }
    });

    [Fact]
    public void The_players_of_the_lower_level_may_change_their_names() => Problems.Each(Samples, p =>
    {
        // g'(x, a, b) = g(x, b, a) with the other sense, and f' the same of y1 and y2.
        var (problem, point) = (p.Problem<double>(), p.Point<double>());
        var renamed = problem with
        {
            Upper = new SelectedBlocks<DenseVector<double>>(problem.Upper, X1, X2, Y2, Y1),
            Lower = new SelectedBlocks<DenseVector<double>>(problem.Lower, Lower.X1, Lower.Z2, Lower.Z1),
            LowerSense = problem.LowerSense == Sense.Minimise ? Sense.Maximise : Sense.Minimise,
        };
        DenseVector<double>[] same = [point[X1], point[X2], point[Y2], point[Y1], point[Z2], point[Z1]];
        double[][] rows = Rows(problem, point, 5), other = Rows(renamed, same, 5);
        Assert.Equal(Value(problem, point, 5), Value(renamed, same, 5), 1e-12 * (1 + Math.Abs(Value(problem, point, 5))));
        AssertNear([rows[X1], rows[X2], rows[Y2], rows[Y1], rows[Z2], rows[Z1]], other, 1e-14);
    });

    [Fact]
    public void The_penalty_is_concave_in_what_maximises() => Problems.Each(Samples, p =>
    {
        var problem = p.Problem<double>();
        DenseVector<double>[] one = p.Point<double>(), two = p.Point<double>(salt: 1), middle = p.Point<double>();
        foreach (int b in new[] { X1, Y1, Y2 }) two[b] = one[b];
        foreach (int b in new[] { X2, Z1, Z2 })
        {
            middle[b].Scale(0.5);
            middle[b].AddScaled(0.5, two[b]);
        }

        double average = (Value(problem, one, 10) + Value(problem, two, 10)) / 2;
        Assert.True(Value(problem, middle, 10) >= average - (1e-10 * (1 + Math.Abs(average))));
    });

    [Fact]
    public void A_lifted_bilevel_problem_has_the_gradient_of_the_bilevel_penalty() => Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[1, 4], Gen.Int[1, 4]).Each(Samples, t =>
    {
        var random = new Random(t.Item1);
        int[] lengths = [t.Item2, t.Item3];
        var problem = new BilevelProblem<DenseVector<double>>(new RandomLevel<double>(random, lengths, [0.5]), new RandomLevel<double>(random, lengths, [1]));
        DenseVector<double> x = new(Dense.Normal(random, t.Item2)), y = new(Dense.Normal(random, t.Item3)), z = new(Dense.Normal(random, t.Item3));
        const double Lambda = 17;
        DenseVector<double> fx = x.ZerosLike(), fy = y.ZerosLike(), dx = x.ZerosLike(), gy = y.ZerosLike(), gz = z.ZerosLike();
        var upper = new PreparedRequest<DenseVector<double>>(problem.Upper, [[x, y]], [new(0, 0, fx), new(1, 0, fy)], values: true);
        var lower = new PreparedRequest<DenseVector<double>>(problem.Lower, [[x, y], [x, z]], [new(0, Output.Combined, dx), new(1, 0, gy), new(1, 1, gz)], [1, -1], values: true);
        upper.Evaluate();
        lower.Evaluate();
        fx.AddScaled(Lambda, dx);
        fy.AddScaled(Lambda, gy);
        gz.Scale(Lambda);
        var lifted = Lift.Bilevel(problem);
        DenseVector<double>[] point = [x, new(0), y, new(0), z, new(0)];
        AssertNear([fx.ToDoubles(), [], fy.ToDoubles(), [], gz.ToDoubles(), []], Rows(lifted, point, Lambda), 1e-14);
        double value = upper.Values[0] + (Lambda * (lower.Values[0] - lower.Values[1]));
        Assert.Equal(value, Value(lifted, point, Lambda), 1e-12 * (1 + Math.Abs(value)));
    });

    [Fact]
    public void One_sample_serves_both_points_and_both_levels() => Problems.Each(Samples / 2, p =>
    {
        var problem = p.Problem<double>();
        var seen = new List<(Sample Sample, int Points, bool Upper)>();
        var watched = problem with { Upper = new Watched(problem.Upper, r => seen.Add((r.Sample, r.Points, true))), Lower = new Watched(problem.Lower, r => seen.Add((r.Sample, r.Points, false))) };
        var sample = new Sample((ulong)p.Seed + 3, 4);
        Rows(watched, p.Point<double>(), 2, sample);

        // One request to each level; that of the lower level has both points.
        Assert.Equal([(sample, 1, true), (sample, 2, false)], seen);
    });

    [Fact]
    public void Common_noise_leaves_the_row_of_x1_alone_where_copies_equal_their_blocks() => Problems.Each(Samples / 2, p =>
    {
        // Section 9.4: with the same sample in both terms the noise of x1's row is O(|y - z|), not O(rho).
        var problem = p.Problem<double>();
        problem = problem with { Lower = new GaussianNoise<double>(problem.Lower, 1) };
        var point = p.Point<double>();
        (point[Z1], point[Z2]) = (point[Y1].Copy(), point[Y2].Copy());
        var sample = new Sample((ulong)p.Seed, 1);
        Assert.Equal(Rows(problem, point, 0, sample)[X1], Rows(problem, point, 1e6, sample)[X1]);
    });

    [Fact]
    public void Points_are_counted_under_fused_and_combined_requests() => Problems.Each(Samples, p =>
    {
        var counted = p.Problem<double>();
        OracleCounts upper = new(UpperCount), lower = new(LowerCount);
        counted = counted with { Upper = new CountingObjective<DenseVector<double>>(counted.Upper, upper), Lower = new CountingObjective<DenseVector<double>>(counted.Lower, lower) };
        var penalty = new MinimaxPenalty<DenseVector<double>>(counted, p.Point<double>(), values: true);
        for (int k = 1; k <= 3; k++)
        {
            penalty.Evaluate(2);
            long Asked(int length, int times) => length > 0 ? times * k : 0;
            Assert.Equal([Asked(p.X1, 1), Asked(p.X2, 1), Asked(p.Y1, 1), Asked(p.Y2, 1)], upper.Gradients.ToArray());
            Assert.Equal([Asked(p.X1, 2), Asked(p.Y1, 2), Asked(p.Y2, 2)], lower.Gradients.ToArray());

            // A block without components is not asked; where none has any, no point counts.
            Assert.Equal(p.X1 + p.X2 + p.Y1 + p.Y2 > 0 ? k : 0, upper.Points);
            Assert.Equal(p.X1 + p.Y1 + p.Y2 > 0 ? 2 * k : 0, lower.Points);
            Assert.Equal((k, 2L * k), (upper.Values, lower.Values));
        }
    });

    [Fact]
    public void Points_are_counted_once_however_they_are_asked_for()
    {
        var lower = new RandomLevel<double>(new Random(1), [1, 2, 1], [1, -1]);
        DenseVector<double>[] At(double v) => [Vectors.Of(v), Vectors.Of(v, v), Vectors.Of(v)];
        DenseVector<double> a = Vectors.Of(0), b = Vectors.Of(0), c = Vectors.Of(0, 0);
        foreach (var (outputs, points, gradients) in new (Output<DenseVector<double>>[], int, int)[]
        {
            ([], 0, 0),
            ([new(0, 1, a)], 1, 1),
            ([new(0, 1, a), new(1, 1, c)], 1, 2),
            ([new(0, 0, a), new(2, 2, b)], 2, 2),
            ([new(0, Output.Combined, a)], 3, 3),
            ([new(0, Output.Combined, a), new(2, 1, b)], 3, 4),
            ([new(0, 0, a), new(0, 1, b), new(1, Output.Combined, c)], 3, 5),
        })
        {
            var counts = new OracleCounts(LowerCount);
            new PreparedRequest<DenseVector<double>>(new CountingObjective<DenseVector<double>>(lower, counts), [At(1), At(2), At(3)], outputs, [1, 0, -1], values: true).Evaluate();
            Assert.Equal((points, gradients, 3), (counts.Points, counts.Total, counts.Values));
        }
    }

    private sealed class Nothing : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(0);
            request.Values.Clear();
        }
    }

    private sealed class Negative(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(-1);
            foreach (ref double value in request.Values) value = -value;
        }
    }

    private sealed class Watched(IObjective<DenseVector<double>> inner, Action<(Sample Sample, int Points)> see) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            see((request.Sample, request.PointCount));
            inner.Evaluate(request);
        }
    }
}
