using CsCheck;

namespace Bilevel.Tests;

/// <summary>Constraints as objectives: multipliers' c, linear in the multipliers.</summary>
public sealed class ConstraintTests
{
    [Fact]
    public void Linear_constraints_by_hand()
    {
        // c = (x - z_0 - 1, 2x + 3 z_1 - 2)
        var c = new LinearConstraints<double>([1, 2], [-1, 0, 0, 3], [1, 2]);
        DenseVector<double> x = Vectors.Of(5), z = Vectors.Of(2, -1), m = Vectors.Of(10, 100);
        DenseVector<double> gx = Vectors.Of(double.NaN), gz = Vectors.Of(double.NaN, 0), gm = Vectors.Of(double.NaN, 0);
        var request = new PreparedRequest<DenseVector<double>>(c, [[x, z, m]], [new(0, 0, gx), new(1, 0, gz), new(2, 0, gm)], values: true);
        request.Evaluate();
        Assert.Equal([2.0, 5], gm.ToDoubles());
        Assert.Equal([210.0], gx.ToDoubles());
        Assert.Equal([-10.0, 300], gz.ToDoubles());
        Assert.Equal(520, request.Values[0]);
        Assert.Equal(2, c.Count);
        Assert.Equal([2.0], c.RowA(1).ToArray());
        Assert.Equal([0.0, 3], c.RowB(1).ToArray());
    }

