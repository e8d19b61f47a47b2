using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>The first-order penalty method of Lu and Mei, against the closed forms of its own penalty function.</summary>
public sealed class FirstOrderPenaltyTests
{
    [Theory]
    [InlineData(1, 0, 0.25)]
    [InlineData(3.5, 3.8, 0.25)]
    [InlineData(3.5, 2, 0.25)]
    public void It_ends_at_the_stationary_point_of_its_penalty_function(double xb, double start, double eps)
    {
        var problem = new ConstrainedQp(xb).Problem;
        var solution = new Driver { Stop = Stop.Residual(eps / 50) | Stop.Iterations(200_000) }.Run(new FirstOrderPenalty { Tolerance = eps }, problem, ConstrainedQp.Start(start));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        double rho = 1 / eps, mu = rho * rho, x = solution.X[0], residual = solution.Residual;
        Assert.Equal(rho, solution.Penalty);

        // z = (2, 1) - 2 mu [c]_+ (1, 1) where c = (3 - x)/(1 + 4 mu); the modulus of rho g~ is rho.
        double multiplier = Math.Max(0, 3 - x) * 2 * mu / (1 + (4 * mu));
        Assert.InRange(Distance(solution["z1"], 2 - multiplier, 1 - multiplier), 0, residual / rho);
        Assert.Equal(multiplier, solution["y2"][0], residual / rho);

        // y minimises f + rho g~: (y - (1, 1)) + rho (y - (2, 1)) + m (1, 1) = 0, and m = 2 mu rho [y_a + y_b - x]_+.
        double m = 2 * mu * rho * Math.Max(0, ((2 + (2 * rho) + (rho * 1)) / (1 + rho)) - x) / (1 + (4 * mu * rho / (1 + rho)));
        Assert.InRange(Distance(solution["y1"], (1 + (2 * rho) - m) / (1 + rho), (1 + rho - m) / (1 + rho)), 0, residual / rho);

        // x: (x - xb)/2 + rho (2 mu [c(z)]_+ - 2 mu [c(y)]_+) = 0
        Assert.Equal(0, ((x - xb) / 2) + (rho * (solution["y2"][0] - solution["z2"][0])), residual);
    }

