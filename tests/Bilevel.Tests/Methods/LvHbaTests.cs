using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>LV-HBA on the published example (penalty methods, section 24.7) and on the constrained quadratic program.</summary>
public sealed class LvHbaTests
{
    // As printed: written as 0.1 times the published constraint, c_k = (k + 1)^0.3, steps 0.05, 0.1, 0.02.
    [Theory]
    [InlineData(300, 0.0542)]
    [InlineData(1_000, 0.0375)]
    [InlineData(10_000, 0.0195)]
    [InlineData(100_000, 0.00996)]
    public void The_working_settings_give_the_printed_errors(int steps, double error)
    {
        var (run, _) = Run(new LvHba(), new CoupledSums(0.1), steps);
        Assert.Equal(error, CoupledSums.RelativeError(run.Point[X1]), 0.005 * error);
        if (steps < 100_000) return;

        Assert.Equal(-0.30299, run.Point[X1][0], 5e-6);
        Assert.Equal(0.70449, run.Point[Y1][0], 5e-6);
        Assert.Equal(-0.40150, run.Point[Y1][100], 5e-6);
        Assert.Equal(-10.006, run.Point[Y2][0], 5e-4);

        // The multiplier of the joint projection is that of the follower, perturbed by f/c_k.
        Assert.Equal(run.Point[Y2][0], run.Point[Z2][0], 0.1);
        Assert.Equal(Math.Pow(100_000, 0.3), run.Penalty, 1e-9);
    }

    [Theory]
    [InlineData(1_500, 118.6)]
    [InlineData(5_000, 68.8)]
    public void The_published_constants_do_not_converge(int steps, double error)
    {
        var (run, errors) = Run(LvHba.Published, new CoupledSums(1), steps);
        Assert.Equal(error, CoupledSums.RelativeError(run.Point[X1]), 0.06);
        Assert.True(errors[100..].Count(e => e <= 1) <= 25);
        Assert.True(run.Residual > 1);
        if (steps == 5_000) Assert.Equal(156, errors[100..].Max(), 0.5);
    }

    [Fact]
    public void Theta_first_needs_no_scaling_of_the_constraint()
    {
        // The same steps on the constraint as published: at once they run away, one after the other they get there.
        var (simultaneous, _) = Run(new LvHba(), new CoupledSums(1), 10_000);
        var (sequential, _) = Run(new LvHba { Update = LvHbaUpdate.Sequential }, new CoupledSums(1), 10_000);
        Assert.True(CoupledSums.RelativeError(simultaneous.Point[X1]) > 10);
        Assert.Equal(0.01954, CoupledSums.RelativeError(sequential.Point[X1]), 1e-4);
        Assert.Equal(-1, sequential.Point[Y2][0], 0.01);

        // With the published constants it still oscillates at the script's end, and later stops short, at the bias of c_0 = 0.025.
        var (published, _) = Run(LvHba.Published with { Update = LvHbaUpdate.Sequential }, new CoupledSums(1), 50_000);
        Assert.Equal(0.2851, CoupledSums.RelativeError(published.Point[X1]), 1e-3);
    }

    [Fact]
    public void Its_point_is_feasible_from_the_first_step_on()
    {
        var run = new LvHba().Start(new ConstrainedQp().Problem, ConstrainedQp.Start(0), 0);
        for (int k = 0; k < 20_000; k++)
        {
            run.Step();
            var (x, y) = (run.Point[X1][0], run.Point[Y1]);
            Assert.InRange(x, 0, 4);
            Assert.True(y[0] + y[1] - x <= 1e-8);
        }

        // Its y and theta stay apart, for f / c_k pulls at y alone; what is handed out was solved anew.
        Assert.Equal(1.5, run.Point[X1][0], 1e-9);
        Assert.Equal(0.75, run.Point[Y2][0], 1e-6);
        Assert.Equal(1.25, run.Point[Y1][0], 1e-2);
        Assert.Equal(1.25, run.Point[Z1][0], 1e-6);
    }

    [Fact]
    public void Its_residual_is_that_of_the_hyperobjective_and_its_answer_is_certified()
    {
        static double F(double x)
        {
            var (y, _) = ConstrainedQp.Solution(x);
            return ((Math.Pow(y[0] - 1, 2) + Math.Pow(y[1] - 1, 2)) / 2) + (Math.Pow(x - 1, 2) / 4);
        }

        var qp = new ConstrainedQp();
        var run = new LvHba().Start(qp.Problem, ConstrainedQp.Start(0), 0);
        for (int k = 1; k <= 20_000; k++)
        {
            run.Step();
            if (!long.IsPow2(k)) continue;
            double x = run.Point[X1][0], truth = Math.Abs(F(x + 1e-6) - F(x - 1e-6)) / 2e-6;
            Assert.True(run.Residual >= 0.9 * truth - 1e-7, $"iteration {k}: residual {run.Residual}, |F'| {truth}");
        }

        Assert.InRange(run.Residual, 0, 1e-5);
        foreach (var rule in new[] { Stop.Residual(1e-4), Stop.Certified(1e-3) })
        {
            var solution = new Driver { Stop = rule | Stop.Iterations(50_000), CertifyAt = 1e-3 }.Run(new LvHba(), qp.Problem, ConstrainedQp.Start(0));
            Assert.Equal(SolveStatus.Converged, solution.Status);
            Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
            Assert.Equal(1.5, solution.X[0], 2e-3);
        }
    }

