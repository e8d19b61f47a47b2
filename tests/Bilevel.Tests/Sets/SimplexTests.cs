using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class SimplexTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override Gen<Instance> Instances => Gen.Select(Lengths, Gen.OneOf(Gen.Const(1.0), Gen.Double[0.01, 20]), Gen.Bool, (n, total, fixedLength) =>
        new Instance(
            new Simplex<T>(total, fixedLength ? n : null),
            n,
            total,
            x => Math.Max(Math.Abs(x.Sum() - total), Math.Max(0, -x.Min())),
            p => Bisect(p, 0, total, total)));

    protected override DenseSet<T> Long(int length) => new Simplex<T>(3);

    [Fact]
    public void Closed_form()
    {
        var set = new Simplex<T>();
        AssertProjects(set, [0.5, 0.5], [0.5, 0.5], 0);
        AssertProjects(set, [2, 0], [1, 0], 0);
        AssertProjects(set, [1, 0.5, -3], [0.75, 0.25, 0], 0);
        AssertProjects(set, [-5, -5, -5, -5], [0.25, 0.25, 0.25, 0.25], 0);
        AssertProjects(set, [0.25, 0.75, 0.5], [0.25 - 0.5 / 3, 0.75 - 0.5 / 3, 0.5 - 0.5 / 3], Epsilon);
        AssertProjects(new Simplex<T>(10), [7], [10], 0);
        AssertProjects(new Simplex<T>(10), [0, 0], [5, 5], 0);
    }

    [Fact]
    public void Large_components_keep_their_differences()
    {
        double big = typeof(T) == typeof(double) ? 1e16 : 1 << 24;
        AssertProjects(new Simplex<T>(4), [big + 2, big], [3, 1], 0);
        AssertProjects(new Simplex<T>(4), [-big, -big - 2, -big - 40], [3, 1, 0], 0);
        AssertProjects(new Simplex<T>(3), [big, 7, big, 0, big], [1, 0, 1, 0, 1], 0);
        double largest = typeof(T) == typeof(double) ? double.MaxValue : float.MaxValue;
        AssertProjects(new Simplex<T>(1), [largest, -largest, largest], [0.5, 0, 0.5], 0);
        AssertProjects(new Simplex<T>(1), [-largest, -largest], [0.5, 0.5], 0);
    }

    [Fact]
    public void Small_totals_keep_their_digits()
    {
        double tiny = typeof(T) == typeof(double) ? 1e-300 : 1e-30;
        AssertProjects(new Simplex<T>(tiny), [tiny, tiny / 2, -tiny], [0.75 * tiny, 0.25 * tiny, 0], 4 * Epsilon * tiny);
        AssertProjects(new Simplex<T>(tiny), [1, 1, 0.5], [tiny / 2, tiny / 2, 0], 4 * Epsilon * tiny);
    }

    [Fact]
    public void Large_totals()
    {
        double big = typeof(T) == typeof(double) ? 1e280 : 1e38;
        AssertProjects(new Simplex<T>(big), [0, 0, -2 * big], [big / 2, big / 2, 0], 4 * Epsilon * big);
        AssertProjects(new Simplex<T>(big), [big, big / 2], [0.75 * big, 0.25 * big], 4 * Epsilon * big);
    }

    [Fact]
    public void Many_components_that_differ_by_powers()
    {
        // Each pass of a method without a good start drops few of these components.
        double ratio = typeof(T) == typeof(double) ? 3 : 1.5;
        var point = Enumerable.Range(0, 60).Select(i => Rounded(-Math.Pow(ratio, i) * 1e-9)).ToArray();
        AssertProjects(new Simplex<T>(1), point, Bisect(point, 0, 1, 1), 100 * Epsilon);
        AssertProjects(new Simplex<T>(1000), point, Bisect(point, 0, 1000, 1000), 1e5 * Epsilon);
    }

    [Fact]
    public void Long_points_add_up()
    {
        var random = new Random(3);
        foreach (double scale in new[] { 1e-4, 1, 1e4 })
        {
            var point = Enumerable.Range(0, 20000).Select(_ => scale * (random.NextDouble() - 0.3)).ToArray();
            var x = Project(new Simplex<T>(5), point);
            Assert.True(x.Min() >= 0);
            Assert.Equal(5, x.Sum(), 40 * Epsilon * Math.Sqrt(point.Length));
        }
    }

    [Fact]
    public void A_point_that_is_not_finite_is_left_alone()
    {
        Assert.Equal([double.PositiveInfinity, 3], Project(new Simplex<T>(1), [double.PositiveInfinity, 3]));
        Assert.Equal([double.NaN, 3], Project(new Simplex<T>(1), [double.NaN, 3]));
        Assert.Equal([double.NaN], Project(new Simplex<T>(1), [double.NaN]));
    }

    [Fact]
    public void Diameters()
    {
        for (int n = 1; n <= 5; n++) Assert.Equal(LargestCornerDistance(n, 0, 3, 3, equal: true), new Simplex<T>(3, n).Diameter, 12);
        Assert.Equal(3 * Math.Sqrt(2), new Simplex<T>(3).Diameter, 12);
    }

    [Fact]
    public void Bad_parameters_are_refused()
    {
        foreach (double total in new[] { 0, -1, double.NaN, double.PositiveInfinity, 1e290 })
            Assert.Throws<ArgumentOutOfRangeException>(() => new Simplex<T>(total));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Simplex<T>(1, 0));
        if (typeof(T) == typeof(float)) Assert.Throws<ArgumentOutOfRangeException>(() => new Simplex<T>(1e-60));
    }

    [Fact]
    public void Lengths_and_names()
    {
        Assert.Null(new Simplex<T>().Objection(4));
        AssertRefusesLength(new Simplex<T>(), 0);
        AssertRefusesLength(new Simplex<T>(1, 3), 4);
        Assert.Equal("the simplex of total 0.5", new Simplex<T>(0.5).ToString());
    }
}

public sealed class SimplexDoubleTests : SimplexTests<double>;

public sealed class SimplexFloatTests : SimplexTests<float>;
