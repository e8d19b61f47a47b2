using System.Globalization;
using CsCheck;

namespace Bilevel.Tests;

/// <summary>Attempts to get a certificate that is false. A certificate is false where the true gap or a true residual exceeds its tolerance.</summary>
public sealed class KktAttackTests
{
    // BILEVEL_ATTACKS=500 runs so many of each kind.
    private static readonly int Attacks = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_ATTACKS"), out int attacks) ? attacks : 20;
    private static readonly KktCertificate Certifier = new();
    private static readonly Gen<int> Seeds = Gen.Int[0, 1 << 30];
    private static readonly Gen<double> Tolerances = Gen.Int[-9, 1].Select(e => Math.Pow(10, e));

    private static double Gap(KktQuadratic q, IReadOnlyList<DenseVector<double>> point) => q.Gap(point[0].ToDoubles(), point[2].ToDoubles(), point[3].ToDoubles());

    private static CertifiedPoint<DenseVector<double>> Quick(KktQuadratic q, double tolerance) => Certifier.Check(q.Problem<double>(), q.Point<double>(), tolerance, q.Rho, quick: true);

    private static bool IsFalse(KktQuadratic q, CertifiedPoint<DenseVector<double>> answer) =>
        answer.Certificate.Verdict == Verdict.Certified && Gap(q, answer.Point) > (answer.Certificate.Tolerance * (1 + 1e-9)) + 1e-12;

    // One direction of z1 or z2 of curvature from -1 to -1e-10, the others convex.
    [Fact]
    public void Negative_curvature_in_one_direction_is_never_certified_and_always_seen_above_rounding()
    {
        int missed = 0, visible = 0;
        Gen.Select(Seeds, Gen.Double[-10, 0], Gen.Bool, Tolerances, Gen.Int[-5, -1]).Each(
            8 * Attacks,
            sample =>
            {
                var (seed, exponent, first, tolerance, offset) = sample;
                double dip = -Math.Pow(10, exponent);
                var q = new KktQuadratic(seed, Math.Pow(10, offset), first ? dip : 0.1, first ? 0.1 : dip);
                var answer = Quick(q, tolerance);
                Assert.False(IsFalse(q, answer), $"gap {Gap(q, answer.Point)}; {answer.Certificate}");
                if (answer.Certificate.Verdict == Verdict.NotCertified || q.Set<double>(first ? 2 : 3).DiameterAt(q.Sizes[first ? 2 : 3]) == 0) return;

                // In a simplex the direction may not be feasible.
                if (q.Set<double>(first ? 2 : 3) is Simplex<double>) return;
                visible++;
                if (answer.Certificate.Verdict == Verdict.Certified) missed++;
            });
        Assert.True(missed <= (visible + 500) / 1000, $"{missed} of {visible} were not seen");
    }

    // The same, with all evidence.
    [Fact]
    public void The_full_form_is_not_fooled_either()
    {
        Gen.Select(Seeds, Gen.Double[-6, 0], Gen.Bool, Tolerances, Gen.Int[-5, -1]).Each(
            2 * Attacks,
            sample =>
            {
                var (seed, exponent, first, tolerance, offset) = sample;
                double dip = -Math.Pow(10, exponent);
                var q = new KktQuadratic(seed, Math.Pow(10, offset), first ? dip : 0.1, first ? 0.1 : dip);
                var answer = new KktCertificate { SolveSteps = 200, SaddleSteps = 50 }.Check(q.Problem<double>(), q.Point<double>(), tolerance, q.Rho, quick: false);
                Assert.False(IsFalse(q, answer), answer.Certificate.ToString());
                if (double.IsFinite(answer.Certificate["gap_resolved"]) && answer.Certificate.Verdict == Verdict.Certified)
                    Assert.InRange(answer.Certificate["gap_resolved"], -1e-12, answer.Certificate["gap_bound"]);
            });
    }

    // Problems that go the other way.
    [Fact]
    public void A_swapped_sense_is_never_certified()
    {
        Gen.Select(Seeds, Gen.Int[1, 3], Tolerances).Each(
            4 * Attacks,
            sample =>
            {
                var (seed, senses, tolerance) = sample;
                var q = new KktQuadratic(seed, 1e-3, boxes: true);
                var problem = q.Problem<double>();
                if ((senses & 1) == 1) problem = problem with { LowerSense = Sense.Maximise };
                if ((senses & 2) == 2) problem = problem with { UpperSense = Sense.Maximise };
                var (certificate, _) = Certifier.Check(problem, q.Point<double>(), tolerance, q.Rho, quick: true);
                if ((senses & 1) == 1) Assert.NotEqual(Verdict.Certified, certificate.Verdict);
                if (problem.Validate(q.Point<double>()).FirstOrDefault(f => f.Severity == Severity.Error) is { } finding && senses == 1) Assert.Contains("LowerSense", finding.Remedy);
            });
    }

