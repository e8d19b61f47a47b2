using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

/// <summary>Sets and terms that lie are seen at every scale; those of the library never are accused.</summary>
public sealed class SetCheckTests
{
    // BILEVEL_ATTACKS=500 runs more of each kind.
    private static readonly int Attacks = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_ATTACKS"), out int attacks) ? attacks : 20;
    private static readonly Gen<int> Seeds = Gen.Int[0, 1 << 30];

    public static TheoryData<string> Kinds => [.. Wrong.Keys];

    // Each is of the unit scale; the test scales it.
    private static readonly Dictionary<string, Func<Random, int, Map>> Wrong = new()
    {
        ["the integers"] = (_, _) => new(x => Each(x, Math.Round)),
        ["integers in a box"] = (random, n) => Rounding(random.Next(2, 20), 1, n),
        ["a grid in a box"] = (random, n) => Rounding(1, Math.Pow(10, -random.Next(1, 4)), n),
        ["an annulus"] = (random, n) => Annulus(0.1 + (0.8 * random.NextDouble()), n),
        ["a sphere"] = (_, n) => Annulus(1, n),
        ["two boxes"] = (random, n) => TwoBoxes(0.2 + random.NextDouble(), n),
        ["an oblique projection onto a half space"] = (random, n) => Half(random, n + 1, 1, true),
        ["a projection onto a half space that overshoots"] = (random, n) => Half(random, n, 1.3, false),
        ["a projection onto a half space that stops short"] = (random, n) => Half(random, n, 0.9, false),
        ["a box reached along rays"] = (_, n) => new(x => x.Max(Math.Abs) is var most && most > 1 ? Scaled(1 / most, x) : x) { Diameter = 2 * Math.Sqrt(n + 1), Length = n + 1 },
        ["a ball wider than its diameter"] = (random, _) => Ball(1 + Math.Pow(10, -2 * random.NextDouble()), 1 + Math.Pow(10, -2 * random.NextDouble())) with { Diameter = 2 },
        ["one radius tested and a smaller one projected to"] = (_, _) => Ball(1, 0.5),
        ["one radius tested and a larger one projected to"] = (_, _) => Ball(1, 1.5),
        ["one coordinate sent to the other side"] = (_, n) => new(x => [.. x.Select((t, i) => i == 0 && t > 1 ? -1 : Math.Clamp(t, -1, 1))]) { Diameter = 2 * Math.Sqrt(n) },
        ["a prox that forgets the step"] = (_, _) => new(x => x) { Prox = (x, _) => Soft(x, 0.5), Value = x => 0.5 * x.Sum(Math.Abs) },
        ["a prox of another weight"] = (_, _) => new(x => x) { Prox = (x, t) => Soft(x, 1.01 * t), Value = x => x.Sum(Math.Abs) },
        ["the prox of twice the square"] = (_, _) => new(x => x) { Prox = (x, t) => Scaled(1 / (1 + (2 * t)), x), Value = x => Dot(x, x) / 2 },
        ["hard thresholds"] = (_, _) => new(x => x) { Prox = (x, t) => Each(x, s => s * s > 2 * t ? s : 0), Value = x => x.Count(s => s != 0) },
        ["a box with one wrong coordinate of a thousand"] = (random, _) => OneWrong(random, 1000, random.Next(5)),
        ["half spaces of which one of hundreds is oblique"] = (random, _) => ManyHalves(random, 300),
        ["a circle"] = (_, n) => Annulus(1, Math.Max(n, 2)) with { Length = Math.Max(n, 2) },
        ["a ball in another norm"] = (random, n) => Ellipsoid(1.2 + (10 * random.NextDouble()), n + 1),
        ["a diameter too small by a hundredth"] = (_, n) => new(x => Each(x, t => Math.Clamp(t, -1, 1))) { Diameter = 2 * 0.99 * Math.Sqrt(n) },
        ["a prox of a term of which one coordinate has another weight"] = (random, _) => random.Next(100) is var i ? new(x => x) { Prox = (x, t) => [.. x.Select((s, k) => s - Math.Clamp(s, k == i ? -2 * t : -t, k == i ? 2 * t : t))], Value = x => x.Sum(Math.Abs), Length = 100 } : null!,
        ["a prox that leaves its domain"] = (_, _) => new(x => Each(x, s => Math.Clamp(s, -1, 1))) { Prox = (x, t) => Soft(x, t), Value = x => x.Sum(Math.Abs) },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_no_projection_and_no_proximal_map_is_seen(string kind)
    {
        int missed = 0;
        string which = "";
        Gen.Select(Seeds, Gen.Int[-6, 9], Gen.Int[1, 5]).Each(Attacks, sample =>
        {
            var (seed, decade, n) = sample;
            var random = new Random(seed);
            var map = Wrong[kind](random, n);
            double scale = Math.Pow(10, decade);
            var at = Vectors.Of([.. Dense.Normal(random, map.Length > 0 ? map.Length : n).Select(t => scale * t)]);
            IProximalTerm<DenseVector<double>> crooked = map.Prox is null ? new CrookedSet(map, scale) : new CrookedTerm(map, scale);
            crooked.Project(at);
            if (SetCheck.Objection(crooked, at, "x1", 7) is not null) return;
            missed++;
            which = $"seed {seed} decade {decade} n {n}";
        });
        Assert.True(missed == 0, $"{missed} of {Attacks} missed, such as {which}");
    }

    [Fact]
    public void The_sentence_names_the_block_and_what_was_seen()
    {
        string? Objection(Func<double[], double[]> project, double diameter = double.PositiveInfinity, bool whole = false) =>
            SetCheck.Objection(new CrookedSet(new(project) { Diameter = diameter }, 1) { IsWholeSpace = whole }, Vectors.Of(7), "x1", 1);
        Assert.StartsWith("the set of x1 contradicts itself", Objection(x => Each(x, Math.Round)), StringComparison.Ordinal);
        Assert.Contains("whole space", Objection(x => Each(x, t => Math.Min(t, 2)), whole: true), StringComparison.Ordinal);
        Assert.Contains("diameter is NaN", Objection(x => x, double.NaN), StringComparison.Ordinal);
        Assert.Contains("not finite", Objection(x => Each(x, t => t > 8 ? double.NaN : t)), StringComparison.Ordinal);
        Assert.Null(Objection(x => Each(x, t => Math.Clamp(t, 0, 9)), 9));
    }

    [Fact]
    public void No_honest_set_is_accused_in_double_precision() => Honest<double>();

    [Fact]
    public void No_honest_set_is_accused_in_single_precision() => Honest<float>();

    private static void Honest<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Gen.Select(Seeds, Gen.Int[-6, 9], Gen.Double[0, 3], Gen.Int[0, 12], Gen.Int[-3, 6]).Each(20 * Attacks, sample =>
        {
            var (seed, decade, size, kind, away) = sample;
            var random = new Random(seed);
            int n = (int)Math.Pow(10, random.Next(8) == 0 ? size : size / 3);
            double scale = Math.Pow(10, decade);
            var term = Term<T>(random, kind, n, scale);
            var at = KktQuadratic.Vector<T>([.. Dense.Normal(random, n).Select(t => scale * Math.Pow(10, away) * t)]);
            if (random.Next(2) == 0) term.Project(at);
            string? seen = new SetSearch<DenseVector<T>>(term, at, (ulong)seed).Run();
            Assert.True(seen is null, $"{term}: {seen}");
            Assert.Null(SetCheck.Objection(term, at, "x", (ulong)seed));
        });
    }

