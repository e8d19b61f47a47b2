using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Verdicts on constrained followers by way of the lift: at a rho that suits the tolerance, in the words of the problem that was written.</summary>
public sealed class LiftedVerdictTests
{
    // Two firms, the second after the first: the follower answers y = (b - x)/2, so x = (2a - b)/2 for prices a - x - y of the leader and b - x - y of the follower.
    private static (IObjective<DenseVector<double>> Upper, IObjective<DenseVector<double>> Lower) Firms(double a, double b) => (
        new FunctionObjective<DenseVector<double>>((x, y) => -(a - x[0] - y[0]) * x[0], (x, y, r) => r[0] = -(a - (2 * x[0]) - y[0]), (x, y, r) => r[0] = x[0]),
        new FunctionObjective<DenseVector<double>>((x, y) => -(b - x[0] - y[0]) * y[0], (x, y, r) => r[0] = y[0], (x, y, r) => r[0] = -(b - x[0] - (2 * y[0]))));

    [Theory]
    [InlineData(110, 100, 1e-2)]
    [InlineData(110, 100, 1e-3)]
    [InlineData(110, 100, 1e-4)]
    [InlineData(11, 10, 1e-5)]
    [InlineData(1.2, 1, 1e-6)]
    [InlineData(100, 120, 1e-4)]
    public void A_follower_in_a_set_with_its_strong_convexity_alone_is_certified(double a, double b, double tolerance)
    {
        var (upper, lower) = Firms(a, b);
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower)
        {
            UpperSet = new NonnegativeOrthant<double>(),
            LowerSet = new NonnegativeOrthant<double>(),
            Constants = new ProblemConstants { LowerStrongConvexity = 2 },
        };
        double x = ((2 * a) - b) / 2, y = (b - x) / 2;
        var solution = BilevelSolver.Solve(problem, Vectors.Of(a / 11), Vectors.Of(a / 11), tolerance);
        Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
        Assert.Equal(x, solution.X[0], 2 * tolerance);
        Assert.Equal(y, solution.Y[0], 2 * tolerance);
        Assert.Contains("epsilon-KKT", solution.Certificate.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_rounding_hides_what_rho_needs_nothing_is_held_against_a_right_answer()
    {
        var (upper, lower) = Firms(110, 100);
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower) { LowerSet = new NonnegativeOrthant<double>(), Constants = new ProblemConstants { LowerStrongConvexity = 2 } };
        foreach (double tolerance in new[] { 1e-5, 1e-6, 1e-7 })
        {
            var solution = BilevelSolver.Solve(problem, Vectors.Of(10), Vectors.Of(10), tolerance);
            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.Equal(60, solution.X[0], 2 * tolerance);
            Assert.Null(solution.Certificate!.Objection);
            Assert.Equal(Verdict.NotCertified, solution.Certificate.Verdict);
            Assert.NotNull(new HypergradientCertificate().Check(problem, [Vectors.Of(60.01), Vectors.Of(19.995)], tolerance, double.NaN, quick: false).Certificate.Objection);
        }
    }

    [Fact]
    public void The_verdict_does_not_hang_on_the_methods_lambda()
    {
        var (upper, lower) = Firms(110, 100);
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower) { LowerSet = new NonnegativeOrthant<double>(), Constants = new ProblemConstants { LowerStrongConvexity = 2 } };
        foreach (double lambda in new[] { 0.1, 10, 1e4, 1e9, double.NaN })
        {
            var right = new HypergradientCertificate().Check(problem, [Vectors.Of(60), Vectors.Of(20)], 1e-4, lambda, quick: false).Certificate;
            Assert.True(right.Verdict == Verdict.Certified, $"{lambda}: {right}");

            // |F'| = 0.01 half of that far away, where F = -(60 - x/2) x.
            var wrong = new HypergradientCertificate().Check(problem, [Vectors.Of(60.01), Vectors.Of(19.995)], 1e-4, lambda, quick: false).Certificate;
            Assert.True(wrong.Verdict == Verdict.NotCertified && wrong.Objection is not null, $"{lambda}: {wrong}");
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void A_constant_that_cannot_be_is_said_once(double modulus)
    {
        var (upper, lower) = Firms(110, 100);
        var refused = Assert.Throws<InvalidProblemException>(() => BilevelSolver.Solve(
            new BilevelProblem<DenseVector<double>>(upper, lower) { Constants = new ProblemConstants { LowerStrongConvexity = modulus } }, Vectors.Of(10), Vectors.Of(10)));
        Assert.Single(refused.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("The constant LowerStrongConvexity is ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sentences_name_what_was_written()
    {
        var (upper, lower) = Firms(110, 100);
        var set = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(upper, lower) { LowerSet = new NonnegativeOrthant<double>() }, Vectors.Of(10), Vectors.Of(10));
        Assert.Contains("y has no bounds and no LowerStrongConvexity is declared", set.StatusMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("z1", set.StatusMessage, StringComparison.Ordinal);

        // As a row: the multiplier is 0 at the answer, and the constant has the name that the constrained level gives it.
        var row = new ConstrainedLowerLevel<double>(lower, new LinearConstraints<double>([0], [-1], [0]));
        var none = BilevelSolver.Solve(Lift.ConstrainedLowerLevel(upper, row), Start(Vectors.Of(10), Vectors.Of(10), Vectors.Of(0)));
        Assert.Contains("y has no bounds and no StrongConvexity is declared", none.StatusMessage, StringComparison.Ordinal);
        var declared = BilevelSolver.Solve(Lift.ConstrainedLowerLevel(upper, row with { StrongConvexity = 2 }), Start(Vectors.Of(10), Vectors.Of(10), Vectors.Of(0)), 1e-3);
        Assert.True(declared.Converged && declared.Certificate!.Verdict == Verdict.Certified, $"{declared.StatusMessage} {declared.Certificate}");
        Assert.Equal(60, declared.X[0], 2e-3);
        Assert.Equal(20, declared.Y[0], 2e-3);
    }
}
