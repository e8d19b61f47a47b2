using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>The solver for strongly convex, strongly concave subproblems, inside the proximal point loop on the penalty function.</summary>
public sealed class SaddleSubproblemTests
{
    // The measured reference: rho = 1/epsilon, subproblems to epsilon^1.5/(k + 1), until |w_{k+1} - w_k| <= epsilon/(4 L_h).
    [Theory]
    [InlineData(1, 0, 0.1, 490, 382_000)]
    [InlineData(3.5, 3.8, 0.1, 196, 21_400)]
    [InlineData(3.5, 2, 0.1, 381, 230_000)]
    public void The_loop_takes_as_many_steps_and_calls_as_it_was_measured_to_take(double xb, double x, double eps, long steps, double calls)
    {
        var (u, k, counted) = Solve(new ConstrainedQp(xb).Problem, ConstrainedQp.Start(x), eps, 1 + (2 / eps * 2.1701), Math.Sqrt(200 + (5.25 * 5.25)), anchored: false);
        Assert.InRange(k, 0.98 * steps, 1.02 * steps);
        Assert.InRange(counted, 0.85 * calls, 1.15 * calls);
        Assert.InRange(u[X1][0], 0, 4);
    }

    [Theory]
    [InlineData(false, 306_246)]
    [InlineData(true, 3_200_000)]
    public void The_anchored_inner_loop_costs_ten_times_as_much(bool anchored, double calls)
    {
        var (u, k, counted) = Solve(KktProblems.T1(), KktProblems.Point([2], [0], [-1], [-1]), 0.1, 1.8417 + (20 * 1.8794), 12, anchored);
        Assert.InRange(k, 449, 451);
        Assert.InRange(counted, 0.98 * calls, 1.02 * calls);
        Assert.Equal(-0.2204, u[X1][0], 5e-4);
    }

    private static (DenseVector<double>[] U, long Steps, long Calls) Solve(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] u, double eps, double smoothness, double diameter, bool anchored)
    {
        var calls = new OracleCounts(UpperCount);
        problem = problem with { Upper = new CountingObjective<DenseVector<double>>(problem.Upper, calls) };
        var subproblem = new SaddleSubproblem<DenseVector<double>>(problem, u, anchored);
        for (long k = 0; ; k++)
        {
            subproblem.Begin(1 / eps, smoothness, eps / (2 * diameter), movesCentre: k == 0);
            do subproblem.Step(Math.Pow(eps, 1.5) / (k + 1));
            while (subproblem.SubproblemResidual > Math.Pow(eps, 1.5) / (k + 1));
            if (subproblem.Moved <= eps / (4 * smoothness)) return (u, k + 1, calls.Points);
        }
    }
}
