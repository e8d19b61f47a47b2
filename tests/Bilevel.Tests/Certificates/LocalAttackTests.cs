using System.Globalization;
using System.Numerics;

namespace Bilevel.Tests;

/// <summary>
/// Gradients that are wrong somewhere only, against both certificates: beyond a place, on one side, near the answer, by an amount that grows or
/// wiggles; constants that are a little or far too small, crooked sets, dips. From seeds, in units from 1e-9 to 1e9, so that the wrong gradients
/// vanish at the answer; BILEVEL_ATTACKS sets how many of each kind.
/// </summary>
public sealed class LocalAttackTests
{
    private static readonly int Attacks = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_ATTACKS"), NumberStyles.Integer, CultureInfo.InvariantCulture, out int attacks) ? attacks : 20;

    private static readonly HypergradientCertificate Hyper = new();

    private static readonly KktCertificate Kkt = new();

    // How much of the error there is at an offset from the answer, in units of the block: one at the answer. In float32 what is finer than these
    // lengths lies below the rounding of values, which the certificate says.
    private static readonly Dictionary<string, Func<Random, bool, Func<double[], double>>> Shapes = new()
    {
        ["everywhere"] = (_, _) => _ => 1,
        ["beyond a place"] = (random, _) => Math.Pow(10, -2 * random.NextDouble()) is var place ? d => d[0] > -place ? 1 : 0 : _ => 1,
        ["on one side"] = (_, _) => d => d[0] >= 0 ? 1 : 0,
        ["near the answer"] = (random, narrow) => Math.Pow(10, (narrow ? -1 : -4) * random.NextDouble()) is var radius ? d => Dense.Norm(d) < radius ? 1 : 0 : _ => 1,
        ["fading with the distance"] = (random, narrow) => Math.Pow(10, (narrow ? -1 : -3) * random.NextDouble()) is var radius ? d => Math.Exp(-d.Sum(t => t * t) / (radius * radius)) : _ => 1,
        ["growing"] = (random, _) => (5 * random.NextDouble()) is var slope ? d => 1 + (slope * d[0]) : _ => 1,
        ["wiggling"] = (random, narrow) => Math.Pow(10, narrow ? random.NextDouble() : 1 + (3 * random.NextDouble())) is var frequency ? d => Math.Cos(frequency * d[0]) : _ => 1,
    };

    public static TheoryData<string, string> OfHypergradients
    {
        get
        {
            TheoryData<string, string> kinds = [];
            foreach (string shape in Shapes.Keys)
            {
                foreach (string block in new[] { "f_x", "f_y", "g_x", "g_y" })
                {
                    if (block != "g_y" || shape is not ("growing" or "wiggling" or "fading with the distance" or "on one side")) kinds.Add(shape, block);
                }
            }

            return kinds;
        }
    }

    public static TheoryData<string> OfShapes => [.. Shapes.Keys];

