using System.Numerics.Tensors;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests;

/// <summary>Runs on problems with a constrained lower level: the answer, its multipliers and what the certificate says of it, against programs and closed forms.</summary>
public sealed class ConstrainedRunTests
{
    [Theory]
    [InlineData(1, 0, 1e-2)]
    [InlineData(1, 1, 1e-2)]
    [InlineData(1, 2, 1e-2)]
    [InlineData(5, 0, 1e-2)]
    [InlineData(5, 1, 1e-2)]
    [InlineData(1, 0, 1e-3)]
    public void A_random_linear_problem_is_certified_and_the_program_agrees(int scale, int number, double eps)
    {
        var settings = new ConstrainedLinearSettings { Scale = scale, Instance = number };
        var (instance, data) = (ConstrainedLinearTask.Instance(settings), ConstrainedLinearTask.Data(settings));
        var solution = Solve(instance, new Auto { Tolerance = eps }, eps, 200_000);

        AssertCertified(solution, eps);
        Assert.Equal(0, solution.BoundDoublings);
        ReadOnlySpan<double> x = solution.X.Span, y = solution.Y.Span;
        double[] m = [.. solution["y2"].ToDoubles().Select(v => v * settings.RowFactor)];
        var lower = data.LowerLevel(x)!.Solve();
        Assert.True(lower.Succeeded(1e-9));
        double infeasibility = data.Infeasibility(x, y), lowerGap = TensorPrimitives.Dot<double>(data.LowerCost, y) - lower.Bound;
        Assert.InRange(infeasibility, 0, eps);
        Assert.InRange(lowerGap, -eps, eps);

        // The certificate's numbers are bounds; the violation is that of the scaled rows, summed.
        var certificate = solution.Certificate!;
        double sum = settings.RowFactor * data.Constraints(x, y).Sum(c => Math.Max(0, c));
        Assert.InRange(certificate["violation"], sum, sum + 1e-9);
        Assert.True(certificate["lower_gap_bound"] >= lowerGap - 1e-9);
        Assert.Equal(solution["y2"].ToDoubles().Max(), certificate["multiplier"]);

        // What y2 misses of the dual value is a part of the gap.
        double missed = lower.Value - data.LowerLevel(x)!.Bound(m), gap = certificate["gap_bound"];
        Assert.InRange(missed, -1e-9, gap + 1e-9);

        // dTilde = -B'lambda, so the dual function is -t'm - |B'(m - lambda)|_1 with t = b - A x. Where B v = t has a
        // solution with |v|_inf < 1, its optimum is lambda, and it falls away from there by at least
        // (1 - |v|_inf) |B'(m - lambda)|_1 >= (1 - |v|_inf) sigmaMin(B) |m - lambda|. So a gap bounds the error of m.
        double[] right = data.OfX.Times(x);
        TensorPrimitives.Subtract(data.Right, right, right);
        double[] leastNorm = data.OfZ.TransposeTimes(Cholesky.TryOf(data.OfZ * data.OfZ.Transpose())!.Solve(right));
        double room = 1 - leastNorm.Max(Math.Abs), smallest = Math.Sqrt(SymmetricEigenvalues.Of(data.OfZ * data.OfZ.Transpose())[0]);
        Assert.InRange(room, 0.1, 1);
        Assert.InRange(Distance(lower.Multipliers, data.Multipliers), 0, 1e-7);
        double error = Distance(m, lower.Multipliers);
        Assert.InRange(error, 0, gap / (room * smallest));
        Assert.True(error <= eps / 10, FormattableString.Invariant($"measured: a tenth of eps; now {error:G3}"));

        // The upper value lies between what no answer can beat and the best with all constraints active.
        Assert.True(data.Upper(x, y) >= data.Cooperative().Solve().Bound - 1);
    }

