using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class BoxTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const double Infinity = double.PositiveInfinity;

    private static readonly Gen<double> Bound = Gen.Double[-2, 2].Select(Rounded);

    protected override Gen<Instance> Instances => Gen.OneOf(
        Gen.Select(Lengths, Bound, Bound, Gen.Bool, (n, a, b, fixedLength) =>
        {
            double low = Math.Min(a, b), high = Math.Max(a, b);
            return Make(new Box<T>(low, high, fixedLength ? n : null), [.. Enumerable.Repeat(low, n)], [.. Enumerable.Repeat(high, n)]);
        }),
        Lengths.SelectMany(n => Gen.Select(Bound.Array[n], Bound.Array[n], Gen.Int[0, 3].Array[n], (a, b, open) =>
        {
            var low = a.Select((x, i) => open[i] == 0 ? -Infinity : Math.Min(x, b[i])).ToArray();
            var high = b.Select((x, i) => open[i] == 1 ? Infinity : Math.Max(x, a[i])).ToArray();
            return Make(new Box<T>(Components(low), Components(high)), low, high);
        })));

    protected override DenseSet<T> Long(int length) => new Box<T>(
        Components([.. Enumerable.Repeat(-0.5, length)]), Components([.. Enumerable.Range(0, length).Select(i => i % 2 == 0 ? 1 : Infinity)]));

    [Fact]
    public void Closed_form()
    {
        AssertProjects(new Box<T>(0, 1), [-1, 0.25, 3], [0, 0.25, 1], 0);
        AssertProjects(new Box<T>(-Infinity, 1), [-1e9, 3], [-1e9, 1], 0);
        AssertProjects(new Box<T>(Components(0, -Infinity, 2), Components(1, 0, Infinity)), [5, 5, -5], [1, 0, 2], 0);
        AssertProjects(new Box<T>(0, 1), [double.NegativeInfinity, Infinity], [0, 1], 0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(67)]
    public void A_NaN_among_many_stays(int length)
    {
        foreach (var set in new[] { new Box<T>(-1, 1), new Box<T>(Components([.. Enumerable.Repeat(-1.0, length)]), Components([.. Enumerable.Repeat(1.0, length)])) })
        {
            for (int at = 0; at < length; at++)
            {
                var point = Enumerable.Repeat(5.0, length).ToArray();
                point[at] = double.NaN;
                var expected = Enumerable.Repeat(1.0, length).ToArray();
                expected[at] = double.NaN;
                Assert.Equal(expected, Project(set, point));
            }
        }
    }

    [Fact]
    public void Diameters()
    {
        Assert.Equal(6, new Box<T>(-1, 2, 4).Diameter, 12);
        Assert.Equal(5, new Box<T>(Components(0, 1), Components(3, 5)).Diameter, 12);
        Assert.Equal(Infinity, new Box<T>(-1, 2).Diameter);
        Assert.Equal(0, new Box<T>(2, 2).Diameter);
        Assert.Equal(Infinity, new Box<T>(0, Infinity, 3).Diameter);
        Assert.Equal(0, new Box<T>(0, Infinity, 0).Diameter);
        Assert.Equal(Infinity, new Box<T>(Components(0, 0), Components(1, Infinity)).Diameter);
        Assert.Equal(0, new Box<T>(Components(), Components()).Diameter);
    }

    [Fact]
    public void The_whole_space_is_recognised()
    {
        Assert.True(new Box<T>(-Infinity, Infinity).IsWholeSpace);
        Assert.False(new Box<T>(-Infinity, 1).IsWholeSpace);
        Assert.True(new Box<T>(Components(-Infinity, -Infinity), Components(Infinity, Infinity)).IsWholeSpace);
        Assert.False(new Box<T>(Components(-Infinity, 0), Components(Infinity, Infinity)).IsWholeSpace);
    }

    [Fact]
    public void Bad_bounds_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Box<T>(1, 0));
        Assert.Throws<ArgumentException>(() => new Box<T>(double.NaN, 0));
        Assert.Throws<ArgumentException>(() => new Box<T>(0, double.NaN));
        Assert.Throws<ArgumentException>(() => new Box<T>(Infinity, Infinity));
        Assert.Throws<ArgumentException>(() => new Box<T>(-Infinity, -Infinity));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Box<T>(0, 1, -1));
        Assert.Throws<ArgumentException>(() => new Box<T>(Components(0), Components(1, 2)));
        Assert.Contains("component 1", Assert.Throws<ArgumentException>(() => new Box<T>(Components(0, 3), Components(1, 2))).Message, StringComparison.Ordinal);
        Assert.Contains("component 0", Assert.Throws<ArgumentException>(() => new Box<T>(Components(double.NaN), Components(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_and_names()
    {
        Assert.Null(new Box<T>(0, 1).Objection(17));
        AssertRefusesLength(new Box<T>(0, 1, 3), 2);
        AssertRefusesLength(new Box<T>(Components(0), Components(1)), 2);
        Assert.Equal("the box [0, 1]", new Box<T>(0, 1).ToString());
        Assert.Equal("the box [-0.5, Infinity]^3", new Box<T>(-0.5, Infinity, 3).ToString());
        Assert.Equal("the box with bounds per component in 1 dimensions", new Box<T>(Components(0), Components(1)).ToString());
    }

    [Fact]
    public void The_bounds_are_copied()
    {
        var (low, high) = (Components(0), Components(1));
        var set = new Box<T>(low, high);
        high[0] = T.Zero;
        AssertProjects(set, [5], [1], 0);
    }

    private static Instance Make(Box<T> set, double[] low, double[] high) => new(
        set,
        low.Length,
        0,
        x => x.Select((v, i) => Math.Max(0, Math.Max(low[i] - v, v - high[i]))).Max(),
        p => [.. p.Select((v, i) => v < low[i] ? low[i] : v > high[i] ? high[i] : v)]);
}

public sealed class BoxDoubleTests : BoxTests<double>;

public sealed class BoxFloatTests : BoxTests<float>;