    // Constants wrong by up to ten decades either way. They move the point and may be contradicted, but what is certified is true.
    [Fact]
    public void Wrong_constants_never_make_a_false_certificate()
    {
        int certified = 0, refused = 0;
        Gen.Select(Seeds, Gen.Double[-10, 10], Gen.Double[-10, 10], Tolerances, Gen.Int[-5, -2]).Each(
            6 * Attacks,
            sample =>
            {
                var (seed, f, g, tolerance, offset) = sample;
                var q = new KktQuadratic(seed, Math.Pow(10, offset), boxes: true);
                q.Constants = q.TrueConstants with { UpperSmoothness = q.TrueConstants.UpperSmoothness * Math.Pow(10, f), LowerSmoothness = q.TrueConstants.LowerSmoothness * Math.Pow(10, g) };
                var answer = Quick(q, tolerance);
                Assert.False(IsFalse(q, answer), answer.Certificate.ToString());
                if (answer.Certificate.Verdict == Verdict.NotCheckable) refused++;
                if (answer.Certificate.Verdict != Verdict.Certified) return;
                certified++;
                var (w, v) = q.BoxResiduals([.. answer.Point.Select(b => b.ToDoubles())]);
                Assert.InRange(w, 0, tolerance);
                Assert.InRange(v, 0, tolerance);
            });
        Assert.True(certified > 0.6 * Attacks && refused > 0.2 * Attacks, $"{certified} certified, {refused} refused");
    }

    // Starts anywhere, out of the sets too, at rho from 1e-3 to 1e12.
    [Fact]
    public void Whatever_is_certified_is_feasible_and_has_these_residuals()
    {
        int certified = 0;
        Gen.Select(Seeds, Gen.Int[-3, 12], Gen.Int[-12, 2], Gen.Int[-9, 9]).Each(
            6 * Attacks,
            sample =>
            {
                var (seed, decades, spread, tolerance) = sample;
                var q = new KktQuadratic(seed, 1e-5, rho: Math.Pow(10, decades), boxes: true);
                var random = new Random(seed);
                DenseVector<double>[] start = [.. q.Saddle.Select(b => Vectors.Of(Dense.Sum(b, Math.Pow(10, spread), Dense.Normal(random, b.Length))))];
                var answer = Certifier.Check(q.Problem<double>(), start, Math.Pow(10, tolerance), q.Rho, quick: true);
                Assert.False(IsFalse(q, answer), answer.Certificate.ToString());
                if (answer.Certificate.Verdict != Verdict.Certified) return;
                certified++;
                Assert.All(answer.Point, b => Assert.All(b.ToDoubles(), t => Assert.InRange(t, -1, 1)));
                var (w, v) = q.BoxResiduals([.. answer.Point.Select(b => b.ToDoubles())]);
                Assert.InRange(w, 0, answer.Certificate.Tolerance);
                Assert.InRange(v, 0, answer.Certificate.Tolerance);
            });
        Assert.True(certified > 0.4 * Attacks, $"{certified} certified");
    }

    // Problems in float32, whose true numbers are those of the rounded point.
    [Fact]
    public void Single_precision_is_never_certified_by_its_rounding()
    {
        int certified = 0;
        Gen.Select(Seeds, Gen.Double[0, 12], Gen.Int[-9, 0], Gen.Int[-8, -1]).Each(
            4 * Attacks,
            sample =>
            {
                var (seed, decades, tolerance, offset) = sample;
                var q = new KktQuadratic(seed, Math.Pow(10, offset), rho: Math.Pow(10, decades), boxes: true);
                var (certificate, point) = Certifier.Check(q.Problem<float>(), q.Point<float>(), Math.Pow(10, tolerance), q.Rho, quick: true);
                if (certificate.Verdict != Verdict.Certified) return;
                certified++;
                double gap = q.Gap(point[0].ToDoubles(), point[2].ToDoubles(), point[3].ToDoubles());
                Assert.InRange(gap, double.NegativeInfinity, certificate.Tolerance);
                var (w, v) = q.BoxResiduals([.. point.Select(b => b.ToDoubles())]);
                Assert.InRange(w, 0, certificate.Tolerance);
                Assert.InRange(v, 0, certificate.Tolerance);
            });
        Assert.True(certified > 0.2 * Attacks, $"{certified} certified");
    }

