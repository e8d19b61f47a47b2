namespace Bilevel.Tests;

/// <summary>
/// A lower level that is not quadratic: g = mu|y|^2/2 + sum_j log cosh(a_j'y - b_j'x), and
/// f = |y - c|^2/2 + beta|x|^2/2 + x'Cy, with the hypergradient by Newton's method and dense linear algebra.
/// </summary>
internal sealed record LogCoshBilevel(double Mu, double[][] Rows, double[][] RowsX, double[] Center, double Beta, double[,] C)
{
    // The largest third derivative of log cosh.
    private static readonly double Third = 4 / (3 * Math.Sqrt(3));

    public static LogCoshBilevel Random(int seed, double mu = 0.5)
    {
        var random = new Random(seed);
        int n = random.Next(1, 6), m = random.Next(1, 6), rows = random.Next(1, 8);
        return new LogCoshBilevel(
            mu,
            [.. Enumerable.Range(0, rows).Select(_ => Dense.Normal(random, m))],
            [.. Enumerable.Range(0, rows).Select(_ => Dense.Normal(random, n))],
            Dense.Normal(random, m),
            0.5 + random.NextDouble(),
            Dense.Matrix(n, m, (_, _) => 0.2 * (random.NextDouble() - 0.5)));
    }

    public int SizeX => RowsX[0].Length;

    public int SizeY => Center.Length;

    public ProblemConstants Constants => new()
    {
        LowerStrongConvexity = Mu,
        LowerSmoothness = Mu + Rows.Sum(a => Square(a)),
        LowerCoupling = Rows.Zip(RowsX, (a, b) => Dense.Norm(a) * Dense.Norm(b)).Sum(),
        LowerHessianLipschitz = Third * Math.Max(Rows.Sum(a => Square(a) * Dense.Norm(a)), Rows.Zip(RowsX, (a, b) => Square(a) * Dense.Norm(b)).Sum()),
        UpperSmoothness = 1,
        UpperCoupling = Dense.SpectralNorm(C),
    };

    /// <summary>With the Lipschitz constants of third derivatives; the fourth of log cosh is at most 2 in size.</summary>
    public ProblemConstants MoreConstants => Constants with
    {
        LowerThirdDerivativeLipschitz = 2 * Rows.Sum(a => Square(a) * Square(a)),
        LowerMixedThirdDerivativeLipschitz = 2 * Rows.Zip(RowsX, (a, b) => Square(a) * Dense.Norm(a) * Dense.Norm(b)).Sum(),
    };

    public double[] LowerGradient(double[] x, double[] y)
    {
        double[] sum = [.. y.Select(t => Mu * t)];
        for (int j = 0; j < Rows.Length; j++) sum = Dense.Sum(sum, Math.Tanh(Argument(j, x, y)), Rows[j]);
        return sum;
    }

    public double[] Follower(double[] x)
    {
        double[] y = new double[SizeY];
        for (int k = 0; k < 100; k++)
        {
            // Damped by the gradient norm, which falls along Newton directions.
            double[] gradient = LowerGradient(x, y), step = Dense.Solve(Hessian(x, y), gradient);
            double t = 1;
            while (t > 1e-6 && Dense.Norm(LowerGradient(x, Dense.Sum(y, -t, step))) > (1 - (0.1 * t)) * Dense.Norm(gradient)) t /= 2;
            if (t <= 1e-6) break;
            y = Dense.Sum(y, -t, step);
        }

        return y;
    }

    public double[] Hypergradient(double[] x)
    {
        double[] y = Follower(x);
        double[] multiplier = Dense.Solve(Hessian(x, y), Dense.Sum(Dense.Sum(y, -1, Center), 1, Dense.TransposedTimes(C, x)));
        double[] gradient = Dense.Sum([.. x.Select(t => Beta * t)], 1, Dense.Times(C, y));
        for (int j = 0; j < Rows.Length; j++) gradient = Dense.Sum(gradient, Curvature(j, x, y) * Dot(Rows[j], multiplier), RowsX[j]);
        return gradient;
    }

    public BilevelProblem<DenseVector<double>> Problem(bool withConstants = true) => new(
        new FunctionObjective<DenseVector<double>>(
            (x, y) => (Square(Dense.Sum(y.ToDoubles(), -1, Center)) / 2) + (Beta * Square(x.ToDoubles()) / 2) + Dot(x.ToDoubles(), Dense.Times(C, y.ToDoubles())),
            (x, y, result) => Set(result, Dense.Sum([.. x.ToDoubles().Select(t => Beta * t)], 1, Dense.Times(C, y.ToDoubles()))),
            (x, y, result) => Set(result, Dense.Sum(Dense.Sum(y.ToDoubles(), -1, Center), 1, Dense.TransposedTimes(C, x.ToDoubles())))),
        new FunctionObjective<DenseVector<double>>(
            (x, y) => (Mu * Square(y.ToDoubles()) / 2) + Enumerable.Range(0, Rows.Length).Sum(j => LogCosh(Argument(j, x.ToDoubles(), y.ToDoubles()))),
            (x, y, result) => Set(result, LowerGradientX(x.ToDoubles(), y.ToDoubles())),
            (x, y, result) => Set(result, LowerGradient(x.ToDoubles(), y.ToDoubles()))))
    { Constants = withConstants ? Constants : new ProblemConstants() };

    private double[] LowerGradientX(double[] x, double[] y)
    {
        double[] sum = new double[x.Length];
        for (int j = 0; j < Rows.Length; j++) sum = Dense.Sum(sum, -Math.Tanh(Argument(j, x, y)), RowsX[j]);
        return sum;
    }

    private double[,] Hessian(double[] x, double[] y) => Dense.Matrix(y.Length, y.Length, (i, k) => (i == k ? Mu : 0) + Enumerable.Range(0, Rows.Length).Sum(j => Curvature(j, x, y) * Rows[j][i] * Rows[j][k]));

    private double Argument(int j, double[] x, double[] y) => Dot(Rows[j], y) - Dot(RowsX[j], x);

    private double Curvature(int j, double[] x, double[] y) => 1 / Math.Pow(Math.Cosh(Argument(j, x, y)), 2);

    private static double LogCosh(double t) => Math.Abs(t) + Math.Log(0.5 + (0.5 * Math.Exp(-2 * Math.Abs(t))));

    private static double Dot(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();

    private static double Square(double[] v) => v.Sum(t => t * t);

    private static void Set(DenseVector<double> result, double[] values) => values.CopyTo(result.Span);
}
