using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Constrained followers in units of all sizes, through the short way: answers against closed forms and against an independent solve.</summary>
public sealed class ConstrainedScalesTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(1, 1, 1, 1, 1e4)]
    [InlineData(1, 1, 1, 1, 1e-4)]
    [InlineData(1e6, 1e-6, 1, 1, 1)]
    [InlineData(1e-6, 1e6, 1e3, 1e-3, 10)]
    [InlineData(1e-3, 1e4, 1e-6, 1e6, 1e4)]
    [InlineData(1e5, 1e5, 1e6, 1e6, 1e-4)]
    public void The_answer_of_a_quadratic_program_does_not_depend_on_units(double f, double g, double x, double y, double row)
    {
        // min (y - 3)^2/2 + x^2/2 where y minimises (y - x - 1)^2/2 subject to y <= 1: y = min(x + 1, 1), so x = 0 and y = 1 at the kink,
        // or with y >= 1 - x: y = 1 + |x|, and F = (|x| - 2)^2/2 + x^2/2, so x = 1 or x = -1.
        foreach (bool atKink in new[] { true, false })
        {
            double a = atKink ? 0 : -1, b = atKink ? 1 : -1, right = atKink ? 1 : -1;
            var (upper, lower) = Levels(f, g, x, y);
            var constraints = new LinearConstraints<double>([a * row / x], [b * row / y], [right * row]);
            var problem = Lift.ConstrainedLowerLevel(upper, new ConstrainedLowerLevel<double>(lower, constraints) { StrongConvexity = g / (y * y) });
            var solution = BilevelSolver.Solve(problem, Start(Vectors.Of(5 * x), Vectors.Of(2 * y), Vectors.Of(0)), 1e-4 * f / x);

            Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
            Assert.Equal(atKink ? 0 : 1, Math.Abs(solution.X[0] / x), 1e-3);
            Assert.Equal(atKink ? 1 : 2, solution.Y[0] / y, 1e-3);
            Assert.Equal(atKink ? 2 : 1, solution.UpperValue / f, 1e-2);
            Assert.InRange(solution.OracleCalls, 1, 20_000);
        }
    }

    // f ((y - 3)^2 + x^2)/2 and g (y - x - 1)^2/2, x and y in their units.
    private static (FunctionObjective<DenseVector<double>> Upper, FunctionObjective<DenseVector<double>> Lower) Levels(double f, double g, double x, double y) => (
        new(
            (u, v) => f * ((Square((v[0] / y) - 3) + Square(u[0] / x)) / 2),
            (u, _, r) => r[0] = f / x * (u[0] / x),
            (_, v, r) => r[0] = f / y * ((v[0] / y) - 3)),
        new(
            (u, v) => g * Square((v[0] / y) - (u[0] / x) - 1) / 2,
            (u, v, r) => r[0] = -g / x * ((v[0] / y) - (u[0] / x) - 1),
            (u, v, r) => r[0] = g / y * ((v[0] / y) - (u[0] / x) - 1)));

    [Theory]
    [InlineData(1, 1e6, 1, 1, 1)]
    [InlineData(1e6, 1e-6, 1, 1, 1)]
    [InlineData(1e-6, 1e6, 1e3, 1e-3, 10)]
    [InlineData(1e-3, 1e4, 1e-6, 1e6, 1e4)]
    public void The_plain_numbers_of_a_certificate_in_units_are_those_of_the_problem(double f, double g, double x, double y, double row)
    {
        // f = f (y - 3)^2/2 + x^2/2, g = g (y - x - 1)^2/2, y <= 1, of which at x >= 0 the follower's best is g x^2/2.
        var (upper, lower) = Levels(f, g, x, y);
        var problem = Lift.ConstrainedLowerLevel(upper, new ConstrainedLowerLevel<double>(lower, new LinearConstraints<double>([0], [row / y], [row])) { StrongConvexity = g / (y * y) });
        double tolerance = 1e-4 * f / x;
        var solution = BilevelSolver.Solve(problem, Start(Vectors.Of(5 * x), Vectors.Of(2 * y), Vectors.Of(0)), tolerance);
        var certificate = solution.Certificate!;

        double[] units = [.. "f,g,x1,y1".Split(',').Select(name => Unit(certificate.Summary, name))];
        double[] point = [.. solution.Point.Select(b => b.Length == 0 ? 0 : b[0])];
        Assert.Equal(units[1] * certificate["lower_gap_bound"], certificate["plain_lower_gap_bound"]);
        Assert.Equal(units[1] * certificate["gap_bound"], certificate["plain_gap_bound"]);
        double loss = g * Square((point[Y1] / y) - (point[X1] / x) - 1) / 2, best = g * Square(Math.Max(0, point[X1] / x)) / 2;
        Assert.InRange(certificate["plain_lower_gap_bound"], loss - best - (1e-14 * loss), double.PositiveInfinity);

        // The row of x1 of the penalty function, with rho in plain numbers; c does not depend on x.
        double rho = solution.Penalty * units[0] / units[1];
        double residual = Math.Abs((f / x * (point[X1] / x)) + (rho * -g / x * ((point[Y1] - point[Z1]) / y)));
        Assert.Equal(residual, certificate["plain_x1_residual"], 0.05 * tolerance);
        Assert.InRange(certificate["plain_x1_residual"], 0, tolerance);
        Assert.InRange(certificate["plain_violation"], Math.Max(0, row * ((point[Y1] / y) - 1)), double.PositiveInfinity);
        Assert.Contains("in units of the problem found at the start", solution.StatusMessage, StringComparison.Ordinal);

        static double Unit(string summary, string name) =>
            Math.ScaleB(1, (int)Math.Round(Math.Log2(double.Parse(System.Text.RegularExpressions.Regex.Match(summary, $@"[( ]{name} ([^,)]+)").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData(500, 1)]
    [InlineData(1e5, 1)]
    [InlineData(1e-4, 1e3)]
    public void A_steep_lower_level_without_opponents_is_no_harder(double g, double f)
    {
        // g (z - x)^2 and f ((x - 2)^2 + (y - 1)^2) / 2: x = 1.5
        var upper = new FunctionObjective<DenseVector<double>>(
            (x, y) => f * (Square(x[0] - 2) + Square(y[0] - 1)) / 2,
            (x, _, r) => r[0] = f * (x[0] - 2),
            (_, y, r) => r[0] = f * (y[0] - 1));
        var lower = new FunctionObjective<DenseVector<double>>(
            (x, z) => g * Square(z[0] - x[0]),
            (x, z, r) => r[0] = -2 * g * (z[0] - x[0]),
            (x, z, r) => r[0] = 2 * g * (z[0] - x[0]));
        var problem = Lift.Bilevel(new BilevelProblem<DenseVector<double>>(upper, lower) { Constants = new ProblemConstants { LowerStrongConvexity = 2 * g } });
        var solution = BilevelSolver.Solve(problem, Start(Vectors.Of(30), Vectors.Of(-20)), 1e-2 * f);
        Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
        Assert.Equal(1.5, solution.X[0], 2e-2);
        Assert.InRange(solution.OracleCalls, 1, 100_000);
    }

    [Fact]
    public void Random_problems_of_all_scales_and_conditions_agree_with_an_independent_solve()
    {
        // One active set at a time: the hypergradient of the pieces around the answer has a convex combination near zero.
        int certified = 0;
        const int Count = 16;
        for (int seed = 1; seed <= Count; seed++)
        {
            var random = new ScaledQuadratic(seed);
            var solution = BilevelSolver.Solve(random.Problem, random.Start, 1e-3 * random.StartGradient);
            if (solution.Certificate!.Verdict == Verdict.Certified) certified++;
            if (solution.Converged) Assert.True(random.Descent(solution.X) <= 5e-3, FormattableString.Invariant($"seed {seed}: F falls by {random.Descent(solution.X):G3} nearby: {solution.Certificate}"));
        }

        Assert.InRange(certified, Count - 2, Count);
    }

    private static double Square(double a) => a * a;
}
