using System.Numerics.Tensors;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>
/// g = a |z1|^2/2 + z1'M z2 - b |z2|^2/2 + z1'A x1 - z2'C x1 and f = |y1 - c|^2/2 + |y2 - d|^2/2 + k |x1|^2/2. The lower
/// saddle S x1 is linear in x1. M, A, C, c and d are standard normal numbers, drawn in this order, matrices row by row.
/// </summary>
internal sealed class RandomSaddle
{
    // The intervals of x1, z1 and z2 are this many times as long as they need be to hold x1 = 1, x1* and the saddles.
    private const double Room = 2;

    private readonly double a, b, k;
    private readonly Matrix m, ofMinimiser, ofMaximiser;       // M, A, C
    private readonly Matrix slope1, slope2;                    // S, by its rows of z1 and z2
    private readonly double[] c, d;
    private readonly double end1, end2;                        // Z1 = [-end1, end1]^n1, Z2 = [-end2, end2]^n2

    public RandomSaddle(SaddleGeneratorSettings settings)
    {
        (a, b, k) = (settings.A, settings.B, settings.K);
        int upper = settings.UpperSize, first = settings.MinimiserSize, second = settings.MaximiserSize;
        var random = new SplitMix64((ulong)settings.DataSeed);
        m = random.NextNormals(first, second);
        ofMinimiser = random.NextNormals(first, upper);
        ofMaximiser = random.NextNormals(second, upper);
        c = random.NextNormals(first);
        d = random.NextNormals(second);

        // a z1 + M z2 + A x1 = 0 and M'z1 - b z2 - C x1 = 0; without z2 a positive definite system for z1.
        var system = (m * m.Transpose()).Times(1 / b) + Matrix.Diagonal([.. Enumerable.Repeat(a, first)]);
        slope1 = Cholesky.Of(system).Solve((m * ofMaximiser).Times(1 / b) - ofMinimiser);
        slope2 = ((m.Transpose() * slope1) - ofMaximiser).Times(1 / b);

        // F is quadratic: (S'S + k I) x1* = S'(c, d).
        var curvature = (slope1.Transpose() * slope1) + (slope2.Transpose() * slope2) + Matrix.Diagonal([.. Enumerable.Repeat(k, upper)]);
        double[] right = slope1.TransposeTimes(c);
        slope2.AddTransposeTimes(1, d, right);
        X = new(Cholesky.Of(curvature).Solve(right));

        // At a corner of X1 a component of the saddle is as large as it gets: the sum of the sizes of its row of S.
        EndX1 = Room * Math.Max(1, Math.Abs(TensorPrimitives.MaxMagnitude<double>(X.Span)));
        end1 = Room * EndX1 * LargestRow(slope1);
        end2 = Room * EndX1 * LargestRow(slope2);
    }

    /// <summary>x1*.</summary>
    public DenseVector<double> X { get; }

    /// <summary>X1 = [-EndX1, EndX1]^m.</summary>
    public double EndX1 { get; }

    /// <summary>The saddle S x1, inside Z1 x Z2 for every x1 of X1.</summary>
    public (DenseVector<double> Z1, DenseVector<double> Z2) Saddle(DenseVector<double> x) => (new(slope1.Times(x.Span)), new(slope2.Times(x.Span)));

    /// <summary>F(x1) = |S x1 - (c, d)|^2/2 + k |x1|^2/2.</summary>
    public double Hyperobjective(DenseVector<double> x)
    {
        var (z1, z2) = Saddle(x);
        return Upper(x.Span, z1.Span, z2.Span);
    }

    /// <summary>grad F(x1) = S'(S x1 - (c, d)) + k x1.</summary>
    public DenseVector<double> Hypergradient(DenseVector<double> x)
    {
        var (z1, z2) = Saddle(x);
        TensorPrimitives.Subtract(z1.Span, c, z1.Span);
        TensorPrimitives.Subtract(z2.Span, d, z2.Span);
        double[] gradient = slope1.TransposeTimes(z1.Span);
        slope2.AddTransposeTimes(1, z2.Span, gradient);
        TensorPrimitives.MultiplyAdd(x.Span, k, gradient, gradient);
        return new(gradient);
    }

    /// <summary>The gap; the sets are boxes and the curvatures multiples of the identity, so every component is on its own.</summary>
    public double Gap(DenseVector<double> x, DenseVector<double> y1, DenseVector<double> y2)
    {
        double[] first = new double[c.Length], second = new double[d.Length];
        var lower = new LowerObjective(this);
        lower.GradientZ1(x.Span, y1.Span, y2.Span, first);
        lower.GradientZ2(x.Span, y1.Span, y2.Span, second);
        double gap = 0;
        for (int i = 0; i < first.Length; i++) gap += KnownMinimax.Rise(-first[i], a, y1[i], -end1, end1);
        for (int i = 0; i < second.Length; i++) gap += KnownMinimax.Rise(second[i], b, y2[i], -end2, end2);
        return gap;
    }