    [Fact]
    public void A_leader_and_a_follower_who_maximise_get_the_same_point()
    {
        var qp = new ConstrainedQp();
        var negative = Lift.ConstrainedLowerLevel(Negative(new ConstrainedQp.Upper(1)), qp.Lower with { Objective = Negative(new ConstrainedQp.Phi()), Sense = Sense.Maximise });
        negative = negative with { X1 = qp.Problem.X1, UpperSense = Sense.Maximise };
        foreach (var update in Enum.GetValues<LvHbaUpdate>())
        {
            IRun<DenseVector<double>> run = new LvHba { Update = update }.Start(qp.Problem, ConstrainedQp.Start(0), 0), same = new LvHba { Update = update }.Start(negative, ConstrainedQp.Start(0), 0);
            for (int k = 0; k < 500; k++)
            {
                run.Step();
                same.Step();
            }

            for (int b = 0; b < BlockCount; b++) Assert.Equal(run.Point[b].ToDoubles(), same.Point[b].ToDoubles());
            Assert.Equal(run.Residual, same.Residual);
        }

        static IObjective<DenseVector<double>> Negative(IObjective<DenseVector<double>> objective) => new ComposedObjective<double>(new ObjectiveTerm<double>(-1, objective, 0, 1));
    }

    [Fact]
    public void Without_constraints_it_is_a_proximal_method_for_bilevel_problems()
    {
        var small = new TwoVariables();
        var solution = new Driver { Stop = Stop.Iterations(20_000) }.Run(new LvHba { PenaltyStart = 10, StepJoint = 0.2 }, small.Problem, Vectors.Of(0), Vectors.Of(0));

        // y - theta = -f_y/(c_k mu), so that y - p x = -(1 + 1/(mu gamma1)) f_y/(c_k mu), and x = a p (c - (y - p x))/(a p^2 + b).
        double ck = 10 * Math.Pow(20_000, 0.3), excess = 1.05 * small.A * (small.C - solution.Y[0]) / (ck * small.Mu);
        Assert.Equal(small.A * small.P * (small.C - excess) / ((small.A * small.P * small.P) + small.B), solution.X[0], 1e-4);
        Assert.Equal(small.Answer, solution.X[0], 0.01);
    }

    [Fact]
    public void What_it_cannot_project_on_is_refused()
    {
        var qp = new ConstrainedQp();
        var curved = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), new Ellipsoids { Lipschitz = 5, GradientLipschitz = 4 }));
        var finding = Assert.Single(new LvHba().Validate(curved));
        Assert.Equal("The method lv-hba projects on the points (x, y) that satisfy the lower level's constraints, which it can where they are affine in both, with known constants.", finding.What);
        Assert.Equal((Severity.Error, "State them as LinearConstraints, or use ogda."), (finding.Severity, finding.Remedy));

        finding = Assert.Single(new LvHba().Validate(qp.Problem with { X1 = new L1Term<double>(0.1) }));
        Assert.StartsWith("The method lv-hba projects on sets; x1 has ", finding.What, StringComparison.Ordinal);

        // The constants of the published example on its constraint: allowed, but with a warning.
        finding = Assert.Single(LvHba.Published.Validate(new CoupledSums(1).Problem));
        Assert.Equal(Severity.Warning, finding.Severity);
        Assert.StartsWith("theta and its multipliers may turn around each other ever wider: step-inner * L_c^2 = 3 is above 2 (1/theta-proximity + 1/multiplier-proximity) = 0.4.", finding.What, StringComparison.Ordinal);
        Assert.Empty((LvHba.Published with { Update = LvHbaUpdate.Sequential }).Validate(new CoupledSums(1).Problem));
        Assert.Empty(new LvHba().Validate(new CoupledSums(0.1).Problem));
        Assert.Empty(new LvHba().Validate(qp.Problem));
    }

    private static (IRun<DenseVector<double>> Run, double[] Errors) Run(LvHba method, CoupledSums example, int steps)
    {
        var run = method.Start(example.Problem, example.Start(), 0);
        var errors = new double[steps];
        for (int k = 0; k < steps; k++)
        {
            run.Step();
            errors[k] = CoupledSums.RelativeError(run.Point[X1]);
        }

        return (run, errors);
    }
}
