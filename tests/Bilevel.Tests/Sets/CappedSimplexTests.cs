using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class CappedSimplexTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // The budget runs from the least to the most that the bounds allow, both included, and beyond for an inequality.
    protected override Gen<Instance> Instances => Gen.Select(
        Lengths, AnyOf(0.0, -1, 0.25), AnyOf(0.0, 0.5, 1, 3), Gen.OneOf(Gen.Double[0, 1], AnyOf(0.0, 0.5, 1, 1.5)), Gen.Bool, (n, lower, width, share, equal) =>
        {
            if (equal) share = Math.Min(share, 1);
            double upper = lower + width, budget = n * (lower + share * width);
            return Make(n, budget, lower, upper, equal);
        });

    protected override DenseSet<T> Long(int length) => new CappedSimplex<T>(length, length / 4.0);

    [Fact]
    public void Closed_form()
    {
        AssertProjects(new CappedSimplex<T>(3, 2), [0.5, 0.25, -1], [0.5, 0.25, 0], 0);
        AssertProjects(new CappedSimplex<T>(3, 2), [5, 4, 3], [1, 1, 0], 0);
        AssertProjects(new CappedSimplex<T>(3, 1.5), [5, 3, 3], [1, 0.25, 0.25], 0);
        AssertProjects(new CappedSimplex<T>(2, 1, constraint: SumConstraint.Equal), [0, 0], [0.5, 0.5], 0);
        AssertProjects(new CappedSimplex<T>(2, 1), [0, 0], [0, 0], 0);
        AssertProjects(new CappedSimplex<T>(3, 0), [5, 4, 3], [0, 0, 0], 0);
        AssertProjects(new CappedSimplex<T>(3, 3, constraint: SumConstraint.Equal), [-5, 4, 3], [1, 1, 1], 0);
        AssertProjects(new CappedSimplex<T>(2, 0, -1, 1, SumConstraint.Equal), [3, 2], [0.5, -0.5], 0);
        AssertProjects(new CappedSimplex<T>(1, 0.5), [7], [0.5], 0);
        AssertProjects(new CappedSimplex<T>(1, 0.5, constraint: SumConstraint.Equal), [-7], [0.5], 0);
        AssertProjects(new CappedSimplex<T>(2, 4, 0, double.PositiveInfinity), [5, 1], [4, 0], 0);
        AssertProjects(new CappedSimplex<T>(2, 4, 0, double.PositiveInfinity), [4, 2], [3, 1], 0);
    }

    [Fact]
    public void Large_components_keep_their_differences()
    {
        double big = typeof(T) == typeof(double) ? 1e16 : 1 << 24;
        AssertProjects(new CappedSimplex<T>(3, 4, 0, 3), [big + 2, big, 0], [3, 1, 0], 0);
        AssertProjects(new CappedSimplex<T>(4, 4, 0, 2), [4 * big, big, big, -big], [2, 1, 1, 0], 0);
        AssertProjects(new CappedSimplex<T>(4, 7, 0, 3, SumConstraint.Equal), [-big, -big - 2, -big - 4, -2 * big], [3, 3, 1, 0], 0);
        double largest = typeof(T) == typeof(double) ? double.MaxValue : float.MaxValue;
        AssertProjects(new CappedSimplex<T>(3, 1), [largest, -largest, largest], [0.5, 0, 0.5], 0);
        AssertProjects(new CappedSimplex<T>(3, 2.5, constraint: SumConstraint.Equal), [-largest, -largest, largest], [0.75, 0.75, 1], 0);
    }

    [Fact]
    public void Components_of_every_size_at_once()
    {
        double ratio = typeof(T) == typeof(double) ? 1e5 : 1e2;
        var random = new Random(11);
        for (int trial = 0; trial < 200; trial++)
        {
            // Decimals hold 28 digits, so that the sizes run from 1e-10 to 1e15 or less.
            var point = Enumerable.Range(0, 30).Select(_ => Rounded(Math.Pow(ratio, random.Next(-2, 4)) * (random.NextDouble() - 0.5))).ToArray();
            double budget = 0.25 + random.Next(29);
            AssertProjects(new CappedSimplex<T>(30, budget, constraint: SumConstraint.Equal), point, Bisect(point, 0, 1, budget), 500 * Epsilon);
        }
    }

    [Fact]
    public void A_point_with_gaps_wider_than_the_bounds_is_found_by_search()
    {
        // Between integers 10 apart the sum is flat, where a step of Newton's method has no slope to go by.
        var point = Enumerable.Range(0, 500).Select(i => 10.0 * (i * 7919 % 500)).ToArray();
        var expected = point.Select(v => v > 3750 ? 1 : v == 3750 ? 0.5 : 0).ToArray();
        AssertProjects(new CappedSimplex<T>(500, expected.Sum()), point, expected, 200 * Epsilon);
    }

    [Fact]
    public void It_agrees_with_alternating_projections()
    {
        Gen.Select(Gen.Double[-1, 2].Select(Rounded).Array[5], Gen.Double[0.1, 4.9], Gen.Bool).Sample(
            (p, budget, equal) =>
            {
                var set = new CappedSimplex<T>(5, budget, constraint: equal ? SumConstraint.Equal : SumConstraint.AtMost);
                AssertNear(Alternate(p, budget, equal), Project(set, p), 1e-9 + 32 * Epsilon);
            },
            seed: "0N0XIzNsQ0O2",
            iter: 100,
            threads: 1);
    }

    [Fact]
    public void With_a_slack_cap_it_is_the_simplex()
    {
        Gen.Double[-3, 3].Select(Rounded).Array[1, 20].Sample(
            p => AssertNear(
                Project(new Simplex<T>(2), p),
                Project(new CappedSimplex<T>(p.Length, 2, 0, double.PositiveInfinity, SumConstraint.Equal), p),
                64 * Epsilon),
            seed: "0N0XIzNsQ0O2",
            iter: 200,
            threads: 1);
    }

    [Fact]
    public void Long_points_add_up()
    {
        var random = new Random(3);
        foreach (double scale in new[] { 1e-4, 1, 1e4 })
        {
            var point = Enumerable.Range(0, 20000).Select(_ => scale * (random.NextDouble() - 0.1)).ToArray();
            var x = Project(new CappedSimplex<T>(20000, 1234.5, constraint: SumConstraint.Equal), point);
            Assert.True(x.Min() >= 0 && x.Max() <= 1);
            Assert.Equal(1234.5, x.Sum(), 2000 * Epsilon * Math.Sqrt(point.Length));
        }
    }

    [Fact]
    public void A_point_that_is_not_finite_is_left_alone()
    {
        Assert.Equal([double.PositiveInfinity, 3], Project(new CappedSimplex<T>(2, 1), [double.PositiveInfinity, 3]));
        Assert.Equal([double.NaN, 3], Project(new CappedSimplex<T>(2, 1), [double.NaN, 3]));
        Assert.Equal([double.NaN, 3], Project(new CappedSimplex<T>(2, 0), [double.NaN, 3]));
    }

    [Fact]
    public void Diameters()
    {
        foreach (bool equal in new[] { false, true })
        {
            foreach (var (lower, upper) in new[] { (0.0, 1.0), (-1, 0.5), (0.25, 0.75), (0, 10), (0.5, 0.5) })
            {
                for (int n = 1; n <= 5; n++)
                {
                    for (int step = 0; step <= (equal ? 8 : 9); step++)
                    {
                        double budget = n * (lower + (upper - lower) * step / 8);
                        var set = new CappedSimplex<T>(n, budget, lower, upper, equal ? SumConstraint.Equal : SumConstraint.AtMost);
                        double expected = LargestCornerDistance(n, lower, upper, budget, equal);
                        Assert.True(Math.Abs(expected - set.Diameter) <= 1e-7, $"{set}: {Text(set.Diameter)} instead of {Text(expected)}");
                    }
                }
            }
        }
    }

    [Fact]
    public void Bad_parameters_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new CappedSimplex<T>(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CappedSimplex<T>(1, 1, constraint: (SumConstraint)7));
        foreach (double bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
        {
            Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, bad));
            Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1, bad));
        }

        Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1, 0, double.NaN));
        Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1, 0, double.NegativeInfinity));
        Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1, 0.2, 0.1));
        Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1e290));
        Assert.Contains("over the budget of 1", Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 1, 0.5)).Message, StringComparison.Ordinal);
        Assert.Contains("short of the budget of 4", Assert.Throws<ArgumentException>(() => new CappedSimplex<T>(3, 4, constraint: SumConstraint.Equal)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_that_only_rounding_empties_is_a_point()
    {
        double tenth = Rounded(0.1);
        AssertProjects(new CappedSimplex<T>(3, 0.3, 0.1), [5, -5, 1], [tenth, tenth, tenth], 0);
        AssertProjects(new CappedSimplex<T>(3, 0.3, 0.1, constraint: SumConstraint.Equal), [5, -5, 1], [tenth, tenth, tenth], 4 * Epsilon);
        AssertProjects(new CappedSimplex<T>(7, 0.7, 0, 0.1, SumConstraint.Equal), [5, -5, 1, 0, 0, 0, 9], [.. Enumerable.Repeat(tenth, 7)], 4 * Epsilon);
    }

    [Fact]
    public void Lengths_and_names()
    {
        Assert.Null(new CappedSimplex<T>(3, 1).Objection(3));
        AssertRefusesLength(new CappedSimplex<T>(3, 1), 4);
        Assert.Equal("the capped simplex [0, 1]^3 with sum <= 1.5", new CappedSimplex<T>(3, 1.5).ToString());
        Assert.Equal("the capped simplex [0, 1]^3 with sum = 1.5", new CappedSimplex<T>(3, 1.5, constraint: SumConstraint.Equal).ToString());
    }

    private static Instance Make(int n, double budget, double lower, double upper, bool equal) => new(
        new CappedSimplex<T>(n, budget, lower, upper, equal ? SumConstraint.Equal : SumConstraint.AtMost),
        n,
        Math.Max(Math.Abs(lower), Math.Abs(upper)),
        x => x.Max(v => Math.Max(lower - v, v - upper)) > 0 ? double.PositiveInfinity : equal ? Math.Abs(x.Sum() - budget) : Math.Max(0, x.Sum() - budget),
        p =>
        {
            var clipped = p.Select(v => Math.Clamp(v, lower, upper)).ToArray();
            if (equal ? budget >= n * upper : clipped.Sum() <= budget) return equal ? [.. Enumerable.Repeat(upper, n)] : clipped;
            return budget <= n * lower ? [.. Enumerable.Repeat(lower, n)] : Bisect(p, lower, upper, budget);
        });

    // Dykstra's alternating projections onto the unit cube and the half-space (or hyperplane) of the budget.
    private static double[] Alternate(double[] p, double budget, bool equal)
    {
        int n = p.Length;
        double[] x = [.. p], cubeCorrection = new double[n];
        double budgetCorrection = 0;
        for (int i = 0; i < 3000; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double v = x[j] + cubeCorrection[j];
                x[j] = Math.Clamp(v, 0, 1);
                cubeCorrection[j] = v - x[j];
            }

            double excess = x.Sum() + n * budgetCorrection - budget;
            double step = (equal ? excess : Math.Max(0, excess)) / n;
            for (int j = 0; j < n; j++) x[j] += budgetCorrection - step;
            budgetCorrection = step;
        }

        return x;
    }
}

public sealed class CappedSimplexDoubleTests : CappedSimplexTests<double>;

public sealed class CappedSimplexFloatTests : CappedSimplexTests<float>;