    [Theory]
    [MemberData(nameof(OfHypergradients))]
    public void No_hypergradient_is_certified_by_gradients_that_are_wrong(string shape, string block)
    {
        int harmful = 0;
        for (int seed = 0; seed < Attacks; seed++)
        {
            var random = new Random((31 * seed) + (7 * Array.IndexOf([.. Shapes.Keys], shape)) + block[0] + block[2]);
            var c = new HypergradientCase(random.Next(), Math.Pow(10, 2 * random.NextDouble()), random.Next(3) == 0) { ScaleF = Unit(random), ScaleG = Unit(random), ScaleX = Unit(random), ScaleY = Unit(random) };
            bool narrow = random.Next(4) == 0;
            double[] m = c.Multiplier(c.X, c.Y, c.UpperY(c.X, c.Y)), mixed = c.MixedTimes(c.X, c.Y, m);
            double tolerance = Math.Pow(10, narrow ? -0.5 - random.NextDouble() : -1 - (4 * random.NextDouble())) * Math.Max(Dense.Norm(mixed), 1e-3), wrong = tolerance * Math.Pow(10, 0.5 + (2 * random.NextDouble()));
            var share = Shapes[shape](random, narrow);
            double[] Error(int n) => random.Next(2) == 0 ? [.. Enumerable.Range(0, n).Select(i => i == 0 ? 1.0 : 0)] : Dense.Normal(random, n);
            double[] effect, error = Error(block[2] == 'x' ? c.X.Length : c.Y.Length), answer = c.Y;
            switch (block)
            {
                case "f_x":
                    effect = error = Scaled(wrong / Dense.Norm(error), error);
                    c.Spoil = (upper, k, x, _, r) => AddTo(r, upper && k == 0, share(Dense.Sum(x, -1, c.X)), error);
                    break;
                case "f_y":
                    double moved = Dense.Norm(c.MixedTimes(c.X, c.Y, c.Multiplier(c.X, c.Y, error)));
                    if (!(moved > 0)) continue;
                    error = Scaled(wrong / moved, error);
                    effect = c.MixedTimes(c.X, c.Y, c.Multiplier(c.X, c.Y, error));
                    c.Spoil = (upper, k, _, y, r) => AddTo(r, upper && k == 1, share(Dense.Sum(y, -1, c.Y)), error);
                    break;
                case "g_x":
                    effect = error = Scaled(wrong / Dense.Norm(error), error);
                    double square = m.Sum(t => t * t);
                    c.Spoil = (upper, k, _, y, r) => AddTo(r, !upper && k == 0, share(Dense.Sum(y, -1, c.Y)) * Dense.Sum(y, -1, c.Y).Zip(m, (s, t) => s * t).Sum() / square, error);
                    break;
                default:
                    answer = Dense.Sum(c.Y, 0.5 * Math.Pow(10, -3 * random.NextDouble()) / Dense.Norm(error), error);
                    double[] slope = c.LowerY(c.X, answer);
                    effect = Dense.Sum(c.Hypergradient(c.X, answer), -1, c.Hypergradient(c.X));
                    c.Spoil = (upper, k, _, y, r) => AddTo(r, !upper && k == 1, -share(Dense.Sum(y, -1, answer)), slope);
                    break;
            }

            c.Linear = Dense.Sum([.. c.Hypergradient(c.X).Select(t => -t)], -1, effect);
            double truth = Dense.Norm(c.Hypergradient(c.X));
            if (truth <= 2 * tolerance) continue;
            harmful++;
            var certificate = narrow
                ? Hyper.Check(InSinglePrecision(c.Problem), Narrow(c.ScaledX), Narrow(c.ScaledY(answer)), tolerance * c.Unit, double.NaN)
                : Hyper.Check(WithSets(c, random, truth * c.Unit), c.ScaledX, c.ScaledY(answer), tolerance * c.Unit, random.Next(2) == 0 ? double.NaN : 1e3 * c.ScaleF / c.ScaleG);
            Assert.True(certificate.Verdict != Verdict.Certified, FormattableString.Invariant($"seed {seed}{(narrow ? " in float" : "")}: true norm {truth * c.Unit}. {certificate}"));
        }

        FixedSamples.Note(harmful);
        Assert.True(harmful >= 0.4 * Attacks, $"only {harmful} of {Attacks} do harm");
    }

