using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public abstract class ProductSetTests<T> : SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override Gen<Instance> Instances => Gen.Select(Lengths, Lengths, Lengths, (a, b, c) => new Instance(
        new ProductSet<T>((a, new Box<T>(0, 1)), (b, new DenseWholeSpace<T>()), (c, new Simplex<T>(2))),
        a + b + c,
        2,
        x => Math.Max(x[..a].Max(v => Math.Max(-v, v - 1)), Math.Max(Math.Abs(x[(a + b)..].Sum() - 2), -x[(a + b)..].Min())),
        p => [.. p[..a].Select(v => Math.Clamp(v, 0, 1)), .. p[a..(a + b)], .. Bisect(p[(a + b)..], 0, 2, 2)]));

    protected override DenseSet<T> Long(int length) => new ProductSet<T>(
        (length / 4 + 1, new Simplex<T>()), (length / 4 + 1, new CappedSimplex<T>(length / 4 + 1, 0.5)), (length - 2 * (length / 4 + 1), new Ball<T>(1)));

    [Fact]
    public void Closed_form() => AssertProjects(
        new ProductSet<T>((1, new Box<T>(0, 1)), (2, new Simplex<T>()), (1, new DenseWholeSpace<T>()), (2, new Ball<T>(1))),
        [7, 2, 0, -9, 3, 4],
        [1, 1, 0, -9, 0.6, 0.8],
        Epsilon);

    [Fact]
    public void A_NaN_stays_in_its_slice() => Assert.Equal(
        [double.NaN, 3, 1, 0],
        Project(new ProductSet<T>((2, new Ball<T>(1)), (2, new Simplex<T>())), [double.NaN, 3, 2, 0]));

    [Fact]
    public void Diameters()
    {
        Assert.Equal(Math.Sqrt(4 + 18), new ProductSet<T>((4, new Box<T>(0, 1)), (3, new Simplex<T>(3))).Diameter, 12);
        Assert.Equal(2, new ProductSet<T>((4, new Box<T>(0, 1)), (1, new Simplex<T>(3))).Diameter, 12);
        Assert.Equal(2, new ProductSet<T>((4, new Box<T>(0, 1)), (1, new Box<T>(3, 3))).Diameter, 12);
        Assert.Equal(5, new ProductSet<T>((2, new ProductSet<T>((1, new Ball<T>(1.5)), (1, new Box<T>(0, 4))))).Diameter, 12);
        Assert.Equal(double.PositiveInfinity, new ProductSet<T>((4, new Box<T>(0, 1)), (1, new NonnegativeOrthant<T>())).Diameter);
        Assert.Equal(double.PositiveInfinity, new ProductSet<T>((4, new DenseWholeSpace<T>())).Diameter);
    }

    [Fact]
    public void The_whole_space_is_recognised()
    {
        Assert.True(new ProductSet<T>((4, new DenseWholeSpace<T>()), (1, new DenseWholeSpace<T>())).IsWholeSpace);
        Assert.False(new ProductSet<T>((4, new DenseWholeSpace<T>()), (1, new Ball<T>(1))).IsWholeSpace);
    }

    [Fact]
    public void Bad_parameters_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new ProductSet<T>());
        Assert.Throws<ArgumentException>(() => new ProductSet<T>((0, new Ball<T>(1))));
        Assert.Throws<ArgumentNullException>(() => new ProductSet<T>((1, null!)));
        Assert.Throws<ArgumentException>(() => new ProductSet<T>((int.MaxValue, new Ball<T>(1)), (5, new Ball<T>(1))));
        string message = Assert.Throws<ArgumentException>(() => new ProductSet<T>((1, new Ball<T>(1)), (2, new Box<T>(0, 1, 3)))).Message;
        Assert.Contains("Slice 1", message, StringComparison.Ordinal);
        Assert.Contains("3 components", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_and_names()
    {
        var set = new ProductSet<T>((1, new Box<T>(0, 1)), (2, new DenseWholeSpace<T>()));
        Assert.Null(set.Objection(3));
        AssertRefusesLength(set, 2);
        Assert.Equal("the product of the box [0, 1] (1), the whole space (2)", set.ToString());
    }

    [Fact]
    public void A_set_of_ones_own_takes_part()
    {
        var set = new ProductSet<T>((2, new EqualComponents()), (1, new Box<T>(0, 1)));
        AssertProjects(set, [1, 3, 5], [2, 2, 1], 0);
        Assert.True(set.Contains(Vector(2, 2, 1), 0));
        Assert.False(set.Contains(Vector(2, 2.5, 1), 1e-3));
    }

    /// <summary>{x : all components equal}.</summary>
    private sealed class EqualComponents : DenseSet<T>
    {
        public override double Diameter => double.PositiveInfinity;

        public override void Project(Span<T> point)
        {
            double sum = 0;
            foreach (T x in point) sum += double.CreateTruncating(x);
            point.Fill(T.CreateTruncating(sum / point.Length));
        }

        public override string? Objection(int length) => null;
    }
}

public sealed class ProductSetDoubleTests : ProductSetTests<double>;

public sealed class ProductSetFloatTests : ProductSetTests<float>;
