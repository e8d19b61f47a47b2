using CsCheck;
using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>Problems of one variable without declared constants, whose f hardly curves at the start, ends somewhere, or whose follower is held by a box.</summary>
public sealed class StrangersProblemTests
{
    // y* = x.
    private static readonly Objective Follows = new((x, y) => Square(y[0] - x[0]) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);

    private static Solution<DenseVector<double>> Solve(Func<double, double> f, Func<double, double> slope, double start, Objective? lower = null, IFeasibleSet<DenseVector<double>>? set = null, ProblemConstants? constants = null)
    {
        var upper = new Objective((_, y) => f(y[0]), (_, _, r) => r[0] = 0, (_, y, r) => r[0] = slope(y[0]));
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower ?? Follows);
        if (set is not null) problem = problem with { LowerSet = set };
        if (constants is not null) problem = problem with { Constants = constants };
        return BilevelSolver.Solve(problem, Vectors.Of(start), Vectors.Of(start), 1e-4);
    }

    [Fact]
    public void A_leader_that_does_not_curve_at_the_start_is_not_said_to_be_converged_there()
    {
        var quartic = Solve(y => (y * y * y * y / 4) - y, y => (y * y * y) - 1, 0);
        Assert.True(quartic.Converged, quartic.StatusMessage);
        Assert.Equal(1, quartic.X[0], 1e-4);
        Assert.Equal(-0.75, quartic.UpperValue, 1e-8);

        Gen.Select(Gen.Double[0.5, 4], Gen.Double[-2, 2]).Each(30, sample =>
        {
            var (decade, a) = sample;
            double start = a + Math.Pow(10, decade);
            var solution = Solve(y => Math.Sqrt(1 + Square(y - a)), y => (y - a) / Math.Sqrt(1 + Square(y - a)), start);
            Assert.True(solution.Converged, $"from {start}: {solution.StatusMessage}");
            Assert.Equal(a, solution.X[0], 1e-3);
            Assert.DoesNotContain(solution.Notes, n => n.Contains("more than one best answer", StringComparison.Ordinal));
        });

        var inflected = Solve(y => Math.Log(y) + (1 / y), y => (1 / y) - (1 / (y * y)), 2);
        Assert.True(inflected.Converged, inflected.StatusMessage);
        Assert.Equal(1, inflected.X[0], 1e-3);
    }

    [Fact]
    public void A_follower_with_a_kink_is_not_said_to_be_solved()
    {
        // y* = x; where the sign at zero is zero the leader sees no gradient, where it is not the follower finds none that vanishes.
        Gen.Select(Gen.Double[-5, 5], Gen.Double[-5, 5], Gen.Double[-2, 2], Gen.Bool).Each(60, sample =>
        {
            var (x0, y0, wanted, zero) = sample;
            double Sign(double t) => zero ? Math.Sign(t) : t >= 0 ? 1 : -1;
            Objective f = new((_, y) => Square(y[0] - wanted), (_, _, r) => r[0] = 0, (_, y, r) => r[0] = 2 * (y[0] - wanted));
            Objective g = new((x, y) => Math.Abs(y[0] - x[0]), (x, y, r) => r[0] = -Sign(y[0] - x[0]), (x, y, r) => r[0] = Sign(y[0] - x[0]));
            var solution = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(f, g), Vectors.Of(x0), Vectors.Of(y0), 1e-3);
            if (solution.Converged) Assert.Equal(wanted, solution.X[0], 1e-2);
            else if (zero ? solution.Status == SolveStatus.NotWithinTolerance : solution.Status is SolveStatus.NotWithinTolerance or SolveStatus.Stalled)
                Assert.Contains(zero ? "values of F fall from x by" : "could not be solved: its gradient is 1 in norm", solution.StatusMessage, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A_start_from_which_F_falls_is_no_flat_one()
    {
        Objective g = new((x, y) => Math.Abs(y[0] - x[0]), (x, y, r) => r[0] = -Math.Sign(y[0] - x[0]), (x, y, r) => r[0] = Math.Sign(y[0] - x[0]));
        Objective f = new((_, y) => Square(y[0] - 1), (_, _, r) => r[0] = 0, (_, y, r) => r[0] = 2 * (y[0] - 1));
        var fallen = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(f, g), Vectors.Of(3), Vectors.Of(0), 1e-3);
        Assert.Equal(SolveStatus.NotWithinTolerance, fallen.Status);
        Assert.Contains("values of F fall from x by 4 ", fallen.StatusMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("where F is flat", fallen.StatusMessage, StringComparison.Ordinal);

        // Stationary, at a maximum of F = 1/(1 + y^2): that is converged, and said to be flat.
        var top = Solve(y => 1 / (1 + (y * y)), y => -2 * y / Square(1 + (y * y)), 0);
        Assert.True(top.Converged, top.StatusMessage);
        Assert.Contains("where F is flat", top.StatusMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stiff_follower_in_a_box_has_one_best_answer()
    {
        // y = (x, 0.4 x) at most (1, 0.4): F(1) = (1.2 - 4)^2 .. with y1 held at 1.
        Objective f = new((_, y) => Square(y[0] - 4) + Square(y[1] - 4), (_, _, r) => r[0] = 0, (_, y, r) => (r[0], r[1]) = (2 * (y[0] - 4), 2 * (y[1] - 4)));
        Objective g = new(
            (x, y) => (11.5 * Square(y[0] - (1.2 * x[0]))) + (0.05 * Square(y[1] - (0.4 * x[0]))),
            (x, y, r) => r[0] = (-27.6 * (y[0] - (1.2 * x[0]))) - (0.04 * (y[1] - (0.4 * x[0]))),
            (x, y, r) => (r[0], r[1]) = (23 * (y[0] - (1.2 * x[0])), 0.1 * (y[1] - (0.4 * x[0]))));
        var problem = new BilevelProblem<DenseVector<double>>(f, g) { UpperSet = new Box<double>(-1, 1, 1), LowerSet = new Box<double>(-1, 1, 2) };
        var solution = BilevelSolver.Solve(problem, Vectors.Of(0), Vectors.Of(0, 0), 1e-4);
        Assert.Equal(1, solution.X[0], 1e-6);
        Assert.Equal(0.4, solution.Y[1], 1e-3);
        Assert.Equal(9 + (3.6 * 3.6), solution.UpperValue, 1e-2);
        Assert.DoesNotContain(solution.Notes, n => n.Contains("more than one best answer", StringComparison.Ordinal));
    }

    [Fact]
    public void A_kink_at_zero_is_a_kink()
    {
        Objective f = new((x, y) => y[0] - (0.3 * x[0]), (_, _, r) => r[0] = -0.3, (_, _, r) => r[0] = 1);
        foreach (var set in new IFeasibleSet<DenseVector<double>>[] { new Box<double>(0, 10, 1), new NonnegativeOrthant<double>() })
        {
            var problem = new BilevelProblem<DenseVector<double>>(f, Follows) { LowerSet = set, Constants = Exact };
            var solution = BilevelSolver.Solve(problem, Vectors.Of(2), Vectors.Of(2), 1e-5);
            Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, solution.StatusMessage);
            Assert.Equal(0, solution.X[0], 1e-6);
        }
    }

    [Fact]
    public void A_slope_below_the_rounding_of_values_is_not_accused()
    {
        Objective f = new((x, y) => Square(x[0] - 1) - Math.Exp(-0.1 * Square(y[0] - 4)), (x, _, r) => r[0] = 2 * (x[0] - 1), (_, y, r) => r[0] = 0.2 * (y[0] - 4) * Math.Exp(-0.1 * Square(y[0] - 4)));
        Gen.Double[-40, -15].Each(30, y0 =>
        {
            var solution = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(f, Follows), Vectors.Of(0), Vectors.Of(y0), 1e-4);
            double x = solution.X[0], slope = (2 * (x - 1)) + (0.2 * (x - 4) * Math.Exp(-0.1 * Square(x - 4)));
            Assert.True(!solution.Converged || Math.Abs(slope) <= 2e-4, $"from {y0}: {slope}. {solution.StatusMessage}");
        });
    }

    [Fact]
    public void A_way_that_breaks_down_does_not_lose_what_the_one_before_found()
    {
        Objective f = new((_, y) => Square(y[0] - 1) + Square(y[1] - 3), (_, _, r) => r[0] = 0, (_, y, r) => (r[0], r[1]) = (2 * (y[0] - 1), 2 * (y[1] - 3)));
        Objective g = new(
            (x, y) => (0.5 * Square(y[0] - x[0])) + (0.5e-4 * Square(y[1] - x[0])),
            (x, y, r) => r[0] = x[0] - y[0] + (1e-4 * (x[0] - y[1])),
            (x, y, r) => (r[0], r[1]) = (y[0] - x[0], 1e-4 * (y[1] - x[0])));
        var problem = new BilevelProblem<DenseVector<double>>(f, g) { Constants = Exact with { LowerStrongConvexity = 1e-4, LowerCoupling = 1.1 } };
        foreach (double start in new[] { 0, 1, 3, 5, -20.0 })
        {
            var solution = BilevelSolver.Solve(problem, Vectors.Of(start), Vectors.Of(0, 0), 1e-4);
            Assert.True(solution.Converged, $"from {start}: {solution.StatusMessage}");
            Assert.Equal(2, solution.X[0], 1e-4);
        }
    }

    [Fact]
    public void A_kink_in_one_of_two_coordinates_or_in_both_is_certified_and_without_constants_said()
    {
        // y = clip(x, 0, 1), componentwise: F has kinks at x1 = 1 and at x2 = 0, and elsewhere the slopes of the terms in x.
        Objective g = new((x, y) => (Square(y[0] - x[0]) + Square(y[1] - x[1])) / 2, (x, y, r) => (r[0], r[1]) = (x[0] - y[0], x[1] - y[1]), (x, y, r) => (r[0], r[1]) = (y[0] - x[0], y[1] - x[1]));
        foreach (var (a, b) in new[] { (0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (0.3, 0.0) })
        {
            Objective f = new(
                (x, y) => Square(y[0] - 2) + Square(y[1] + 1) + (a * x[0]) - (b * x[1]) + (0.01 * (Square(x[0]) + Square(x[1]))),
                (x, y, r) => (r[0], r[1]) = (a + (0.02 * x[0]), -b + (0.02 * x[1])),
                (x, y, r) => (r[0], r[1]) = (2 * (y[0] - 2), 2 * (y[1] + 1)));
            var problem = new BilevelProblem<DenseVector<double>>(f, g) { LowerSet = new Box<double>(0, 1, 2) };
            foreach (var (first, second) in new[] { (0.5, 0.5), (3.0, 3.0), (1.0, 2.0), (0.9, 0.2), (2.0, -2.0) })
            {
                var solution = BilevelSolver.Solve(problem with { Constants = Exact }, Vectors.Of(first, second), Vectors.Of(0.5, 0.5), 1e-4);
                Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{a}, {b} from {first}, {second}: {solution.StatusMessage}");
                var estimated = BilevelSolver.Solve(problem, Vectors.Of(first, second), Vectors.Of(0.5, 0.5), 1e-4);
                Assert.True(estimated.Converged || estimated.StatusMessage.Contains("so that F has a kink there", StringComparison.Ordinal), $"{a}, {b} from {first}, {second}: {estimated.StatusMessage}");
            }
        }
    }

    [Fact]
    public void A_follower_whose_answer_jumps_is_said_to()
    {
        // y* = 1 for x < 2 and 0 beyond: F = -x, which is least at the jump, and 0 behind it.
        Objective f = new((x, y) => -x[0] * y[0], (x, y, r) => r[0] = -y[0], (x, y, r) => r[0] = -x[0]);
        Objective g = new((x, y) => (x[0] - 2) * y[0], (x, y, r) => r[0] = y[0], (x, y, r) => r[0] = x[0] - 2);
        var linear = new BilevelProblem<DenseVector<double>>(f, g) { UpperSet = new Box<double>(0, 10, 1), LowerSet = new Box<double>(0, 1, 1) };
        foreach (double start in new[] { 0, 1, 2.0 })
        {
            var solution = BilevelSolver.Solve(linear, Vectors.Of(start), Vectors.Of(0.5), 1e-4);
            Assert.Equal(-2, solution.UpperValue, 0.05);
            Assert.Contains("The follower's answer jumps at a distance of 0.0198 from x, by 1; F is ", solution.StatusMessage, StringComparison.Ordinal);
        }

        // y* = 0 for x > 0 and 1 for x < 0, anything at 0.
        Objective distance = new((x, y) => Square(y[0] - 0.5) + Square(x[0]), (x, y, r) => r[0] = 2 * x[0], (x, y, r) => r[0] = 2 * (y[0] - 0.5));
        Objective product = new((x, y) => x[0] * y[0], (x, y, r) => r[0] = y[0], (x, y, r) => r[0] = x[0]);
        foreach (double start in new[] { -0.5, 0, 0.5, 1 })
        {
            foreach (bool held in new[] { true, false })
            {
                var problem = new BilevelProblem<DenseVector<double>>(distance, product) { LowerSet = new Box<double>(0, 1, 1) };
                if (held) problem = problem with { UpperSet = new Box<double>(-1, 1, 1) };
                var solution = BilevelSolver.Solve(problem, Vectors.Of(start), Vectors.Of(0.2), 1e-4);
                Assert.True(solution.Converged ? Math.Abs(solution.X[0]) < 1e-6 : solution.StatusMessage.Contains("The follower's answer jumps ", StringComparison.Ordinal), solution.StatusMessage);
                Assert.DoesNotContain("bounded set", solution.StatusMessage, StringComparison.Ordinal);
            }
        }

        // A follower that moves fast with x does not jump.
        Objective steep = new((x, y) => (5e-4 * Square(y[0])) - (x[0] * y[0]), (x, y, r) => r[0] = -y[0], (x, y, r) => r[0] = (1e-3 * y[0]) - x[0]);
        var moves = new BilevelProblem<DenseVector<double>>(distance, steep) { LowerSet = new Box<double>(-1, 1, 1) };
        Assert.Null(JumpingFollower.Near(moves, [Vectors.Of(1), Vectors.Of(0)], [Vectors.Of(0.01), Vectors.Of(1)]));
        Assert.NotNull(JumpingFollower.Near(linear, [Vectors.Of(0), Vectors.Of(0)], [Vectors.Of(1.99), Vectors.Of(1)]));
    }

    [Fact]
    public void A_leader_that_falls_without_end_towards_an_edge_or_beyond_all_numbers_is_unbounded()
    {
        foreach (double start in new[] { 0.1, 1, 3 })
        {
            var logarithm = Solve(y => Math.Log(y), y => 1 / y, start);
            Assert.Equal(SolveStatus.Unbounded, logarithm.Status);
            Assert.StartsWith("The leader seems unbounded: F falls without end towards the edge of where it is finite, x = 0. ", logarithm.StatusMessage, StringComparison.Ordinal);
            Assert.True(double.IsFinite(logarithm.UpperValue) && logarithm.X[0] > 0);

            // The square root is least at the edge.
            var root = Solve(y => Math.Sqrt(y), y => 0.5 / Math.Sqrt(y), start);
            Assert.False(root.Converged);
            Assert.True(root.Status is SolveStatus.Diverged or SolveStatus.Stalled, $"from {start}: {root.StatusMessage}");
            Assert.Matches("or a gradient of it is not finite at [xy] = -", root.StatusMessage);
        }

        foreach (double start in new[] { -50, -20, -5, 0, 5.0 })
        {
            var exponential = Solve(y => -Math.Exp(-y), y => Math.Exp(-y), start);
            Assert.True(exponential.Status == SolveStatus.Unbounded, $"from {start}: {exponential.StatusMessage}");
            Assert.StartsWith("The leader seems unbounded: ", exponential.StatusMessage, StringComparison.Ordinal);
        }

        // What levels off converges.
        foreach (double start in new[] { -50, -5, 0, 5, 50.0 })
            Assert.True(Solve(y => y > 30 ? y : Math.Log(1 + Math.Exp(y)), y => 1 / (1 + Math.Exp(-y)), start).Converged);
    }

    [Fact]
    public void Advice_to_give_a_set_is_not_given_to_who_has_one()
    {
        // f is not finite below 0.
        Objective f = new((x, y) => Math.Log(x[0]) + Square(y[0]), (x, y, r) => r[0] = 1 / x[0], (x, y, r) => r[0] = 2 * y[0]);
        var free = new BilevelProblem<DenseVector<double>>(f, Follows);
        var held = free with { UpperSet = new Box<double>(-5, 5, 1) };
        Assert.Contains("give x a set on which it is finite", Domain.NotFinite<DenseVector<double>>(free, [Vectors.Of(1), Vectors.Of(1)], [Vectors.Of(0.01), Vectors.Of(0.01)])!, StringComparison.Ordinal);
        Assert.Contains("give x a smaller set", Domain.NotFinite<DenseVector<double>>(held, [Vectors.Of(1), Vectors.Of(1)], [Vectors.Of(0.01), Vectors.Of(0.01)])!, StringComparison.Ordinal);
        Assert.Contains("give x a bounded set", new Auto().Start(free, [Vectors.Of(1), Vectors.Of(1)], 0).Advice!, StringComparison.Ordinal);
        Assert.DoesNotContain("bounded set", new Auto().Start(held, [Vectors.Of(1), Vectors.Of(1)], 0).Advice!, StringComparison.Ordinal);
    }

    private static ProblemConstants Exact => new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, LowerMixedHessianLipschitz = 0, UpperSmoothness = 2, UpperCoupling = 0 };

    private static double Square(double t) => t * t;
}
