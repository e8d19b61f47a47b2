using CsCheck;

namespace Bilevel.Tests;

/// <summary>What is true is said: exact saddle points have no residual, the bounds hold, and no honest problem is accused.</summary>
public sealed class KktHonestTests
{
    private static readonly KktCertificate Certifier = new();

    // BILEVEL_HONEST=16000 runs that many in all.
    private static readonly int Total = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_HONEST"), out int honest) ? honest : 1000;
    private static readonly Gen<int> Seeds = Gen.Int[0, 1 << 30];
    private static readonly Gen<double> Scales = Gen.Int[-6, 6].Select(e => Math.Pow(10, e));

    // 1,000 problems with a known saddle, in both senses at both levels, with and without constants.
    [Fact]
    public void An_exact_saddle_of_the_penalty_function_has_residuals_of_rounding_and_a_bound_above_the_true_gap()
    {
        int certified = 0;
        Gen.Select(Seeds, Gen.Int[0, 3], Gen.Bool, Gen.Int[-4, -1]).Each(
            1000 * Total / 8000,
            sample =>
            {
                var (seed, senses, constants, offset) = sample;
                var q = new KktQuadratic(seed, Math.Pow(10, offset), curvature1: seed % 3 * 0.1, curvature2: seed % 2 * 0.2) { UpperSense = (Sense)(senses & 1), LowerSense = (Sense)(senses >> 1) };
                if (constants) q.Constants = q.TrueConstants;
                var (certificate, point) = Certifier.Check(q.Problem<double>(), q.Point<double>(), 1, q.Rho, quick: true);
                Assert.InRange(certificate["minimiser_residual"], 0, 1e-9 * q.Rho);
                Assert.InRange(certificate["maximiser_residual"], 0, 1e-9 * q.Rho);
                double gap = q.Gap(point[0].ToDoubles(), point[2].ToDoubles(), point[3].ToDoubles());
                Assert.InRange(gap, -1e-12, certificate["gap_bound"]);
                Assert.InRange(certificate["gap_bound"], gap, gap + 1e-6);
                Assert.True(certificate.Verdict == (certificate["gap_bound"] <= 1 ? Verdict.Certified : Verdict.NotCertified), certificate.ToString());
                if (certificate.Verdict == Verdict.Certified) certified++;
            });
        Assert.InRange(certified, 800 * Total / 8000, 1000 * Total / 8000);
    }

    // 3,000 random points of 3,000 problems.
    [Fact]
    public void The_gap_bound_is_above_the_true_gap_and_that_is_not_negative_anywhere()
    {
        Gen.Select(Seeds, Gen.Int[0, 3], Gen.Double[-3, 3]).Each(
            3000 * Total / 8000,
            sample =>
            {
                var (seed, senses, spread) = sample;
                var q = new KktQuadratic(seed, 0.1, curvature1: seed % 3 * 0.1, curvature2: seed % 2 * 0.2) { UpperSense = (Sense)(senses & 1), LowerSense = (Sense)(senses >> 1) };
                var random = new Random(seed);
                DenseVector<double>[] start = [.. q.Saddle.Select(b => Vectors.Of(Dense.Sum(b, Math.Pow(10, spread), Dense.Normal(random, b.Length))))];
                var (certificate, point) = Certifier.Check(q.Problem<double>(), start, 1e-3, q.Rho, quick: true);
                double gap = q.Gap(point[0].ToDoubles(), point[2].ToDoubles(), point[3].ToDoubles());
                Assert.InRange(gap, -1e-11, certificate["gap_bound"]);
                Assert.NotEqual(Verdict.NotCheckable, certificate.Verdict);
            });
    }

    // 2,000 problems: sets and functions of sizes from 1e-6 to 1e6, merely convex, probed as thoroughly as a certificate does.
    [Fact]
    public void No_honest_problem_is_accused_whatever_its_scale()
    {
        Gen.Select(Seeds, Scales, Scales, Scales).Each(
            2000 * Total / 8000,
            sample =>
            {
                var (seed, size, upper, lower) = sample;
                var q = new KktQuadratic(seed, 0.1, curvature1: seed % 3 == 0 ? 1e-9 : 0, curvature2: 0, scale: size)
                {
                    UpperLie = new(v => upper * v, (_, g) => [.. g.Select(t => upper * t)]),
                    LowerLie = new(v => lower * v, (_, g) => [.. g.Select(t => lower * t)]),
                };
                var broken = MinimaxAssumptions.Contradiction(q.Problem<double>(), q.Point<double>(), 24, thorough: true);
                Assert.True(broken is null, broken?.Sentence);
            });
    }