    [Theory]
    [InlineData("constrained-qp-a", 0.1)]
    [InlineData("constrained-qp-a", 0.01)]
    [InlineData("constrained-qp-a", 0.001)]
    [InlineData("constrained-qp-b", 0.1)]
    [InlineData("constrained-qp-b", 0.01)]
    [InlineData("constrained-qp-b", 0.001)]
    [InlineData("constrained-qp-c", 0.1)]
    [InlineData("constrained-qp-c", 0.01)]
    [InlineData("constrained-qp-c", 0.001)]
    public void The_quadratic_program_is_answered_as_closely_as_its_residuals_imply(string name, double eps)
    {
        var instance = KnownProblems.CreateMinimax(name);
        var solution = Solve(instance, new Auto { Tolerance = eps }, eps, 400_000);
        AssertCertified(solution, eps);
        DenseVector<double> x = solution.X, y = solution["y1"], y2 = solution["y2"], z1 = solution["z1"], z2 = solution["z2"];
        var (best, lambda) = ConstrainedQpTask.LowerSolution(x[0]);
        double rho = solution.Penalty;
        Assert.True(rho >= 1 / eps * (1 - 1e-12));

        // Of section 8.5, with r of the residuals at most eps each, phi = |z - (2, 1)|^2/2 and c = z_a + z_b - x:
        // z rows: z1 = (2, 1) - y2 (1, 1) + r/rho, and the row of y2 says c(z1) = r/rho, <= r/rho where y2 = 0.
        Assert.InRange(Math.Abs(y2[0] - lambda[0]), 0, (1 + Math.Sqrt(2)) / 2 * eps / rho);
        Assert.InRange(Distance(z1.ToDoubles(), best.ToDoubles()), 0, (1 + (2 * Math.Sqrt(2))) * eps / rho);

        // y1 and z2: y1 is (2, 1) - (grad f - r)/rho projected on c <= r/rho.
        double slope = Distance(y.ToDoubles(), [1, 1]), push = (slope + eps) / rho;
        Assert.InRange(Distance(y.ToDoubles(), best.ToDoubles()), 0, push + (eps / rho / Math.Sqrt(2)));
        Assert.InRange(Math.Abs(z2[0] - lambda[0]), 0, (Math.Sqrt(2) * push / 2) + (eps / rho / 2));

        // x1 row: F'(x) is at most the residual of x (1), of y1 (1/sqrt 2), of y2 and z1 (1.21), of z2 (1/2) and the change
        // of grad f from y1 to y(x) (1/sqrt 2); F'' is 1 where the constraint is active. Where not, (x - xb)/2 = r.
        double distance = Math.Abs(x[0] - instance.Answer!.X![0]);
        Assert.InRange(distance, 0, (name == "constrained-qp-b" ? 2 : 4.2) * eps);

        double violation = Math.Max(0, y[0] + y[1] - x[0]), lowerGap = Phi(y) - Phi(best), gap = instance.Answer.Gap!(x, y, y2);
        var certificate = solution.Certificate!;
        Assert.InRange(gap, -1e-15, certificate["gap_bound"]);
        Assert.InRange(violation, 0, Math.Min(certificate["violation"], certificate["violation_bound"]));
        Assert.InRange(certificate["violation"], violation, violation + 1e-12);
        Assert.InRange(lowerGap, certificate["lower_gap_least"], certificate["lower_gap_bound"]);
        Assert.InRange(certificate["multiplier"], y2[0], y2[0]);
        Assert.InRange(certificate["gap_resolved"], gap - (1e-3 * eps), gap + 1e-12);
        Assert.InRange(certificate["gap_resolved_bound"], gap - 1e-12, eps);

        // Section 8.3 at B - B0 = 1, and the sharper O(eps^2) that strong convexity gives (section 2.8).
        Assert.InRange(violation, 0, eps / rho);
        Assert.InRange(Math.Abs(lowerGap), 0, (slope + 1) * (push + (eps / rho)));
        Assert.InRange(gap, 0, 2 * slope * slope / (rho * rho) + (10 * eps / rho));

        static double Phi(DenseVector<double> z) => (((z[0] - 2) * (z[0] - 2)) + ((z[1] - 1) * (z[1] - 1))) / 2;
    }

