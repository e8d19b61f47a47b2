namespace Bilevel.Tests;

/// <summary>The projection on the points of two sets that satisfy affine constraints, held to its optimality conditions.</summary>
public sealed class JointProjectionTests
{
    [Theory]
    [InlineData(MultiplierSet.Box, 0, 1)]
    [InlineData(MultiplierSet.Sum, 0, 1)]
    [InlineData(MultiplierSet.Sum, 2, 1)]
    [InlineData(MultiplierSet.Box, 5, 1)]
    [InlineData(MultiplierSet.Box, 2, 1e-6)]
    [InlineData(MultiplierSet.Box, 2, 1e6)]
    public void It_satisfies_the_conditions_that_make_it_the_nearest_point(MultiplierSet set, int equalities, double bound)
    {
        const int X = 6, Y = 8, Rows = 5;
        var random = new Random(equalities + (int)set);
        for (int trial = 0; trial < 20; trial++)
        {
            // Feasible: some point inside the boxes satisfies all rows.
            double[] a = Dense.Normal(random, Rows * X), b = Dense.Normal(random, Rows * Y), right = new double[Rows];
            double[] inside = [.. Enumerable.Range(0, X + Y).Select(_ => random.NextDouble() - 0.5)];
            for (int i = 0; i < Rows; i++)
            {
                for (int j = 0; j < X; j++) right[i] += a[(i * X) + j] * inside[j];
                for (int j = 0; j < Y; j++) right[i] += b[(i * Y) + j] * inside[X + j];
            }

            var constraints = new LinearConstraints<double>(a, b, right);
            var lower = new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), constraints) { Equalities = equalities, MultiplierSet = set, Bound = bound, EqualityBound = bound };
            var multipliers = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower).LowerMultipliers!;
            DenseVector<double> x = new(Dense.Normal(random, X)), y = new(Dense.Normal(random, Y));
            x.Scale(3);
            y.Scale(3);
            double[] from = [.. x.ToDoubles(), .. y.ToDoubles()];
            var projection = new JointProjection<DenseVector<double>>(multipliers, constraints.Lipschitz!.Value, new Box<double>(-1, 1, X), new Box<double>(-1, 1, Y), x, y, new DenseVector<double>(Rows));
            projection.Project();
            double[] point = [.. x.ToDoubles(), .. y.ToDoubles()], m = projection.Multipliers.ToDoubles();

            // c <= 0 or = 0, m >= 0, m'c = 0, and the point is the projection of from - [A B]'m on the boxes.
            for (int i = 0; i < Rows; i++)
            {
                double c = -right[i];
                for (int j = 0; j < X + Y; j++) c += Coefficient(i, j) * point[j];
                if (i < Rows - equalities) Assert.True(c <= 1e-7 && m[i] >= 0 && Math.Abs(m[i] * c) <= 1e-6);
                else Assert.Equal(0, c, 1e-7);
            }

            for (int j = 0; j < X + Y; j++)
            {
                double target = from[j];
                for (int i = 0; i < Rows; i++) target -= m[i] * Coefficient(i, j);
                Assert.Equal(Math.Clamp(target, -1, 1), point[j], 1e-12);
            }

            Assert.InRange(projection.Violation, 0, 1e-7);

            // A point of the set stays where it is.
            projection.Project();
            Assert.All(point.Zip([.. x.ToDoubles(), .. y.ToDoubles()]), p => Assert.Equal(p.First, p.Second, 1e-6));

            double Coefficient(int row, int column) => column < X ? a[(row * X) + column] : b[(row * Y) + column - X];
        }
    }
}
