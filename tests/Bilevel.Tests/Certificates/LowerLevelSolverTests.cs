using CsCheck;

namespace Bilevel.Tests;

public sealed class LowerLevelSolverTests
{
    private static readonly WholeSpace<DenseVector<double>> Everywhere = new();

    [Fact]
    public void Ill_conditioned_quadratics_from_any_start()
    {
        Gen.Select(Gen.Int[0, 1 << 30], Gen.Int[0, 8], Gen.Int[-8, 8], Gen.Int[-3, 8]).Each(
            200,
            sample =>
            {
                var (seed, decades, scale, distance) = sample;
                var q = QuadraticBilevel.Random(seed, Math.Pow(10, decades), scaleG: Math.Pow(10, scale));
                double[] x = Dense.Normal(new Random(seed), q.SizeX), truth = q.Follower(x);
                var start = Vectors.Of([.. Dense.Normal(new Random(seed), q.SizeY).Select(t => t * Math.Pow(10, distance))]);
                var solution = LowerLevelSolver.Solve(q.Problem().Lower, Vectors.Of(x), start, Everywhere, 1e-9 * q.Mu);
                double rounding = 1e-14 * q.Largest * (1 + Dense.Norm(truth));
                Assert.True(solution.Steps < 2000 && solution.GradientNorm <= (1e-9 * q.Mu) + rounding, $"{solution.Steps} steps to {solution.GradientNorm}");
                return Dense.Norm(Dense.Sum(solution.Y.ToDoubles(), -1, truth)) <= 1e-8 + (rounding / q.Mu);
            });
    }

    [Fact]
    public void Stops_when_rounding_ends_progress()
    {
        foreach (int decades in new[] { 0, 4, 8 })
        {
            foreach (double offset in new[] { 0, 1e6, 1e12 })
            {
                var q = QuadraticBilevel.Random(decades, Math.Pow(10, decades), sizeX: 3, sizeY: 6) with { ValueOffset = offset };
                var counts = new OracleCounts(2);
                var counted = new CountingObjective<DenseVector<double>>(q.Problem().Lower, counts);
                var solution = LowerLevelSolver.Solve(counted, Vectors.Of(1, 2, 3), Vectors.Zeros(6), Everywhere, 0);
                Assert.True(solution.GradientNorm <= 1e-13 * q.Largest * (1 + solution.Y.Norm()), $"kappa 1e{decades}, offset {offset}: {solution.GradientNorm}");
                Assert.True(counts.Total < 8000, $"kappa 1e{decades}, offset {offset}: {counts.Total} gradients");
            }
        }
    }

    [Fact]
    public void A_lower_level_that_is_not_quadratic()
    {
        Gen.Select(Gen.Int[0, 1 << 30], Gen.Int[-4, 1], Gen.Int[0, 4]).Each(
            100,
            sample =>
            {
                var (seed, decades, distance) = sample;
                var problem = LogCoshBilevel.Random(seed, Math.Pow(10, decades));
                double[] x = Dense.Normal(new Random(seed), problem.SizeX);
                var start = Vectors.Of([.. Dense.Normal(new Random(seed), problem.SizeY).Select(t => t * Math.Pow(10, distance))]);
                var solution = LowerLevelSolver.Solve(problem.Problem().Lower, Vectors.Of(x), start, Everywhere, 1e-9 * problem.Mu);
                return Dense.Norm(problem.LowerGradient(x, solution.Y.ToDoubles())) <= (1e-9 * problem.Mu) + 1e-13;
            });
    }