    [Theory]
    [MemberData(nameof(OfShapes))]
    public void No_kkt_point_is_certified_by_gradients_that_are_wrong(string shape)
    {
        int harmful = 0;
        for (int seed = 0; seed < 2 * Attacks; seed++)
        {
            var random = new Random((31 * seed) + Array.IndexOf([.. Shapes.Keys], shape));
            bool narrow = random.Next(4) == 0, upper = random.Next(2) == 0;
            double unit = Math.Pow(10, random.Next(narrow ? -3 : -9, narrow ? 4 : 10)), rho = Math.Pow(10, narrow ? 1 + random.NextDouble() : 1 + (2.5 * random.NextDouble()));
            var q = new KktQuadratic(random.Next(), 1e-6, scale: unit, rho: rho, boxes: true);
            double tolerance = Math.Max(unit * Math.Pow(10, narrow ? -1.5 * random.NextDouble() : -1 - (4 * random.NextDouble())), (narrow ? 1e-3 : 1e-9) * rho), wrong = tolerance * Math.Pow(10, 0.7 + (2 * random.NextDouble()));
            int block = random.Next(upper ? 4 : 3), size = upper ? q.Sizes[block] : q.Sizes[block == 0 ? 0 : block + 1];

            // g's x1 appears in the difference of two rows, where what is constant cancels.
            if (!upper && block == 0) continue;
            double[] error = random.Next(2) == 0 ? [.. Enumerable.Range(0, size).Select(i => i == 0 ? 1.0 : 0)] : Dense.Normal(random, size);
            error = Scaled(wrong / (upper ? 1 : rho) / Dense.Norm(error), error);
            double[] answer = upper ? q.Saddle[block] : block == 1 ? q.Saddle[4] : q.Saddle[5];
            var share = Shapes[shape](random, narrow);
            double Value(double[][] b, bool own) => own ? -Dot(error, b[block]) : 0;
            double[] Slope(double[] honest, double[][] b, int k, bool own) => own && k == block ? Dense.Sum(honest, share([.. b[block].Select((t, i) => (t - answer[i]) / unit)]) - 1, error) : honest;
            double[][]? ofUpper = upper ? [.. Enumerable.Range(0, 4).Select(k => k == block ? Scaled(-1, error) : new double[q.Sizes[k]])] : null;
            double[][]? ofLower = upper ? null : [new double[q.Sizes[0]], block == 1 ? Scaled(-1, error) : new double[q.Sizes[2]], block == 2 ? Scaled(-1, error) : new double[q.Sizes[3]]];
            bool quick = random.Next(3) > 0;
            var (verdict, point, text) = narrow ? Check<float>() : Check<double>();
            var (w, v) = q.BoxResiduals(point, ofUpper, ofLower);
            if (Math.Max(w, v) <= 2 * tolerance) continue;
            harmful++;
            Assert.True(verdict != Verdict.Certified, FormattableString.Invariant($"seed {seed}{(narrow ? " in float" : "")}, unit {unit}, {(quick ? "quick" : "full")}, {(upper ? "f" : "g")} block {block} of {size}, error {wrong}: true residuals {w}, {v}. {text}"));

            (Verdict Verdict, double[][] Point, string Text) Check<T>()
                where T : unmanaged, IBinaryFloatingPointIeee754<T>
            {
                var problem = q.Problem<T>() with
                {
                    Upper = new ArrayObjective<T>(b => q.UpperValue(b) + Value(b, upper), (b, k) => Slope(q.UpperGradient(b, k), b, k, upper)),
                    Lower = new ArrayObjective<T>(b => q.LowerValue(b) + Value(b, !upper), (b, k) => Slope(q.LowerGradient(b, k), b, k, !upper)),
                };
                var (certificate, at) = Kkt.Check(problem, q.Point<T>(), tolerance, rho, quick);
                return (certificate.Verdict, [.. at.Select(a => a.ToDoubles())], certificate.ToString());
            }
        }

        FixedSamples.Note(harmful);
        Assert.True(harmful >= 0.4 * Attacks, $"only {harmful} of {2 * Attacks} do harm");
    }

