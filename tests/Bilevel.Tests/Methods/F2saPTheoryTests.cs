using System.Numerics;

namespace Bilevel.Tests;

public sealed class F2saPTheoryTests(ITestOutputHelper output)
{
    public static TheoryData<int> Orders => [.. Enumerable.Range(1, 10)];

    [Theory]
    [MemberData(nameof(Orders))]
    public void The_weights_fulfil_the_moment_conditions_exactly(int order)
    {
        var nodes = DifferenceNode.Of(order);
        Assert.Equal(order % 2 == 0 ? order : order + 1, nodes.Length);
        Assert.Equal(nodes.OrderByDescending(n => n.J), nodes);
        Assert.Equal(DifferenceNode.Farthest(order), nodes.Max(n => Math.Abs(n.J)));
        BigInteger common = nodes.Aggregate(BigInteger.One, (product, n) => product * n.Denominator);
        for (int m = 0; m <= order; m++)
        {
            var sum = nodes.Aggregate(BigInteger.Zero, (s, n) => s + (n.Numerator * BigInteger.Pow(n.J, m) * (common / n.Denominator)));
            Assert.Equal(m == 1 ? common : 0, sum);
        }
    }

    [Theory]
    [InlineData(1, new[] { 1, 0 }, new[] { 1, -1 }, 1)]
    [InlineData(2, new[] { 1, -1 }, new[] { 1, -1 }, 2)]
    [InlineData(3, new[] { 2, 1, 0, -1 }, new[] { -1, 6, -3, -2 }, 6)]
    [InlineData(5, new[] { 3, 2, 1, 0, -1, -2 }, new[] { 2, -15, 60, -20, -30, 3 }, 60)]
    [InlineData(8, new[] { 4, 3, 2, 1, -1, -2, -3, -4 }, new[] { -3, 32, -168, 672, -672, 168, -32, 3 }, 840)]
    [InlineData(10, new[] { 5, 4, 3, 2, 1, -1, -2, -3, -4, -5 }, new[] { 2, -25, 150, -600, 2100, -2100, 600, -150, 25, -2 }, 2520)]
    public void The_weights_are_those_of_the_table(int order, int[] places, int[] numerators, int denominator)
    {
        var nodes = DifferenceNode.Of(order);
        Assert.Equal(places, nodes.Select(n => n.J));
        Assert.Equal(numerators.Select(n => (BigInteger)n), nodes.Select(n => n.Numerator * denominator / n.Denominator));
        Assert.All(nodes.Zip(numerators), pair => Assert.Equal(pair.Second / (double)denominator, pair.First.Weight));
    }

    [Fact]
    public void The_sum_of_the_weights_that_rounding_is_multiplied_by_stays_small()
    {
        double[] expected = [2, 1, 2, 1.5, 2.17, 1.83, 2.08, 2.28];
        Assert.All(new[] { 1, 2, 3, 4, 5, 6, 8, 10 }.Zip(expected), pair => Assert.Equal(pair.Second, DifferenceNode.Of(pair.First).Sum(n => Math.Abs(n.Weight)), 5e-3));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(20)]
    public void Even_orders_have_the_closed_formula(int order)
    {
        // a_j = (-1)^(j+1) ((p/2)!)^2 / ( j (p/2 - j)! (p/2 + j)! )
        static BigInteger Factorial(int n) => Enumerable.Range(1, n).Aggregate(BigInteger.One, (product, i) => product * i);
        int half = order / 2;
        foreach (var node in DifferenceNode.Of(order).Where(n => n.J > 0))
        {
            var above = (node.J % 2 == 0 ? -1 : 1) * Factorial(half) * Factorial(half);
            var below = node.J * Factorial(half - node.J) * Factorial(half + node.J);
            Assert.Equal(above * node.Denominator, node.Numerator * below);
            Assert.Equal(-node.Weight, DifferenceNode.Of(order).Single(n => n.J == -node.J).Weight);
        }
    }

