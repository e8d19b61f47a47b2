using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

/// <summary>What every proximal map obeys, on random terms, points and steps.</summary>
public abstract class ProximalTermTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const string Seed = "0N0XIzNsQ0O2";
    private const int Iterations = 400;

    private static readonly double Epsilon = double.CreateTruncating(T.BitIncrement(T.One) - T.One);

    private static readonly Gen<DenseSet<T>> Sets = Gen.OneOf<DenseSet<T>>(
        Gen.Const<DenseSet<T>>(new DenseWholeSpace<T>()),
        Gen.Double[0.1, 3].Select(r => (DenseSet<T>)new Ball<T>(r)),
        Gen.Double[0.1, 3].Select(t => (DenseSet<T>)new Simplex<T>(t)),
        Gen.Select(Gen.Double[-2, 1], Gen.Double[0, 2]).Select((l, w) => (DenseSet<T>)new Box<T>(l, l + w)));

    // Terms with their length; some have bounds, a centre, or several parts.
    private static readonly Gen<(DenseTerm<T> Term, int Length)> Terms = Gen.Int[1, 6].SelectMany(n => Gen.OneOf(
        Gen.Double[0, 2].Select(w => (DenseTerm<T>)new L1Term<T>(w)),
        Gen.Select(Gen.Double[0, 2], Gen.Double[-2, 1], Gen.Double[0, 2]).Select((w, l, d) => (DenseTerm<T>)new L1Term<T>(w, new Box<T>(l, l + d, n))),
        Gen.Select(Gen.Double[0, 3], Sets).Select((w, s) => (DenseTerm<T>)new SquaredNormTerm<T>(w, s)),
        Gen.Select(Gen.Double[0, 3], Gen.Double[-2, 2].Array[n], Sets).Select((w, c, s) => (DenseTerm<T>)new SquaredNormTerm<T>(w, Array.ConvertAll(c, T.CreateTruncating), s)),
        Gen.Select(Gen.Double[0, 2], Gen.Double[0, 3], Sets).Select((v, w, s) => (DenseTerm<T>)new ProductTerm<T>((n, new L1Term<T>(v)), (1, new SquaredNormTerm<T>(w, s)))),
        Sets.Select(s => (DenseTerm<T>)s)).Select(t => (t, t is ProductTerm<T> ? n + 1 : n)));

    private static Gen<double[]> Points(int length) => Gen.Double[-4, 4].Array[length].Select(Rounded);

    [Fact]
    public void No_point_of_the_domain_is_better_than_the_proximal_one() => ForAll((term, step, p, q) =>
    {
        var best = Prox(term, p, step);
        double least = Objective(term, best, p, step);
        foreach (double share in new[] { 1, 0.1, 1e-3 })
        {
            var other = Project(term, Mix(best, q, share));
            double value = Objective(term, other, p, step);
            Assert.True(least <= value + (64 * Epsilon * (1 + Math.Abs(value) + (40 / step))), FormattableString.Invariant($"{term}: {least:R} > {value:R}"));
        }
    });

    [Fact]
    public void The_map_is_firmly_nonexpansive() => ForAll((term, step, p, q) =>
    {
        double[] a = Prox(term, p, step), b = Prox(term, q, step);
        double square = 0, product = 0;
        for (int i = 0; i < a.Length; i++) (square, product) = (square + ((a[i] - b[i]) * (a[i] - b[i])), product + ((a[i] - b[i]) * (p[i] - q[i])));
        Assert.True(square <= product + (1000 * Epsilon), FormattableString.Invariant($"{term}: {square:R} > {product:R}"));
    });

    [Fact]
    public void The_proximal_point_is_in_the_domain_and_no_two_are_further_apart_than_its_diameter() => ForAll((term, step, p, q) =>
    {
        double[] a = Prox(term, p, step), b = Prox(term, q, step);
        Assert.Equal(0, Distance(a, Project(term, a)), 100 * Epsilon);
        Assert.True(Distance(a, b) <= (term.DiameterAt(a.Length) * (1 + (8 * Epsilon))) + (100 * Epsilon));
        if (!term.IsWholeSpace) return;
        Assert.Equal(p, Project(term, p));
        Assert.Equal(double.PositiveInfinity, term.DiameterAt(p.Length));
    });

    // In one dimension the minimum is found by bisection on the values alone.
    [Fact]
    public void In_one_dimension_the_map_agrees_with_a_numeric_minimisation() => ForAll((term, step, p, q) =>
    {
        if (p.Length > 1 || typeof(T) != typeof(double)) return;
        double low = Project(term, [-100])[0], high = Project(term, [100])[0];
        double golden = (Math.Sqrt(5) - 1) / 2;
        for (int k = 0; k < 120; k++)
        {
            double left = high - (golden * (high - low)), right = low + (golden * (high - low));
            if (Objective(term, [left], p, step) <= Objective(term, [right], p, step)) high = right;
            else low = left;
        }

        Assert.Equal((low + high) / 2, Prox(term, p, step)[0], 1e-5);
    });

    private static double Objective(DenseTerm<T> term, double[] v, double[] u, double step)
    {
        double distance = Distance(v, u);
        return term.Value(Vector(v)) + (distance * distance / (2 * step));
    }

    private static void ForAll(Action<DenseTerm<T>, double, double[], double[]> check) =>
        Terms.SelectMany(t => Gen.Select(Gen.Const(t.Term), Gen.Double[0.05, 5], Points(t.Length), Points(t.Length)))
            .Sample((term, step, p, q) => check(term, step, p, q), seed: Seed, iter: Iterations, threads: 1);

    private static double[] Prox(DenseTerm<T> term, double[] point, double step)
    {
        var vector = Vector(point);
        term.Prox(vector, step);
        return vector.ToDoubles();
    }

    private static double[] Project(DenseTerm<T> term, double[] point)
    {
        var vector = Vector(point);
        term.Project(vector);
        return vector.ToDoubles();
    }

    private static DenseVector<T> Vector(double[] components) => new(Array.ConvertAll(components, T.CreateTruncating));

    private static double[] Rounded(double[] point) => Array.ConvertAll(point, v => double.CreateTruncating(T.CreateTruncating(v)));

    private static double[] Mix(double[] a, double[] b, double share) => [.. a.Zip(b, (s, t) => s + (share * (t - s)))];

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (s, t) => (s - t) * (s - t)).Sum());
}