    // Problems whose gradient or values lie: scaled, turned, one component wrong, a constant added; by factors down to 1e-4.
    [Fact]
    public void Gradients_and_values_that_disagree_are_never_certified()
    {
        int[] passed = new int[8];
        Gen.Select(Seeds, Gen.Int[0, 7], Gen.Bool, Gen.Double[-4, 0], Gen.Int[-2, 1]).Each(
            16 * Attacks,
            sample =>
            {
                var (seed, kind, upper, exponent, tolerance) = sample;
                double size = Math.Pow(10, exponent);
                var q = new KktQuadratic(seed, 1e-3, boxes: true);
                int block = kind % (upper ? 4 : 3);
                var lie = kind switch
                {
                    0 => new Lie(Value: v => (1 + size) * v),
                    1 => new Lie(Value: v => -v),
                    2 => new Lie(Gradient: (_, g) => [.. g.Select(t => (1 + size) * t)]),
                    3 => new Lie(Gradient: (_, g) => [.. g.Select(t => -t)]),
                    4 => new Lie(Gradient: (k, g) => k == block ? [.. g.Select(t => t + size)] : g),
                    5 => new Lie(Gradient: (k, g) => k == block ? [.. g.Select((t, i) => i == 0 ? (1 + size) * t : t)] : g),
                    6 => new Lie(Gradient: (k, g) => k == block ? new double[g.Length] : g),
                    _ => new Lie(Value: v => v * v * size),
                };
                if (upper) q.UpperLie = lie;
                else q.LowerLie = lie;
                var (certificate, point) = Quick(q, Math.Pow(10, tolerance));
                if (certificate.Verdict == Verdict.Certified) passed[kind]++;
                if (certificate.Verdict == Verdict.Certified && kind == 5)
                {
                    // A derivative that is zero stays zero however it is scaled: what is certified may be true.
                    var (w, v) = q.BoxResiduals([.. point.Select(b => b.ToDoubles())]);
                    if (Math.Max(w, v) <= certificate.Tolerance) passed[kind]--;
                }

                if (new[] { 0, 1, 2, 3 }.All(b => q.Set<double>(b).DiameterAt(q.Sizes[b]) == 0 || (!upper && b == 1))) return;
                if (certificate.Verdict == Verdict.Certified && kind is not (4 or 5 or 6)) Assert.Fail(certificate.ToString() + $" kind {kind} size {size} upper {upper}");
            });

        Assert.True(passed.Sum() == 0, $"{string.Join(" ", passed)} passed");
    }

    // Problems in which a number is not finite somewhere.
    [Fact]
    public void Numbers_that_are_not_finite_are_never_certified()
    {
        double[] bad = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        Gen.Select(Seeds, Gen.Int[0, 2], Gen.Int[0, 5], Gen.Int[0, 2]).Each(
            6 * Attacks,
            sample =>
            {
                var (seed, which, block, where) = sample;
                var q = new KktQuadratic(seed, 1e-4);
                var point = q.Point<double>();
                var lie = which == 0 ? new Lie(Value: _ => bad[where]) : new Lie(Gradient: (_, g) => [.. g.Select(_ => bad[where])]);
                if (which == 2) point[block][0] = bad[where];
                else if (block % 2 == 0) q.UpperLie = lie;
                else q.LowerLie = lie;
                var (certificate, _) = Certifier.Check(q.Problem<double>(), point, 1e3, q.Rho, quick: true);
                Assert.True(certificate.Verdict != Verdict.Certified || (which == 2 && double.IsInfinity(bad[where])), certificate.ToString());
            });
    }

    // Problems with blocks that are absent or can take one value only.
    [Fact]
    public void Absent_and_degenerate_blocks_are_no_obstacle_and_no_loophole()
    {
        int certified = 0;
        Gen.Select(Seeds, Gen.Int[0, 15], Gen.Int[0, 15], Tolerances).Each(
            2 * Attacks,
            sample =>
            {
                var (seed, empty, points, tolerance) = sample;
                var q = new KktQuadratic(seed, 1e-4, empty: empty, points: points);
                foreach (bool quick in new[] { true, false })
                {
                    var answer = new KktCertificate { SolveSteps = 100, SaddleSteps = 30 }.Check(q.Problem<double>(), q.Point<double>(), tolerance, q.Rho, quick);
                    Assert.False(IsFalse(q, answer), answer.Certificate.ToString());
                    Assert.NotEqual(Verdict.NotCheckable, answer.Certificate.Verdict);
                    if (answer.Certificate.Verdict == Verdict.Certified) certified++;
                }
            });
        Assert.True(certified > 1.2 * Attacks, $"{certified} certified");
    }

