namespace Bilevel.Tests;

/// <summary>
/// A random bilevel problem with its hypergradient by dense linear algebra, in scales of one's choice:
/// g = y'Hy/2 - y'Px + sum_j w_j log cosh(a_j'y - b_j'x), f = (y - c)'A(y - c)/2 + x'Bx/2 + x'Cy + q'x + a value, both times a
/// scale and as functions of x and y over theirs. What is called X, Y here is in the unscaled variables.
/// </summary>
internal sealed class HypergradientCase
{
    private static readonly double Third = 4 / (3 * Math.Sqrt(3));

    private readonly double[,] h, p, a, b, c;
    private readonly double[][] rowsY, rowsX;
    private readonly double[] weights, center;
    private readonly double mu, largest;

    public HypergradientCase(int seed, double kappa, bool quadratic = false, int? sizeX = null, int? sizeY = null, double wide = 0)
    {
        var random = new Random(seed);
        int n = sizeX ?? random.Next(1, 7), m = sizeY ?? random.Next(2, 9), rows = quadratic ? 0 : random.Next(1, 5);
        mu = 0.5 / kappa;
        double[] spectrum = [.. Enumerable.Range(0, m).Select(i => i == 0 ? mu : i == 1 ? 0.5 : 0.5 * Math.Pow(2 * mu, random.NextDouble()))];
        h = m > 60 ? Dense.Matrix(m, m, (i, j) => i == j ? spectrum[i] : 0) : Dense.Symmetric(random, spectrum);
        largest = Math.Max(0.5, mu);
        p = Scaled(Math.Pow(mu, 1 - wide) / Math.Sqrt(n + m), Dense.NormalMatrix(random, m, n));
        a = m > 60 ? Dense.Matrix(m, m, (i, j) => i == j ? 1 : 0) : Dense.Symmetric(random, [.. Enumerable.Range(0, m).Select(_ => 0.2 + random.NextDouble())]);
        b = n > 60 ? Dense.Matrix(n, n, (i, j) => i == j ? 1 : 0) : Dense.Symmetric(random, [.. Enumerable.Range(0, n).Select(_ => 0.2 + random.NextDouble())]);
        c = Scaled(0.1 / Math.Sqrt(n + m), Dense.NormalMatrix(random, n, m));
        center = Dense.Normal(random, m);
        rowsY = [.. Enumerable.Range(0, rows).Select(_ => Dense.Normal(random, m))];
        rowsX = [.. Enumerable.Range(0, rows).Select(_ => Dense.Normal(random, n).Select(t => t * Math.Pow(mu, 1 - wide)).ToArray())];
        weights = [.. rowsY.Select(r => 0.5 * random.NextDouble() / (rows * r.Sum(t => t * t)))];
        X = Dense.Normal(random, n);
        Linear = new double[n];
        Y = Follower(X);
    }

    /// <summary>The point that is asked about, and the follower's answer there.</summary>
    public double[] X { get; }

    public double[] Y { get; }

    /// <summary>q.</summary>
    public double[] Linear { get; set; }

    public double Offset { get; set; }

    public double ScaleF { get; init; } = 1;

    public double ScaleG { get; init; } = 1;

    public double ScaleX { get; init; } = 1;

    public double ScaleY { get; init; } = 1;

    /// <summary>What is done to a gradient before it is handed out: (upper, block, x, y, gradient), in the unscaled variables.</summary>
    public Action<bool, int, double[], double[], double[]>? Spoil { get; set; }

    public ProblemConstants Constants => new()
    {
        LowerStrongConvexity = mu * ScaleG / (ScaleY * ScaleY) * (1 - 1e-9),
        LowerSmoothness = (largest + Sum((w, a, _) => w * a * a)) * ScaleG / (ScaleY * ScaleY) * (1 + 1e-9),
        LowerCoupling = (Dense.SpectralNorm(p) + Sum((w, a, b) => w * a * b)) * ScaleG / (ScaleX * ScaleY),
        LowerHessianLipschitz = Third * Sum((w, a, _) => w * a * a * a) * ScaleG / (ScaleY * ScaleY * ScaleY),
        LowerMixedHessianLipschitz = Third * Sum((w, a, b) => w * a * a * b) * ScaleG / (ScaleY * ScaleY * ScaleX),
        UpperSmoothness = Dense.SpectralNorm(a) * ScaleF / (ScaleY * ScaleY),
        UpperCoupling = Dense.SpectralNorm(c) * ScaleF / (ScaleX * ScaleY),
    };

    public BilevelProblem<DenseVector<double>> Problem => new(new Level(this, true), new Level(this, false)) { Constants = Constants };

    public DenseVector<double> ScaledX => Vectors.Of([.. X.Select(t => t * ScaleX)]);

    public DenseVector<double> ScaledY(double[] y) => Vectors.Of([.. y.Select(t => t * ScaleY)]);

    /// <summary>The unscaled size of a hypergradient in the problem's own units.</summary>
    public double Unit => ScaleF / ScaleX;

    public double[] UpperX(double[] x, double[] y) => Dense.Sum(Dense.Sum(Dense.Times(b, x), 1, Dense.Times(c, y)), 1, Linear);