    // The best answer on a box, of which some bounds are active; f_x is wrong by a constant. Verdicts on the face and on the lifted problem.
    [Fact]
    public void With_a_constrained_follower_no_wrong_gradient_is_certified_either()
    {
        int faces = 0, lifts = 0;
        for (int seed = 0; seed < 2 * Attacks; seed++)
        {
            var random = new Random(seed + 400);
            var q = QuadraticBilevel.Random(random.Next(), 10, sizeX: random.Next(1, 4), sizeY: random.Next(1, 5));
            IFeasibleSet<DenseVector<double>> set = random.Next(3) switch { 0 => new Simplex<double>(1), 1 => new Box<double>(-0.1, 0.3), _ => new Ball<double>(0.5) };
            double[] x = Dense.Normal(random, q.SizeX), start = [.. Enumerable.Repeat(0.2, q.SizeY)];
            var honest = q.Problem() with { LowerSet = set };
            double[] Follower(double[] at) => LowerLevelSolver.Solve(honest.Lower, Vectors.Of(at), Vectors.Of(start), set, 1e-13, 4000).Y.ToDoubles();
            double F(double[] at) => q.Upper(at, Follower(at));
            double[] gradient = [.. x.Select((_, i) => (F(Moved(i, 1e-5)) - F(Moved(i, -1e-5))) / 2e-5)];
            double[] Moved(int i, double by) => [.. x.Select((t, k) => k == i ? t + by : t)];
            double tolerance = Math.Pow(10, -2.5 + random.NextDouble());
            double[] error = Dense.Normal(random, q.SizeX);
            error = Scaled(tolerance * (4 + (20 * random.NextDouble())) / Dense.Norm(error), error);
            var share = Shapes[random.Next(2) == 0 ? "everywhere" : "near the answer"](random, false);

            // With a linear term the wrong gradient vanishes and the true one is -error.
            double[] linear = Dense.Sum(Scaled(-1, gradient), -1, error);
            var f = new FunctionObjective<DenseVector<double>>(
                (a, y) => q.Upper(a.ToDoubles(), y.ToDoubles()) + Dot(linear, a.ToDoubles()),
                (a, y, r) =>
                {
                    double[] slope = Dense.Sum(Dense.Sum(Gradient(honest.Upper, a, y), 1, linear), share(Dense.Sum(a.ToDoubles(), -1, x)), error);
                    r.Fill(i => slope[i]);
                },
                (a, y, r) =>
                {
                    double[] slope = q.UpperSlope(a.ToDoubles(), y.ToDoubles());
                    r.Fill(i => slope[i]);
                });
            var certificate = Hyper.Check(honest with { Upper = f }, Vectors.Of(x), Vectors.Of(Follower(x)), tolerance, double.NaN);
            Assert.True(certificate.Verdict != Verdict.Certified, FormattableString.Invariant($"seed {seed}, {set}: true norm {Dense.Norm(error)}. {certificate}"));
            if (double.IsNaN(certificate["hypergradient"])) lifts++;
            else faces++;
        }

        FixedSamples.Note(2 * Attacks);
        Assert.True(faces >= 0.3 * Attacks && lifts >= 0.3 * Attacks, $"{faces} faces, {lifts} lifts");
    }

    [Fact]
    public void Constants_that_are_too_small_never_hide_a_gradient_above_the_tolerance()
    {
        int certified = 0;
        for (int seed = 0; seed < 3 * Attacks; seed++)
        {
            var random = new Random(seed + 300);
            var c = new HypergradientCase(random.Next(), Math.Pow(10, 2 * random.NextDouble())) { ScaleF = Unit(random), ScaleG = Unit(random), ScaleX = Unit(random), ScaleY = Unit(random) };
            double tolerance = Math.Pow(10, -2 - (3 * random.NextDouble())) * Math.Max(Dense.Norm(c.MixedTimes(c.X, c.Y, c.Multiplier(c.X, c.Y, c.UpperY(c.X, c.Y)))), 1e-3);
            c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
            c.Linear[0] += tolerance * (0.9 + (0.3 * random.NextDouble()));
            double factor = seed % 3 == 0 ? Math.Pow(10, -6 * random.NextDouble()) : 0.99;
            var k = c.Constants;
            k = random.Next(7) switch
            {
                0 => k with { LowerStrongConvexity = Math.Min(k.LowerStrongConvexity!.Value / factor, k.LowerSmoothness!.Value) },
                1 => k with { LowerSmoothness = Math.Max(k.LowerSmoothness!.Value * factor, k.LowerStrongConvexity!.Value) },
                2 => k with { LowerCoupling = k.LowerCoupling * factor },
                3 => k with { LowerHessianLipschitz = k.LowerHessianLipschitz * factor },
                4 => k with { LowerMixedHessianLipschitz = k.LowerMixedHessianLipschitz * factor },
                5 => k with { UpperSmoothness = k.UpperSmoothness * factor },
                _ => k with { UpperCoupling = k.UpperCoupling * factor },
            };
            double truth = Dense.Norm(c.Hypergradient(c.X));
            double[] start = Dense.Sum(c.Y, Math.Pow(10, 1 - (4 * random.NextDouble())), Dense.Normal(random, c.Y.Length));
            var certificate = Hyper.Check(c.Problem with { Constants = k }, c.ScaledX, c.ScaledY(start), tolerance * c.Unit, random.Next(2) == 0 ? double.NaN : Math.Pow(10, 4 * random.NextDouble()) * c.ScaleF / c.ScaleG);
            if (certificate.Verdict != Verdict.Certified) continue;
            certified++;
            Assert.True(truth <= 1.01 * tolerance, FormattableString.Invariant($"seed {seed}: true norm {truth * c.Unit}. {certificate}"));
        }

        FixedSamples.Note(3 * Attacks);
        Assert.True(certified >= Attacks / 4, $"only {certified} are certified, so that nothing is shown");
    }

