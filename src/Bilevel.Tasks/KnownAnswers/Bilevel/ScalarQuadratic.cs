namespace Bilevel.Tasks;

/// <summary>
/// f = (a/2)(y - c)^2 + (b/2) x^2 and g = (mu/2)(y - p x)^2 with x and y scalar: everything has a closed form.
/// </summary>
/// <param name="a">a, at least 0.</param>
/// <param name="b">b, at least 0.</param>
/// <param name="mu">mu, above 0.</param>
/// <param name="p">p.</param>
/// <param name="c">c.</param>
internal sealed class ScalarQuadratic(double a, double b, double mu, double p, double c)
{
    /// <summary>The instance of the tests: a = 2, b = 0.5, mu = 1, p = 1.5, c = 1, with x* = 0.6 and F* = 0.1.</summary>
    public static ScalarQuadratic Default { get; } = new(2, 0.5, 1, 1.5, 1);

    /// <summary>x* = a p c / (a p^2 + b).</summary>
    public double X => Minimiser(a);

    /// <summary>F(x*).</summary>
    public double UpperValue => a * b * c * c / (2 * ((a * p * p) + b));

    /// <summary>The problem with its constants, which are exact.</summary>
    public BilevelProblem<DenseVector<double>> Problem() => new(new Upper(a, b, c), new Lower(mu, p))
    {
        Constants = new ProblemConstants
        {
            LowerStrongConvexity = mu,
            LowerSmoothness = mu,
            LowerCoupling = mu * Math.Abs(p),
            LowerHessianLipschitz = 0,
            UpperSmoothness = a,
            UpperCoupling = 0,
        },
    };

    /// <summary>y*(x) = p x.</summary>
    public double LowerSolution(double x) => p * x;

    /// <summary>y_lambda*(x).</summary>
    public double PenaltySolution(double x, double lambda) => ((a * c) + (lambda * mu * p * x)) / (a + (lambda * mu));

    /// <summary>F(x).</summary>
    public double Hyperobjective(double x) => Value(a, x);

    /// <summary>grad F(x).</summary>
    public double Hypergradient(double x) => Slope(a, x);

    /// <summary>L_lambda*(x).</summary>
    public double PenaltyValue(double x, double lambda) => Value(Softened(lambda), x);

    /// <summary>grad L_lambda*(x).</summary>
    public double PenaltyHypergradient(double x, double lambda) => Slope(Softened(lambda), x);

    /// <summary>x_lambda*, the minimiser of L_lambda*.</summary>
    public double PenaltyMinimiser(double lambda) => Minimiser(Softened(lambda));

    // The penalty function is F with a replaced by k = a lambda mu / (a + lambda mu).
    private double Softened(double lambda) => a * lambda * mu / (a + (lambda * mu));

    private double Value(double k, double x) => (k / 2 * ((p * x) - c) * ((p * x) - c)) + (b / 2 * x * x);

    private double Slope(double k, double x) => (k * p * ((p * x) - c)) + (b * x);

    private double Minimiser(double k) => k * p * c / ((k * p * p) + b);

    // Gradients are affine in the point, so a weighted sum of them is one gradient at the weighted sum of the points.
    private static double Sum(ReadOnlySpan<DenseVector<double>> points, ReadOnlySpan<double> weights, int block)
    {
        double sum = 0;
        for (int q = 0, at = block; q < weights.Length && at < points.Length; q++, at += BilevelProblem.BlockCount) sum += weights[q] * points[at][0];
        return sum;
    }

    private static double Sum(ReadOnlySpan<double> weights)
    {
        double sum = 0;
        foreach (double w in weights) sum += w;
        return sum;
    }

    private sealed class Upper(double a, double b, double c) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            var points = request.Points;
            foreach (ref readonly var output in request.Gradients)
            {
                bool one = output.Point != Output.Combined;
                double v = one ? points[(output.Point * BilevelProblem.BlockCount) + output.Block][0] : Sum(points, request.Weights, output.Block);
                output.Result[0] = output.Block == BilevelProblem.X ? b * v : a * (v - (one ? c : c * Sum(request.Weights)));
            }

            for (int i = 0; i < request.Values.Length; i++)
            {
                double x = points[BilevelProblem.BlockCount * i][0], y = points[(BilevelProblem.BlockCount * i) + 1][0];
                request.Values[i] = (a / 2 * (y - c) * (y - c)) + (b / 2 * x * x);
            }
        }
    }

    private sealed class Lower(double mu, double p) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            var points = request.Points;
            foreach (ref readonly var output in request.Gradients)
            {
                bool one = output.Point != Output.Combined;
                int first = output.Point * BilevelProblem.BlockCount;
                double x = one ? points[first][0] : Sum(points, request.Weights, BilevelProblem.X);
                double y = one ? points[first + 1][0] : Sum(points, request.Weights, BilevelProblem.Y);
                double slope = mu * (y - (p * x));
                output.Result[0] = output.Block == BilevelProblem.X ? -p * slope : slope;
            }

            for (int i = 0; i < request.Values.Length; i++)
            {
                double apart = points[(BilevelProblem.BlockCount * i) + 1][0] - (p * points[BilevelProblem.BlockCount * i][0]);
                request.Values[i] = mu / 2 * apart * apart;
            }
        }
    }
}
