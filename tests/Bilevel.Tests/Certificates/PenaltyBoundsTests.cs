namespace Bilevel.Tests;

/// <summary>Every row of the table of bounds holds on random problems, and is nearly attained by some.</summary>
public sealed class PenaltyBoundsTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_bound_holds_and_is_nearly_attained()
    {
        var largest = new Dictionary<string, double>();
        for (int seed = 0; seed < 400; seed++)
        {
            bool scalar = seed % 2 == 0;
            var random = new Random(seed);
            var q = scalar ? QuadraticBilevel.Random(seed, sizeX: 1, sizeY: 1) : QuadraticBilevel.Random(seed);
            var c = q.Constants;
            double mu = c.LowerStrongConvexity!.Value, lf = c.UpperSmoothness!.Value, coupling = c.LowerCoupling!.Value, mixed = c.UpperCoupling!.Value;
            double lambda = 2 * lf / mu * Math.Pow(10, 3 * random.NextDouble());
            double[] x = Dense.Normal(random, q.SizeX), y = q.Follower(x), penalised = q.Follower(x, lambda), further = q.Follower(x, 3 * lambda);
            double Distance(double[] a, double[] b) => Dense.Norm(Dense.Sum(a, -1, b));
            void Holds(string row, double actual, double bound)
            {
                Assert.True(actual <= (bound * (1 + 1e-9)) + 1e-11, $"{row}, seed {seed}: {actual} above {bound}");
                if (bound > 1e-9) largest[row] = Math.Max(largest.GetValueOrDefault(row), actual / bound);
            }

            // |f_y| is convex along the segment, so that its ends bound it.
            double slope = Math.Max(Dense.Norm(q.UpperSlope(x, y)), Dense.Norm(q.UpperSlope(x, penalised)));
            double apart = PenaltyBounds.Distance(lambda, mu, slope);
            Holds("distance", Distance(penalised, y), apart);
            double gap = q.Upper(x, y) - (q.Upper(x, penalised) + (lambda * (q.Lower(x, penalised) - q.Lower(x, y))));
            Assert.True(gap >= -1e-10 * (1 + Math.Abs(q.Upper(x, y))));
            Holds("value gap", gap, PenaltyBounds.ValueGap(lambda, mu, slope));
            Holds("gradient gap", Distance(q.PenaltyHypergradient(x, lambda), q.Hypergradient(x)), PenaltyBounds.GradientGap(lambda, mu, apart, coupling, 0, 0, lf, mixed));
            Holds("drift", Distance(penalised, further), PenaltyBounds.Drift(lambda, 3 * lambda, mu, slope));

            double[] offY = Dense.Sum(penalised, 0.01, Dense.Normal(random, q.SizeY)), offZ = Dense.Sum(y, 0.01, Dense.Normal(random, q.SizeY));
            double[] LowerSlope(double[] v) => Dense.Sum(Dense.Times(q.H, v), -1, Dense.Times(q.P, x));
            double[] penaltySlope = Dense.Sum(LowerSlope(offY), 1 / lambda, q.UpperSlope(x, offY));
            double distanceY = Dense.Norm(penaltySlope) / PenaltyBounds.Modulus(lambda, mu, lf), distanceZ = Dense.Norm(LowerSlope(offZ)) / mu;
            Holds("a posteriori y", Distance(offY, penalised), distanceY);
            Holds("a posteriori z", Distance(offZ, y), distanceZ);
            double[] estimate = Dense.Sum(
                Dense.Sum(Dense.Times(q.B, x), 1, Dense.Times(q.C, offY)), -lambda, Dense.TransposedTimes(q.P, Dense.Sum(offY, -1, offZ)));
            Holds("inexactness", Distance(estimate, q.PenaltyHypergradient(x, lambda)), PenaltyBounds.Inexactness(lambda, coupling, mixed, Distance(offY, penalised), Distance(offZ, y)));

            // f_x - g_xy inv(g_yy) f_y at two lower points.
            double[] Phi(double[] v) => Dense.Sum(Dense.Sum(Dense.Times(q.B, x), 1, Dense.Times(q.C, v)), 1, Dense.TransposedTimes(q.P, Dense.Solve(q.H, q.UpperSlope(x, v))));
            Holds("hypergradient", Distance(Phi(offZ), Phi(y)), PenaltyBounds.HypergradientLipschitz(mu, slope, coupling, 0, 0, lf, mixed) * Distance(offZ, y));
        }

        foreach (var (row, share) in largest)
        {
            output.WriteLine($"{row}: at most {share:F3} of the bound");
            Assert.InRange(share, 0.2, 1 + 1e-9);
        }
    }

    [Fact]
    public void The_drift_needs_its_factor_of_two_where_f_is_concave()
    {
        // f = y - y^2/2 and g = y^2/2: y_lambda* = -1/(lambda - 1), |f_y| at most 2 between lambda = 2 and 2.1.
        double drift = 1 - (1 / 1.1), bound = PenaltyBounds.Drift(2, 2.1, 1, 2);
        Assert.Equal(1.909, drift / (bound / 2), 1e-3);
        Assert.True(drift <= bound);
    }

    [Fact]
    public void The_bounds_with_a_third_derivative_hold_where_the_lower_level_is_not_quadratic()
    {
        // g = mu y^2/2 + log cosh(y - x) in one variable: everything at hand by bisection.
        double largest = 0;
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            double mu = 0.1 + random.NextDouble(), x = 3 * Dense.Normal(random, 1)[0], center = 3 * Dense.Normal(random, 1)[0], third = 4 / (3 * Math.Sqrt(3));
            double lambda = 2 / mu * Math.Pow(10, 2 * random.NextDouble());
            double Lower(double y) => (mu * y) + Math.Tanh(y - x);
            double Root(Func<double, double> rising)
            {
                double low = -1e3, high = 1e3;
                for (int k = 0; k < 200; k++)
                {
                    double middle = (low + high) / 2;
                    if (rising(middle) > 0) high = middle;
                    else low = middle;
                }

                return low;
            }

            double y = Root(Lower), penalised = Root(v => ((v - center) / lambda) + Lower(v));
            double curvature = 1 / Math.Pow(Math.Cosh(y - x), 2);
            double truth = curvature / (mu + curvature) * (y - center), estimate = lambda * (Math.Tanh(y - x) - Math.Tanh(penalised - x));
            double slope = Math.Max(Math.Abs(y - center), Math.Abs(penalised - center));
            double bound = PenaltyBounds.GradientGap(lambda, mu, PenaltyBounds.Distance(lambda, mu, slope), 1, third, third, 1, 0);
            Assert.True(Math.Abs(estimate - truth) <= bound + 1e-10, $"seed {seed}: {Math.Abs(estimate - truth)} above {bound}");
            largest = Math.Max(largest, Math.Abs(estimate - truth) / bound);
        }

        output.WriteLine($"at most {largest:F3} of the bound");
        Assert.True(largest > 0.02);
    }
}