public sealed class DoubleProximalTermTests : ProximalTermTests<double>
{
    [Fact]
    public void Soft_thresholds_by_hand()
    {
        var x = Vectors.Of(3, -0.5, 0.2, -2);
        new L1Term<double>(0.5).Prox(x, 2);
        Assert.Equal([2, 0, 0, -1], x.ToDoubles());

        // With bounds that exclude 0 the nearest bound is best.
        x = Vectors.Of(3, 0.5, -4);
        new L1Term<double>(1, new Box<double>(1, 1.5, 3)).Prox(x, 1);
        Assert.Equal([1.5, 1, 1], x.ToDoubles());
        Assert.Equal(3.5, new L1Term<double>(1).Value(x), 1e-15);
        Assert.Equal(0.5 * Math.Sqrt(3), new L1Term<double>(1, new Box<double>(1, 1.5, 3)).DiameterAt(3), 1e-15);
    }

    [Fact]
    public void Squares_by_hand()
    {
        var x = Vectors.Of(3, -1);
        new SquaredNormTerm<double>(2, [1, 1]).Prox(x, 0.5);
        Assert.Equal([2, 0], x.ToDoubles());
        Assert.Equal(2, new SquaredNormTerm<double>(2, [1, 1]).Value(x), 1e-15);

        x = Vectors.Of(4, 0);
        new SquaredNormTerm<double>(1, new Ball<double>(1)).Prox(x, 1);
        Assert.Equal([1, 0], x.ToDoubles());
    }

    [Fact]
    public void A_NaN_stays_visible()
    {
        foreach (DenseTerm<double> term in new DenseTerm<double>[] { new L1Term<double>(1), new SquaredNormTerm<double>(1) })
        {
            var x = Vectors.Of(double.NaN, 1);
            term.Prox(x, 1);
            Assert.True(double.IsNaN(x[0]));
        }
    }

    [Fact]
    public void Bad_terms_are_refused()
    {
        foreach (double weight in new[] { -1, double.NaN, double.PositiveInfinity })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new L1Term<double>(weight));
            Assert.Throws<ArgumentOutOfRangeException>(() => new SquaredNormTerm<double>(weight));
        }

        Assert.Throws<ArgumentException>(() => new SquaredNormTerm<double>(1, [1, double.NaN]));
        Assert.Throws<ArgumentException>(() => new SquaredNormTerm<double>(1, [1, 2], new Box<double>(0, 1, 3)));
        Assert.Throws<ArgumentException>(() => new SquaredNormTerm<double>(1, [1, 2]).Prox(Vectors.Of(1), 1));
        Assert.Throws<ArgumentException>(() => new ProductTerm<double>());
        Assert.Throws<ArgumentException>(() => new ProductTerm<double>((0, new L1Term<double>(1))));
        Assert.Throws<ArgumentException>(() => new ProductTerm<double>((2, new SquaredNormTerm<double>(1, [1, 2, 3]))));
        Assert.Throws<ArgumentException>(() => new ProductTerm<double>((2, new L1Term<double>(1))).Value(Vectors.Of(1)));
    }

    [Fact]
    public void Maps_allocate_nothing()
    {
        DenseTerm<double>[] terms = [new L1Term<double>(1, new Box<double>(-1, 1)), new SquaredNormTerm<double>(1, new double[1000], new Ball<double>(1)), new ProductTerm<double>((400, new L1Term<double>(1)), (600, new SquaredNormTerm<double>(1)))];
        var x = new DenseVector<double>(1000);
        x.Fill(i => Math.Sin(i));
        void All()
        {
            foreach (var term in terms)
            {
                term.Prox(x, 0.1);
                _ = term.Value(x);
            }
        }

        for (int i = 0; i < 50; i++) All();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++) All();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}

public sealed class FloatProximalTermTests : ProximalTermTests<float>;