    // A follower's g with a second valley, deeper than the one that the answer lies in.
    [Fact]
    public void A_dip_that_is_not_convex_is_not_certified()
    {
        int harmful = 0;
        for (int seed = 0; seed < 5 * Attacks; seed++)
        {
            var random = new Random(seed);
            int n = random.Next(1, 3);
            double unit = Unit(random), height = Unit(random), width = n == 1 ? 0.06 * Math.Pow(10, random.NextDouble()) : 0.3 + (0.3 * random.NextDouble());
            double[] centre = [.. Enumerable.Range(0, n).Select(_ => (1.4 * random.NextDouble()) - 0.7)];
            double depth = (0.3 + random.NextDouble()) * (n == 1 ? 1 : 1.5);
            double Dip(double[] z) => depth * Math.Exp(-z.Zip(centre, (s, t) => (s - t) * (s - t)).Sum() / (2 * width * width));
            double G(double[] z) => (z.Sum(t => t * t) / 2) - Dip(z);
            double[] Slope(double[] z) => [.. z.Select((t, i) => t + (Dip(z) * (t - centre[i]) / (width * width)))];

            // A stationary point near the origin.
            double[] y = new double[n];
            for (int i = 0; i < 2000; i++) y = Dense.Sum(y, -0.02, Slope(y));
            double best = Enumerable.Range(0, n == 1 ? 2001 : 10201).Min(i => G(n == 1 ? [-1 + (i / 1000.0)] : [-1 + (i / 101 / 50.0), -1 + (i % 101 / 50.0)])), gap = G(y) - best;
            if (!(gap > 0.02)) continue;
            harmful++;
            var problem = new BilevelMinimaxProblem<DenseVector<double>>(
                new ArrayObjective<double>(b => b[0][0] * b[0][0], (b, k) => k == 0 ? [2 * b[0][0]] : new double[b[k].Length]),
                new ArrayObjective<double>(b => height * G(Scaled(1 / unit, b[1])), (b, k) => k == 1 ? Scaled(height / unit, Slope(Scaled(1 / unit, b[1]))) : new double[b[k].Length]))
            {
                X1 = new Box<double>(-1, 1, 1),
                Z1 = new Box<double>(-unit, unit, n),
            };
            double tolerance = 1e-2 * height * Math.Max(1, 1 / unit);
            var certificate = Kkt.Check(problem, KktProblems.Point([0], [], Scaled(unit, y), []), tolerance, 1, quick: seed % 2 == 0).Certificate;
            Assert.False(certificate.Verdict == Verdict.Certified && gap * height > 2 * tolerance, FormattableString.Invariant($"seed {seed}, width {width}: true gap {gap * height}. {certificate}"));
        }

        FixedSamples.Note(harmful);
        Assert.True(harmful >= Attacks / 2, $"only {harmful} do harm");
    }

