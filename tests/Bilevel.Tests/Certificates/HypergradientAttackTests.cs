using System.Globalization;

namespace Bilevel.Tests;

/// <summary>
/// Gradients that are wrong at the answer, from seeds: none may be certified where the true hypergradient is beyond
/// twice the tolerance. BILEVEL_ATTACKS sets how many of each kind, BILEVEL_HONEST how many honest problems.
/// </summary>
public sealed class HypergradientAttackTests
{
    private static readonly int Attacks = Count("BILEVEL_ATTACKS", 20), Honest = Count("BILEVEL_HONEST", 150);

    private static readonly HypergradientCertificate Certifier = new();

    public static TheoryData<string> Kinds => [.. Spoilers.Keys];

    // What is wrong, and the unscaled hypergradient that the wrong gradients then show at the answer, without q. The size of what is wrong is random.
    private static readonly Dictionary<string, Func<HypergradientCase, Random, double, double[]>> Spoilers = new()
    {
        ["f_x with the wrong sign beyond a place"] = (c, random, _) =>
        {
            double place = c.X[0] - (random.NextDouble() * 0.5);
            c.Spoil = (upper, block, x, _, r) => Negate(r, upper && block == 0 && x[0] > place);
            return Solved(c, v => [.. v.Select(t => -t)]);
        },
        ["f_x too large by a factor"] = (c, random, _) =>
        {
            double factor = 1 + (0.019 * Math.Pow(10, -2 * random.NextDouble()));
            c.Spoil = (upper, block, _, _, r) => Multiply(r, upper && block == 0 ? factor : 1);
            return Solved(c, v => [.. v.Select(t => t / factor)]);
        },
        ["one component of f_x with the wrong sign"] = (c, random, _) =>
        {
            int i = random.Next(c.X.Length);
            c.Spoil = (upper, block, _, _, r) => r[upper && block == 0 ? i : 0] *= upper && block == 0 ? -1 : 1;
            return Solved(c, v => [.. v.Select((t, k) => k == i ? -t : t)]);
        },
        ["f_x rounded to three decimals"] = (c, random, tolerance) =>
        {
            double grid = tolerance * (10 + (20 * random.NextDouble()));
            double[] wanted = [.. Direct(c).Select(t => -t)], shift = [.. wanted.Select(_ => grid * 0.4 * (random.Next(2) == 0 ? 1 : -1))];
            c.Spoil = (upper, block, _, _, r) =>
            {
                for (int k = 0; upper && block == 0 && k < r.Length; k++) r[k] = (Math.Round((r[k] - wanted[k]) / grid) * grid) + wanted[k];
            };
            return Solved(c, v => Dense.Sum(v, 1, shift));
        },
        ["f_y wrong about the answer"] = (c, random, _) =>
        {
            double[] error = [.. Dense.Normal(random, c.Y.Length).Select(t => t * Math.Pow(10, -1.5 * random.NextDouble()))];
            c.Spoil = (upper, block, x, _, r) => Add(r, error, upper && block == 1 && Near(c, x));
            double[] wrong = c.MixedTimes(c.X, c.Y, c.Multiplier(c.X, c.Y, Dense.Sum(c.UpperY(c.X, c.Y), 1, error)));
            return [.. Dense.Sum(c.UpperX(c.X, c.Y), 1, wrong).Select(t => -t)];
        },
        ["g_x wrong about the answer"] = (c, random, _) =>
        {
            double factor = 1 + (0.3 * (random.NextDouble() + 0.05));
            c.Spoil = (upper, block, x, _, r) => Multiply(r, !upper && block == 0 && Near(c, x) ? factor : 1);
            double[] wrong = [.. Direct(c).Select(t => t * factor)];
            return [.. Dense.Sum(c.UpperX(c.X, c.Y), 1, wrong).Select(t => -t)];
        },
        ["g_y wrong about the answer"] = (c, random, _) =>
        {
            double[] elsewhere = Dense.Sum(c.Y, 0.5 * Math.Pow(10, -2 * random.NextDouble()), Dense.Normal(random, c.Y.Length)), error = c.LowerY(c.X, elsewhere);
            c.Spoil = (upper, block, x, _, r) => Add(r, [.. error.Select(t => -t)], !upper && block == 1 && Near(c, x));
            return [.. c.Hypergradient(c.X, elsewhere).Select(t => -t)];
        },
        ["g_y too large by a factor, along the multiplier"] = (c, random, _) =>
        {
            double factor = 1 + (0.3 * (random.NextDouble() + 0.05));
            double[] m = c.Multiplier(c.X, c.Y, c.UpperY(c.X, c.Y)), image = Dense.Times(c.Hessian(c.X, c.Y), m);
            double size = m.Sum(t => t * t);
            c.Spoil = (upper, block, x, y, r) => Add(r, [.. image.Select(t => t * (factor - 1) * Dense.Sum(y, -1, c.Y).Zip(m, (s, t2) => s * t2).Sum() / size)], !upper && block == 1 && Near(c, x));
            double[] wrong = [.. Direct(c).Select(t => t / factor)];
            return [.. Dense.Sum(c.UpperX(c.X, c.Y), 1, wrong).Select(t => -t)];
        },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Wrong_gradients_are_never_certified(string kind) => Attack(kind, hidden: false);

    // A large constant in the values of f and g hides what is wrong: then nothing may be certified, though nothing can be objected to.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_large_constants_hide_is_not_certified(string kind) => Attack(kind, hidden: true);

    // Where X is small beside the hypergradient, a step of length one ends close by from anywhere; and the answer at the end of X is still certified.
    [Fact]
    public void Points_inside_small_sets_are_not_certified()
    {
        int ends = 0, certified = 0;
        for (int seed = 0; seed < Attacks; seed++)
        {
            var random = new Random(seed + 9000);
            double ratio = 0.5 + random.NextDouble(), size = Math.Pow(10, -12 * random.NextDouble()), tolerance = 10 * size;
            int n = random.Next(2, 6);
            double[] centre = [.. Dense.Normal(random, n).Select(t => size * Math.Abs(t))], inside = [.. centre.Select(t => t + (0.3 * size))];
            Box<double> box = new(centre, [.. centre.Select(t => t + size)]), orthant = new([.. centre.Select(_ => 0.0)], [.. centre.Select(_ => double.PositiveInfinity)]);

            // F = y'c with y* = ratio x, whose gradient ratio c lies in no normal cone inside.
            double[] slope = [.. Dense.Normal(random, n).Select(t => (t + Math.Sign(t)) * Math.Pow(10, 1 + (8 * random.NextDouble())) * tolerance)];
            foreach (var set in new IFeasibleSet<DenseVector<double>>[] { box, orthant, new Ball<double>(2 * Dense.Norm(inside)) })
            {
                var at = Certifier.Check(Follow(slope, ratio, set), Vectors.Of(inside), Vectors.Of([.. inside.Select(t => ratio * t)]), tolerance, double.NaN);
                Assert.True(at.Verdict != Verdict.Certified, $"seed {seed}, {set}: |F'| = {ratio * Dense.Norm(slope)}. {at}");
            }

            double[] end = [.. slope.Select((t, i) => centre[i] + (t > 0 ? 0 : size))];
            ends++;
            if (Certifier.Check(Follow(slope, ratio, box), Vectors.Of(end), Vectors.Of([.. end.Select(t => ratio * t)]), tolerance, double.NaN).Verdict == Verdict.Certified) certified++;
        }

        FixedSamples.Note(Attacks);
        Assert.True(certified >= 0.9 * ends, $"only {certified} of {ends} answers at a vertex are certified");
    }

    // f = y'c, g = |y - ratio x|^2 / 2.
    private static BilevelProblem<DenseVector<double>> Follow(double[] slope, double ratio, IFeasibleSet<DenseVector<double>> set)
    {
        var f = new ArrayObjective<double>(at => slope.Zip(at[1], (a, b) => a * b).Sum(), (at, block) => block == 0 ? new double[at[0].Length] : slope);
        var g = new ArrayObjective<double>(
            at => Rest(at).Sum(r => r * r) / 2,
            (at, block) => block == 0 ? [.. Rest(at).Select(r => -ratio * r)] : Rest(at));
        double[] Rest(double[][] at) => [.. at[0].Zip(at[1], (x, y) => y - (ratio * x))];
        return new BilevelProblem<DenseVector<double>>(f, g)
        {
            UpperSet = set,
            Constants = new ProblemConstants { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = ratio, LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 },
        };
    }

    private static void Attack(string kind, bool hidden)
    {
        int harmful = 0, noticed = 0;
        string missed = "";
        for (int seed = 0; seed < Attacks; seed++)
        {
            var random = new Random(seed + 1000);
            bool many = kind.StartsWith("one component", StringComparison.Ordinal) && seed % 4 == 0;
            var c = new HypergradientCase(seed, Math.Pow(10, 3 * random.NextDouble()), random.Next(3) == 0, many ? 1000 : null, many ? 3 : null)
            {
                ScaleF = Scale(random),
                ScaleG = Scale(random),
                ScaleX = Scale(random),
                ScaleY = Scale(random),
            };
            double tolerance = Math.Pow(10, -2 - (4 * random.NextDouble())) * Math.Max(Dense.Norm(Direct(c)), 1e-3);
            if (hidden) c.Offset = Math.Pow(10, 4 + (8 * random.NextDouble()));
            c.Linear = Spoilers[kind](c, random, tolerance);
            double truth = Dense.Norm(c.Hypergradient(c.X));
            if (truth <= 2 * tolerance) continue;
            harmful++;
            var certificate = Certifier.Check(c.Problem, c.ScaledX, c.ScaledY(Dense.Sum(c.Y, 0.01, Dense.Normal(random, c.Y.Length))), tolerance * c.Unit, random.Next(2) == 0 ? double.NaN : 1e3 * c.ScaleF / c.ScaleG);
            Assert.True(certificate.Verdict != Verdict.Certified, $"seed {seed}: true norm {truth * c.Unit}. {certificate}");
            if (certificate.Objection is not null) noticed++;
            else missed = certificate.ToString();
        }

        FixedSamples.Note(Attacks);
        Assert.True(harmful >= Attacks / 2, $"only {harmful} of {Attacks} attacks do harm");

        if (hidden) return;

        // Digits that are cut off show as rounding too, which forbids a certificate without an objection.
        Assert.True(noticed >= (kind.Contains("rounded", StringComparison.Ordinal) ? 0.5 : 0.9) * harmful, $"only {noticed} of {harmful} are objected to, not {missed}");
    }

    [Fact]
    public void Honest_problems_are_not_accused_and_bounds_hold()
    {
        int certified = 0, small = 0;
        for (int seed = 0; seed < Honest; seed++)
        {
            var random = new Random(seed + 5000);
            var c = new HypergradientCase(seed + 17, Math.Pow(10, 4 * random.NextDouble()), random.Next(3) == 0)
            {
                ScaleF = Scale(random),
                ScaleG = Scale(random),
                ScaleX = Scale(random),
                ScaleY = Scale(random),
            };
            double tolerance = 1e-4 * Math.Max(Dense.Norm(Direct(c)), 1e-3), rest = tolerance * Math.Pow(10, 2 - (4 * random.NextDouble()));
            if (random.Next(4) == 0) c.Offset = Math.Pow(10, 6 * random.NextDouble());
            c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
            c.Linear[0] += rest;
            double truth = Dense.Norm(c.Hypergradient(c.X));
            var start = Dense.Sum(c.Y, Math.Pow(10, 3 - (6 * random.NextDouble())), Dense.Normal(random, c.Y.Length));
            var certificate = Certifier.Check(c.Problem, c.ScaledX, c.ScaledY(start), tolerance * c.Unit, random.Next(2) == 0 ? double.NaN : Math.Pow(10, 6 * random.NextDouble()) * c.ScaleF / c.ScaleG);
            string what = FormattableString.Invariant($"seed {seed}: true norm {truth * c.Unit}. {certificate}");
            Assert.True(certificate.Verdict != Verdict.NotCheckable, what);
            Assert.True(truth * c.Unit <= (certificate["stationarity_bound"] * (1 + 1e-9)) + (1e-12 * c.Unit), what);
            Assert.True(certificate.Objection is null || truth > 0.99 * tolerance, what);
            if (truth > 0.5 * tolerance) continue;
            bool isCoarse = certificate.Summary.Contains("values cannot confirm", StringComparison.Ordinal);

            // A large constant in the values hides defects: then the refusal is right.
            if (isCoarse && c.Offset > 0) continue;
            small++;
            if (certificate.Verdict == Verdict.Certified) certified++;
        }

        FixedSamples.Note(Honest);
        Assert.True(certified >= 0.95 * small, $"only {certified} of {small} right answers are certified");
    }

    // q such that the spoiled f_x cancels g_xy m: f_x is to be what the spoiler, inverted, makes of it.
    private static double[] Solved(HypergradientCase c, Func<double[], double[]> invert)
    {
        double[] wanted = invert([.. Direct(c).Select(t => -t)]);
        return Dense.Sum(wanted, -1, c.UpperX(c.X, c.Y));
    }

    // g_xy m.
    private static double[] Direct(HypergradientCase c) => c.MixedTimes(c.X, c.Y, c.Multiplier(c.X, c.Y, c.UpperY(c.X, c.Y)));

    private static bool Near(HypergradientCase c, double[] x) => Dense.Norm(Dense.Sum(x, -1, c.X)) < 0.5;

    private static double Scale(Random random) => Math.Pow(10, 6 * ((2 * random.NextDouble()) - 1));

    private static void Negate(double[] r, bool when) => Multiply(r, when ? -1 : 1);

    private static void Multiply(double[] r, double factor)
    {
        for (int i = 0; i < r.Length; i++) r[i] *= factor;
    }

    private static void Add(double[] r, double[] error, bool when)
    {
        for (int i = 0; when && i < r.Length; i++) r[i] += error[i];
    }

    private static int Count(string variable, int usual) => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Integer, CultureInfo.InvariantCulture, out int count) ? count : usual;
}
