using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class NonnegativeOrthantTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override Gen<Instance> Instances => Lengths.Select(n => new Instance(
        new NonnegativeOrthant<T>(),
        n,
        0,
        x => x.Max(v => Math.Max(0, -v)),
        p => [.. p.Select(v => v < 0 ? 0 : v)]));

    protected override DenseSet<T> Long(int length) => new NonnegativeOrthant<T>();

    [Fact]
    public void Closed_form()
    {
        var set = new NonnegativeOrthant<T>();
        AssertProjects(set, [-1, 0, 2.5], [0, 0, 2.5], 0);
        Assert.Equal([0, double.PositiveInfinity], Project(set, [double.NegativeInfinity, double.PositiveInfinity]));
        AssertProjects(set, [], [], 0);
    }

    [Fact]
    public void Facts()
    {
        var set = new NonnegativeOrthant<T>();
        Assert.Equal(double.PositiveInfinity, set.Diameter);
        Assert.False(set.IsWholeSpace);
        Assert.Null(set.Objection(5));
        Assert.Equal("the nonnegative orthant", set.ToString());
    }
}

public sealed class NonnegativeOrthantDoubleTests : NonnegativeOrthantTests<double>;

public sealed class NonnegativeOrthantFloatTests : NonnegativeOrthantTests<float>;
