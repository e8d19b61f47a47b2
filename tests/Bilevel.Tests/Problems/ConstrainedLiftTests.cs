namespace Bilevel.Tests;

/// <summary>Constrained lower levels lifted to bilevel minimax problems (bilevel minimax, section 8).</summary>
public sealed class ConstrainedLiftTests
{
    [Fact]
    public void The_lifted_lower_level_is_the_Lagrangian()
    {
        var problem = new ConstrainedQp().Problem;
        DenseVector<double> x = Vectors.Of(0.7), z = Vectors.Of(1.5, -0.25), m = Vectors.Of(0.4);
        DenseVector<double> gx = Vectors.Of(double.NaN), gz = Vectors.Of(double.NaN, double.NaN), gm = Vectors.Of(double.NaN);
        var request = new PreparedRequest<DenseVector<double>>(problem.Lower, [[x, z, m]], [new(0, 0, gx), new(1, 0, gz), new(2, 0, gm)], values: true);
        request.Evaluate();

        double c = 1.5 - 0.25 - 0.7;
        Assert.Equal(((0.5 * 0.5) + (1.25 * 1.25)) / 2 + (0.4 * c), request.Values[0], 1e-15);
        Assert.Equal([-0.4], gx.ToDoubles());
        Assert.Equal([-0.5 + 0.4, -1.25 + 0.4], gz.ToDoubles());
        Assert.Equal(c, gm[0], 1e-15);
    }

    [Fact]
    public void The_six_rows_match_differences_of_the_penalty_function()
    {
        LiftChecks.Rows(new ConstrainedQp().Problem, [1, 0, 2, 1, 2, 1]);
    }

    [Fact]
    public void The_saddle_of_the_lift_is_the_solution_with_its_multiplier()
    {
        var problem = new ConstrainedQp().Problem;
        for (double x = 0; x <= 4; x += 0.125)
        {
            var point = ConstrainedQp.Start(x);
            Assert.Equal(0, LiftChecks.LowerStationarity(problem, point), 1e-12);
        }
    }

    [Fact]
    public void The_bound_of_the_smoothness_holds_and_is_sharper_than_the_simple_one()
    {
        var constants = new ConstrainedQp().Problem.Constants;
        Assert.InRange(constants.LowerSmoothness!.Value, 2.17008, (1 + Math.Sqrt(13)) / 2 + 1e-9);
        Assert.True(constants.LowerSmoothness < 1 + Math.Sqrt(3));
        Assert.Equal(0, constants.LowerSmoothnessPerBound);
        Assert.Equal(1, constants.LowerStrongConvexity);
    }
}