    private static DenseTerm<T> Term<T>(Random random, int kind, int n, double scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] Numbers(double size) => [.. Dense.Normal(random, n).Select(t => T.CreateTruncating(size * t))];
        DenseSet<T> Inner() => (DenseSet<T>)Term<T>(random, random.Next(0, 7), n, scale);
        switch (kind)
        {
            case 0: return new Box<T>(-scale * random.NextDouble(), scale, n);
            case 1:
                T[] lower = Numbers(scale), upper = [.. lower.Select(t => random.Next(4) == 0 ? t : random.Next(4) == 0 ? T.PositiveInfinity : t + T.CreateTruncating(scale * random.NextDouble()))];
                return new Box<T>(lower, upper);
            case 2: return new Ball<T>(scale);
            case 3: return new Ball<T>(Numbers(scale * Math.Pow(10, random.Next(-3, 3))), scale);
            case 4: return new Simplex<T>(scale, n);
            case 5: return new CappedSimplex<T>(n, scale * (0.1 + (0.9 * random.NextDouble() * n)), 0, scale, random.Next(2) == 0 ? SumConstraint.AtMost : SumConstraint.Equal);
            case 6: return new NonnegativeOrthant<T>();
            case 7: return new DenseWholeSpace<T>();
            case 8: return n < 2 ? new Simplex<T>(scale) : new ProductSet<T>((n / 2, new Ball<T>(scale)), (n - (n / 2), new Simplex<T>(1e-3 * scale)));
            case 9: return new L1Term<T>(Math.Pow(10, random.Next(-6, 6)), random.Next(2) == 0 ? null : new Box<T>(-scale, scale, n));
            case 10: return new SquaredNormTerm<T>(Math.Pow(10, random.Next(-6, 6)), random.Next(2) == 0 ? null : Inner());
            case 11: return new SquaredNormTerm<T>(Math.Pow(10, random.Next(-6, 6)), Numbers(scale * Math.Pow(10, random.Next(-3, 3))), Inner());
            default: return n < 2 ? new L1Term<T>(1) : new ProductTerm<T>((n / 2, new L1Term<T>(Math.Pow(10, random.Next(-3, 3)))), (n - (n / 2), new SquaredNormTerm<T>(1 / scale, new Ball<T>(scale))));
        }
    }

    private static double[] Each(double[] x, Func<double, double> f) => [.. x.Select(f)];

    private static double[] Scaled(double factor, double[] x) => [.. x.Select(t => factor * t)];

    private static double Dot(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();

    private static double[] Soft(double[] x, double shift) => Each(x, t => t - Math.Clamp(t, -shift, shift));

    private static Map Rounding(double bound, double grid, int n) => new(x => Each(x, t => grid * Math.Round(Math.Clamp(t, -bound, bound) / grid))) { Diameter = 2 * bound * Math.Sqrt(n) };

    private static Map Ball(double tested, double radius) => new(x => Dense.Norm(x) is var norm && norm > tested ? Scaled(radius / norm, x) : x);

    private static Map Annulus(double inner, int n) => new(x => Dense.Norm(x) switch
    {
        > 1 and var norm => Scaled(1 / norm, x),
        0 => [.. x.Select((_, i) => i == 0 ? inner : 0)],
        var norm => norm < inner ? Scaled(inner / norm, x) : x,
    })
    { Diameter = 2 };

    // The box [-1, 1], but one coordinate ends short, is sent over, sticks to a grid, is cut in two or is reflected.
    private static Map OneWrong(Random random, int n, int how)
    {
        int i = random.Next(n);
        return new(x =>
        {
            double[] p = Each(x, t => Math.Clamp(t, -1, 1));
            p[i] = how switch
            {
                0 => Math.Abs(x[i]) > 1 ? 0.9 * p[i] : p[i],
                1 => x[i] > 1 ? -1 : p[i],
                2 => Math.Round(10 * p[i]) / 10,
                3 => Math.Abs(p[i]) < 0.2 ? (p[i] < 0 ? -0.2 : 0.2) : p[i],
                _ => x[i] > 1 ? Math.Max(2 - x[i], -1) : p[i],
            };
            return p;
        })
        { Diameter = 2 * Math.Sqrt(n), Length = n };
    }

    // Pairs of coordinates (u, v) with u + v <= 1, of which one is reached along u alone.
    private static Map ManyHalves(Random random, int pairs)
    {
        int wrong = random.Next(pairs);
        return new(x =>
        {
            double[] p = [.. x];
            for (int k = 0; k < pairs; k++)
            {
                if (x[2 * k] + x[(2 * k) + 1] - 1 is not (> 0 and var over)) continue;
                p[2 * k] -= k == wrong ? over : over / 2;
                p[(2 * k) + 1] -= k == wrong ? 0 : over / 2;
            }

            return p;
        })
        { Length = 2 * pairs };
    }

    // |(x_0, ..., a x_last)| <= 1, reached along rays.
    private static Map Ellipsoid(double a, int n) => new(x => Dense.Norm([.. x.Select((t, i) => i == n - 1 ? a * t : t)]) is var norm && norm > 1 ? Scaled(1 / norm, x) : x) { Length = n, Diameter = 2 };

    private static Map TwoBoxes(double gap, int n) => new(x =>
    {
        double[] first = Each(x, t => Math.Clamp(t, -1, 1)), second = Each(x, t => Math.Clamp(t, 1 + gap, 3 + gap));
        return Dense.Norm(Dense.Sum(x, -1, first)) <= Dense.Norm(Dense.Sum(x, -1, second)) ? first : second;
    })
    { Diameter = (4 + gap) * Math.Sqrt(n) };

    // The half space a'x <= b, reached along a or along another direction, a share of the way.
    private static Map Half(Random random, int n, double share, bool oblique)
    {
        double[] a = Dense.Normal(random, n);
        a = Scaled(1 / Dense.Norm(a), a);
        double b = random.NextDouble();
        double[] d = oblique ? Dense.Sum(a, 0.1 + random.NextDouble(), Dense.Normal(random, n)) : a;
        d = Dot(a, d) > 0.1 ? Scaled(1 / Dot(a, d), d) : a.Select((t, i) => i == 0 ? t : 0).ToArray() is var first && first[0] != 0 ? Scaled(1 / (first[0] * first[0]), first) : a;
        return new(x => Dot(a, x) - b is > 0 and var over ? Dense.Sum(x, -share * over, d) : x) { Length = n };
    }

    /// <summary>A set or a term as functions of arrays.</summary>
    private sealed record Map(Func<double[], double[]> Project)
    {
        public Func<double[], double, double[]>? Prox { get; init; }

        public Func<double[], double> Value { get; init; } = _ => 0;

        public double Diameter { get; init; } = double.PositiveInfinity;

        public int Length { get; init; }
    }

    private class CrookedTerm(Map map, double scale) : IProximalTerm<DenseVector<double>>
    {
        public bool IsWholeSpace { get; init; }

        public virtual void Prox(DenseVector<double> point, double step) => Write(point, x => map.Prox!(x, step));

        public void Project(DenseVector<double> point) => Write(point, map.Project);

        public double Value(DenseVector<double> point) => scale * scale * map.Value(Scaled(1 / scale, point.ToDoubles()));

        public double DiameterAt(int length) => scale * map.Diameter;

        public string? Objection(int length) => null;

        private void Write(DenseVector<double> point, Func<double[], double[]> f)
        {
            double[] image = f(Scaled(1 / scale, point.ToDoubles()));
            point.Fill(i => scale * image[i]);
        }
    }

    private sealed class CrookedSet(Map map, double scale) : CrookedTerm(map, scale), IFeasibleSet<DenseVector<double>>
    {
        public double Diameter => DiameterAt(1);

        public override void Prox(DenseVector<double> point, double step) => Project(point);
    }
}
