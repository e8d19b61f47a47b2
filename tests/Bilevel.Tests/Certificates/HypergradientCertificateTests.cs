using CsCheck;

namespace Bilevel.Tests;

public sealed class HypergradientCertificateTests
{
    private static readonly HypergradientCertificate Certifier = new();

    private static readonly Gen<int> Seeds = Gen.Int[0, 1 << 30];
    private static readonly Gen<double> Scales = Gen.Int[-8, 8].Select(e => Math.Pow(10, e));
    private static readonly Gen<double> Lambdas = Gen.OneOf(Gen.Const(double.NaN), Gen.Int[-3, 12].Select(e => Math.Pow(10, e)));

    /// <summary>The bound holds whether or not it certifies; the truth has a rounding error of its own.</summary>
    private static bool Holds(Certificate certificate, double truth, double rounding)
    {
        double bound = certificate["stationarity_bound"];
        if (certificate.Verdict == Verdict.Certified && !(truth <= certificate.Tolerance + rounding)) return false;
        return double.IsNaN(bound) || truth <= bound + rounding;
    }

    private static DenseVector<double> Vector(double[] components) => Vectors.Of(components);

    [Fact]
    public void Never_wrong_on_quadratics_of_any_scale_and_condition()
    {
        int checkedBounds = 0;
        Gen.Select(Seeds, Gen.Int[0, 8], Gen.Select(Scales, Scales, Scales, Scales), Lambdas, Gen.Int[-9, 1]).Each(
            300,
            sample =>
            {
                var (seed, decades, scales, lambda, distance) = sample;
                var q = QuadraticBilevel.Random(seed, Math.Pow(10, decades), scales.Item1, scales.Item2, scales.Item3, scales.Item4);
                var random = new Random(seed + 1);
                double[] x = Dense.Sum(q.Stationary(), scales.Item3 * Math.Pow(10, distance), Dense.Normal(random, q.SizeX));
                double[] y = [.. Dense.Normal(random, q.SizeY).Select(t => scales.Item4 * 10 * t)];
                double[] truth = q.Hypergradient(x);
                var certificate = Certifier.Check(q.Problem(), Vector(x), Vector(y), scales.Item1 / scales.Item3 * 1e-6, lambda);
                if (!double.IsNaN(certificate["stationarity_bound"])) checkedBounds++;
                return Holds(certificate, Dense.Norm(truth), 1e-14 * Math.Pow(10, decades) * scales.Item1 / scales.Item3);
            });
        Assert.True(checkedBounds > 250, $"only {checkedBounds} bounds");
    }

    [Fact]
    public void Never_wrong_on_a_lower_level_that_is_not_quadratic()
    {
        Gen.Select(Seeds, Gen.Int[-3, 1], Lambdas, Gen.Int[-8, 1]).Each(
            150,
            sample =>
            {
                var (seed, decades, lambda, distance) = sample;
                var problem = LogCoshBilevel.Random(seed, Math.Pow(10, decades));
                double[] x = Dense.Normal(new Random(seed), problem.SizeX);
                double[] y = [.. Dense.Normal(new Random(seed), problem.SizeY).Select(t => t * Math.Pow(10, distance))];
                return new[] { problem.Constants, problem.MoreConstants }.All(constants =>
                {
                    var certificate = Certifier.Check(problem.Problem() with { Constants = constants }, Vector(x), Vector(y), 1e-4, lambda);
                    Assert.NotEqual(Verdict.NotCheckable, certificate.Verdict);
                    return Holds(certificate, Dense.Norm(problem.Hypergradient(x)), 1e-10);
                });
            });
    }

