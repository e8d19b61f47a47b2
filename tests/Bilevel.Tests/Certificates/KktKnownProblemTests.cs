using static Bilevel.Tests.KktProblems;

namespace Bilevel.Tests;

public sealed class KktKnownProblemTests
{
    private static readonly KktCertificate Certifier = new();

    private static CertifiedPoint<DenseVector<double>> Full(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] point, double eps) => Certifier.Check(problem, point, eps, 1 / eps, quick: false);

    private static DenseVector<double>[] T1Point(double eps) => Solve(T1(), Point([2], [0], [-1], [-1]), 1 / eps, 40_000);

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.03)]
    public void T1_is_certified_with_its_closed_form_gap_and_no_sign(double eps)
    {
        var (certificate, point) = Full(T1(), T1Point(eps), eps);
        Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
        Assert.Empty(certificate.Signs);
        double x = point[0][0], y1 = point[2][0], y2 = point[3][0];

        // max over z2 of y1 z2 - z2^2/2 is y1^2/2; min over z1 of z1^2/2 + z1 (y2 + x) is -(y2 + x)^2/2
        double gap = (y1 * y1 / 2) + (x * y1) + (y1 * y1 / 2) + (Math.Pow(y2 + x, 2) / 2) + (y2 * y2 / 2);
        Assert.InRange(certificate["gap_resolved"], gap - 1e-9, gap + 1e-9);
        Assert.InRange(certificate["gap_bound"], gap, eps);
        Assert.InRange(certificate["gap_resolved_bound"], gap - 1e-12, gap + (eps / 100));

        // F(x1), at the saddle point z1 = z2 = -x/2 and the best x2
        double x2 = Math.Clamp(x / 2, -2, 2);
        Assert.Equal((Math.Pow((x / 2) + 1, 2) / 2) + (Math.Pow((x / 2) - 0.5, 2) / 2) + (x2 * x / 2) - (x2 * x2 / 2) + (x * x / 10), certificate.UpperValue, 1e-4 * eps);
        Assert.Equal(-x * x / 4, certificate.LowerValue, 1e-6 * eps);
        Assert.Null(certificate.Objection);
    }

    [Fact]
    public void T2_is_certified_and_its_saddle_is_seen_not_to_be_unique()
    {
        var (certificate, point) = Full(T2(), Solve(T2(), Point([-1], [0], [-0.5, -0.5], [0]), 10, 40_000), 0.1);
        Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
        Assert.Contains(certificate.Signs, s => s.Contains("not to be unique", StringComparison.Ordinal));
        double gap = Math.Abs(point[2][0] + point[2][1] - point[0][0]) + (6 * Math.Abs(point[3][0])) + (point[0][0] * point[3][0]);
        Assert.InRange(certificate["gap_resolved"], gap - 1e-9, gap + 1e-9);
        Assert.InRange(certificate["gap_bound"], gap, 0.1);
    }

    [Fact]
    public void T3_is_certified_with_its_constraints_and_either_sense()
    {
        foreach (var sense in new[] { Sense.Minimise, Sense.Maximise })
        {
            var problem = T3(1, sense: sense);
            var (certificate, point) = Full(problem, Solve(problem, Point([0], [], [0.5, -0.5], [1.5]), 33, 40_000), 0.03);
            Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
            Assert.Null(certificate.TouchedBound);
            double x = point[0][0], total = point[2][0] + point[2][1] - x, best = Math.Pow(Math.Max(3 - x, 0), 2) / 4;
            double excess = ((Math.Pow(point[2][0] - 2, 2) + Math.Pow(point[2][1] - 1, 2)) / 2) - best;
            Assert.InRange(certificate["violation"], Math.Max(0, total), Math.Max(0, total) + 1e-12);
            Assert.InRange(certificate["lower_gap_bound"], excess, 0.03);
            Assert.True(certificate["violation_bound"] >= Math.Max(0, total));
            Assert.True(certificate["lower_gap_least"] <= excess);
            Assert.Equal(point[3][0], certificate["multiplier"]);
        }
    }

    [Fact]
    public void A_multiplier_at_its_bound_is_named_where_everything_else_is_within_tolerance()
    {
        var problem = T3(1, bound: 0.25);
        var (certificate, _) = Full(problem, Solve(problem, Point([0], [], [0.5, -0.5], [0.2]), 33, 40_000), 0.03);
        Assert.Equal(Verdict.NotCertified, certificate.Verdict);
        Assert.NotNull(certificate.TouchedBound);
        Assert.Contains(certificate.TouchedBound, certificate.Signs);
        Assert.True(certificate["violation"] > 0.03, "the bound is too small, so the constraint is violated");
        var (far, _) = Full(problem, Point([0], [], [3, 3], [0.25]), 0.03);
        Assert.Equal(Verdict.NotCertified, far.Verdict);
        Assert.Null(far.TouchedBound);
    }

    [Fact]
    public void T4_far_from_its_optimum_is_certified_and_seen_to_be_flat()
    {
        var problem = T4();
        double q = 0.5 + 0.0629797, y = -0.2164625;
        var start = Point([1], [0.5, 0.5], [y], [q, 1 - q]);
        var (certificate, point) = Full(problem, Solve(problem, start, 10, 4000), 0.1);
        Assert.True(certificate.Verdict == Verdict.Certified, certificate.ToString());
        Assert.InRange(point[0][0], 0.5, 1.7);
        Assert.Contains(certificate.Signs, s => s.Contains("flat", StringComparison.Ordinal));
        Assert.DoesNotContain(certificate.Signs, s => s.Contains("unique", StringComparison.Ordinal));
    }

    [Fact]
    public void The_quick_form_says_the_same_for_few_gradients()
    {
        var point = T1Point(0.03);
        var quick = Certifier.Check(T1(), point, 0.03, 1 / 0.03, quick: true).Certificate;
        Assert.Equal(Verdict.Certified, quick.Verdict);
        var open = Certifier.Check(T1(), Point([2], [0], [-1], [-1]), 0.03, 1 / 0.03, quick: true).Certificate;
        Assert.Equal(Verdict.NotCertified, open.Verdict);
        Assert.Equal(20, open.OracleCalls);
        var full = Full(T1(), point, 0.03).Certificate;
        Assert.InRange(quick.OracleCalls, 21, 2500);
        Assert.InRange(full.OracleCalls, 1000, 20_000);
    }

    [Fact]
    public void An_unbounded_block_is_named_before_and_after()
    {
        var problem = T1() with { Z2 = new WholeSpace<DenseVector<double>>() };
        var certificate = Full(problem, T1Point(0.1), 0.1).Certificate;
        Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
        Assert.Contains("z2 has no bounds", certificate.Summary);
        var finding = Assert.Single(problem.Validate(T1Point(0.1)));
        Assert.Equal(Severity.Warning, finding.Severity);
        Assert.Contains("z2", finding.What);
        var declared = problem with { Constants = problem.Constants with { LowerStrongConcavity = 1 } };
        Assert.Equal(Verdict.Certified, Full(declared, T1Point(0.1), 0.1).Certificate.Verdict);
        Assert.Empty(declared.Validate(T1Point(0.1)));
        var wrong = problem with { Constants = problem.Constants with { LowerStrongConcavity = 1.5 } };
        var contradicted = Full(wrong, T1Point(0.1), 0.1).Certificate;
        Assert.Equal(Verdict.NotCheckable, contradicted.Verdict);
        Assert.Contains("strong concavity", contradicted.Summary);
    }

    [Fact]
    public void A_swapped_sense_is_recognised_before_the_run()
    {
        var finding = Assert.Single((T1() with { LowerSense = Sense.Maximise }).Validate(T1Point(0.1)));
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Contains("LowerSense = Minimise", finding.Remedy);
        Assert.Contains("not concave in z1", finding.What);
        Assert.Empty((T1() with { LowerSense = Sense.Maximise, Shape = LowerShape.General }).Validate(T1Point(0.1)));
    }

    [Fact]
    public void A_lower_level_of_any_shape_gets_evidence_and_no_certificate()
    {
        var certificate = Full(T1() with { Shape = LowerShape.General }, T1Point(0.1), 0.1).Certificate;
        Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
        Assert.Contains("not a proof", Assert.Single(certificate.Evidence));
    }

    [Fact]
    public void A_run_ends_as_soon_as_it_is_certified_and_returns_the_certified_point()
    {
        var driver = new Driver { Stop = Stop.Certified(0.05, every: 20) | Stop.Iterations(100_000), CertifyAt = 0.05 };
        var solution = driver.Run(new Ogda { Schedule = new PenaltySchedule { Rho = 20 } }, T1(), Point([2], [0], [-1], [-1]));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        var again = Certifier.Check(T1(), solution.Point, 0.05, 20, quick: true).Certificate;
        Assert.Equal(Verdict.Certified, again.Verdict);
    }

    [Fact]
    public void A_lower_level_that_is_not_convex_is_refused_before_the_run_and_runs_when_declared()
    {
        var bent = T1() with
        {
            Lower = new ArrayObjective<double>(
                b => (b[1][0] * b[1][0] / 2) + (b[1][0] * b[2][0]) - (b[2][0] * b[2][0] / 2) + (3 * Math.Cos(b[2][0])),
                (b, k) => [k switch { 0 => 0, 1 => b[1][0] + b[2][0], _ => b[1][0] - b[2][0] - (3 * Math.Sin(b[2][0])) }]),
            Constants = new() { UpperSmoothness = 2, LowerSmoothness = 6 },
        };
        var driver = new Driver { Stop = Stop.Iterations(50), CertifyAt = 0.1 };
        var error = Assert.Throws<InvalidProblemException>(() => driver.Run(new Ogda { Schedule = new PenaltySchedule { Rho = 10 } }, bent, Point([2], [0], [-1], [-1])));
        Assert.Contains("not concave in z2", error.Message, StringComparison.Ordinal);
        Assert.Contains("LowerShape.General", error.Message, StringComparison.Ordinal);
        var solution = driver.Run(new Ogda { Schedule = new PenaltySchedule { Rho = 10 } }, bent with { Shape = LowerShape.General }, Point([2], [0], [-1], [-1]));
        Assert.Equal(Verdict.NotCheckable, solution.Certificate!.Verdict);
        Assert.NotEmpty(solution.Certificate.Evidence);
    }
}
