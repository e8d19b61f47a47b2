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
