namespace Bilevel.Tests;

/// <summary>A problem in its own units: the way there and back, values and gradients to the bit, and what units are found.</summary>
public sealed class ScaledLiftTests
{
    private static readonly MinimaxUnits Units = new(1024, 0.25, 8, 0.5, [4]);

    [Fact]
    public void There_and_back_is_exact()
    {
        var scaled = new ScaledMinimaxProblem<DenseVector<double>>(new ConstrainedQp().Problem, Units);
        var point = ConstrainedQp.Start(1.2345);
        Assert.Equal(point.Select(b => b.ToDoubles()), scaled.Restore(scaled.Scale(point)).Select(b => b.ToDoubles()));
        Assert.Equal(1.2345 / 8, scaled.Scale(point)[0][0]);

        // m' = m row / g
        Assert.Equal(point[3][0] * 4 / 0.25, scaled.Scale(point)[3][0]);
    }

    [Fact]
    public void Values_and_rows_are_those_of_the_problem_over_their_units()
    {
        var own = new ConstrainedQp().Problem;
        var scaled = new ScaledMinimaxProblem<DenseVector<double>>(own, Units);
        var point = BilevelMinimaxProblem.Start(Vectors.Of(1.3), Vectors.Of(0.7, -0.4), Vectors.Of(0.9));
        point[4][0] = 0.2;
        point[5][0] = 0.3;
        DenseVector<double>[] u = scaled.Scale(point);
        MinimaxPenalty<DenseVector<double>> plain = new(own, point, values: true), inUnits = new(scaled.Problem, u, values: true);

        // rho of the one is rho f/g of the other
        const double Rho = 16;
        plain.Evaluate(Rho * 1024 / 0.25);
        inUnits.Evaluate(Rho);
        Assert.Equal(plain.Value(Rho * 1024 / 0.25) / 1024, inUnits.Value(Rho));
        double[] units = [8, 1, 0.5, 0.25 / 4, 0.5, 0.25 / 4];
        for (int b = 0; b < units.Length; b++) Assert.Equal(plain.Rows[b].ToDoubles().Select(r => r * units[b] / 1024), inUnits.Rows[b].ToDoubles());
    }

    [Fact]
    public void Sets_terms_moduli_and_bounds_follow()
    {
        var own = new ConstrainedQp().Problem with { X1 = new L1Term<double>(3) };
        var problem = new ScaledMinimaxProblem<DenseVector<double>>(own, Units).Problem;
        Assert.Equal(own.Z1.DiameterAt(2) / 0.5, problem.Z1.DiameterAt(2));
        Assert.Equal(3.0 * 8 * 2 / 1024, problem.X1.Value(Vectors.Of(2)));

        // prox of p(8 v)/1024 at v with step t: shrinks by 8 * 3 t / 1024
        var v = Vectors.Of(2);
        problem.X1.Prox(v, 16);
        Assert.Equal(2 - (16 * 3 * 8 / 1024.0), v[0], 1e-14);
        Assert.Equal(own.Constants.LowerStrongConvexity * 0.5 * 0.5 / 0.25, problem.Constants.LowerStrongConvexity);
        Assert.Equal(own.LowerMultipliers!.OptimalBound * 4 / 0.25, problem.LowerMultipliers!.OptimalBound);
        Assert.Equal(own.LowerMultipliers.Margin * 4 / 0.25, problem.LowerMultipliers.Margin);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1e-6, 1e5)]
    [InlineData(1e6, 1e-4)]
    public void Units_are_found_where_they_are_far_from_one(double unit, double row)
    {
        // T3 with z = unit z', x = unit x' and rows times row
        var qp = new ConstrainedQp();
        var scaled = new ScaledMinimaxProblem<DenseVector<double>>(qp.Problem with { Z1 = new DenseWholeSpace<double>(), X1 = new DenseWholeSpace<double>() }, new MinimaxUnits(1 / unit, unit, 1 / unit, 1 / unit, [unit / row]));
        var start = scaled.Scale(BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Of(1, 1), Vectors.Of(0)));
        var found = MinimaxUnits.Of(scaled.Problem, start);
        if (unit == 1)
        {
            Assert.True(found.IsOne);
            return;
        }

        void Close(double expected, double actual) => Assert.InRange(actual / expected, 1 / 16.0, 16);
        Close(unit, found.Upper);
        Close(1 / unit, found.Lower);
        Close(unit, found.X1);
        Close(unit, found.Y1);
        Close(row / unit, Assert.Single(found.Rows!));
    }
}
