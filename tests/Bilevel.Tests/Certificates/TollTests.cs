using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Tolls on a linear follower with constraints, who at the best toll has more than one best answer: the one that is best for the leader counts.</summary>
public sealed class TollTests
{
    // Routes of lengths a and b > a; a toll x on the first. Up to x = b - a the follower takes it, so F = -(b - a) at the optimistic answer and 0 at the other.
    private static (IObjective<DenseVector<double>> Upper, IObjective<DenseVector<double>> Lower) Routes(double a, double b) => (
        new FunctionObjective<DenseVector<double>>((x, y) => -x[0] * y[0], (x, y, r) => r[0] = -y[0], (x, y, r) => { r[0] = -x[0]; r[1] = 0; }),
        new FunctionObjective<DenseVector<double>>((x, y) => ((a + x[0]) * y[0]) + (b * y[1]), (x, y, r) => r[0] = y[0], (x, y, r) => { r[0] = a + x[0]; r[1] = b; }));

    private static BilevelMinimaxProblem<DenseVector<double>> Problem(double a, double b, bool isEquality)
    {
        var (upper, lower) = Routes(a, b);
        var level = isEquality
            ? new ConstrainedLowerLevel<double>(lower, new LinearConstraints<double>([0], [1, 1], [1])) { Equalities = 1, Set = new Box<double>(0, 1, 2) }
            : new ConstrainedLowerLevel<double>(lower, new LinearConstraints<double>([0, 0, 0], [-1, -1, -1, 0, 0, -1], [-1, 0, 0])) { Set = new Box<double>(-5, 5, 2) };
        return Lift.ConstrainedLowerLevel(upper, level) with { X1 = new Box<double>(0, 10, 1) };
    }

    [Theory]
    [InlineData(1, 4, true)]
    [InlineData(1, 4, false)]
    [InlineData(2, 3, true)]
    [InlineData(2, 3, false)]
    public void The_best_toll_is_reported_with_what_the_leader_gets(double a, double b, bool isEquality)
    {
        foreach (double start in new[] { 0, 0.5, 0.9 })
        {
            const double Tolerance = 1e-2;
            var problem = Problem(a, b, isEquality);
            var none = new DenseVector<double>(isEquality ? 1 : 3);
            var solution = BilevelSolver.Solve(problem, Start(Vectors.Of(start * (b - a)), Vectors.Of(0.5, 0.5), none), Tolerance);
            Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, $"{solution.StatusMessage} {solution.Certificate}");
            Assert.Equal(b - a, solution.X[0], 1e-2);
            Assert.Equal(-(b - a), solution.UpperValue, 5e-2);
            Assert.Equal(-(b - a), solution.Certificate.UpperValue, 5e-2);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_optimistic_answer_is_read_wherever_the_follower_is_indifferent_and_noted(bool isEquality)
    {
        // At x = 3 all (t, 1 - t) are best answers; the point has one that is bad for the leader. The multiplier of the demand is 4.
        var problem = Problem(1, 4, isEquality);
        foreach (double t in new[] { 0, 0.3, 1 })
        {
            DenseVector<double> y = Vectors.Of(t, 1 - t), m = isEquality ? Vectors.Of(-4) : Vectors.Of(4, 0, 0);
            foreach (double off in new[] { 0, 1e-9, 1e-5 })
            {
                IReadOnlyList<DenseVector<double>> point = [Vectors.Of(3 + off), Vectors.Of(), y, m, y, m];
                var answer = MinimaxAnswer.Read(problem, point, 1e-2);
                Assert.Equal(-3, answer.UpperValue, 5e-2);
                if (t < 0.9) Assert.Contains("more than one best answer", Assert.Single(answer.Notes), StringComparison.Ordinal);
                Assert.Same(point, answer.Point);
            }

            // Where it is not indifferent, there is one answer: all on the first route below, none above.
            Assert.Equal(-2.5, MinimaxAnswer.Read(problem, [Vectors.Of(2.5), Vectors.Of(), y, m, y, m], 1e-2).UpperValue, 5e-2);
            Assert.Equal(0, MinimaxAnswer.Read(problem, [Vectors.Of(3.5), Vectors.Of(), y, m, y, m], 1e-2).UpperValue, 5e-2);
        }
    }
}
