using System.Numerics;

namespace Bilevel.Tests;

/// <summary>
/// The matrix form of the scalar quadratic: f = (y - c)'A(y - c)/2 + x'Bx/2 + x'Cy and g = y'Hy/2 - y'Px, with its
/// closed forms; the offsets are added to the values and, where internal, inside the gradients and taken off again.
/// </summary>
internal sealed record QuadraticBilevel(double[,] A, double[,] B, double[,] C, double[,] H, double[,] P, double[] Center, double Mu, double Largest)
{
    public double ValueOffset { get; init; }

    public int SizeX => B.GetLength(0);

    public int SizeY => H.GetLength(0);

    /// <summary>f = (a/2)(y - c)^2 + (b/2)x^2 and g = (mu/2)(y - p x)^2, less a term in x alone that cancels in every penalty.</summary>
    public static QuadraticBilevel Scalar(double a = 2, double b = 0.5, double mu = 1, double p = 1.5, double c = 1) =>
        new(new[,] { { a } }, new[,] { { b } }, new[,] { { 0.0 } }, new[,] { { mu } }, new[,] { { mu * p } }, [c], mu, mu);

    /// <summary>Random sizes, matrices and scales of f, g, x and y.</summary>
    public static QuadraticBilevel Random(int seed, double kappa = 10, double scaleF = 1, double scaleG = 1, double scaleX = 1, double scaleY = 1, int? sizeX = null, int? sizeY = null)
    {
        var random = new Random(seed);
        int n = sizeX ?? random.Next(1, 9), m = sizeY ?? random.Next(1, 9);
        double mu = scaleG / (scaleY * scaleY), largest = m == 1 ? mu : kappa * mu;
        double[] spectrum = [.. Enumerable.Range(0, m).Select(i => i == 0 ? mu : i == 1 ? largest : mu * Math.Pow(kappa, random.NextDouble()))];
        double[] Positive(int k, double scale) => [.. Enumerable.Range(0, k).Select(_ => scale * (0.2 + random.NextDouble()))];

        // A mixed block of norm 0.15 keeps f jointly convex, so that F and L_lambda* are.
        double[,] mixed = Dense.NormalMatrix(random, n, m);
        return new QuadraticBilevel(
            Dense.Symmetric(random, Positive(m, scaleF / (scaleY * scaleY))),
            Dense.Symmetric(random, Positive(n, scaleF / (scaleX * scaleX))),
            Times(0.15 / Dense.SpectralNorm(mixed) * scaleF / (scaleX * scaleY), mixed),
            Dense.Symmetric(random, spectrum),
            Times(mu * scaleY / scaleX, Dense.NormalMatrix(random, m, n)),
            [.. Dense.Normal(random, m).Select(t => scaleY * t)],
            mu,
            largest);
    }

    public ProblemConstants Constants => new()
    {
        LowerStrongConvexity = Mu * (1 - 1e-9),
        LowerSmoothness = Largest * (1 + 1e-9),
        LowerCoupling = Dense.SpectralNorm(P),
        LowerHessianLipschitz = 0,
        UpperSmoothness = Dense.SpectralNorm(A),
        UpperCoupling = Dense.SpectralNorm(C),
    };

    public double[] Follower(double[] x) => Dense.Solve(H, Dense.Times(P, x));

    public double[] Follower(double[] x, double lambda) => Dense.Solve(
        Dense.Sum(A, lambda, H),
        Dense.Sum(Dense.Sum(Dense.Times(A, Center), -1, Dense.TransposedTimes(C, x)), lambda, Dense.Times(P, x)));

    public double Upper(double[] x, double[] y)
    {
        double[] d = Dense.Sum(y, -1, Center);
        return (Product(d, Dense.Times(A, d)) / 2) + (Product(x, Dense.Times(B, x)) / 2) + Product(x, Dense.Times(C, y));
    }

    public double Lower(double[] x, double[] y) => (Product(y, Dense.Times(H, y)) / 2) - Product(y, Dense.Times(P, x));

    public double[] UpperSlope(double[] x, double[] y) => Dense.Sum(Dense.Times(A, Dense.Sum(y, -1, Center)), 1, Dense.TransposedTimes(C, x));

