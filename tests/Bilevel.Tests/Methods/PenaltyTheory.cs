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

    /// <summary>The least-squares slope of log(value) against log(argument).</summary>
    public static double Slope(IReadOnlyList<(double Argument, double Value)> points)
    {
        double meanA = points.Average(p => Math.Log(p.Argument)), meanV = points.Average(p => Math.Log(p.Value));
        return points.Sum(p => (Math.Log(p.Argument) - meanA) * (Math.Log(p.Value) - meanV)) / points.Sum(p => Math.Pow(Math.Log(p.Argument) - meanA, 2));
    }
}
