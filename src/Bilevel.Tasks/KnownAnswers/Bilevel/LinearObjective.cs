using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>The loss of one sample as a function of its score a'w.</summary>
internal interface ILoss
{
    /// <summary>The loss.</summary>
    static abstract double Value(double score, double target);

    /// <summary>Its derivative in the score.</summary>
    static abstract double Slope(double score, double target);

    /// <summary>Its second derivative in the score.</summary>
    static abstract double Curvature(double score, double target);
}

/// <summary>Half the squared residual.</summary>
internal readonly struct SquaredLoss : ILoss
{
    public static double Value(double score, double target) => (score - target) * (score - target) / 2;

    public static double Slope(double score, double target) => score - target;

    public static double Curvature(double score, double target) => 1;
}

/// <summary>log(1 + exp(-target score)), targets -1 and 1.</summary>
internal readonly struct LogisticLoss : ILoss
{
    public static double Value(double score, double target)
    {
        double margin = target * score;
        return Math.Max(-margin, 0) + double.LogP1(Math.Exp(-Math.Abs(margin)));
    }

    public static double Slope(double score, double target) => -target * Logistic(-target * score);

    public static double Curvature(double score, double target) => Logistic(score) * Logistic(-score);

    /// <summary>1 / (1 + exp(-t)).</summary>
    public static double Logistic(double t) => 1 / (1 + Math.Exp(-t));
}

/// <summary>
/// The mean loss of a linear model w on the rows of a matrix, with e^x/2 |w|^2 added or not. All points of a request
/// are answered in one pass over the data, and weighted sums are formed sample by sample.
/// </summary>
internal sealed class LinearObjective<TLoss>(Matrix data, double[] targets, bool regularised) : IObjective<DenseVector<double>>
    where TLoss : struct, ILoss
{
    private double[] slopes = [];

    public void Evaluate(in Request<DenseVector<double>> request)
    {
        bool needsData = request.Values.Length > 0;
        foreach (ref readonly var output in request.Gradients)
        {
            output.Result.Span.Clear();
            needsData |= output.Block == BilevelProblem.Y;
        }

        request.Values.Clear();
        if (needsData) AddData(request);
        if (regularised) AddRegulariser(request);
    }

    private void AddData(in Request<DenseVector<double>> request)
    {
        int points = request.PointCount;
        if (slopes.Length < points) slopes = new double[points];
        var rows = request.Sample.Rows(data.Rows);
        double share = 1.0 / rows.Count;
        foreach (int i in rows)
        {
            var row = data.Row(i);
            for (int p = 0; p < points; p++)
            {
                double score = TensorPrimitives.Dot<double>(row, request.Point(p)[BilevelProblem.Y].Span);
                slopes[p] = share * TLoss.Slope(score, targets[i]);
                if (request.Values.Length > 0) request.Values[p] += share * TLoss.Value(score, targets[i]);
            }

            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Block != BilevelProblem.Y) continue;
                double slope = output.Point == Output.Combined ? Combined(request.Weights) : slopes[output.Point];
                TensorPrimitives.MultiplyAdd(row, slope, output.Result.Span, output.Result.Span);
            }
        }
    }

    private double Combined(ReadOnlySpan<double> weights)
    {
        double sum = 0;
        for (int p = 0; p < weights.Length; p++) sum += weights[p] * slopes[p];
        return sum;
    }

    private static void AddRegulariser(in Request<DenseVector<double>> request)
    {
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Point != Output.Combined)
            {
                AddRegulariser(1, request.Point(output.Point), output);
            }
            else if (output.Block == BilevelProblem.X && IsDifference(request))
            {
                // |y|^2 - |z|^2 = (y - z)'(y + z): no digits are lost when y and z are close.
                var (y, z) = (request.Point(0)[BilevelProblem.Y], request.Point(1)[BilevelProblem.Y]);
                double sum = 0;
                for (int i = 0; i < y.Length; i++) sum += (y[i] - z[i]) * (y[i] + z[i]);
                output.Result[0] += request.Weights[0] * Weight(request.Point(0)) / 2 * sum;
            }
            else
            {
                for (int p = 0; p < request.PointCount; p++) AddRegulariser(request.Weights[p], request.Point(p), output);
            }
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] += HalfSquare(request.Point(p));
    }

    private static void AddRegulariser(double weight, ReadOnlySpan<DenseVector<double>> point, in Output<DenseVector<double>> output)
    {
        if (output.Block == BilevelProblem.X) output.Result[0] += weight * HalfSquare(point);
        else output.Result.AddScaled(weight * Weight(point), point[BilevelProblem.Y]);
    }

    private static bool IsDifference(in Request<DenseVector<double>> request) =>
        request.PointCount == 2 && request.Weights[0] == -request.Weights[1] && ReferenceEquals(request.Point(0)[BilevelProblem.X], request.Point(1)[BilevelProblem.X]);

    private static double Weight(ReadOnlySpan<DenseVector<double>> point) => Math.Exp(point[BilevelProblem.X][0]);

    private static double HalfSquare(ReadOnlySpan<DenseVector<double>> point) => Weight(point) / 2 * point[BilevelProblem.Y].Dot(point[BilevelProblem.Y]);
}

/// <summary>The problem of one log-weight x for a linear model, with its Hessians.</summary>
internal sealed class LinearReference<TLoss>(Matrix train, double[] trainTargets, Matrix validation, double[] validationTargets) : SecondOrderReference
    where TLoss : struct, ILoss
{
    public override int LowerSize => train.Columns;

    public override double AddLower(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian)
    {
        double weight = Math.Exp(x[0]), value = Add(train, trainTargets, y, factor, gradient, hessian);
        for (int i = 0; i < y.Length; i++)
        {
            value += weight / 2 * y[i] * y[i];
            gradient[i] += factor * weight * y[i];
            hessian[i, i] += factor * weight;
        }

        return value;
    }

    public override double AddUpper(ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian) =>
        Add(validation, validationTargets, y, factor, gradient, hessian);

    public override double[] LowerGradientX(ReadOnlySpan<double> x, ReadOnlySpan<double> y) => [Math.Exp(x[0]) / 2 * TensorPrimitives.Dot(y, y)];

    public override double[] CrossTimes(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> v) => [Math.Exp(x[0]) * TensorPrimitives.Dot(y, v)];

    private static double Add(Matrix data, double[] targets, ReadOnlySpan<double> w, double factor, Span<double> gradient, Matrix hessian)
    {
        double value = 0;
        for (int i = 0; i < data.Rows; i++)
        {
            double score = TensorPrimitives.Dot(data.Row(i), w);
            value += TLoss.Value(score, targets[i]) / data.Rows;
            if (factor == 0) continue;
            TensorPrimitives.MultiplyAdd(data.Row(i), factor * TLoss.Slope(score, targets[i]) / data.Rows, gradient, gradient);
            hessian.AddOuter(factor * TLoss.Curvature(score, targets[i]) / data.Rows, data.Row(i));
        }

        return value;
    }
}
