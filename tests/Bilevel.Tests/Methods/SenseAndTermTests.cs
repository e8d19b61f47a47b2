namespace Bilevel.Tests;

/// <summary>Levels that maximise, and blocks that pay a proximal term, from the problem to the certificate.</summary>
public sealed class SenseAndTermTests
{
    private const double Tolerance = 1e-3;

    private static Solution<DenseVector<double>> Solve(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] start, double tolerance = Tolerance) =>
        new Driver { Stop = Stop.Certified(tolerance, 20) | Stop.Iterations(50_000), CertifyAt = tolerance }.Run(new Ogda { Tolerance = tolerance }, problem, start);

    [Theory]
    [InlineData(Sense.Minimise, Sense.Maximise)]
    [InlineData(Sense.Maximise, Sense.Minimise)]
    [InlineData(Sense.Maximise, Sense.Maximise)]
    public void A_level_that_maximises_the_negative_is_the_same_level(Sense upper, Sense lower)
    {
        var plain = new SmallSaddle().Problem;
        var turned = plain with
        {
            Upper = upper == Sense.Maximise ? new Negative(plain.Upper) : plain.Upper,
            Lower = lower == Sense.Maximise ? new Negative(plain.Lower) : plain.Lower,
            UpperSense = upper,
            LowerSense = lower,
        };
        var (expected, actual) = (Solve(plain, SmallSaddle.Start()), Solve(turned, SmallSaddle.Start()));

        Assert.Equal(Verdict.Certified, actual.Certificate!.Verdict);
        Assert.Equal(expected.Point.Select(b => b.ToDoubles()), actual.Point.Select(b => b.ToDoubles()));
        Assert.Equal(expected.Residual, actual.Residual);
        foreach (string number in new[] { "minimiser_residual", "maximiser_residual", "gap_bound", "gap_resolved", "upper_gap" })
            Assert.Equal(expected.Certificate![number], actual.Certificate[number], 1e-12);

        // Values keep the sign that the user gave them.
        Assert.Equal(expected.UpperValue, (upper == Sense.Maximise ? -1 : 1) * actual.UpperValue, 1e-12);
        Assert.Equal(expected.LowerValue, (lower == Sense.Maximise ? -1 : 1) * actual.LowerValue, 1e-12);
        Assert.Equal(SmallSaddle.Answer, actual.X[0], 2 * Tolerance);
    }

    [Fact]
    public void The_wrong_sense_is_refused_with_advice()
    {
        var problem = new SmallSaddle().Problem with { LowerSense = Sense.Maximise };
        var e = Assert.Throws<InvalidProblemException>(() => Solve(problem, SmallSaddle.Start()));
        Assert.Contains("Sense", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Sense.Minimise)]
    [InlineData(Sense.Maximise)]
    public void Proximal_terms_belong_to_the_levels(Sense sense)
    {
        // The follower minimises (z - x)^2/2 + |z|/2: y = x - 1/2 beyond the threshold. The leader minimises
        // (y - 1)^2/2 and pays (x - 2)^2/20: 11 x = 17.
        const double Weight = 0.5, X = 17.0 / 11, Y = X - Weight;
        double sign = sense == Sense.Minimise ? 1 : -1;
        var problem = Lift.Bilevel(new BilevelProblem<DenseVector<double>>(
            new FunctionObjective<DenseVector<double>>((x, y) => sign * Math.Pow(y[0] - 1, 2) / 2, (x, y, g) => g[0] = 0, (x, y, g) => g[0] = sign * (y[0] - 1)),
            new FunctionObjective<DenseVector<double>>((x, y) => sign * Math.Pow(y[0] - x[0], 2) / 2, (x, y, g) => g[0] = sign * (x[0] - y[0]), (x, y, g) => g[0] = sign * (y[0] - x[0])))) with
        {
            UpperSense = sense,
            LowerSense = sense,
            X1 = new SquaredNormTerm<double>(0.1, [2], new Box<double>(-3, 3, 1)),
            Z1 = new L1Term<double>(Weight, new Box<double>(-4, 4, 1)),
        };

        var solution = Solve(problem, BilevelMinimaxProblem.Start(Vectors.Of(-2), Vectors.Of(0)), 1e-4);

        Assert.True(solution.Certificate!.Verdict == Verdict.Certified, solution.Certificate.ToString());
        Assert.Equal(X, solution.X[0], 1e-3);
        Assert.Equal(Y, solution.Y[0], 1e-3);
        Assert.Equal(sign * ((Math.Pow(Y - 1, 2) / 2) + (Math.Pow(X - 2, 2) / 20)), solution.UpperValue, 1e-3);
        Assert.Equal(sign * ((Math.Pow(Y - X, 2) / 2) + (Weight * Y)), solution.LowerValue, 1e-3);
    }

    [Fact]
    public void A_term_without_a_bounded_domain_asks_for_strong_convexity()
    {
        // |z|/2 on the whole line: the gap bound then needs mu.
        var problem = Lift.Bilevel(new BilevelProblem<DenseVector<double>>(
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - 1, 2) / 2, (x, y, g) => g[0] = 0, (x, y, g) => g[0] = y[0] - 1),
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, g) => g[0] = x[0] - y[0], (x, y, g) => g[0] = y[0] - x[0]))) with
        {
            X1 = new Box<double>(-3, 3, 1),
            Z1 = new L1Term<double>(0.5),
        };

        // Not from where y stays at 0 and nothing tells x where to go.
        var start = BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Of(0));
        var open = Solve(problem, start);
        Assert.Equal(Verdict.NotCheckable, open.Certificate!.Verdict);
        Assert.Contains("y has no bounds", open.Certificate.Summary, StringComparison.Ordinal);
        Assert.Contains(open.Findings, f => f.Severity == Severity.Warning && f.What.Contains("y has no bounds", StringComparison.Ordinal));

        var closed = Solve(problem with { Constants = new MinimaxConstants { LowerStrongConvexity = 1 } }, start);
        Assert.Equal(Verdict.Certified, closed.Certificate!.Verdict);
        Assert.Equal(1.5, closed.X[0], 1e-2);
    }

    private sealed class Negative(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(-1);
            for (int p = 0; p < request.Values.Length; p++) request.Values[p] *= -1;
        }
    }
}