    // X of a plain bilevel problem: a sphere, a grid, a hole, one coordinate sent elsewhere.
    [Fact]
    public void No_crooked_set_of_x_is_certified()
    {
        for (int seed = 0; seed < Attacks; seed++)
        {
            var random = new Random(seed);
            bool many = seed % 4 == 3;
            var c = new HypergradientCase(random.Next(), 10, true, many ? 300 : 1 + random.Next(4), 3) { ScaleF = Unit(random), ScaleG = Unit(random), ScaleX = Unit(random), ScaleY = Unit(random) };
            c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
            double unit = c.ScaleX * (many ? 3 : Dense.Norm(c.X));
            int chosen = random.Next(c.X.Length);
            var set = new Crooked(point =>
            {
                double norm = Dense.Norm(point) / unit;
                switch (many ? 3 : seed % 4)
                {
                    case 0: return norm > 0 ? Scaled(1 / norm, point) : [.. point.Select((_, i) => i == 0 ? unit : 0)];
                    case 1: return [.. point.Select((t, i) => (Math.Round((t - c.ScaledX[i]) / unit * 4) * unit / 4) + c.ScaledX[i])];
                    case 2: return norm < 0.9 ? (norm > 0 ? Scaled(0.9 / norm, point) : [.. point.Select((_, i) => i == 0 ? 0.9 * unit : 0)]) : point;
                    default: return [.. point.Select((t, i) => i == chosen && t > unit ? -unit : Math.Clamp(t, -unit, unit))];
                }
            });
            var certificate = Hyper.Check(c.Problem with { UpperSet = set }, c.ScaledX, c.ScaledY(c.Y), 1e-3 * c.Unit, double.NaN);
            Assert.True(certificate.Verdict != Verdict.Certified, $"seed {seed}. {certificate}");
            Assert.Contains("contradicts itself", certificate.Objection, StringComparison.Ordinal);
        }

        FixedSamples.Note(Attacks);
    }

    // A set of x that is small beside the gradient would change what is asked.
    private static BilevelProblem<DenseVector<double>> WithSets(HypergradientCase c, Random random, double gradient)
    {
        double wideX = 10 * c.ScaleX * (1 + Dense.Norm(c.X)), wideY = 1e3 * c.ScaleY * (1 + Dense.Norm(c.Y));
        return random.Next(3) switch
        {
            0 => c.Problem with { LowerSet = new Box<double>(-wideY, wideY, c.Y.Length) },
            1 when wideX > 1e3 * gradient => c.Problem with { UpperSet = new Box<double>(-wideX, wideX, c.X.Length) },
            _ => c.Problem,
        };
    }

    private static BilevelProblem<DenseVector<float>> InSinglePrecision(BilevelProblem<DenseVector<double>> problem)
    {
        IObjective<DenseVector<float>> Of(IObjective<DenseVector<double>> objective) => new ArrayObjective<float>(
            b =>
            {
                var request = new PreparedRequest<DenseVector<double>>(objective, [[Vectors.Of(b[0]), Vectors.Of(b[1])]], [], values: true);
                request.Evaluate();
                return request.Values[0];
            },
            (b, k) => Gradient(objective, Vectors.Of(b[0]), Vectors.Of(b[1]), k));
        return new(Of(problem.Upper), Of(problem.Lower)) { Constants = problem.Constants };
    }

    private static double[] Gradient(IObjective<DenseVector<double>> objective, DenseVector<double> x, DenseVector<double> y, int block = 0)
    {
        var result = (block == 0 ? x : y).ZerosLike();
        new PreparedRequest<DenseVector<double>>(objective, [[x, y]], [new(block, 0, result)]).Evaluate();
        return result.ToDoubles();
    }

    private static DenseVector<float> Narrow(DenseVector<double> vector) => KktQuadratic.Vector<float>(vector.ToDoubles());

    private static double Unit(Random random) => Math.Pow(10, 9 * ((2 * random.NextDouble()) - 1));

    private static double Dot(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();

    private static double[] Scaled(double factor, double[] v) => [.. v.Select(t => factor * t)];

    private static void AddTo(double[] r, bool when, double factor, double[] error)
    {
        for (int i = 0; when && i < r.Length; i++) r[i] += factor * error[i];
    }

    private sealed class Crooked(Func<double[], double[]> project) : DenseSet<double>
    {
        public override double Diameter => double.PositiveInfinity;

        public override void Project(Span<double> point) => project(point.ToArray()).CopyTo(point);

        public override string? Objection(int length) => null;
    }
}