    [Fact]
    public void Fused_requests_agree_with_single_ones() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 4], Gen.Int[0, 12], Gen.Int[0, 1000], Gen.Bool).Sample(
            (rows, n, p, seed, shared) =>
            {
                var random = new Random(seed);
                var linear = new LinearConstraints<double>(Dense.Normal(random, rows * n), Dense.Normal(random, rows * p), Dense.Normal(random, rows));
                Fused(linear, random, n, p, shared);
                Fused(new ScaledConstraints<double>(linear, [.. Enumerable.Range(1, rows).Select(i => i / 2.0)]), random, n, p, shared);
            },
            iter: 200, seed: "0000000000000");

    [Fact]
    public void Curved_constraints_answer_fused_requests_too()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            Fused(new Ellipsoids(), new Random(seed), 2, 3, seed % 2 == 0);
            Fused(new ScaledConstraints<double>(new Ellipsoids(), [0.5, 3]), new Random(seed), 2, 3, seed % 2 == 0);
        }
    }

    [Fact]
    public void Gradients_match_differences()
    {
        var random = new Random(3);
        for (ulong key = 0; key < 20; key++)
        {
            DenseVector<double> x = new(Dense.Normal(random, 2)), z = new(Dense.Normal(random, 3)), m = new(Dense.Normal(random, 2));
            IObjective<DenseVector<double>> linear = new LinearConstraints<double>(Dense.Normal(random, 4), Dense.Normal(random, 6), Dense.Normal(random, 2)), curved = new Ellipsoids();
            foreach (var objective in new[] { linear, curved, new ScaledConstraints<double>((IConstraints<DenseVector<double>>)curved, [2, 5]) })
                Assert.All(GradientCheck.Compare(objective, [x, z, m], key), c => Assert.True(c.Agrees(1e-6), c.ToString()));
        }
    }

    [Fact]
    public void Floats_are_answered_with_small_errors()
    {
        var random = new Random(4);
        double[] a = Dense.Normal(random, 6), b = Dense.Normal(random, 60), right = Dense.Normal(random, 3);
        float[] Single(double[] v) => Array.ConvertAll(v, t => (float)t);
        DenseVector<double>[] point = [new(Dense.Normal(random, 2)), new(Dense.Normal(random, 20)), new(Dense.Normal(random, 3))];
        DenseVector<float>[] single = [.. point.Select(v => new DenseVector<float>(Single(v.ToDoubles())))];
        for (int block = 0; block < 3; block++)
        {
            DenseVector<double> wide = point[block].ZerosLike();
            DenseVector<float> narrow = single[block].ZerosLike();
            new PreparedRequest<DenseVector<double>>(new LinearConstraints<double>(a, b, right), [point], [new(block, 0, wide)]).Evaluate();
            new PreparedRequest<DenseVector<float>>(new LinearConstraints<float>(Single(a), Single(b), Single(right)), [single], [new(block, 0, narrow)]).Evaluate();
            for (int i = 0; i < wide.Length; i++) Assert.Equal(wide[i], narrow[i], 1e-5);
        }
    }

    [Fact]
    public void Requests_allocate_nothing_in_the_steady_state()
    {
        var random = new Random(5);
        var linear = new LinearConstraints<double>(Dense.Normal(random, 40), Dense.Normal(random, 80), Dense.Normal(random, 4));
        DenseVector<double>[] point = [new(10), new(20), new(4), new(20), new(4)];
        foreach (IObjective<DenseVector<double>> objective in new IObjective<DenseVector<double>>[]
        {
            linear,
            new ScaledConstraints<double>(linear, [1, 2, 3, 4]),
            new ComposedObjective<double>(new ObjectiveTerm<double>(2, linear, 0, 1, 2), new ObjectiveTerm<double>(-1, new LinearConstraints<double>([1, 2], [1, 2, 3, 4], [1, 2]), new BlockSlice(0, 3, 1), new BlockSlice(1, 5, 2), new BlockSlice(2, 1, 2))),
        })
        {
            // Requests of different shapes take turns.
            PreparedRequest<DenseVector<double>>[] requests =
            [
                new(objective, [[point[0], point[1], point[4]], [point[0], point[3], point[2]]], [new(0, Output.Combined, new(10)), new(1, 0, new(20)), new(2, 0, new(4)), new(1, 1, new(20)), new(2, 1, new(4))], [1, -1], values: true),
                new(objective, [[point[0], point[1], point[2]]], [new(2, 0, new(4)), new(0, 0, new(10))]),
            ];
            void All()
            {
                foreach (var request in requests) request.Evaluate();
            }

            for (int i = 0; i < 50; i++) All();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++) All();
            Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        }
    }

    [Fact]
    public void The_Lipschitz_constant_is_a_tight_upper_bound()
    {
        var random = new Random(6);
        for (int trial = 0; trial < 60; trial++)
        {
            int rows = random.Next(1, 9), n = random.Next(0, 6), p = random.Next(1, 6);
            double scale = Math.Pow(10, random.Next(-160, 160));
            double[] a = [.. Dense.Normal(random, rows * n).Select(v => v * scale)], b = [.. Dense.Normal(random, rows * p).Select(v => v * scale)];
            var constraints = new LinearConstraints<double>(a, b, new double[rows]);
            var matrix = Dense.Matrix(rows, n + p, (i, j) => (j < n ? a[(i * n) + j] : b[(i * p) + j - n]) / scale);
            double exact = Dense.SpectralNorm(matrix), bound = constraints.Lipschitz!.Value / scale;
            Assert.InRange(bound, exact / 1.0011, exact * (1 + 1e-5));

            // No vector is stretched by more, least of all those of a power iteration.
            double[] v = Dense.Normal(random, n + p);
            for (int k = 0; k < 1000; k++)
            {
                v = [.. v.Select(t => t / Dense.Norm(v))];
                double[] image = Dense.Times(matrix, v);
                Assert.True(Dense.Norm(image) <= bound * (1 + 1e-14));
                v = Dense.TransposedTimes(matrix, image);
            }
        }

        Assert.Equal(Math.Sqrt(3), ConstrainedQp.Budget.Lipschitz!.Value, 1e-11);
        Assert.Equal(0, new LinearConstraints<double>([0], [0, 0], [1]).Lipschitz);
        Assert.Equal(0, ConstrainedQp.Budget.GradientLipschitz);

        // A matrix with equal singular values is the slowest case.
        double[] identity = new double[200 * 200];
        for (int i = 0; i < 200; i++) identity[i * 201] = 3;
        Assert.InRange(new LinearConstraints<double>([], identity, new double[200]).Lipschitz!.Value, 3, 3 * (1 + 2e-6));
    }

    [Fact]
    public void A_large_matrix_gets_a_coarser_bound_that_holds()
    {
        var random = new Random(7);
        double[] b = Dense.Normal(random, 300 * 280), v = Dense.Normal(random, 280);
        double bound = new LinearConstraints<double>([], b, new double[300]).Lipschitz!.Value;
        for (int k = 0; k < 30; k++)
        {
            double[] image = [.. Enumerable.Range(0, 300).Select(i => Enumerable.Range(0, 280).Sum(j => b[(i * 280) + j] * v[j]))];
            Assert.True(Dense.Norm(image) <= bound * Dense.Norm(v));
            v = [.. Enumerable.Range(0, 280).Select(j => Enumerable.Range(0, 300).Sum(i => b[(i * 280) + j] * image[i]))];
        }
    }

    [Fact]
    public void Scaled_rows_have_the_constraints_values_times_the_factors()
    {
        var random = new Random(8);
        var constraints = new LinearConstraints<double>(Dense.Normal(random, 6), Dense.Normal(random, 9), Dense.Normal(random, 3));
        double[] factors = constraints.UnitRowFactors();
        var unit = constraints.Scaled(factors);
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(1, Dense.Norm([.. unit.RowA(i), .. unit.RowB(i)]), 1e-14));
        Assert.All(unit.UnitRowFactors(), f => Assert.Equal(1, f, 1e-14));

        DenseVector<double> x = new(Dense.Normal(random, 2)), z = new(Dense.Normal(random, 3)), m = new(Dense.Normal(random, 3));
        foreach (int block in new[] { 0, 1, 2 })
        {
            var (first, second) = (new DenseVector<double>(block == 0 ? 2 : 3), new DenseVector<double>(block == 0 ? 2 : 3));
            new PreparedRequest<DenseVector<double>>(unit, [[x, z, m]], [new(block, 0, first)]).Evaluate();
            new PreparedRequest<DenseVector<double>>(new ScaledConstraints<double>(constraints, factors), [[x, z, m]], [new(block, 0, second)]).Evaluate();
            Assert.All(Enumerable.Range(0, first.Length), i => Assert.Equal(first[i], second[i], 1e-13));
        }

        Assert.True(unit.Lipschitz <= Math.Sqrt(3) + 1e-9);
        Assert.Equal(factors.Max() * constraints.Lipschitz!.Value, new ScaledConstraints<double>(constraints, factors).Lipschitz!.Value, 1e-12);
        Assert.Equal([1.0, 0.5], new LinearConstraints<double>([0, 2], [0, 0], [5, 5]).UnitRowFactors());
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_words()
    {
        var constraints = ConstrainedQp.Budget;
        DenseVector<double> one = Vectors.Of(1), two = Vectors.Of(1, 2);
        void Ask(IObjective<DenseVector<double>> c, params DenseVector<double>[] point) => new PreparedRequest<DenseVector<double>>(c, [point], [new(2, 0, point[2].ZerosLike())]).Evaluate();
        Assert.Equal("There are 1 constraints and 2 multipliers; there must be one multiplier per constraint.", Assert.Throws<ArgumentException>(() => Ask(constraints, one, two, two)).Message);
        Assert.Equal("There are 2 constraints and 1 multipliers; there must be one multiplier per constraint.", Assert.Throws<ArgumentException>(() => Ask(new Ellipsoids(), two, two, one)).Message);
        Assert.Equal("The constraints A x + B z <= b are for x of length 1 and z of length 2; they were given 1 and 1.", Assert.Throws<ArgumentException>(() => Ask(constraints, one, one, one)).Message);
        Assert.Throws<ArgumentException>(() => new LinearConstraints<double>([], [], []));
        Assert.StartsWith("A matrix of 3 numbers cannot have 2 rows", Assert.Throws<ArgumentException>(() => new LinearConstraints<double>([1, 2, 3], [], [1, 2])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new LinearConstraints<double>([double.NaN], [1], [1]));
        Assert.Throws<ArgumentException>(() => new LinearConstraints<double>([1], [1], [double.PositiveInfinity]));
        Assert.StartsWith("A factor of a constraint is -1", Assert.Throws<ArgumentException>(() => constraints.Scaled([-1])).Message, StringComparison.Ordinal);
        Assert.StartsWith("There are 1 constraints and 2 factors", Assert.Throws<ArgumentException>(() => new ScaledConstraints<double>(constraints, [1, 2])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_that_is_not_used_has_gradient_zero_whatever_the_result_held()
    {
        var f = new SelectedBlocks<DenseVector<double>>(new ConstrainedQp.Phi(), 0, 1);
        DenseVector<double> result = Vectors.Of(double.NaN, double.PositiveInfinity);
        new PreparedRequest<DenseVector<double>>(f, [[Vectors.Of(1), Vectors.Of(1, 2), Vectors.Of(3, 4)]], [new(2, 0, result)]).Evaluate();
        Assert.Equal([0.0, 0], result.ToDoubles());
    }

    [Fact]
    public void A_composed_objective_is_the_weighted_sum_over_slices()
    {
        // 2 c(u_1, v) + 3 c(u_2, v) with c = multiplier (z_0 + z_1 - x), the multiplier of both being m.
        var c = ConstrainedQp.Budget;
        var sum = new ComposedObjective<double>(
            new ObjectiveTerm<double>(2, c, new BlockSlice(0, 0, 1), 1, 2),
            new ObjectiveTerm<double>(3, c, new BlockSlice(0, 1, 1), 1, 2));
        DenseVector<double> u = Vectors.Of(1, 10), v = Vectors.Of(4, 5), m = Vectors.Of(7), other = Vectors.Of(0);
        DenseVector<double> gu = Vectors.Of(double.NaN, 0), gv = Vectors.Of(double.NaN, 0), gm = Vectors.Of(double.NaN), none = Vectors.Of(double.NaN);
        var request = new PreparedRequest<DenseVector<double>>(sum, [[u, v, m, other]], [new(0, 0, gu), new(1, 0, gv), new(2, 0, gm), new(3, 0, none)], values: true);
        request.Evaluate();
        Assert.Equal([-14.0, -21], gu.ToDoubles());
        Assert.Equal([35.0, 35], gv.ToDoubles());
        Assert.Equal([(2 * 8.0) - (3 * 1)], gm.ToDoubles());
        Assert.Equal([0.0], none.ToDoubles());
        Assert.Equal(7 * 13.0, request.Values[0]);
    }

    private static void Fused(IConstraints<DenseVector<double>> constraints, Random random, int n, int p, bool shared)
    {
        DenseVector<double> Draw(int length) => new(Dense.Normal(random, length));
        DenseVector<double> x = Draw(n), other = shared ? x : Draw(n);
        DenseVector<double>[][] points = [[x, Draw(p), Draw(constraints.Count)], [other, Draw(p), Draw(constraints.Count)]];
        double[] weights = [0.5, -2];
        for (int block = 0; block < 3; block++)
        {
            DenseVector<double> combined = points[0][block].ZerosLike(), first = combined.ZerosLike(), last = combined.ZerosLike(), alone = combined.ZerosLike();
            combined.Fill(_ => double.NaN);
            var fused = new PreparedRequest<DenseVector<double>>(constraints, points, [new(block, Output.Combined, combined), new(block, 0, first), new(block, 1, last)], weights, values: true);
            fused.Evaluate();
            var single = new PreparedRequest<DenseVector<double>>(constraints, [points[1]], [new(block, 0, alone)], values: true);
            single.Evaluate();
            Assert.Equal(single.Values[0], fused.Values[1], 1e-12);
            for (int i = 0; i < combined.Length; i++)
            {
                Assert.Equal(alone[i], last[i], 1e-12);
                Assert.Equal((0.5 * first[i]) - (2 * last[i]), combined[i], 1e-12);
            }
        }

        // multipliers' c at the value of c asked for.
        var c = points[0][2].ZerosLike();
        var values = new PreparedRequest<DenseVector<double>>(constraints, [points[0]], [new(2, 0, c)], values: true);
        values.Evaluate();
        Assert.Equal(points[0][2].Dot(c), values.Values[0], 1e-12);
    }
}
