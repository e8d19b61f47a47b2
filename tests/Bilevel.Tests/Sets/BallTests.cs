using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class BallTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private static readonly double Largest = typeof(T) == typeof(double) ? double.MaxValue : float.MaxValue;

    protected override Gen<Instance> Instances => Lengths.SelectMany(n => Gen.Select(
        Gen.Double[-2, 2].Select(Rounded).Array[n], Gen.Double[0.01, 3], Gen.Bool, (centre, radius, origin) =>
        {
            if (origin) centre = new double[n];
            return new Instance(
                origin ? new Ball<T>(radius) : new Ball<T>(Components(centre), radius),
                n,
                radius + centre.Max(Math.Abs),
                x => Distance(x, centre) - radius,
                p => Shrink(p, centre, radius));
        }));

    protected override DenseSet<T> Long(int length) => new Ball<T>(Components([.. Enumerable.Repeat(0.1, length)]), 2);

    [Fact]
    public void Closed_form()
    {
        AssertProjects(new Ball<T>(1), [3, 4], [0.6, 0.8], Epsilon);
        AssertProjects(new Ball<T>(5), [3, 4], [3, 4], 0);
        AssertProjects(new Ball<T>(Components(1, 1), 2), [4, 5], [2.2, 2.6], 4 * Epsilon);
        AssertProjects(new Ball<T>(0.5), [-3], [-0.5], 0);
        AssertProjects(new Ball<T>(1), [], [], 0);
    }

    [Fact]
    public void Components_near_the_ends_of_the_range()
    {
        double half = Math.Sqrt(0.5);
        AssertProjects(new Ball<T>(1), [Largest, -Largest], [half, -half], 2 * Epsilon);
        AssertProjects(new Ball<T>(Components(Largest, 0), 1e-3 * Largest), [-Largest, 0], [0.999 * Largest, 0], 4 * Epsilon * Largest);

        // Squares underflow here: 1e-30 in float, 1e-200 in double.
        double small = typeof(T) == typeof(double) ? 1e-200 : 1e-30;
        AssertProjects(new Ball<T>(small), [3 * small, 4 * small], [0.6 * small, 0.8 * small], 4 * Epsilon * small);
        AssertProjects(new Ball<T>(small), [0.3 * small, 0.4 * small], [Rounded(0.3 * small), Rounded(0.4 * small)], 0);
    }

    [Fact]
    public void A_point_that_is_not_finite_is_left_alone()
    {
        Assert.Equal([double.PositiveInfinity, 3], Project(new Ball<T>(1), [double.PositiveInfinity, 3]));
        Assert.Equal([double.NaN, 3], Project(new Ball<T>(1), [double.NaN, 3]));
    }

    [Fact]
    public void Bad_parameters_are_refused()
    {
        foreach (double radius in new[] { 0, -1, double.NaN, double.PositiveInfinity })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new Ball<T>(radius));
            Assert.Throws<ArgumentOutOfRangeException>(() => new Ball<T>(Components(1), radius));
        }

        Assert.Throws<ArgumentException>(() => new Ball<T>(Components(double.NaN), 1));
        Assert.Throws<ArgumentException>(() => new Ball<T>(Components(0, double.PositiveInfinity), 1));
    }

    [Fact]
    public void Facts()
    {
        Assert.Equal(3, new Ball<T>(1.5).Diameter);
        Assert.Null(new Ball<T>(1).Objection(9));
        Assert.Null(new Ball<T>(Components(1, 2), 1).Objection(2));
        AssertRefusesLength(new Ball<T>(Components(1, 2), 1), 3);
        AssertRefusesLength(new Ball<T>(Components(), 1), 1);
        Assert.Equal("the ball of radius 1.5 about the origin", new Ball<T>(1.5).ToString());
        Assert.Equal("the ball of radius 1.5 about a centre in 2 dimensions", new Ball<T>(Components(1, 2), 1.5).ToString());
    }

    // The nearest point is centre + (p - centre) / (1 + multiplier), with the multiplier found by bisection.
    private static double[] Shrink(double[] p, double[] centre, double radius)
    {
        double distance = Distance(p, centre);
        if (distance <= radius) return p;
        double low = 0, high = distance / radius;
        for (int i = 0; i < 200; i++)
        {
            double middle = (low + high) / 2;
            if (distance / (1 + middle) > radius) low = middle;
            else high = middle;
        }

        return [.. p.Select((v, i) => centre[i] + (v - centre[i]) / (1 + high))];
    }
}

public sealed class BallDoubleTests : BallTests<double>;

public sealed class BallFloatTests : BallTests<float>;
