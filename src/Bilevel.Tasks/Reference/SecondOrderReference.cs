namespace Bilevel.Tasks;

/// <summary>
/// A small problem with f = f(y), and g strongly convex in y, written a second time with its Hessians: the source of
/// reference solutions by Newton's method, to working precision. The methods never see it.
/// </summary>
internal abstract class SecondOrderReference
{
    private const int NewtonSteps = 200;

    /// <summary>Number of components of y.</summary>
    public abstract int LowerSize { get; }

    /// <summary>g(x, y); adds <paramref name="factor"/> times its y-gradient and its Hessian in y.</summary>
    public abstract double AddLower(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian);

    /// <summary>f(y); adds <paramref name="factor"/> times its gradient and its Hessian.</summary>
    public abstract double AddUpper(ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian);

    /// <summary>g_x(x, y).</summary>
    public abstract double[] LowerGradientX(ReadOnlySpan<double> x, ReadOnlySpan<double> y);

    /// <summary>g_xy(x, y) v.</summary>
    public abstract double[] CrossTimes(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> v);

    /// <summary>y*(x).</summary>
    public DenseVector<double> LowerSolution(DenseVector<double> x) => new(Minimise(x.Span, 0));

    /// <summary>y_lambda*(x).</summary>
    public DenseVector<double> PenaltySolution(DenseVector<double> x, double lambda) => new(Minimise(x.Span, 1 / lambda));

    /// <summary>F(x).</summary>
    public double Hyperobjective(DenseVector<double> x) => Upper(Minimise(x.Span, 0));

    /// <summary>grad F(x) = -g_xy inv(g_yy) f_y.</summary>
    public DenseVector<double> Hypergradient(DenseVector<double> x)
    {
        double[] y = Minimise(x.Span, 0);
        double[] fy = new double[LowerSize], unused = new double[LowerSize];
        Matrix hessian = new(LowerSize, LowerSize), ignored = new(LowerSize, LowerSize);
        AddUpper(y, 1, fy, ignored);
        AddLower(x.Span, y, 1, unused, hessian);
        double[] multiplier = Cholesky.Of(hessian).Solve(fy);
        return new DenseVector<double>(Array.ConvertAll(CrossTimes(x.Span, y, multiplier), v => -v));
    }

    /// <summary>L_lambda*(x).</summary>
    public double PenaltyValue(DenseVector<double> x, double lambda)
    {
        double[] y = Minimise(x.Span, 1 / lambda), z = Minimise(x.Span, 0);
        return Upper(y) + (lambda * (Lower(x.Span, y) - Lower(x.Span, z)));
    }

    /// <summary>grad L_lambda*(x).</summary>
    public DenseVector<double> PenaltyHypergradient(DenseVector<double> x, double lambda)
    {
        double[] atY = LowerGradientX(x.Span, Minimise(x.Span, 1 / lambda)), atZ = LowerGradientX(x.Span, Minimise(x.Span, 0));
        var gradient = x.ZerosLike();
        for (int i = 0; i < gradient.Length; i++) gradient[i] = lambda * (atY[i] - atZ[i]);
        return gradient;
    }

    private double Upper(double[] y) => AddUpper(y, 0, new double[LowerSize], new Matrix(LowerSize, LowerSize));

    private double Lower(ReadOnlySpan<double> x, double[] y) => AddLower(x, y, 0, new double[LowerSize], new Matrix(LowerSize, LowerSize));

    // Newton's method with backtracking on sigma f + g, until the gradient stops falling.
    private double[] Minimise(ReadOnlySpan<double> x, double sigma)
    {
        double[] y = new double[LowerSize], best = y;
        double bestNorm = double.PositiveInfinity;
        for (int k = 0; k < NewtonSteps; k++)
        {
            var gradient = new double[LowerSize];
            var hessian = new Matrix(LowerSize, LowerSize);
            double value = AddLower(x, y, 1, gradient, hessian) + (sigma == 0 ? 0 : sigma * AddUpper(y, sigma, gradient, hessian));
            double norm = Math.Sqrt(gradient.Sum(v => v * v));
            if (!(norm < bestNorm) && k > 0 && bestNorm < 1e-9) break;
            if (norm < bestNorm) (best, bestNorm) = (y, norm);
            double[] move = Cholesky.Of(hessian).Solve(gradient);
            double slope = move.Zip(gradient, (a, b) => a * b).Sum(), step = 1;
            double[] next = y;
            for (int halving = 0; halving < 60; halving++, step /= 2)
            {
                next = [.. y.Zip(move, (a, b) => a - (step * b))];
                double there = Lower(x, next) + (sigma == 0 ? 0 : sigma * Upper(next));
                if (there <= value - (1e-4 * step * slope) + (1e-14 * Math.Abs(value))) break;
            }

            y = next;
        }

        return best;
    }
}

/// <summary>Minimises a function of one variable on an interval from its values and derivative.</summary>
internal static class LineMinimum
{
    /// <summary>The best of <paramref name="probes"/> equally spaced points, refined by bisection on the derivative around it.</summary>
    public static double Of(Func<double, double> value, Func<double, double> slope, double lower, double upper, int probes)
    {
        double width = (upper - lower) / (probes - 1);
        double at = Enumerable.Range(0, probes).Select(i => lower + (i * width)).MinBy(value);
        double low = Math.Max(lower, at - width), high = Math.Min(upper, at + width);
        if (slope(low) >= 0) return low;
        if (slope(high) <= 0) return high;
        for (int i = 0; i < 100 && high > low; i++)
        {
            double middle = (low + high) / 2;
            if (slope(middle) < 0) low = middle;
            else high = middle;
        }

        return (low + high) / 2;
    }
}
