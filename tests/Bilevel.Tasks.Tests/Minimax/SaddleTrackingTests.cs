using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests;

/// <summary>SSGDA, TSGDA-1 and TSGDA-2 on the scalar problem of stability, section 13.7.</summary>
public sealed class SaddleTrackingTests
{
    private const double Eta = 0.05, Gamma = 0.2;

    public static TheoryData<string> Methods => [.. Cases.Keys];

    // The steps of section 13.4.
    private static readonly Dictionary<string, SaddleTrackingMethod> Cases = new()
    {
        ["ssgda"] = new Ssgda { StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma },
        ["tsgda-1"] = new Tsgda1 { StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma, InnerSteps = 5 },
        ["tsgda-2, 5 steps"] = new Tsgda2 { StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma, InnerSteps = 5, MaximiserSteps = 5 },
        ["tsgda-2, 20 steps"] = new Tsgda2 { StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma, InnerSteps = 20, MaximiserSteps = 20 },
    };

    private static MinimaxInstance<DenseVector<double>> Instance(double weight, double muF = 0.1, double noise = 0) =>
        PartialGradientTask.Instance(new PartialGradientSettings { P = weight, Q = weight, MuF = muF, Noise = noise });

    private static double End(SaddleTrackingMethod method, MinimaxInstance<DenseVector<double>> instance)
    {
        var solution = new Driver { Stop = Stop.Residual(1e-11) | Stop.Iterations(20_000) }.Run(method, instance.Problem, instance.Start);
        Assert.True(solution.Converged, solution.StatusMessage);
        return solution.X[0];
    }