    public double[] Hypergradient(double[] x)
    {
        double[] y = Follower(x);
        double[] direct = Dense.Sum(Dense.Times(B, x), 1, Dense.Times(C, y));
        return Dense.Sum(direct, 1, Dense.TransposedTimes(P, Dense.Solve(H, UpperSlope(x, y))));
    }

    public double[] PenaltyHypergradient(double[] x, double lambda)
    {
        double[] y = Follower(x), penalised = Follower(x, lambda);
        double[] direct = Dense.Sum(Dense.Times(B, x), 1, Dense.Times(C, penalised));
        return Dense.Sum(direct, -lambda, Dense.TransposedTimes(P, Dense.Sum(penalised, -1, y)));
    }

    /// <summary>The x where the hypergradient vanishes (it is affine).</summary>
    public double[] Stationary(double? lambda = null)
    {
        double[] At(double[] x) => lambda is { } l ? PenaltyHypergradient(x, l) : Hypergradient(x);
        double[] zero = At(new double[SizeX]);
        var columns = Enumerable.Range(0, SizeX).Select(j => Dense.Sum(At([.. Enumerable.Range(0, SizeX).Select(i => i == j ? 1.0 : 0)]), -1, zero)).ToArray();
        return Dense.Solve(Dense.Matrix(SizeX, SizeX, (i, j) => columns[j][i]), [.. zero.Select(t => -t)]);
    }

    public BilevelProblem<DenseVector<T>> Problem<T>(bool withConstants = true)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(
        new Objective<T>(this, upper: true),
        new Objective<T>(this, upper: false))
        { Constants = withConstants ? Constants : new ProblemConstants() };

    public BilevelProblem<DenseVector<double>> Problem(bool withConstants = true) => Problem<double>(withConstants);

    private static double Product(double[] a, double[] b) => a.Zip(b, (s, t) => s * t).Sum();

    private static double[,] Times(double factor, double[,] a) => Dense.Matrix(a.GetLength(0), a.GetLength(1), (i, j) => factor * a[i, j]);

    // Computes in the precision of the vectors, so that rounding is as it would be.
    private sealed class Objective<T>(QuadraticBilevel owner, bool upper) : PointObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly T[,] a = Cast(owner.A), b = Cast(owner.B), c = Cast(owner.C), h = Cast(owner.H), p = Cast(owner.P);
        private readonly T[] center = Array.ConvertAll(owner.Center, T.CreateTruncating);

        protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample)
        {
            double[] x = point[0].ToDoubles(), y = point[1].ToDoubles();
            return (upper ? owner.Upper(x, y) : owner.Lower(x, y)) + owner.ValueOffset;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
        {
            ReadOnlySpan<T> x = point[0].Span, y = point[1].Span;
            for (int i = 0; i < result.Length; i++)
            {
                T sum = T.Zero;
                if (block == BilevelProblem.X && upper)
                {
                    for (int j = 0; j < x.Length; j++) sum += b[i, j] * x[j];
                    for (int j = 0; j < y.Length; j++) sum += c[i, j] * y[j];
                }
                else if (block == BilevelProblem.X)
                {
                    for (int j = 0; j < y.Length; j++) sum -= p[j, i] * y[j];
                }
                else if (upper)
                {
                    for (int j = 0; j < y.Length; j++) sum += a[i, j] * (y[j] - center[j]);
                    for (int j = 0; j < x.Length; j++) sum += c[j, i] * x[j];
                }
                else
                {
                    for (int j = 0; j < y.Length; j++) sum += h[i, j] * y[j];
                    for (int j = 0; j < x.Length; j++) sum -= p[i, j] * x[j];
                }

                result[i] = sum;
            }
        }

        private static T[,] Cast(double[,] m)
        {
            var cast = new T[m.GetLength(0), m.GetLength(1)];
            for (int i = 0; i < m.GetLength(0); i++)
            {
                for (int j = 0; j < m.GetLength(1); j++) cast[i, j] = T.CreateTruncating(m[i, j]);
            }

            return cast;
        }
    }
}