    [Fact]
    public void Curved_constraints_are_penalised_too()
    {
        // y minimises |y - (x, 0)|^2/2 in the unit disc: y = (1, 0) with the multiplier x - 1 of (|y|^2 - 1)/2 <= 0, for x > 1.
        var upper = new FunctionObjective<DenseVector<double>>(
            (x, y) => (Math.Pow(x[0] - 2, 2) + Math.Pow(y[1], 2)) / 2, (x, y, r) => r[0] = x[0] - 2, (x, y, r) => (r[0], r[1]) = (0, y[1]));
        var phi = new FunctionObjective<DenseVector<double>>(
            (x, y) => (Math.Pow(y[0] - x[0], 2) + Math.Pow(y[1], 2)) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => (r[0], r[1]) = (y[0] - x[0], y[1]));
        var lower = new ConstrainedLowerLevel<double>(phi, new Disc { Lipschitz = 2 * Math.Sqrt(2), GradientLipschitz = 1 }) { Set = new Box<double>(-2, 2, 2), Smoothness = 2, Bound = 10 };
        var problem = Lift.ConstrainedLowerLevel(upper, lower);
        problem = problem with { X1 = new Box<double>(1.5, 3, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
        const double Eps = 0.25, Rho = 4, Mu = 16;
        var solution = new Driver { Stop = Stop.Residual(Eps / 4) | Stop.Iterations(200_000) }
            .Run(new FirstOrderPenalty { Tolerance = Eps }, problem, Start(Vectors.Of(3), Vectors.Of(0, 0.5), Vectors.Of(0)));
        Assert.Equal(SolveStatus.Converged, solution.Status);

        // |z| (1 + mu (|z|^2 - 1)) = x
        double x = solution.X[0], length = 1;
        for (int i = 0; i < 50; i++) length -= ((length * (1 + (Mu * ((length * length) - 1)))) - x) / (1 + (Mu * ((3 * length * length) - 1)));
        Assert.InRange(Distance(solution["z1"], length, 0), 0, solution.Residual / Rho);
        Assert.Equal(Mu * ((length * length) - 1), solution["y2"][0], 2 * Mu * 1.1 * solution.Residual / Rho);
        Assert.Equal(2, x, 2 * Eps);
    }

    [Fact]
    public void Rho_rises_by_its_factor_and_no_early_stage_counts_as_done()
    {
        var run = new FirstOrderPenalty { Tolerance = 0.02, StageSteps = 3 }.Start(new ConstrainedQp().Problem, ConstrainedQp.Start(0), 0);
        var stages = new List<double>();
        for (int k = 0; k < 3_000 && run.Penalty < 50; k++)
        {
            if (stages.Count == 0 || stages[^1] != run.Penalty) stages.Add(run.Penalty);
            run.Step();
            Assert.True(run.Penalty == 50 || run.Residual >= 1 / run.Penalty);
        }

        Assert.Equal([1, 5, 25], stages);
        Assert.Equal(50, run.Penalty);
        Assert.Equal(50, new FirstOrderPenalty { Tolerance = 0.02, Mode = FirstOrderPenaltyMode.Paper }.Start(new ConstrainedQp().Problem, ConstrainedQp.Start(0), 0).Penalty);
    }

    [Fact]
    public void What_it_has_no_constants_for_is_refused()
    {
        var method = new FirstOrderPenalty();
        var qp = new ConstrainedQp();
        Assert.Empty(Findings(qp.Problem));
        Assert.Equal("The method lu-mei takes its steps from the constants L_f and L_g, which are not both declared.", Assert.Single(Findings(qp.Problem with { Constants = new MinimaxConstants() })).What);
        Assert.Equal("The method lu-mei regularises by the diameter of the follower's set, which is not bounded.", Assert.Single(Findings(qp.Problem with { Z1 = new WholeSpace<DenseVector<double>>() })).What);

        var curved = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), new Disc { Lipschitz = 3, GradientLipschitz = 1 }) { Set = new Box<double>(-5, 5, 2), Smoothness = 1 });
        curved = curved with { Constants = curved.Constants with { UpperSmoothness = 1 } };
        Assert.Equal("The method lu-mei bounds curved constraints by the size of the set of x1, which is not bounded.", Assert.Single(Findings(curved)).What);
        var unknown = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), new Disc()) { Set = new Box<double>(-5, 5, 2), Smoothness = 1 });
        unknown = unknown with { Constants = new MinimaxConstants { UpperSmoothness = 1, LowerSmoothness = 1 } };
        Assert.Equal("The method lu-mei takes its steps from the Lipschitz constants of the lower level's constraints and their gradients, which are not known.", Assert.Single(Findings(unknown)).What);

        // Where nobody asked for a validation, the start refuses.
        var e = Assert.Throws<InvalidProblemException>(() => method.Start(curved, ConstrainedQp.Start(0), 0));
        Assert.Contains("bounds curved constraints", e.Message, StringComparison.Ordinal);

        IReadOnlyList<Finding> Findings(BilevelMinimaxProblem<DenseVector<double>> problem) => [.. ((IMethod)method).Validate(problem, ConstrainedQp.Start(0))];
    }

    private static double Distance(DenseVector<double> point, double a, double b) => Math.Sqrt(Math.Pow(point[0] - a, 2) + Math.Pow(point[1] - b, 2));

    // (|z|^2 - 1)/2 <= 0
    private sealed class Disc() : PointConstraints<DenseVector<double>>(1)
    {
        protected override void Values(DenseVector<double> x, DenseVector<double> z, DenseVector<double> result) => result[0] = (z.Dot(z) - 1) / 2;

        protected override void TransposedTimes(DenseVector<double> x, DenseVector<double> z, DenseVector<double> multipliers, int block, DenseVector<double> result)
        {
            if (block == Lower.X1)
            {
                result.Scale(0);
                return;
            }

            result.CopyFrom(z);
            result.Scale(multipliers[0]);
        }
    }
}