    [Theory]
    [InlineData(0.3, 0.1, 0.784, 1.0970313, 0.069963731, 1.1312217, 0.070381442)]
    [InlineData(0.3, 0.5, 0.784, 0.70335601, 0.22428444, 0.7788162, 0.227458)]
    [InlineData(1.2, 0.1, 0.136, 1.1477181, 0.42195517, 4.2372881, 0.98750359)]
    [InlineData(1.2, 0.5, 0.136, 0.26229711, 0.4821638, 1.572327, 0.92707963)]
    public void The_partial_gradient_ends_at_its_own_fixed_point(double weight, double muF, double kappa, double best, double leastF, double partial, double partialF)
    {
        var (instance, settings) = (Instance(weight, muF), new PartialGradientSettings { P = weight, Q = weight, MuF = muF });
        var answer = instance.Answer!;
        Assert.Equal(kappa, PartialGradientTask.Kappa(settings), 1e-12);
        Assert.Equal(best, answer.X![0], 5e-8);
        Assert.Equal(leastF, answer.UpperValue!.Value, 5e-9);
        Assert.Equal(partial, PartialGradientTask.PartialFixedPoint(settings), 5e-8);
        Assert.Equal(partialF, answer.Hyperobjective!(Vectors.Of(partial)), 5e-7);
        foreach (var method in Cases.Values)
        {
            // Its residual, which sees what d_x f does not, stays away from zero.
            var solution = new Driver { Stop = Stop.Residual(0.01) | Stop.Iterations(4_000), CertifyAt = 0.01 }.Run(method with { UpperGradient = UpperGradient.Partial }, instance.Problem, instance.Start);
            Assert.Equal(partial, solution.X[0], 5e-7);
            Assert.Equal(PartialGradientTask.PartialFixedPoint(settings), solution.X[0], 1e-10);
            Assert.Equal((SolveStatus.IterationLimit, Verdict.NotCertified), (solution.Status, solution.Certificate!.Verdict));
            Assert.Equal(weight * Math.Abs((kappa * partial) - 1) * Math.Sqrt(2), solution.Residual, 1e-6);
            Assert.Single(solution.Findings, f => f.What.StartsWith("The partial upper gradient does not follow the hyperobjective", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(0.3, 0.1, -0.2837408, -0.3812, new[] { 2.376e-2, 2.529e-3, 2.545e-4, 2.547e-5 })]
    [InlineData(0.3, 0.5, -0.0037408, -0.1012, new[] { 2.376e-2, 2.529e-3, 2.545e-4, 2.547e-5 })]
    [InlineData(1.2, 0.1, -0.0530528, -0.8348, new[] { 6.587e-2, 1.271e-2, 1.401e-3, 1.416e-4 })]
    [InlineData(1.2, 0.5, 0.2269472, -0.5548, new[] { 6.587e-2, 1.271e-2, 1.401e-3, 1.416e-4 })]
    public void The_gradients_at_a_point(double weight, double muF, double exact, double partial, double[] errors)
    {
        const double X = 0.7;
        var instance = Instance(weight, muF);
        double gradient = instance.Answer!.Hypergradient!(Vectors.Of(X))[0];
        Assert.Equal(exact, gradient, 5e-8);
        Assert.Equal(partial, FirstMove(new Ssgda { UpperGradient = UpperGradient.Partial }, Saddle(0), Saddle(0)), 5e-8);
        double[] weights = [1, 0.1, 0.01, 0.001];
        for (int i = 0; i < weights.Length; i++)
        {
            double s = weights[i];
            double corrected = FirstMove(new Ssgda { UpperGradient = UpperGradient.FirstOrderCorrected, Perturbation = s }, Saddle(s), Saddle(0));
            Assert.Equal(errors[i], corrected - gradient, 6e-4 * errors[i]);

            // Crosswise: (y1, z2) and (z1, y2) at which the rows of the penalty function vanish.
            var (y, z) = Crosswise(s);
            double crosswise = FirstMove(new Ssgda { UpperGradient = UpperGradient.Crosswise, Perturbation = s }, y, z);
            Assert.Equal(PenaltyGradient(weight, muF, s, X), crosswise, 1e-9);
        }

        // One step of length 1 from x with the lower pairs given.
        double FirstMove(SaddleTrackingMethod method, (double, double) y, (double, double) z)
        {
            DenseVector<double>[] start = [Vectors.Of(X), Vectors.Zeros(0), Vectors.Of(y.Item1), Vectors.Of(y.Item2), Vectors.Of(z.Item1), Vectors.Of(z.Item2)];
            var run = (method with { StepUpper = 1 }).Start(instance.Problem, start, 0);
            run.Step();
            return X - run.Point[X1][0];
        }

        // The zero of (g + s f)_y = y + z/2 + x/2 + s P r and (g + s f)_z = y/2 - z - 3x/10 + s Q r, r = x + P y + Q z - 1.
        (double Y, double Z) Saddle(double s)
        {
            double a = 1 + (s * weight * weight), b = 0.5 + (s * weight * weight), d = -1 + (s * weight * weight), r = s * weight * (X - 1);
            return Solve(a, b, b, d, -(X / 2) - r, (0.3 * X) - r);
        }

        ((double, double) Y, (double, double) Z) Crosswise(double s)
        {
            // The gap is 5/8 of the distance squared: y = y* - s P r/1.25, z = z* - s Q r/1.25, and both best replies.
            double r = ((PartialGradientTask.Kappa(new PartialGradientSettings { P = weight, Q = weight }) * X) - 1) / (1 + (2 * weight * weight * s / 1.25));
            double y1 = (-0.28 * X) - (s * weight * r / 1.25), y2 = (-0.44 * X) - (s * weight * r / 1.25);
            return ((y1, y2), ((-y2 / 2) - (X / 2), (y1 / 2) - (0.3 * X)));
        }
    }

    [Theory]
    [InlineData(0.3, 0.1, 1.09593)]
    [InlineData(0.3, 0.01, 1.09692)]
    [InlineData(0.3, 0.001, 1.09702)]
    [InlineData(1.2, 0.1, 1.04603)]
    [InlineData(1.2, 0.01, 1.13667)]
    [InlineData(1.2, 0.001, 1.14660)]
    public void The_corrected_gradient_ends_near_the_solution(double weight, double s, double end)
    {
        foreach (var method in Cases.Values)
            Assert.Equal(end, End(method with { UpperGradient = UpperGradient.FirstOrderCorrected, Perturbation = s }, Instance(weight)), 5.1e-6);
    }

    [Theory]
    [InlineData(0.3, 0.1)]
    [InlineData(0.3, 0.001)]
    [InlineData(1.2, 0.1)]
    [InlineData(1.2, 0.001)]
    public void The_crosswise_gradient_ends_where_the_penalty_function_is_stationary(double weight, double s)
    {
        var instance = Instance(weight);
        double kappa = PartialGradientTask.Kappa(new PartialGradientSettings { P = weight, Q = weight }), share = 1 / (1 + (2 * weight * weight * s / 1.25));
        foreach (var method in Cases.Values)
        {
            var solution = new Driver { Stop = Stop.Residual(1e-9) | Stop.Iterations(20_000), CertifyAt = 0.1 }.Run(method with { Perturbation = s }, instance.Problem, instance.Start);
            Assert.Equal(share * kappa / ((share * kappa * kappa) + 0.1), solution.X[0], 1e-7);
            Assert.Equal((SolveStatus.Converged, 1 / s, Verdict.Certified), (solution.Status, solution.Penalty, solution.Certificate!.Verdict));

            // The same rows as the certificate's, computed by their definition.
            var rows = new MinimaxPenalty<DenseVector<double>>(instance.Problem, solution.Point);
            rows.Evaluate(1 / s);
            Assert.InRange(Math.Sqrt(rows.Rows.Sum(r => r.Dot(r))), 0, 1e-7);
        }
    }

    [Fact]
    public void The_corrected_pairs_are_no_KKT_point_where_y_and_z_are_coupled()
    {
        // x1 is right, and the rows of the penalty function at its two pairs stay away from zero however small s is.
        foreach (double s in new[] { 0.1, 0.01, 0.001 })
        {
            var instance = Instance(1.2);
            var solution = new Driver { Stop = Stop.Residual(1e-9) | Stop.Iterations(20_000), CertifyAt = 0.1 }.Run(Cases["ssgda"] with { UpperGradient = UpperGradient.FirstOrderCorrected, Perturbation = s }, instance.Problem, instance.Start);
            Assert.Equal((SolveStatus.NotWithinTolerance, Verdict.NotCertified), (solution.Status, solution.Certificate!.Verdict));
            Assert.InRange(solution.Certificate["minimiser_residual"], 1, 2);
        }
    }

    [Theory]
    [InlineData(UpperGradient.FirstOrderCorrected)]
    [InlineData(UpperGradient.Crosswise)]
    public void Independent_samples_multiply_the_noise(UpperGradient gradient)
    {
        double Deviation(bool independent)
        {
            const int BurnIn = 2_000, Steps = 200_000;
            var instance = Instance(0.3, noise: 0.3);
            var run = (Cases["ssgda"] with { UpperGradient = gradient, Perturbation = 0.01, Batch = 1, IndependentSamples = independent }).Start(instance.Problem, instance.Start, 1);
            double sum = 0, squares = 0;
            for (int t = 0; t < BurnIn + Steps; t++)
            {
                run.Step();
                if (t < BurnIn) continue;
                sum += run.Point[X1][0];
                squares += run.Point[X1][0] * run.Point[X1][0];
            }

            double mean = sum / Steps;
            Assert.Equal(1.0969, mean, independent ? 0.2 : 0.01);
            return Math.Sqrt((squares / Steps) - (mean * mean));
        }

        // Printed: 0.05 and 2.2.
        Assert.InRange(Deviation(false), 0.045, 0.055);
        Assert.InRange(Deviation(true), 2.0, 2.4);
    }

    [Theory]
    [InlineData(UpperGradient.Partial, 0)]
    [InlineData(UpperGradient.Partial, 2)]
    [InlineData(UpperGradient.FirstOrderCorrected, 1)]
    [InlineData(UpperGradient.Crosswise, 0)]
    [InlineData(UpperGradient.Crosswise, 3)]
    public void With_one_inner_step_all_three_are_the_same_method(UpperGradient gradient, int batch)
    {
        var instance = Instance(0.3, noise: 0.3);
        var problem = instance.Problem with { Lower = new GaussianNoise<double>(instance.Problem.Lower, 0.1) };
        IRun<DenseVector<double>> Start(SaddleTrackingMethod method) =>
            (method with { UpperGradient = gradient, Batch = batch, StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = 0.15, UpperDecay = StepDecay.Exponential, UpperBase = 0.999 }).Start(problem, instance.Start, 7);
        var (single, interleaved, nested, apart) = (Start(new Ssgda()), Start(new Tsgda1 { InnerSteps = 1 }), Start(new Tsgda2 { InnerSteps = 1, MaximiserSteps = 1, SharedSamples = true }), Start(new Tsgda2 { InnerSteps = 1, MaximiserSteps = 1 }));
        for (int t = 0; t < 300; t++)
        {
            foreach (var run in new[] { single, interleaved, nested, apart }) run.Step();
            Assert.Equal(Bits(single), Bits(interleaved));
            Assert.Equal(Bits(single), Bits(nested));
        }

        // With a zeta of its own for z the third differs, unless there is no zeta.
        if (batch > 0) Assert.NotEqual(Bits(single), Bits(apart));
        else Assert.Equal(Bits(single), Bits(apart));
    }

    [Fact]
    public void A_step_is_the_pseudo_code()
    {
        // Section 10.2 to 12.2 by hand, with decaying steps: eta_t = 0.3 * 0.85^t, gamma_k = 0.4/(k + 1).
        const double P = 0.3, MuF = 0.1, Y0 = 0.7, Z0 = -0.4;
        foreach (bool reinit in new[] { false, true })
        {
            var instance = Instance(P);
            DenseVector<double>[] start = BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Zeros(0), Vectors.Of(Y0), Vectors.Of(Z0));
            var interleaved = new Tsgda1 { UpperGradient = UpperGradient.Partial, StepUpper = 0.3, UpperDecay = StepDecay.Exponential, UpperBase = 0.85, StepLowerMin = 0.4, StepLowerMax = 0.2, LowerDecay = StepDecay.Inverse, InnerSteps = 3, Initialisation = reinit ? Initialisation.Reinit : Initialisation.Warm }.Start(instance.Problem, start, 0);
            var nested = new Tsgda2 { UpperGradient = UpperGradient.Partial, StepUpper = 0.3, UpperDecay = StepDecay.Exponential, UpperBase = 0.85, StepLowerMin = 0.4, StepLowerMax = 0.2, LowerDecay = StepDecay.Inverse, InnerSteps = 3, MaximiserSteps = 2 }.Start(instance.Problem, start, 0);
            var single = new Ssgda { UpperGradient = UpperGradient.Partial, StepUpper = 0.3, UpperDecay = StepDecay.Exponential, UpperBase = 0.85, StepLowerMin = 0.4, StepLowerMax = 0.2, LowerDecay = StepDecay.Inverse }.Start(instance.Problem, start, 0);
            var (a, b, c) = ((X: 2.0, Y: Y0, Z: Z0), (X: 2.0, Y: Y0, Z: Z0), (X: 2.0, Y: Y0, Z: Z0));
            for (int t = 0; t < 12; t++)
            {
                double eta = 0.3 * Math.Pow(0.85, t);
                a.X -= eta * Fx(a);
                if (reinit) (a.Y, a.Z) = (Y0, Z0);
                for (int k = 0; k < 3; k++)
                {
                    a.Y -= 0.4 / (k + 1) * Gy(a);
                    a.Z += 0.2 / (k + 1) * Gz(a);
                }

                b.X -= eta * Fx(b);
                for (int k = 0; k < 3; k++) b.Y -= 0.4 / (k + 1) * Gy(b);
                for (int q = 0; q < 2; q++) b.Z += 0.2 / (q + 1) * Gz(b);

                c.X -= eta * Fx(c);
                c.Y -= 0.4 / (t + 1) * Gy(c);
                c.Z += 0.2 / (t + 1) * Gz(c);

                foreach (var (run, expected) in new[] { (interleaved, a), (nested, b), (single, c) })
                {
                    run.Step();
                    Assert.Equal([expected.X, expected.Y, expected.Z], run.Point.ToArray().Where(v => v.Length > 0).Take(3).Select(v => v[0]), (p, q) => Math.Abs(p - q) < 1e-12);
                }
            }
        }

        double Fx((double X, double Y, double Z) v) => v.X + (P * v.Y) + (P * v.Z) - 1 + (MuF * v.X);
        double Gy((double X, double Y, double Z) v) => v.Y + (0.5 * v.Z) + (0.5 * v.X);
        double Gz((double X, double Y, double Z) v) => (0.5 * v.Y) - v.Z - (0.3 * v.X);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Gradients_are_counted_as_the_pseudo_code_asks(string name)
    {
        var instance = Instance(0.3);
        var method = Cases[name];
        var (k, q) = method switch { Tsgda1 m => (m.InnerSteps, m.InnerSteps), Tsgda2 m => (m.InnerSteps, m.MaximiserSteps), _ => (1, 1) };
        var driver = new Driver { Stop = Stop.Iterations(10) };

        // Partial: d_y f and d_z f come with d_x f, for the residual.
        var partial = driver.Run(method with { UpperGradient = UpperGradient.Partial }, instance.Problem, instance.Start);
        Assert.Equal([10, 0, 10, 10], partial.UpperCalls.Gradients.ToArray());
        Assert.Equal([0, 10 * k, 10 * q], partial.LowerCalls.Gradients.ToArray());
        Assert.Equal(10, partial.UpperCalls.Points);
        foreach (var gradient in new[] { UpperGradient.FirstOrderCorrected, UpperGradient.Crosswise })
        {
            var two = driver.Run(method with { UpperGradient = gradient }, instance.Problem, instance.Start);
            Assert.Equal([10, 0, 10 * k, 10 * q], two.UpperCalls.Gradients.ToArray());
            Assert.Equal([20, 20 * k, 20 * q], two.LowerCalls.Gradients.ToArray());
        }
    }

    private static ulong[] Bits(IRun<DenseVector<double>> run) => [.. run.Point.ToArray().SelectMany(v => v.ToDoubles()).Append(run.Residual).Select(BitConverter.DoubleToUInt64Bits)];

    private static double PenaltyGradient(double weight, double muF, double s, double x)
    {
        double kappa = PartialGradientTask.Kappa(new PartialGradientSettings { P = weight, Q = weight });
        return (kappa * ((kappa * x) - 1) / (1 + (2 * weight * weight * s / 1.25))) + (muF * x);
    }

    private static (double, double) Solve(double a, double b, double c, double d, double right, double below)
    {
        double determinant = (a * d) - (b * c);
        return (((right * d) - (b * below)) / determinant, ((a * below) - (c * right)) / determinant);
    }
}