    // phi - grad F on the scalar quadratic with exact followers, in decimal.
    private static decimal Bias(int order, decimal nu, decimal x)
    {
        decimal sum = 0;
        foreach (var node in DifferenceNode.Of(order))
        {
            decimal y = ((2 * node.J * nu) + (1.5m * x)) / (1 + (2 * node.J * nu));
            sum += (decimal)node.Numerator / (decimal)node.Denominator * ((node.J * nu * 0.5m * x) - (1.5m * (y - (1.5m * x))));
        }

        return (sum / nu) - (3 * ((1.5m * x) - 1)) - (0.5m * x);
    }

    private static double Estimate(IRun<DenseVector<double>> run) => run.Estimate;

    // The same from the method: after enough inner steps the estimate is phi, which is positive at x = 0.7.
    private static double MeasuredBias(int order, double nu)
    {
        var run = PenaltyTheory.Start(new F2saP { Order = order, Lambda = 1 / nu, InnerSteps = 3000, StepX = 0 }, x: 0.7);
        run.Step();
        return Estimate(run) - PenaltyTheory.Gradient(0.7);
    }

    [Theory]
    [InlineData(1, "0.1", -2.5e-2, 5e-4)]
    [InlineData(1, "0.01", -2.9412e-3, 5e-8)]
    [InlineData(1, "0.001", -2.9940e-4, 5e-9)]
    [InlineData(2, "0.1", 6.25e-3, 5e-6)]
    [InlineData(2, "0.01", 6.0024e-5, 5e-10)]
    [InlineData(2, "0.001", 6.0000e-7, 5e-12)]
    [InlineData(3, "0.1", 1.7857e-3, 5e-8)]
    [InlineData(3, "0.01", 2.3086e-6, 5e-11)]
    [InlineData(3, "0.001", 2.390e-9, 5e-13)]
    [InlineData(4, "0.1", -1.1905e-3, 5e-8)]
    [InlineData(4, "0.01", -9.6192e-8, 5e-13)]
    [InlineData(4, "0.001", -9.65e-12, 5e-14)]
    [InlineData(5, "0.1", -4.4643e-4, 5e-9)]
    [InlineData(5, "0.01", -5.4448e-9, 5e-14)]
    public void The_bias_has_the_tabulated_values(int order, string nu, double expected, double digit)
    {
        decimal step = decimal.Parse(nu, System.Globalization.CultureInfo.InvariantCulture);
        double bias = (double)Bias(order, step, 0.7m);
        Assert.Equal(expected, bias, digit);

        // The method agrees to the rounding of y over nu.
        Assert.Equal(bias, MeasuredBias(order, (double)step), 1e-15 / (double)step);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void The_bias_falls_with_the_order_as_exponent(int order)
    {
        // p = 2 in closed form besides: (a mu^2/(mu^2 - a^2 nu^2) - a) p (p x - c)
        double slope = PenaltyTheory.Slope([.. new[] { 0.04, 0.02, 0.01 }.Select(nu => (nu, Math.Abs(MeasuredBias(order, nu))))]);
        Assert.InRange(slope, order - 0.1, order + 0.3);
        if (order == 2) Assert.Equal(((2 / (1 - (4 * 0.04 * 0.04))) - 2) * 1.5 * 0.05, MeasuredBias(2, 0.04), 1e-13);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void The_answer_for_y_has_not_seen_f_to_the_same_order(int order)
    {
        // y_j = (p x + a c j nu)/(1 + a j nu); odd orders hold y* itself.
        double Error(double nu)
        {
            var run = PenaltyTheory.Start(new F2saP { Order = order, Lambda = 1 / nu, InnerSteps = 3000, StepX = 0 }, x: 0.7);
            run.Step();
            return Math.Abs(run.Point[1][0] - 1.05);
        }

        if (order % 2 == 1) Assert.Equal(0, Error(0.05), 1e-15);
        else Assert.InRange(PenaltyTheory.Slope([.. new[] { 0.08, 0.04, 0.02 }.Select(nu => (nu, Error(nu)))]), order - 0.1, order + 0.4);
        Assert.InRange(Error(0.05), 0, Math.Pow(0.1, order) + 1e-15);
    }

    [Fact]
    public void The_answer_for_y_stays_in_its_set()
    {
        // y_j = 1.05 + 0.0056, 1.05 + 0.0125 for j = -1, -2 and below 1.05 for the others: on [1.059, 2] all but the last are held at the
        // border, and the polynomial through them lies outside at 0.
        var problem = PenaltyTheory.Scalar with { LowerSet = new Box<double>(1.059, 2) };
        var run = PenaltyTheory.Start(new F2saP { Order = 4, Lambda = 20, InnerSteps = 3000, StepX = 0 }, problem, x: 0.7, y: 1.5);
        run.Step();
        Assert.True((7.0 / 6 * 1.059) - (1.0625 / 6) < 1.059);
        Assert.Equal(1.059, run.Point[1][0]);
    }

    [Fact]
    public void Order_one_is_F2sa()
    {
        const double Lambda = 50, Step = 0.9;
        var first = PenaltyTheory.Start(new F2saP { Order = 1, Lambda = Lambda, StepLower = Step, InnerSteps = 3, StepX = 0.05, Upper = new() });
        var f2sa = PenaltyTheory.Start(new F2sa { Lambda = Lambda, LambdaGrowth = 1, StepZ = Step, StepY = Step / Lambda, InnerSteps = 3, StepX = 0.05 });
        for (int k = 0; k < 200; k++)
        {
            first.Step();
            f2sa.Step();
            Assert.Equal(f2sa.Point[0][0], first.Point[0][0], 1e-12);
            Assert.Equal(f2sa.Point[1][0], first.Point[1][0], 1e-12);
            Assert.Equal(Estimate(f2sa), Estimate(first), 1e-11);
        }

        Assert.Equal(PenaltyTheory.Stationary(Lambda), first.Point[0][0], 1e-6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_of_order_three_is_the_recursion_done_by_hand(bool average)
    {
        const double Nu = 0.05;
        int[] nodes = [2, 1, 0, -1];
        double[] weights = [-1.0 / 6, 1, -1.0 / 2, -1.0 / 3], y = [0, 0, 0, 0];
        double x = 3, step = 1 / (1 + (2 * Nu * 2));
        var run = PenaltyTheory.Start(new F2saP { Order = 3, Lambda = 1 / Nu, InnerSteps = 2, StepX = 0.1, AverageNodes = average });
        for (int k = 0; k < 300; k++)
        {
            if (average)
            {
                double positive = (y[0] + y[1]) / 2, others = (y[2] + y[3]) / 2;
                y = [positive, positive, others, others];
            }

            double phi = 0;
            for (int i = 0; i < 4; i++)
            {
                for (int t = 0; t < 2; t++) y[i] -= step * ((nodes[i] * Nu * 2 * (y[i] - 1)) + y[i] - (1.5 * x));
                phi += weights[i] * ((nodes[i] * Nu * 0.5 * x) - (1.5 * (y[i] - (1.5 * x)))) / Nu;
            }

            x -= 0.1 * phi / Math.Max(1, Math.Abs(phi));
            run.Step();
            Assert.Equal(x, run.Point[0][0], 1e-11);
            Assert.Equal(y[2], run.Point[1][0], 1e-11);
            Assert.Equal(Math.Abs(phi), Estimate(run), 1e-10);
        }

        // Few inner steps from an average leave the nodes too near to each other; without averages they reach their answers.
        double error = Math.Abs(PenaltyTheory.Gradient(x));
        if (average) Assert.InRange(error, 0, 0.5);
        else Assert.InRange(error, 0, 2e-3);
    }

    [Fact]
    public void Clipped_steps_converge_where_normalised_ones_end_in_a_band()
    {
        // The stationary point of the central difference: a becomes k = a/(1 - a^2 nu^2) = 2/0.96.
        const double K = 2 / 0.96, Stationary = K * 1.5 / ((K * 2.25) + 0.5);
        Assert.Equal(0.602410, Stationary, 5e-7);
        var clipped = PenaltyTheory.Start(new F2saP { Lambda = 10, StepX = 0.1 });
        for (int k = 0; k < 400; k++) clipped.Step();
        Assert.Equal(Stationary, clipped.Point[0][0], 1e-12);

        var normalised = PenaltyTheory.Start(new F2saP { Lambda = 10, StepX = 0.1, Upper = new UpperStep { StepRule = StepRule.Normalised } });
        var visited = new List<double>();
        for (int k = 0; k < 2000; k++)
        {
            normalised.Step();
            if (k >= 1000) visited.Add(normalised.Point[0][0]);
        }

        Assert.Equal(0.1, visited.Max() - visited.Min(), 1e-9);
        Assert.InRange(Stationary, visited.Min(), visited.Max());
    }

    [Theory]
    [InlineData(StepRule.Clipped, 4, 0, 2.9)]
    [InlineData(StepRule.Clipped, 0.3, 0.4, 2.97)]
    [InlineData(StepRule.Normalised, 4, 0, 2.9)]
    [InlineData(StepRule.Normalised, 0.3, 0.4, 2.94)]
    public void A_clipped_step_is_normalised_beyond_length_one_and_plain_within(StepRule rule, double first, double second, double expected)
    {
        DenseVector<double> x = Vectors.Of(3, 3), direction = Vectors.Of(first, second);
        new UpperStep { StepRule = rule }.Start(x, new WholeSpace<DenseVector<double>>()).Move(direction, 0.1);
        Assert.Equal(expected, x[0], 1e-15);
        Assert.Equal((first, second), (direction[0], direction[1]));
    }

    [Theory]
    [InlineData(false, 0.0)]
    [InlineData(true, 2.0)]
    public void One_sample_for_all_nodes_keeps_the_noise_from_growing_with_lambda(bool independent, double exponent)
    {
        var problem = PenaltyTheory.Noisy(0.01, 0.01);
        double Variance(double lambda)
        {
            // Far from the answer |phi| is phi; x is kept.
            var run = PenaltyTheory.Start(new F2saP { Lambda = lambda, Batch = 1, InnerSteps = 5, StepX = 0, IndependentSamples = independent }, problem, x: 40, y: 60);
            for (int k = 0; k < 100; k++) run.Step();
            double sum = 0, squares = 0;
            for (int k = 0; k < 4000; k++)
            {
                run.Step();
                sum += Estimate(run);
                squares += Estimate(run) * Estimate(run);
            }

            return (squares - (sum * sum / 4000)) / 3999;
        }

        double slope = PenaltyTheory.Slope([.. new[] { 1e2, 1e3, 1e4 }.Select(lambda => (lambda, Variance(lambda)))]);
        Assert.Equal(exponent, slope, 0.1);
    }

    [Theory]
    [InlineData(2, false, 4)]
    [InlineData(5, false, 4)]
    [InlineData(2, true, 8)]
    [InlineData(5, true, 24)]
    public void All_followers_are_asked_in_one_request(int order, bool independent, int requests)
    {
        // K = 3 inner steps and one x-gradient; f is not asked at node 0.
        Asked upper = new(PenaltyTheory.Scalar.Upper), lower = new(PenaltyTheory.Scalar.Lower);
        var run = PenaltyTheory.Start(new F2saP { Order = order, InnerSteps = 3, IndependentSamples = independent }, PenaltyTheory.Scalar with { Upper = upper, Lower = lower });
        (upper.Requests, lower.Requests) = (0, 0);
        run.Step();
        Assert.Equal(requests, lower.Requests);
        Assert.Equal(independent && order == 5 ? 20 : requests, upper.Requests);
    }

    [Theory]
    [InlineData(10, 0.016, 0.034, 0.055)]
    [InlineData(30, 0.009, 0.010, 0.0175)]
    [InlineData(100, 0.009, 0.009, 0.009)]
    public void With_noise_order_two_needs_a_smaller_lambda_for_the_same_accuracy(double lambda, double expectedSecond, double expectedFirst, double expectedRecursive)
    {
        // One inner step, noise 0.1, 100 000 gradients, the root mean square of grad F over the last quarter; every method at the
        // best x step of a sweep over 3e-2 .. 1e-4.
        double Error(IBilevelMethod method)
        {
            double sum = 0;
            long visited = 0;
            for (ulong seed = 0; seed < 4; seed++)
            {
                var (upperCalls, lowerCalls) = (new OracleCounts(2), new OracleCounts(2));
                var noisy = PenaltyTheory.Noisy(0.1, 0.1);
                var run = PenaltyTheory.Start(method, noisy with { Upper = new CountingObjective<DenseVector<double>>(noisy.Upper, upperCalls), Lower = new CountingObjective<DenseVector<double>>(noisy.Lower, lowerCalls) }, seed: seed);
                for (long calls = 0; calls < 100_000; calls = upperCalls.Gradients.ToArray().Sum() + lowerCalls.Gradients.ToArray().Sum())
                {
                    run.Step();
                    if (calls < 75_000) continue;
                    sum += Math.Pow(PenaltyTheory.Gradient(run.Point[0][0]), 2);
                    visited++;
                }
            }

            return Math.Sqrt(sum / visited);
        }

        double second = Error(new F2saP { Lambda = lambda, InnerSteps = 1, StepX = 3e-4, Batch = 1, Upper = new() });
        double first = Error(new F2sa { Lambda = lambda, LambdaGrowth = 1, StepX = 1e-4, Batch = 1 });
        double recursive = Error(new F3sa { Lambda = lambda, LambdaGrowth = 1, StepX = 3e-4, Batch = 1, Eta = 0.1 });
        output.WriteLine(FormattableString.Invariant($"lambda {lambda}: f2sa-p {second:G3}, f2sa {first:G3}, f3sa {recursive:G3}"));
        Assert.Equal(expectedSecond, second, 0.15 * expectedSecond);
        Assert.Equal(expectedFirst, first, 0.15 * expectedFirst);
        Assert.Equal(expectedRecursive, recursive, 0.15 * expectedRecursive);
    }

    [Fact]
    public void Nodes_whose_follower_may_lose_its_convexity_are_named()
    {
        // mu = 1, Lf1 = 2, so |j| nu < 1/4: lambda must exceed 4 |j|; below 2 |j| a negative node has no modulus left.
        IReadOnlyList<Finding> Findings(F2saP method) => [.. method.Validate(PenaltyTheory.Scalar)];
        Assert.Empty(Findings(new F2saP()));
        Assert.Empty(Findings(new F2saP { Order = 10 }));
        Assert.Empty(Findings(new F2saP { Lambda = 4.01 }));
        var warning = Assert.Single(Findings(new F2saP { Lambda = 4 }));
        Assert.Equal((Severity.Warning, "lambda = 4 is not above 2 Lf1/mu = 4, so |j| nu < mu/(2 Lf1) fails at node -1."), (warning.Severity, warning.What));
        Assert.Contains("fails at node 2.", Assert.Single(Findings(new F2saP { Order = 3, Lambda = 8 })).What, StringComparison.Ordinal);
        Assert.EndsWith("fails at node -3.", Assert.Single(Findings(new F2saP { Order = 6, Lambda = 10 })).What, StringComparison.Ordinal);

        // The follower of node -5 at nu = 0.1 is exactly singular.
        var singular = Assert.Single(Findings(new F2saP { Order = 10, Lambda = 10 }));
        Assert.Equal(
            (Severity.Warning, "lambda = 10 is not above 10 Lf1/mu = 20, so |j| nu < mu/(2 Lf1) fails at node -5; the follower of node -5, on -5 f/lambda + g, may have no minimiser at all."),
            (singular.Severity, singular.What));
        Assert.EndsWith("fails at node -5.", Assert.Single(Findings(new F2saP { Order = 10, Lambda = 10.01 })).What, StringComparison.Ordinal);
        Assert.Equal(Severity.Warning, Assert.Single(Findings(new F2saP { Lambda = 100, StepLower = 2 })).Severity);
        Assert.Empty(Findings(new F2saP { Lambda = 100, StepLower = 1.9 }));
        var flat = PenaltyTheory.Scalar with { Constants = new() { LowerStrongConvexity = 0 } };
        Assert.Equal(Severity.Error, Assert.Single(new F2saP().Validate(flat)).Severity);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    public void Lambda_auto_keeps_every_node_convex(int order)
    {
        // Lf1 = 100, mu = 1: 4 max |j| Lf1/mu.
        var steep = PenaltyTheory.Scalar with { Constants = PenaltyTheory.Scalar.Constants with { UpperSmoothness = 100 } };
        Assert.Equal(100, PenaltyTheory.Start(new F2saP { Order = order }).Penalty);
        Assert.Equal(400 * ((order + 1) / 2), PenaltyTheory.Start(new F2saP { Order = order }, steep).Penalty);
    }

    private sealed class Asked(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public int Requests { get; set; }

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            Requests++;
            inner.Evaluate(request);
        }
    }
}