    public MinimaxInstance<DenseVector<double>> Instance()
    {
        int upper = X.Length;
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = X,
            UpperValue = Hyperobjective(X),
            Accuracy = 1e-10,
            Hyperobjective = Hyperobjective,
            Hypergradient = Hypergradient,
            Saddle = Saddle,
            Gap = Gap,
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(this), new LowerObjective(this))
        {
            X1 = new Box<double>(-EndX1, EndX1, upper),
            Z1 = new Box<double>(-end1, end1, c.Length),
            Z2 = new Box<double>(-end2, end2, d.Length),

            // Exact: the Hessians are constant.
            Constants = new MinimaxConstants
            {
                LowerSmoothness = LowerSmoothness(),
                UpperSmoothness = Math.Max(1, k),
                LowerStrongConvexity = a,
                LowerStrongConcavity = b,
            },
        };
        var x = X.ZerosLike();
        x.Fill(_ => 1);
        var (y1, y2) = Saddle(x);
        return KnownMinimax.Instance(problem, Start(x, Vectors.Zeros(0), y1, y2), answer, "The matrices are random; the answer comes from linear systems.");
    }

    private static double LargestRow(Matrix matrix) => Enumerable.Range(0, matrix.Rows).Max(i => TensorPrimitives.SumOfMagnitudes<double>(matrix.Row(i)));

    // The norm of the Hessian of g in (x1, z1, z2), exact at a cost cubic in the sizes, which is what bounds them.
    private double LowerSmoothness()
    {
        int upper = X.Length, first = c.Length, second = d.Length, all = upper + first + second;
        var hessian = new Matrix(all, all);
        for (int i = 0; i < first; i++)
        {
            int row = upper + i;
            hessian[row, row] = a;
            for (int j = 0; j < upper; j++) hessian[row, j] = hessian[j, row] = ofMinimiser[i, j];
            for (int j = 0; j < second; j++) hessian[row, upper + first + j] = hessian[upper + first + j, row] = m[i, j];
        }

        for (int i = 0; i < second; i++)
        {
            int row = upper + first + i;
            hessian[row, row] = -b;
            for (int j = 0; j < upper; j++) hessian[row, j] = hessian[j, row] = -ofMaximiser[i, j];
        }

        double[] spectrum = SymmetricEigenvalues.Of(hessian);
        return Math.Max(-spectrum[0], spectrum[^1]);
    }

    private double Upper(ReadOnlySpan<double> x, ReadOnlySpan<double> y1, ReadOnlySpan<double> y2)
    {
        double first = TensorPrimitives.Distance(y1, c), second = TensorPrimitives.Distance(y2, d);
        return ((first * first) + (second * second) + (k * TensorPrimitives.Dot(x, x))) / 2;
    }

    private sealed class UpperObjective(RandomSaddle of) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => of.Upper(point[X1].Span, point[Y1].Span, point[Y2].Span);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == X1) TensorPrimitives.Multiply(point[X1].Span, of.k, result.Span);
            else if (block == Y1) TensorPrimitives.Subtract(point[Y1].Span, of.c, result.Span);
            else if (block == Y2) TensorPrimitives.Subtract(point[Y2].Span, of.d, result.Span);
        }
    }

    private sealed class LowerObjective(RandomSaddle of) : PointObjective<DenseVector<double>>
    {
        public void GradientZ1(ReadOnlySpan<double> x, ReadOnlySpan<double> z1, ReadOnlySpan<double> z2, Span<double> result)
        {
            TensorPrimitives.Multiply(z1, of.a, result);
            of.m.AddTimes(1, z2, result);
            of.ofMinimiser.AddTimes(1, x, result);
        }

        public void GradientZ2(ReadOnlySpan<double> x, ReadOnlySpan<double> z1, ReadOnlySpan<double> z2, Span<double> result)
        {
            TensorPrimitives.Multiply(z2, -of.b, result);
            of.m.AddTransposeTimes(1, z1, result);
            of.ofMaximiser.AddTimes(-1, x, result);
        }

        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            ReadOnlySpan<double> x = point[Lower.X1].Span, z1 = point[Lower.Z1].Span, z2 = point[Lower.Z2].Span;
            double value = ((of.a * TensorPrimitives.Dot(z1, z1)) - (of.b * TensorPrimitives.Dot(z2, z2))) / 2;
            for (int i = 0; i < z1.Length; i++) value += z1[i] * (TensorPrimitives.Dot(of.m.Row(i), z2) + TensorPrimitives.Dot(of.ofMinimiser.Row(i), x));
            for (int i = 0; i < z2.Length; i++) value -= z2[i] * TensorPrimitives.Dot(of.ofMaximiser.Row(i), x);
            return value;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            ReadOnlySpan<double> x = point[Lower.X1].Span, z1 = point[Lower.Z1].Span, z2 = point[Lower.Z2].Span;
            switch (block)
            {
                case Lower.X1:
                    result.Span.Clear();
                    of.ofMinimiser.AddTransposeTimes(1, z1, result.Span);
                    of.ofMaximiser.AddTransposeTimes(-1, z2, result.Span);
                    break;
                case Lower.Z1:
                    GradientZ1(x, z1, z2, result.Span);
                    break;
                default:
                    GradientZ2(x, z1, z2, result.Span);
                    break;
            }
        }
    }
}