    // 1,000 problems in float32; objectives that round inside too.
    [Fact]
    public void No_honest_problem_is_accused_in_single_precision()
    {
        Gen.Select(Seeds, Gen.Int[-3, 3], Gen.Bool).Each(
            1000 * Total / 8000,
            sample =>
            {
                var (seed, decades, rounds) = sample;
                var q = new KktQuadratic(seed, 0.1, curvature1: 0, curvature2: 0, scale: Math.Pow(10, decades));
                double offset = 100 * q.Scale;
                if (rounds) q.LowerLie = new(v => (float)v, (_, g) => [.. g.Select(t => (double)((float)(t + offset) - (float)offset))]);
                var broken = MinimaxAssumptions.Contradiction(q.Problem<float>(), q.Point<float>(), 24, thorough: true);
                Assert.True(broken is null, broken?.Sentence);
            });
    }

    // 1,000 convex-concave functions that are not quadratic: log-sum-exp, kinks, fourth powers, square roots, flat parts.
    [Fact]
    public void No_honest_problem_is_accused_where_it_is_not_quadratic()
    {
        Gen.Select(Seeds, Gen.Int[0, 5], Gen.Bool).Each(
            1000 * Total / 8000,
            sample =>
            {
                var (seed, kind, simplex) = sample;
                var random = new Random(seed);
                int n = random.Next(1, 6);
                var a = Dense.NormalMatrix(random, 6, n);
                var coupling = Dense.NormalMatrix(random, n, n);
                var problem = new BilevelMinimaxProblem<DenseVector<double>>(
                    new ArrayObjective<double>(b => b[0].Sum() + b[2].Sum(), (b, k) => [.. b[k].Select(_ => k is 0 or 2 ? 1.0 : 0)]),
                    new ArrayObjective<double>(
                        b => Convex(b[1]) - Convex(b[2]) + b[1].Zip(Dense.Times(coupling, b[2]), (s, t) => s * t).Sum(),
                        (b, k) => k switch { 0 => [0], 1 => Dense.Sum(Slope(b[1]), 1, Dense.Times(coupling, b[2])), _ => Dense.Sum(Dense.TransposedTimes(coupling, b[1]), -1, Slope(b[2])) }))
                {
                    X1 = new Box<double>(-1, 1, 1),
                    Z1 = simplex ? new Simplex<double>(1, n) : new Box<double>(0, 3, n),
                    Z2 = simplex ? new CappedSimplex<double>(n, 1) : new Ball<double>(2),
                };
                DenseVector<double>[] point = KktProblems.Point([0], [], new double[n], new double[n]);
                for (int b = 0; b < 6; b++) problem.Blocks[b].Term.Project(point[b]);
                var broken = MinimaxAssumptions.Contradiction(problem, point, 24, thorough: true);
                Assert.True(broken is null, broken?.Sentence);

                double Convex(double[] z) => Dense.Times(a, z) is var r ? kind switch
                {
                    0 => Math.Log(r.Sum(Math.Exp)),
                    1 => r.Sum(Math.Abs),
                    2 => r.Sum(t => t * t * t * t),
                    3 => r.Sum(t => Math.Sqrt(1e-6 + (t * t))),
                    4 => r.Max(),
                    _ => r.Sum(t => Math.Pow(Math.Max(t - 1, 0), 2)),
                } : 0;

                double[] Slope(double[] z)
                {
                    double[] r = Dense.Times(a, z);
                    double total = r.Sum(Math.Exp);
                    int largest = Array.IndexOf(r, r.Max());
                    return Dense.TransposedTimes(a, [.. r.Select((t, i) => kind switch
                    {
                        0 => Math.Exp(t) / total,
                        1 => Math.Sign(t),
                        2 => 4 * t * t * t,
                        3 => t / Math.Sqrt(1e-6 + (t * t)),
                        4 => i == largest ? 1.0 : 0,
                        _ => 2 * Math.Max(t - 1, 0),
                    })]);
                }
            });
    }
}
