namespace Bilevel.Tasks;

/// <summary>
/// f = (y - c)'A(y - c)/2 + x'Bx/2 + x'Cy and g = y'Hy/2 - y'Px with random matrices: everything has a closed form up
/// to linear systems.
/// </summary>
internal sealed class MatrixQuadratic
{
    private readonly Matrix a, b, cross, h, p;       // A, B, C, H, P
    private readonly double[] centre;                // c
    private readonly Cholesky inverseH;
    private readonly Matrix answer;                  // inv(H) P, the slope of y*

    private MatrixQuadratic(Matrix a, Matrix b, Matrix cross, Matrix h, Matrix p, double[] centre)
    {
        (this.a, this.b, this.cross, this.h, this.p, this.centre) = (a, b, cross, h, p, centre);
        inverseH = Cholesky.Of(h);
        answer = inverseH.Solve(p);
        X = Minimiser(0);
        UpperValue = Hyperobjective(X);
    }

    /// <summary>x*.</summary>
    public DenseVector<double> X { get; }

    /// <summary>F(x*).</summary>
    public double UpperValue { get; }

    /// <summary>
    /// A random instance. In this order normal numbers are drawn: M, square of size m + n (m components of x, n of y);
    /// N, n x n; P, n x m; c. Then [[B, C], [C', A]] = M M'/(m + n) + I/2, so f is strongly convex; H = Q D Q' with Q
    /// the orthonormalised columns of N and D from 1 to the condition number in equal ratios; P is divided by sqrt(m).
    /// </summary>
    /// <param name="upperSize">Number m of components of x.</param>
    /// <param name="lowerSize">Number n of components of y.</param>
    /// <param name="condition">Condition number of H, at least 1; its smallest eigenvalue is 1.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static MatrixQuadratic Random(int upperSize, int lowerSize, double condition, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(upperSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(lowerSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(condition, 1);
        var random = new SplitMix64(seed);
        int all = upperSize + lowerSize;
        Matrix m = random.NextNormals(all, all), q = Orthonormal(random.NextNormals(lowerSize, lowerSize));
        Matrix p = random.NextNormals(lowerSize, upperSize).Times(1 / Math.Sqrt(upperSize));
        double[] centre = random.NextNormals(lowerSize);
        var joint = (m * m.Transpose()).Times(1.0 / all) + Matrix.Diagonal([.. Enumerable.Repeat(0.5, all)]);
        double[] eigenvalues = [.. Enumerable.Range(0, lowerSize).Select(i => Math.Pow(condition, i / Math.Max(1.0, lowerSize - 1)))];
        var h = q.Transpose() * (Matrix.Diagonal(eigenvalues) * q);
        return new MatrixQuadratic(
            joint.Block(upperSize, upperSize, lowerSize, lowerSize),
            joint.Block(0, 0, upperSize, upperSize),
            joint.Block(0, upperSize, upperSize, lowerSize),
            (h + h.Transpose()).Times(0.5),
            p,
            centre);
    }

    /// <summary>The problem with its constants, which are exact.</summary>
    public BilevelProblem<DenseVector<double>> Problem()
    {
        double[] spectrum = SymmetricEigenvalues.Of(h);
        return new(new Upper(a, b, cross, centre), new Lower(h, p))
        {
            Constants = new ProblemConstants
            {
                LowerStrongConvexity = spectrum[0],
                LowerSmoothness = spectrum[^1],
                LowerCoupling = p.SpectralNorm(),
                LowerHessianLipschitz = 0,
                UpperSmoothness = SymmetricEigenvalues.Of(a)[^1],
                UpperCoupling = cross.SpectralNorm(),
            },
        };
    }

    /// <summary>y*(x) = inv(H) P x.</summary>
    public DenseVector<double> LowerSolution(DenseVector<double> x) => new(answer.Times(x.Span));

    /// <summary>y_lambda*(x) = inv(A + lambda H)(A c - C'x + lambda P x).</summary>
    public DenseVector<double> PenaltySolution(DenseVector<double> x, double lambda)
    {
        double[] right = a.Times(centre);
        cross.AddTransposeTimes(-1, x.Span, right);
        p.AddTimes(lambda, x.Span, right);
        return new(Cholesky.Of(a.Plus(lambda, h)).Solve(right));
    }

    /// <summary>F(x).</summary>
    public double Hyperobjective(DenseVector<double> x) => UpperAt(x, LowerSolution(x));

    /// <summary>grad F(x) = Bx + C y* + P'inv(H)(A(y* - c) + C'x).</summary>
    public DenseVector<double> Hypergradient(DenseVector<double> x) => Gradient(x, LowerSolution(x), inverseH);

    /// <summary>L_lambda*(x).</summary>
    public double PenaltyValue(DenseVector<double> x, double lambda)
    {
        // g is quadratic, so its value gap is half the square of y_lambda* - y* in the norm of H.
        var y = PenaltySolution(x, lambda);
        double upper = UpperAt(x, y);
        y.AddScaled(-1, LowerSolution(x));
        return upper + (lambda / 2 * y.Dot(new DenseVector<double>(h.Times(y.Span))));
    }

    /// <summary>grad L_lambda*(x); like grad F with C y_lambda* for C y* and A/lambda + H for H, which never cancels.</summary>
    public DenseVector<double> PenaltyHypergradient(DenseVector<double> x, double lambda) =>
        Gradient(x, PenaltySolution(x, lambda), Cholesky.Of(h.Plus(1 / lambda, a)));

    /// <summary>x_lambda*, the minimiser of L_lambda*.</summary>
    public DenseVector<double> PenaltyMinimiser(double lambda) => Minimiser(1 / lambda);

    // Both gradients are affine in x: with S = inv(H)P and K = inv(sigma A + H), y_lambda* = S x + sigma K(A c - C'x - A S x)
    // and the gradient is B x + C y_lambda* + P'K(A(S x - c) + C'x).
    private DenseVector<double> Minimiser(double sigma)
    {
        var k = Cholesky.Of(h.Plus(sigma, a));
        var pull = cross.Transpose() + (a * answer);
        var slope = b + (cross * (answer - k.Solve(pull).Times(sigma))) + (p.Transpose() * k.Solve(pull));
        double[] weighted = k.Solve(a.Times(centre));
        double[] right = p.TransposeTimes(weighted);
        cross.AddTimes(-sigma, weighted, right);
        return new(Cholesky.Of((slope + slope.Transpose()).Times(0.5)).Solve(right));
    }

    private DenseVector<double> Gradient(DenseVector<double> x, DenseVector<double> y, Cholesky system)
    {
        var apart = LowerSolution(x);
        for (int i = 0; i < centre.Length; i++) apart[i] -= centre[i];
        double[] right = a.Times(apart.Span);
        cross.AddTransposeTimes(1, x.Span, right);
        double[] gradient = b.Times(x.Span);
        cross.AddTimes(1, y.Span, gradient);
        p.AddTransposeTimes(1, system.Solve(right), gradient);
        return new(gradient);
    }

    private double UpperAt(DenseVector<double> x, DenseVector<double> y)
    {
        var request = new PreparedRequest<DenseVector<double>>(new Upper(a, b, cross, centre), [[x, y]], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }

    // Gram and Schmidt, twice, on the rows.
    private static Matrix Orthonormal(Matrix matrix)
    {
        for (int i = 0; i < matrix.Rows; i++)
        {
            var row = new DenseVector<double>(matrix.Row(i).ToArray());
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < i; j++)
                {
                    var other = new DenseVector<double>(matrix.Row(j).ToArray());
                    row.AddScaled(-row.Dot(other), other);
                }
            }

            row.Scale(1 / row.Norm());
            row.Span.CopyTo(matrix.Row(i));
        }

        return matrix;
    }

    // Gradients are affine in the point, so a weighted sum of them is one gradient at the weighted sum of the points.
    private abstract class Affine : IObjective<DenseVector<double>>
    {
        private double[] x = [], y = [];

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                var result = output.Result.Span;
                if (output.Point == Output.Combined)
                {
                    double weight = Combine(request);
                    Gradient(output.Block, x, y, weight, result);
                }
                else
                {
                    var point = request.Point(output.Point);
                    Gradient(output.Block, point[BilevelProblem.X].Span, point[BilevelProblem.Y].Span, 1, result);
                }
            }

            for (int i = 0; i < request.Values.Length; i++) request.Values[i] = Value(request.Point(i)[BilevelProblem.X].Span, request.Point(i)[BilevelProblem.Y].Span);
        }

        // The linear part at (x, y) plus weight times the constant part.
        protected abstract void Gradient(int block, ReadOnlySpan<double> x, ReadOnlySpan<double> y, double weight, Span<double> result);

        protected abstract double Value(ReadOnlySpan<double> x, ReadOnlySpan<double> y);

        private double Combine(in Request<DenseVector<double>> request)
        {
            var first = request.Point(0);
            if (x.Length != first[BilevelProblem.X].Length) x = new double[first[BilevelProblem.X].Length];
            if (y.Length != first[BilevelProblem.Y].Length) y = new double[first[BilevelProblem.Y].Length];
            Array.Clear(x);
            Array.Clear(y);
            double sum = 0;
            for (int q = 0; q < request.PointCount; q++)
            {
                double weight = request.Weights[q];
                var (px, py) = (request.Point(q)[BilevelProblem.X], request.Point(q)[BilevelProblem.Y]);
                for (int i = 0; i < x.Length; i++) x[i] += weight * px[i];
                for (int i = 0; i < y.Length; i++) y[i] += weight * py[i];
                sum += weight;
            }

            return sum;
        }
    }

    private sealed class Upper(Matrix a, Matrix b, Matrix cross, double[] centre) : Affine
    {
        private readonly double[] apart = new double[centre.Length];   // y - weight c

        protected override void Gradient(int block, ReadOnlySpan<double> x, ReadOnlySpan<double> y, double weight, Span<double> result)
        {
            result.Clear();
            if (block == BilevelProblem.X)
            {
                b.AddTimes(1, x, result);
                cross.AddTimes(1, y, result);
                return;
            }

            for (int i = 0; i < apart.Length; i++) apart[i] = y[i] - (weight * centre[i]);
            a.AddTimes(1, apart, result);
            cross.AddTransposeTimes(1, x, result);
        }

        protected override double Value(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
        {
            for (int i = 0; i < apart.Length; i++) apart[i] = y[i] - centre[i];
            double value = 0;
            for (int i = 0; i < a.Rows; i++) value += apart[i] * Dot(a.Row(i), apart) / 2;
            for (int i = 0; i < b.Rows; i++) value += x[i] * ((Dot(b.Row(i), x) / 2) + Dot(cross.Row(i), y));
            return value;
        }
    }

    private sealed class Lower(Matrix h, Matrix p) : Affine
    {
        protected override void Gradient(int block, ReadOnlySpan<double> x, ReadOnlySpan<double> y, double weight, Span<double> result)
        {
            result.Clear();
            if (block == BilevelProblem.X)
            {
                p.AddTransposeTimes(-1, y, result);
                return;
            }

            h.AddTimes(1, y, result);
            p.AddTimes(-1, x, result);
        }

        protected override double Value(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
        {
            double value = 0;
            for (int i = 0; i < h.Rows; i++) value += y[i] * ((Dot(h.Row(i), y) / 2) - Dot(p.Row(i), x));
            return value;
        }
    }

    private static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right) => System.Numerics.Tensors.TensorPrimitives.Dot(left, right);
}