    [Theory]
    [InlineData(1e-8)]
    [InlineData(1)]
    [InlineData(1e8)]
    public void Projections_where_the_lower_level_is_a_distance(double scale)
    {
        // The minimiser of scale |y - c|^2/2 over a set is the projection of c.
        foreach (IFeasibleSet<DenseVector<double>> set in new IFeasibleSet<DenseVector<double>>[] { new Box<double>(-0.5, 0.5), new Simplex<double>(1), new Ball<double>(1) })
        {
            for (int seed = 0; seed < 20; seed++)
            {
                double[] center = Dense.Normal(new Random(seed), 5);
                var objective = new FunctionObjective<DenseVector<double>>(
                    (_, y) => scale / 2 * Math.Pow(Dense.Norm(Dense.Sum(y.ToDoubles(), -1, center)), 2),
                    (_, _, r) => r.Scale(0),
                    (_, y, r) => Dense.Sum(y.ToDoubles(), -1, center).Select(t => scale * t).ToArray().CopyTo(r.Span));
                var expected = Vectors.Of(center);
                set.Project(expected);
                var solution = LowerLevelSolver.Solve(objective, Vectors.Of(0), Vectors.Of(3, -4, 0, 0, 100), set, 1e-10 * scale);
                Assert.True(Dense.Norm(Dense.Sum(solution.Y.ToDoubles(), -1, expected.ToDoubles())) <= 1e-9, $"{set}, seed {seed}: {solution}");
                Assert.True(solution.GradientNorm <= 1e-9 * scale, $"{set}, seed {seed}: {solution}");
            }
        }
    }

    [Fact]
    public void Constrained_quadratics_satisfy_the_optimality_conditions()
    {
        Gen.Select(Gen.Int[0, 1 << 30], Gen.Int[0, 4], Gen.Bool, Gen.Int[-8, 8]).Each(
            100,
            sample =>
            {
                var (seed, decades, simplex, scale) = sample;
                var q = QuadraticBilevel.Random(seed, Math.Pow(10, decades), scaleG: Math.Pow(10, scale)) with { ValueOffset = 1e6 * Math.Pow(10, scale) };
                double[] x = Dense.Normal(new Random(seed), q.SizeX);
                IFeasibleSet<DenseVector<double>> set = simplex ? new Simplex<double>(1) : new Box<double>(-0.3, 0.3);
                var solution = LowerLevelSolver.Solve(q.Problem().Lower, Vectors.Of(x), Vectors.Zeros(q.SizeY), set, 1e-9 * q.Mu);

                // y = Proj(y - g_y / Lg1), with the gradient formed here.
                double[] y = solution.Y.ToDoubles(), gradient = Dense.Sum(Dense.Times(q.H, y), -1, Dense.Times(q.P, x));
                var moved = Vectors.Of(Dense.Sum(y, -1 / q.Largest, gradient));
                set.Project(moved);
                double residual = q.Largest * Dense.Norm(Dense.Sum(moved.ToDoubles(), -1, y));
                Assert.True(residual <= (1e-8 * q.Mu) + (1e-12 * q.Largest), $"{residual / q.Mu} mu after {solution.Steps}, claimed {solution.GradientNorm / q.Mu} mu");
            });
    }

    [Fact]
    public void A_function_without_finite_values_ends_the_search()
    {
        var nan = new FunctionObjective<DenseVector<double>>((_, _) => double.NaN, (_, _, r) => r[0] = double.NaN, (_, _, r) => r[0] = double.NaN);
        Assert.False(double.IsFinite(LowerLevelSolver.Solve(nan, Vectors.Of(0), Vectors.Of(1), Everywhere, 1e-9).GradientNorm));
        Assert.False(double.IsFinite(LowerLevelSolver.Solve(nan, Vectors.Of(0), Vectors.Of(1), new Box<double>(-1, 1), 1e-9).GradientNorm));

        // Unbounded below: ends at the limit, with a gradient that says so.
        var linear = new FunctionObjective<DenseVector<double>>((_, y) => y[0], (_, _, r) => r[0] = 0, (_, _, r) => r[0] = 1);
        Assert.Equal(1, LowerLevelSolver.Solve(linear, Vectors.Of(0), Vectors.Of(1), Everywhere, 1e-9).GradientNorm);
        Assert.Equal(-1, LowerLevelSolver.Solve(linear, Vectors.Of(0), Vectors.Of(1), new Box<double>(-1, 1), 1e-9).Y[0]);
    }
}
