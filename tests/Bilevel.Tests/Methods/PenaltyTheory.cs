namespace Bilevel.Tests;

/// <summary>What the theory tests of the penalty methods share: the scalar quadratic, lean, and fits.</summary>
internal static class PenaltyTheory
{
    public static readonly QuadraticBilevel Reference = QuadraticBilevel.Scalar();

    /// <summary>f = (y - 1)^2 + x^2/4 and g = (y - 1.5 x)^2/2.</summary>
    public static BilevelProblem<DenseVector<double>> Scalar => new(
        new FunctionObjective<DenseVector<double>>(
            (x, y) => ((y[0] - 1) * (y[0] - 1)) + (0.25 * x[0] * x[0]), (x, _, r) => r[0] = 0.5 * x[0], (_, y, r) => r[0] = 2 * (y[0] - 1)),
        new FunctionObjective<DenseVector<double>>(
            (x, y) => 0.5 * Math.Pow(y[0] - (1.5 * x[0]), 2), (x, y, r) => r[0] = -1.5 * (y[0] - (1.5 * x[0])), (x, y, r) => r[0] = y[0] - (1.5 * x[0])))
    {
        Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1.5, LowerHessianLipschitz = 0, UpperSmoothness = 2, UpperCoupling = 0 },
    };

    /// <summary>grad F of the scalar quadratic.</summary>
    public static double Gradient(double x) => (3 * ((1.5 * x) - 1)) + (0.5 * x);

    /// <summary>Its x_lambda*.</summary>
    public static double Stationary(double lambda)
    {
        double k = 2 * lambda / (2 + lambda);
        return k * 1.5 / ((k * 2.25) + 0.5);
    }

    public static IRun<DenseVector<double>> Start(IBilevelMethod method, BilevelProblem<DenseVector<double>>? problem = null, double x = 3, double y = 0, ulong seed = 1) =>
        method.Start(problem ?? Scalar, Vectors.Of(x), Vectors.Of(y), seed);

    /// <summary>The scalar quadratic with additive noise in the gradients of f and g, of those standard deviations for a sample of one.</summary>
    public static BilevelProblem<DenseVector<double>> Noisy(double noiseF, double noiseG) => Scalar with
    {
        Upper = noiseF > 0 ? new GaussianNoise<double>(Scalar.Upper, noiseF) : Scalar.Upper,
        Lower = noiseG > 0 ? new GaussianNoise<double>(Scalar.Lower, noiseG) : Scalar.Lower,
    };

    /// <summary>
    /// The exponent with which E |grad F(x_R)| falls, R uniform in the last half of the iterations, averaged over seeds.
    /// Started at the solution of F, so that the bias and the noise are what is seen, not the approach.
    /// </summary>
    public static double SlopeFromTheSolution(SingleLoopMethod method, double noiseF, double noiseG, long[] marks, ITestOutputHelper output)
    {
        int seeds = noiseF > 0 ? 6 : 1;
        double[] mean = new double[marks.Length];
        for (int seed = 0; seed < seeds; seed++)
        {
            var run = Start(method with { Batch = noiseF > 0 ? 1 : 0 }, Noisy(noiseF, noiseG), x: 0.6, y: 0.9, seed: (ulong)seed);
            for (long k = 1; k <= marks[^1]; k++)
            {
                run.Step();
                double gradient = Math.Abs(Gradient(run.Point[0][0]));
                for (int mark = 0; mark < marks.Length; mark++)
                {
                    if (2 * k > marks[mark] && k <= marks[mark]) mean[mark] += gradient / (marks[mark] / 2.0) / seeds;
                }
            }
        }

        output.WriteLine(string.Join(", ", mean.Select(v => v.ToString("G4", System.Globalization.CultureInfo.InvariantCulture))));
        return Slope([.. marks.Zip(mean, (k, v) => ((double)k, v))]);
    }

    /// <summary>The least-squares slope of log(value) against log(argument).</summary>
    public static double Slope(IReadOnlyList<(double Argument, double Value)> points)
    {
        double meanA = points.Average(p => Math.Log(p.Argument)), meanV = points.Average(p => Math.Log(p.Value));
        return points.Sum(p => (Math.Log(p.Argument) - meanA) * (Math.Log(p.Value) - meanV)) / points.Sum(p => Math.Pow(Math.Log(p.Argument) - meanA, 2));
    }
}