    [Fact]
    public void The_error_of_differences_is_small_whether_or_not_third_derivatives_are_known_to_be_smooth()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            // An ill-conditioned lower level: what differences err is multiplied by |g_xy| / mu.
            var problem = LogCoshBilevel.Random(seed, mu: 1e-3);
            double[] x = Dense.Normal(new Random(seed), problem.SizeX), y = problem.Follower(x);
            double truth = Dense.Norm(problem.Hypergradient(x));
            foreach (var constants in new[] { problem.Constants, problem.MoreConstants })
            {
                var certificate = Certifier.Check(problem.Problem() with { Constants = constants }, Vector(x), Vector(y), 1e-6, double.NaN);
                Assert.True(certificate["error_differences"] < 2e-4 * truth, $"seed {seed}: {certificate}");
                Assert.True(Math.Abs(certificate["hypergradient"] - truth) <= certificate["hypergradient_error"], $"seed {seed}: {certificate} for {truth}");
            }
        }
    }

    [Fact]
    public void A_difference_errs_no_more_than_it_says()
    {
        // q = exp along a line; all its derivatives are at most e where steps h |v| are at most 1.
        foreach (double norm in new[] { 1e-3, 1, 30 })
        {
            foreach (double rounding in new[] { 1e-15, 1e-9 })
            {
                DifferenceError first = new(Math.E, null, rounding), second = first with { SecondLipschitz = Math.E };
                foreach (var error in new[] { first, second })
                {
                    double h = error.Length(norm, 1);
                    Assert.True(h * norm <= 1);
                    double difference = (Math.Exp(h * norm) - Math.Exp(-h * norm)) / (2 * h);
                    Assert.True(Math.Abs(difference - norm) <= error.At(h, norm), $"|v| = {norm}, rounding {rounding}: {difference - norm} above {error.At(h, norm)}");
                    Assert.True(error.At(h, norm) <= 1.001 * Enumerable.Range(-40, 81).Select(k => Math.Pow(1.2, k) * h).Where(other => other * norm <= 1).Min(other => error.At(other, norm)));
                }

                Assert.True(second.At(second.Length(norm, 1), norm) < first.At(first.Length(norm, 1), norm));
            }
        }
    }

    [Fact]
    public void Certifies_good_points_of_well_conditioned_problems()
    {
        Gen.Select(Seeds, Gen.Bool).Each(
            100,
            sample =>
            {
                var (seed, withPenalty) = sample;
                var q = QuadraticBilevel.Random(seed, 20);
                var certificate = Certifier.Check(q.Problem(), Vector(q.Stationary()), Vector(new double[q.SizeY]), 1e-6, withPenalty ? 1e3 : double.NaN);
                Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
            });
    }

    [Fact]
    public void Certifies_what_the_solver_finds_where_the_lower_level_is_not_quadratic()
    {
        Seeds.Each(
            20,
            seed =>
            {
                var problem = LogCoshBilevel.Random(seed);
                var solution = BilevelSolver.Solve(problem.Problem(), Vector(Dense.Normal(new Random(seed), problem.SizeX)), Vector(new double[problem.SizeY]), 1e-3);
                Assert.True(solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
                Assert.True(Dense.Norm(problem.Hypergradient(solution.X.ToDoubles())) <= 1e-3);
            });
    }

    [Fact]
    public void Never_wrong_in_single_precision()
    {
        Gen.Select(Seeds, Gen.Int[0, 3], Lambdas, Gen.Int[-4, 1]).Each(
            150,
            sample =>
            {
                var (seed, decades, lambda, distance) = sample;
                var q = QuadraticBilevel.Random(seed, Math.Pow(10, decades));
                float[] x = Array.ConvertAll(Dense.Sum(q.Stationary(), Math.Pow(10, distance), Dense.Normal(new Random(seed), q.SizeX)), t => (float)t);
                var certificate = Certifier.Check(q.Problem<float>(), new DenseVector<float>(x), new DenseVector<float>(q.SizeY), 1e-3, lambda);
                return Holds(certificate, Dense.Norm(q.Hypergradient(Array.ConvertAll(x, t => (double)t))), 1e-6 * Math.Pow(10, decades));
            });
    }

    [Fact]
    public void Single_precision_does_not_hide_a_small_step_at_a_large_x()
    {
        // x - d rounds to x in single precision; the gradient mapping must not count as zero.
        var q = QuadraticBilevel.Scalar(a: 2e-3, b: 0) with { Center = [15_000] };
        var problem = q.Problem<float>() with { UpperSet = new Box<float>(-1e6, 1e6) };
        foreach (float x in new[] { 10_000f, 10_000.001f, 10_000.05f, 10_000.1f, 9_999.9f, 10_001 })
        {
            double truth = Dense.Norm(q.Hypergradient([x]));
            var certificate = Certifier.Check(problem, new DenseVector<float>(x), new DenseVector<float>(15_000f), 1e-4, double.NaN);
            Assert.True(truth <= certificate["stationarity_bound"], $"x = {x}: {truth} {certificate}");
        }
    }

    [Fact]
    public void The_gradient_mapping_is_bounded_where_x_is_constrained()
    {
        Gen.Select(Seeds, Lambdas, Gen.Int[-6, 0]).Each(
            100,
            sample =>
            {
                var (seed, lambda, distance) = sample;
                var q = QuadraticBilevel.Random(seed);
                double[] x = [.. Dense.Sum(q.Stationary(), Math.Pow(10, distance), Dense.Normal(new Random(seed), q.SizeX)).Select(t => Math.Clamp(t, -0.1, 0.1))];
                double[] moved = [.. Dense.Sum(x, -1, q.Hypergradient(x)).Select(t => Math.Clamp(t, -0.1, 0.1))];
                var certificate = Certifier.Check(q.Problem() with { UpperSet = new Box<double>(-0.1, 0.1) }, Vector(x), Vector(new double[q.SizeY]), 1e-6, lambda);
                return Holds(certificate, Dense.Norm(Dense.Sum(moved, -1, x)), 1e-12);
            });
    }

    [Theory]
    [InlineData(1e3)]
    [InlineData(1e6)]
    [InlineData(1e9)]
    public void Rounding_inside_the_objective_is_seen(double offset)
    {
        // An offset added and taken off again leaves gradients good to offset * 2^-53 only.
        var exact = QuadraticBilevel.Scalar();
        var problem = exact.Problem();
        var rough = new BilevelProblem<DenseVector<double>>(new Blurred(problem.Upper, offset), new Blurred(problem.Lower, offset)) { Constants = problem.Constants };
        foreach (double x in new[] { 0.6, 0.6 + 1e-12, 0.6 + 1e-9, 0.6 + 1e-7, 0.6 + 2.3e-7, 0.6 - 4.7e-7, 0.6 + 1e-5 })
        {
            foreach (double tolerance in new[] { 1e-12, 1e-9, 1e-6, 1e-3 })
            {
                var certificate = Certifier.Check(rough, Vector([x]), Vector([0]), tolerance, 1e4);
                double truth = Math.Abs(exact.Hypergradient([x])[0]);
                Assert.True(Holds(certificate, truth, 1e-15), $"x = {x}, tolerance {tolerance}: {truth} {certificate}");

                // What is seen is allowed for: it must not pass for a contradiction of the constants.
                if (offset <= 1e6 && tolerance == 1e-3) Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
            }
        }
    }

    [Fact]
    public void Large_values_do_not_matter()
    {
        var q = QuadraticBilevel.Random(5) with { ValueOffset = 1e12 };
        var certificate = Certifier.Check(q.Problem(), Vector(q.Stationary()), Vector(new double[q.SizeY]), 1e-6, 1e3);
        Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
    }

    [Fact]
    public void Declared_constants_that_gradients_contradict_forbid_a_certificate()
    {
        var wrong = new (string What, Func<ProblemConstants, ProblemConstants> Change)[]
        {
            ("mu", c => c with { LowerStrongConvexity = 3 * c.LowerStrongConvexity }),
            ("Lg1", c => c with { LowerSmoothness = 0.7 * c.LowerSmoothness }),
            ("g_xy", c => c with { LowerCoupling = 0 }),
            ("Lg2", c => c with { LowerHessianLipschitz = 0 }),
            ("Lg3", c => c with { LowerThirdDerivativeLipschitz = 0 }),
            ("mixed Lg3", c => c with { LowerMixedThirdDerivativeLipschitz = 0 }),
            ("negative Lg3", c => c with { LowerThirdDerivativeLipschitz = -1 }),
            ("Lf1", c => c with { UpperSmoothness = 0.5 }),
            ("f_xy", c => c with { UpperCoupling = 0 }),
            ("negative", c => c with { LowerHessianLipschitz = -1 }),
            ("NaN", c => c with { LowerCoupling = double.NaN }),
        };
        for (int seed = 0; seed < 20; seed++)
        {
            var problem = LogCoshBilevel.Random(seed);
            var q = QuadraticBilevel.Random(seed, sizeY: 4);
            foreach (var (what, change) in wrong)
            {
                bool quadratic = what is "mu" or "Lg1";
                var honest = quadratic ? q.Problem() : problem.Problem();
                double[] x = Dense.Normal(new Random(seed), quadratic ? q.SizeX : problem.SizeX);
                var certificate = Certifier.Check(honest with { Constants = change(honest.Constants) }, Vector(x), Vector(new double[quadratic ? 4 : problem.SizeY]), 100, 1e3);
                Assert.True(certificate.Verdict == Verdict.NotCheckable, $"{what}, seed {seed}: {certificate}");
            }
        }
    }

    [Fact]
    public void A_nonconvex_lower_level_is_never_certified()
    {
        // g = (y^2 - 1)^2 / 4 - x y has two wells; each looks strongly convex from inside.
        var upper = new FunctionObjective<DenseVector<double>>((x, y) => (y[0] * y[0] / 2) + (x[0] * x[0] / 2), (x, _, r) => r[0] = x[0], (_, y, r) => r[0] = y[0]);
        var lower = new FunctionObjective<DenseVector<double>>(
            (x, y) => (Math.Pow((y[0] * y[0]) - 1, 2) / 4) - (x[0] * y[0]), (_, y, r) => r[0] = -y[0], (x, y, r) => r[0] = (y[0] * ((y[0] * y[0]) - 1)) - x[0]);
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower)
        {
            Constants = new() { LowerStrongConvexity = 1.9, LowerSmoothness = 20, LowerCoupling = 1, LowerHessianLipschitz = 20, UpperSmoothness = 1, UpperCoupling = 0 },
        };
        foreach (double y in new[] { -1, -0.9, 0, 0.1, 0.9, 1, 30 })
        {
            foreach (double x in new[] { -0.1, 0, 0.1 })
            {
                var certificate = Certifier.Check(problem, Vector([x]), Vector([y]), 10, 100);
                Assert.True(certificate.Verdict == Verdict.NotCheckable, $"x = {x}, y = {y}: {certificate}");
            }
        }
    }

    [Fact]
    public void Vanishing_parts()
    {
        // f_y = 0 at y*, so the multiplier is zero; then f without y; then g without x.
        foreach (var q in new[]
        {
            QuadraticBilevel.Scalar() with { Center = [0] },
            QuadraticBilevel.Scalar(a: 0),
            QuadraticBilevel.Scalar(p: 0),
        })
        {
            foreach (double x in new[] { 0, 1e-9, 1e-3 })
            {
                foreach (double lambda in new[] { double.NaN, 1e-3, 1e3 })
                {
                    var certificate = Certifier.Check(q.Problem(), Vector([x]), Vector([0.3]), 1e-6, lambda);
                    double truth = Math.Abs(q.Hypergradient([x])[0]);
                    Assert.True(Holds(certificate, truth, 1e-15), certificate.ToString());
                    Assert.True((certificate.Verdict == Verdict.Certified) == (truth <= 1e-6), certificate.ToString());
                }
            }
        }
    }

    [Fact]
    public void A_lambda_below_the_convex_range_does_not_spoil_the_other_bound()
    {
        var q = QuadraticBilevel.Scalar();
        var certificate = Certifier.Check(q.Problem(), Vector([0.6]), Vector([0]), 1e-6, 1.5);
        Assert.Equal(Verdict.Certified, certificate.Verdict);
        Assert.DoesNotContain(certificate.Residuals, r => double.IsNaN(r.Value));
    }

    [Fact]
    public void A_lower_start_far_away_does_not_matter()
    {
        foreach (double distance in new[] { 1e3, 1e6, 1e8 })
        {
            var q = QuadraticBilevel.Random(3, 100, sizeX: 3, sizeY: 6);
            var certificate = Certifier.Check(q.Problem(), Vector(q.Stationary()), Vector([.. Enumerable.Repeat(distance, 6)]), 1e-6, 1e3);
            Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
        }
    }

    [Fact]
    public void Constants_at_a_point_are_completed_by_the_global_ones()
    {
        var q = QuadraticBilevel.Scalar();
        var problem = q.Problem() with { ConstantsAt = _ => new ProblemConstants { LowerStrongConvexity = 1 } };
        Assert.Equal(Verdict.Certified, Certifier.Check(problem, Vector([0.6]), Vector([0]), 1e-6, double.NaN).Verdict);
        Assert.Equal(Verdict.NotCheckable, Certifier.Check(problem with { Constants = new() }, Vector([0.6]), Vector([0]), 1e-6, double.NaN).Verdict);
    }

    // Rounds every gradient as (gradient + offset) - offset does.
    private sealed class Blurred(IObjective<DenseVector<double>> inner, double offset) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients)
            {
                for (int i = 0; i < output.Result.Length; i++) output.Result[i] = output.Result[i] + offset - offset;
            }
        }
    }
}