    public double[] UpperY(double[] x, double[] y) => Dense.Sum(Dense.Times(a, Dense.Sum(y, -1, center)), 1, Dense.TransposedTimes(c, x));

    public double[] LowerX(double[] x, double[] y)
    {
        double[] sum = [.. Dense.TransposedTimes(p, y).Select(t => -t)];
        for (int j = 0; j < weights.Length; j++) sum = Dense.Sum(sum, -weights[j] * Math.Tanh(Argument(j, x, y)), rowsX[j]);
        return sum;
    }

    public double[] LowerY(double[] x, double[] y)
    {
        double[] sum = Dense.Sum(Dense.Times(h, y), -1, Dense.Times(p, x));
        for (int j = 0; j < weights.Length; j++) sum = Dense.Sum(sum, weights[j] * Math.Tanh(Argument(j, x, y)), rowsY[j]);
        return sum;
    }

    public double[,] Hessian(double[] x, double[] y)
    {
        double[] bend = [.. weights.Select((w, j) => w / Math.Pow(Math.Cosh(Argument(j, x, y)), 2))];
        return Dense.Matrix(y.Length, y.Length, (i, k) => h[i, k] + Enumerable.Range(0, bend.Length).Sum(j => bend[j] * rowsY[j][i] * rowsY[j][k]));
    }

    public double[] MixedTimes(double[] x, double[] y, double[] m)
    {
        double[] sum = [.. Dense.TransposedTimes(p, m).Select(t => -t)];
        for (int j = 0; j < weights.Length; j++) sum = Dense.Sum(sum, -weights[j] / Math.Pow(Math.Cosh(Argument(j, x, y)), 2) * Dot(rowsY[j], m), rowsX[j]);
        return sum;
    }

    /// <summary>m where f_y is as given.</summary>
    public double[] Multiplier(double[] x, double[] y, double[] upperY) => [.. Dense.Solve(Hessian(x, y), upperY).Select(t => -t)];

    public double[] Hypergradient(double[] x, double[]? y = null)
    {
        y ??= Follower(x);
        return Dense.Sum(UpperX(x, y), 1, MixedTimes(x, y, Multiplier(x, y, UpperY(x, y))));
    }

    public double[] Follower(double[] x)
    {
        double[] y = Dense.Solve(h, Dense.Times(p, x));
        for (int k = 0; k < 60; k++)
        {
            double[] slope = LowerY(x, y), step = Dense.Solve(Hessian(x, y), slope);
            double t = 1;
            while (t > 1e-6 && Dense.Norm(LowerY(x, Dense.Sum(y, -t, step))) > (1 - (0.1 * t)) * Dense.Norm(slope)) t /= 2;
            if (t <= 1e-6 || !(Dense.Norm(slope) > 0)) break;
            y = Dense.Sum(y, -t, step);
        }

        return y;
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();

    private static double[,] Scaled(double factor, double[,] m) => Dense.Matrix(m.GetLength(0), m.GetLength(1), (i, j) => factor * m[i, j]);

    private static double LogCosh(double t) => Math.Abs(t) + Math.Log(0.5 + (0.5 * Math.Exp(-2 * Math.Abs(t))));

    private double Sum(Func<double, double, double, double> term) => Enumerable.Range(0, weights.Length).Sum(j => term(weights[j], Dense.Norm(rowsY[j]), Dense.Norm(rowsX[j])));

    private double Argument(int j, double[] x, double[] y) => Dot(rowsY[j], y) - Dot(rowsX[j], x);

    private double Value(bool upper, double[] x, double[] y)
    {
        double[] d = Dense.Sum(y, -1, center);
        return upper
            ? (Dot(d, Dense.Times(a, d)) / 2) + (Dot(x, Dense.Times(b, x)) / 2) + Dot(x, Dense.Times(c, y)) + Dot(Linear, x) + Offset
            : (Dot(y, Dense.Times(h, y)) / 2) - Dot(y, Dense.Times(p, x)) + Enumerable.Range(0, weights.Length).Sum(j => weights[j] * LogCosh(Argument(j, x, y))) + Offset;
    }

    private sealed class Level(HypergradientCase owner, bool upper) : PointObjective<DenseVector<double>>
    {
        private readonly double scale = upper ? owner.ScaleF : owner.ScaleG;

        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => scale * owner.Value(upper, X(point), Y(point));

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double[] x = X(point), y = Y(point);
            double[] gradient = (upper, block) switch
            {
                (true, BilevelProblem.X) => owner.UpperX(x, y),
                (true, _) => owner.UpperY(x, y),
                (false, BilevelProblem.X) => owner.LowerX(x, y),
                _ => owner.LowerY(x, y),
            };
            owner.Spoil?.Invoke(upper, block, x, y, gradient);
            double unit = scale / (block == BilevelProblem.X ? owner.ScaleX : owner.ScaleY);
            for (int i = 0; i < gradient.Length; i++) result[i] = unit * gradient[i];
        }

        private double[] X(ReadOnlySpan<DenseVector<double>> point) => [.. point[0].ToDoubles().Select(t => t / owner.ScaleX)];

        private double[] Y(ReadOnlySpan<DenseVector<double>> point) => [.. point[1].ToDoubles().Select(t => t / owner.ScaleY)];
    }
}
