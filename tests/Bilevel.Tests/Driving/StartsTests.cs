using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>Several starts, and starts at which the leader sees nothing.</summary>
public sealed class StartsTests
{
    // F = (x^2 - 1)^2 + 0.3 x: minima near -1.04 and 0.96, a maximum between them.
    private static BilevelProblem<DenseVector<double>> Wells(double tilt = 0.3) => new(
        new Objective((x, y) => Math.Pow((x[0] * x[0]) - 1, 2) + (tilt * y[0]), (x, y, r) => r[0] = 4 * x[0] * ((x[0] * x[0]) - 1), (x, y, r) => r[0] = tilt),
        new Objective((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]))
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 },
    };

    private static Driver Short => new() { Stop = Stop.Residual(5e-5) | Stop.Iterations(5_000), CertifyAt = 1e-4 };

    private static readonly F2ba Method = new() { Accelerated = true, Tolerance = 5e-5, StepX = 0.02 };

    [Fact]
    public void The_best_certified_answer_comes_first_and_all_are_listed()
    {
        var problem = Wells();
        var starts = Starts.Around(problem, [Vectors.Of(1.2), Vectors.Of(0)], 8, seed: 3);
        var solutions = Short.RunStarts(Method, problem, starts);
        Assert.Equal(Enumerable.Range(0, 8), solutions.Select(s => s.StartIndex).Order());
        var best = solutions[0];
        Assert.Equal(Verdict.Certified, best.Certificate!.Verdict);
        Assert.InRange(best.X[0], -1.04, -1.03);
        Assert.Equal(Math.Pow((best.X[0] * best.X[0]) - 1, 2) + (0.3 * best.X[0]), best.UpperValue, 1e-6);
        Assert.Contains(solutions, s => s.X[0] > 0.9);
        var certified = solutions.TakeWhile(s => s.Certificate?.Verdict == Verdict.Certified).Select(s => s.UpperValue).ToList();
        Assert.Equal(certified.Order(), certified);
        Assert.Equal(certified.Count, solutions.Count(s => s.Certificate?.Verdict == Verdict.Certified));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits()
    {
        var problem = Wells();
        (int, double, double)[] Run() => [.. Short.RunStarts(Method, problem, Starts.Around(problem, [Vectors.Of(1.2), Vectors.Of(0)], 4, seed: 5)).Select(s => (s.StartIndex, s.X[0], s.UpperValue))];
        Assert.Equal(Run(), Run());
        Assert.NotEqual(Starts.Around(problem, [Vectors.Of(1.2), Vectors.Of(0)], 2, seed: 5)[1][0][0], Starts.Around(problem, [Vectors.Of(1.2), Vectors.Of(0)], 2, seed: 6)[1][0][0]);
    }

    [Fact]
    public void Starts_lie_in_the_sets_and_the_first_is_the_users()
    {
        var problem = Wells() with { UpperSet = new Box<double>(0, 2), LowerSet = new Ball<double>(1) };
        var starts = Starts.Around(problem, [Vectors.Of(1.2), Vectors.Of(0.5)], 30, seed: 1);
        Assert.Equal((1.2, 0.5), (starts[0][0][0], starts[0][1][0]));
        Assert.All(starts, s => Assert.True(s[0][0] is >= 0 and <= 2 && Math.Abs(s[1][0]) <= 1 + 1e-12));
        Assert.Equal(30, Starts.Around(Wells(), [Vectors.Of(1.2), Vectors.Of(0.5)], 30, seed: 1).Select(s => s[0][0]).Distinct().Count());
        var minimax = Starts.Around(new ConstrainedQp().Problem, ConstrainedQp.Start(1), 3, seed: 1);
        Assert.All(minimax, s => Assert.InRange(s[0][0], 0, 4));
        Assert.Equal(minimax[0][3][0], minimax[2][3][0]);
    }

    [Fact]
    public void A_flat_start_is_recognised_and_its_advice_works()
    {
        var problem = Wells(tilt: 0);
        foreach (IMethod method in new IMethod[] { Method, new QuasiNewton { Tolerance = 5e-5 } })
        {
            var flat = Short.Run(method, problem, Vectors.Of(0), Vectors.Of(0));
            Assert.Equal(SolveStatus.Converged, flat.Status);
            Assert.EndsWith("Start elsewhere, for example there.", flat.StatusMessage, StringComparison.Ordinal);
            Assert.StartsWith("x did not leave its start, where F is flat, and F is lower nearby: ", Assert.Single(flat.Notes), StringComparison.Ordinal);
            Assert.NotNull(flat.Better);
            var better = Short.Run(method, problem, flat.Better);
            Assert.Equal(0, better.UpperValue, 1e-6);
            Assert.Empty(better.Notes);
        }
    }

    [Fact]
    public void A_plateau_is_recognised()
    {
        // f = max(0, 2 - x)^2 on the far side only: nothing to see at x = -5 for f capped at 4.
        static double Capped(double x) => Math.Pow(Math.Max(0, Math.Min(2 - x, 2)), 2);
        var problem = Wells() with { Upper = new Objective((x, y) => Capped(x[0]), (x, y, r) => r[0] = x[0] is > 0 and < 2 ? -2 * (2 - x[0]) : 0, (x, y, r) => r[0] = 0) };
        var flat = Short.Run(Method, problem, Vectors.Of(-5), Vectors.Of(0));
        Assert.Contains("Start elsewhere", flat.StatusMessage, StringComparison.Ordinal);
        Assert.Equal(0, Short.Run(Method, problem, flat.Better!).UpperValue, 1e-6);
    }

    [Fact]
    public void A_start_at_the_optimum_is_no_flat_start()
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            double c = 3 * RandomBits.Normal(seed, 0), scale = Math.Pow(10, 6 * (RandomBits.Uniform(seed, 1) - 0.5));
            var quadratic = new TwoVariables(A: scale, B: scale, C: c);
            var solution = new Driver { Stop = Stop.Residual(1e-4 * scale) | Stop.Iterations(200), CertifyAt = 1e-3 * scale }.Run(new F2ba { Tolerance = 1e-4 * scale, StepX = 0.1 / scale }, quadratic.Problem, Vectors.Of(quadratic.Answer), Vectors.Of(quadratic.P * quadratic.Answer));
            Assert.Null(solution.Better);
            Assert.Empty(solution.Notes);
        }
    }
}