    [Theory]
    [InlineData(TwoLinesInstance.LoadShed, 0.4, 0.1)]
    [InlineData(TwoLinesInstance.LoadShed, 0.2, 0.5)]
    [InlineData(TwoLinesInstance.CriticalLoad, 0.4, 0.1)]
    [InlineData(TwoLinesInstance.CriticalLoad, 0.2, 0.5)]
    public void The_prices_of_two_lines_are_found_with_their_sign(Enum theKind, double start1, double start2)
    {
        var kind = (TwoLinesInstance)theKind;
        const double Eps = 1e-2;
        var instance = TwoLinesTask.Instance(new TwoLinesSettings { Instance = kind, Start1 = start1, Start2 = start2 });
        var grid = new TwoLines(kind);
        var solution = Solve(instance, new Auto { Tolerance = Eps }, Eps, 400_000);
        AssertCertified(solution, Eps);
        Assert.Equal(0, solution.BoundDoublings);

        // All on the line that was attacked more, the other one full.
        int full = start1 > start2 ? 1 : 0;
        Assert.Equal(0, solution.X[full], 1e-6);
        Assert.Equal(1, solution.X[1 - full], 1e-6);
        double[] m = solution["y2"].ToDoubles(), known = grid.Saddle(solution.X).Z2.ToDoubles();
        double gap = instance.Answer!.Gap!(solution.X, solution["y1"], solution["y2"]);
        Assert.InRange(gap, -1e-9, solution.Certificate!["gap_bound"]);
        Assert.InRange(solution.Certificate["gap_bound"], 0, Eps);

        // At that attack the dual function (TwoLines.Gap) falls from the multipliers by u by at least
        // unit (0.45 u_other + ... + 0.75 |u_bus1| + 0.25 |u_bus2|) in the load-shed instance: it is sharp. In the other the last
        // term is (1/4 + 1) u_bus2^2 / 2. The full line follows: |u_full| <= 1.25 |u_bus2| + 1.67 gap/unit.
        double share = solution.Certificate["gap_bound"] / grid.LowerUnit;
        double bus2 = kind == TwoLinesInstance.LoadShed ? 4 * share : Math.Sqrt(2 * share / 1.25);
        double price = kind == TwoLinesInstance.LoadShed ? 1 : 0.2;
        Assert.Equal(price, known[TwoLines.Limits + 1], 1e-9);
        Assert.Equal(1.25 * price, known[2 * full], 1e-5);
        Assert.InRange(m[TwoLines.Limits + 1] - price, -1.01 * bus2, 1.01 * bus2);
        Assert.InRange(m[TwoLines.Limits], -1.4 * share, 1.4 * share);
        Assert.InRange(m[2 * full] - (1.25 * price), -(1.27 * bus2) - (1.7 * share), (1.27 * bus2) + (1.7 * share));
        Assert.InRange(m[(2 * full) + 1], 0, share);
        Assert.InRange(m[2 * (1 - full)], 0, 2.3 * share);
        Assert.InRange(m[(2 * (1 - full)) + 1], 0, 1.4 * share);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void The_multiplier_of_an_equality_has_its_sign(double sign)
    {
        // sign (z_a + z_b - x) = 0: the multiplier is sign (3 - x)/2, on either side of x = 3.
        foreach (double xb in new[] { -1.0, 7.5 })
        {
            var lower = new ConstrainedLowerLevel<double>(new Bowl(), new LinearConstraints<double>([-sign], [sign, sign], [0]))
            {
                Equalities = 1,
                Set = new Box<double>(-5, 5, 2),
                EqualityOptimalBound = 3,
                Smoothness = 1,
                StrongConvexity = 1,
            };
            var problem = Lift.ConstrainedLowerLevel(new Attraction(xb), lower);
            problem = problem with { X1 = new Box<double>(0, 6, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
            const double Eps = 1e-2;
            var solution = new Driver { Stop = Stop.Certified(Eps, 20) | Stop.Iterations(100_000), CertifyAt = Eps }
                .Run(new Auto { Tolerance = Eps }, problem, BilevelMinimaxProblem.Start(Vectors.Of(3), Vectors.Of(0, 0), Vectors.Of(0)));
            AssertCertified(solution, Eps);
            double expected = sign * (3 - solution.X[0]) / 2;
            Assert.Equal(xb < 0, solution.X[0] < 3);
            Assert.InRange(Math.Abs(expected), 0.5, 3);
            Assert.Equal(expected, solution["y2"][0], (1 + Math.Sqrt(2)) / 2 * Eps / solution.Penalty);
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2.2)]
    public void A_linear_problem_with_too_small_a_bound_ends_right(double bound)
    {
        // The largest multiplier is 2.32. A bound below it is doubled until the multipliers are clear of it.
        var instance = ConstrainedLinearTask.Instance(new ConstrainedLinearSettings { Bound = bound });
        var solution = Solve(instance, new Auto { Tolerance = 1e-2 }, 1e-2, 60_000);
        AssertCertified(solution, 1e-2);
        Assert.True(solution.BoundDoublings > 0);
    }

    [Theory]
    [InlineData(0.01, 10)]
    [InlineData(0.2, 4)]
    [InlineData(4.2, 1)]
    public void The_quadratic_program_with_a_bound_below_B0_ends_right(double bound, int most)
    {
        // What is touched is doubled; a bound below B0 that the answer's multiplier 0.75 stays clear of is not.
        var instance = ConstrainedQpTask.Instance(new ConstrainedQpSettings { Bound = bound });
        var solution = Solve(instance, new Auto { Tolerance = 1e-2 }, 1e-2, 400_000);
        AssertCertified(solution, 1e-2);
        Assert.InRange(solution.BoundDoublings, bound < 0.75 ? 1 : 0, most);
        Assert.True(bound * Math.Pow(2, solution.BoundDoublings) > 0.75);
        Assert.Equal(1.5, solution.X[0], 0.042);
        Assert.Equal((3 - solution.X[0]) / 2, solution["y2"][0], 1.3e-4);
    }

    private static Solution<DenseVector<double>> Solve(MinimaxInstance<DenseVector<double>> instance, IMethod method, double eps, long limit) =>
        new Driver { Stop = Stop.Certified(eps, 20) | Stop.Iterations(limit), CertifyAt = eps }.Run(method, instance.Problem, instance.Start);

    private static void AssertCertified(Solution<DenseVector<double>> solution, double eps)
    {
        Assert.True(solution.Status == SolveStatus.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
        foreach (string name in new[] { "minimiser_residual", "maximiser_residual", "gap_bound", "violation" }) Assert.InRange(solution.Certificate[name], 0, eps);
        Assert.True(solution.Certificate["lower_gap_bound"] <= eps);
    }

    private static double Distance(ReadOnlySpan<double> a, ReadOnlySpan<double> b) => TensorPrimitives.Distance(a, b);

    // |z - (2, 1)|^2 / 2
    private sealed class Bowl : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => (Math.Pow(point[1][0] - 2, 2) + Math.Pow(point[1][1] - 1, 2)) / 2;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == Lower.X1) result[0] = 0;
            else (result[0], result[1]) = (point[1][0] - 2, point[1][1] - 1);
        }
    }

    // (x - xb)^2 / 4 + |y - (1, 1)|^2 / 2
    private sealed class Attraction(double xb) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            (Math.Pow(point[0][0] - xb, 2) / 4) + ((Math.Pow(point[1][0] - 1, 2) + Math.Pow(point[1][1] - 1, 2)) / 2);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == BilevelProblem.X) result[0] = (point[0][0] - xb) / 2;
            else (result[0], result[1]) = (point[1][0] - 1, point[1][1] - 1);
        }
    }
}