    // Lower levels with kinks that point the wrong way.
    [Fact]
    public void Concave_kinks_are_never_certified_where_they_matter()
    {
        Gen.Select(Seeds, Gen.Double[-3, 0], Gen.Double[-0.9, 0.9]).Each(
            4 * Attacks,
            sample =>
            {
                var (seed, exponent, at) = sample;
                double size = Math.Pow(10, exponent);
                double saddle = new Random(seed).NextDouble() - 0.5;

                // g = (z1 - s)^2/2 - size |z1 - at| + the linear term that makes s stationary
                double slope = size * Math.Sign(saddle - at);
                double G(double z) => (Math.Pow(z - saddle, 2) / 2) - (size * Math.Abs(z - at)) + (slope * z);
                var problem = new BilevelMinimaxProblem<DenseVector<double>>(
                    new ArrayObjective<double>(b => b[0][0] * b[0][0], (b, k) => k == 0 ? [2 * b[0][0]] : new double[b[k].Length]),
                    new ArrayObjective<double>(b => G(b[1][0]), (b, k) => k == 1 ? [b[1][0] - saddle - (size * Math.Sign(b[1][0] - at)) + slope] : new double[b[k].Length]))
                {
                    X1 = new Box<double>(-1, 1, 1),
                    Z1 = new Box<double>(-1, 1, 1),
                };
                var (certificate, point) = Certifier.Check(problem, KktProblems.Point([0], [], [saddle], []), 1e-3, 100, quick: true);
                double y = point[2][0], best = Enumerable.Range(0, 4001).Min(i => G(-1 + (i / 2000.0)));
                Assert.False(certificate.Verdict == Verdict.Certified && G(y) - best > 1e-3, string.Create(CultureInfo.InvariantCulture, $"gap {G(y) - best}: {certificate}"));
            });
    }

    // Problems whose set lies about its diameter or projects somewhere else.
    [Fact]
    public void Sets_that_lie_are_refused()
    {
        int refused = 0;
        Seeds.Each(
            Attacks,
            seed =>
            {
                var q = new KktQuadratic(seed, 1e-4, boxes: true);
                foreach (var lie in new DenseSet<double>[] { new LyingSet(0.01, false), new LyingSet(4, true) })
                {
                    var problem = q.Problem<double>() with { Z1 = lie };
                    var (certificate, _) = Certifier.Check(problem, q.Point<double>(), 1e3, q.Rho, quick: true);
                    Assert.NotEqual(Verdict.Certified, certificate.Verdict);
                    if (certificate.Verdict == Verdict.NotCertified) continue;
                    refused++;
                    Assert.Contains("set of z1", certificate.Summary, StringComparison.Ordinal);
                }
            });
        Assert.True(refused > 1.6 * Attacks, $"{refused} of {2 * Attacks} refused");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-1, 1)]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(1, 0)]
    [InlineData(1, -1)]
    [InlineData(1, double.PositiveInfinity)]
    public void Tolerances_and_penalties_that_mean_nothing_are_refused(double tolerance, double penalty)
    {
        var q = new KktQuadratic(1, 1e-4);
        foreach (bool quick in new[] { true, false })
            Assert.Equal(Verdict.NotCheckable, Certifier.Check(q.Problem<double>(), q.Point<double>(), tolerance, penalty, quick).Certificate.Verdict);
    }

    [Theory]
    [InlineData(1e-300, 1)]
    [InlineData(1e-12, 1e300)]
    [InlineData(1e-12, 1e-300)]
    [InlineData(1e-15, 10)]
    [InlineData(1e-5, 1e200)]
    public void Extremes_end_in_words(double tolerance, double penalty)
    {
        var q = new KktQuadratic(1, 1e-4);
        foreach (bool quick in new[] { true, false })
        {
            Assert.Equal(Verdict.NotCertified, Certifier.Check(q.Problem<double>(), q.Point<double>(), tolerance, penalty, quick).Certificate.Verdict);
            Assert.NotEqual(Verdict.Certified, Certifier.Check(q.Problem<float>(), q.Point<float>(), tolerance, penalty, quick).Certificate.Verdict);
        }
    }

    // The box [-1, 1] with another diameter, or not convex: the part of it with |x_0| >= 1/2.
    private sealed class LyingSet(double diameter, bool hollow) : DenseSet<double>
    {
        public override double Diameter => diameter;

        public override void Project(Span<double> point)
        {
            for (int i = 0; i < point.Length; i++) point[i] = Math.Clamp(point[i], -1, 1);
            if (hollow && Math.Abs(point[0]) < 0.5) point[0] = point[0] < 0 ? -0.5 : 0.5;
        }

        public override string? Objection(int length) => null;
    }
}
