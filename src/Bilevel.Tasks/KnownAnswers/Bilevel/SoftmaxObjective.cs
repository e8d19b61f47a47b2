using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Formulas of the softmax classifier that the objective and its reference share.</summary>
internal static class Softmax
{
    /// <summary>Replaces the scores by probabilities and returns the cross-entropy against a label.</summary>
    public static double Apply(Span<double> scores, int label)
    {
        double most = double.NegativeInfinity, sum = 0;
        foreach (double s in scores) most = Math.Max(most, s);
        double own = scores[label] - most;
        for (int k = 0; k < scores.Length; k++) sum += scores[k] = Math.Exp(scores[k] - most);
        for (int k = 0; k < scores.Length; k++) scores[k] /= sum;
        return Math.Log(sum) - own;
    }

    /// <summary>W a, with W row by row in a vector.</summary>
    public static void Scores(ReadOnlySpan<double> w, ReadOnlySpan<double> features, Span<double> scores)
    {
        for (int k = 0; k < scores.Length; k++) scores[k] = TensorPrimitives.Dot(w.Slice(k * features.Length, features.Length), features);
    }
}

/// <summary>
/// The mean cross-entropy of a linear softmax classifier W, each sample weighted by s(x_i) or not, with c |W|^2 added.
/// All points of a request are answered in one pass over the data, and weighted sums are formed sample by sample.
/// </summary>
internal sealed class SoftmaxObjective(Matrix data, int[] labels, int classes, bool weighted, double ridge) : IObjective<DenseVector<double>>
{
    private double[] errors = [], losses = [], scaled = new double[classes];

    public void Evaluate(in Request<DenseVector<double>> request)
    {
        foreach (ref readonly var output in request.Gradients) output.Result.Span.Clear();
        request.Values.Clear();
        int points = request.PointCount;
        if (losses.Length < points) (losses, errors) = (new double[points], new double[points * classes]);
        var rows = request.Sample.Rows(data.Rows);
        double share = 1.0 / rows.Count;
        foreach (int i in rows)
        {
            for (int p = 0; p < points; p++)
            {
                var error = errors.AsSpan(p * classes, classes);
                Softmax.Scores(request.Point(p)[BilevelProblem.Y].Span, data.Row(i), error);
                losses[p] = Softmax.Apply(error, labels[i]);
                error[labels[i]] -= 1;
            }

            AddSample(request, i, share);
        }

        if (ridge != 0) AddRidge(request);
    }

    private void AddSample(in Request<DenseVector<double>> request, int i, double share)
    {
        for (int p = 0; p < request.Values.Length; p++) request.Values[p] += share * Weight(request.Point(p), i) * losses[p];
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == BilevelProblem.X && !weighted) continue;
            bool combined = output.Point == Output.Combined;
            int first = combined ? 0 : output.Point, after = combined ? request.PointCount : first + 1;
            double slope = 0;
            Array.Clear(scaled);
            for (int p = first; p < after; p++)
            {
                double factor = share * (combined ? request.Weights[p] : 1), weight = Weight(request.Point(p), i);
                if (output.Block == BilevelProblem.X) slope += factor * weight * (1 - weight) * losses[p];
                else TensorPrimitives.MultiplyAdd(errors.AsSpan(p * classes, classes), factor * weight, scaled, scaled);
            }

            if (output.Block == BilevelProblem.X)
            {
                output.Result[i] += slope;
                continue;
            }

            var row = data.Row(i);
            for (int k = 0; k < classes; k++)
            {
                var result = output.Result.Span.Slice(k * row.Length, row.Length);
                TensorPrimitives.MultiplyAdd(row, scaled[k], result, result);
            }
        }
    }

    private void AddRidge(in Request<DenseVector<double>> request)
    {
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block != BilevelProblem.Y) continue;
            bool combined = output.Point == Output.Combined;
            int first = combined ? 0 : output.Point, after = combined ? request.PointCount : first + 1;
            for (int p = first; p < after; p++) output.Result.AddScaled(2 * ridge * (combined ? request.Weights[p] : 1), request.Point(p)[BilevelProblem.Y]);
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] += ridge * request.Point(p)[BilevelProblem.Y].Dot(request.Point(p)[BilevelProblem.Y]);
    }

    private double Weight(ReadOnlySpan<DenseVector<double>> point, int i) => weighted ? LogisticLoss.Logistic(point[BilevelProblem.X][i]) : 1;
}

/// <summary>Data cleaning with its Hessians, small enough for Newton's method.</summary>
internal sealed class SoftmaxReference(Matrix train, int[] trainLabels, Matrix validation, int[] validationLabels, int classes, double ridge) : SecondOrderReference
{
    public override int LowerSize => classes * train.Columns;

    public override double AddLower(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian)
    {
        double[] weights = Weights(x);
        double value = Add(train, trainLabels, weights, y, factor, gradient, hessian);
        for (int i = 0; i < y.Length; i++)
        {
            value += ridge * y[i] * y[i];
            gradient[i] += factor * 2 * ridge * y[i];
            hessian[i, i] += factor * 2 * ridge;
        }

        return value;
    }

    public override double AddUpper(ReadOnlySpan<double> y, double factor, Span<double> gradient, Matrix hessian) =>
        Add(validation, validationLabels, [.. Enumerable.Repeat(1.0, validation.Rows)], y, factor, gradient, hessian);

    public override double[] LowerGradientX(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        var (gradient, probabilities) = (new double[train.Rows], new double[classes]);
        for (int i = 0; i < train.Rows; i++)
        {
            double weight = LogisticLoss.Logistic(x[i]);
            Softmax.Scores(y, train.Row(i), probabilities);
            gradient[i] = weight * (1 - weight) * Softmax.Apply(probabilities, trainLabels[i]) / train.Rows;
        }

        return gradient;
    }

    public override double[] CrossTimes(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> v)
    {
        double[] product = new double[train.Rows], probabilities = new double[classes], along = new double[classes];
        for (int i = 0; i < train.Rows; i++)
        {
            double weight = LogisticLoss.Logistic(x[i]);
            Softmax.Scores(y, train.Row(i), probabilities);
            Softmax.Apply(probabilities, trainLabels[i]);
            Softmax.Scores(v, train.Row(i), along);
            double change = TensorPrimitives.Dot<double>(probabilities, along) - along[trainLabels[i]];
            product[i] = weight * (1 - weight) * change / train.Rows;
        }

        return product;
    }

    private static double[] Weights(ReadOnlySpan<double> x)
    {
        double[] weights = x.ToArray();
        for (int i = 0; i < weights.Length; i++) weights[i] = LogisticLoss.Logistic(weights[i]);
        return weights;
    }

    private double Add(Matrix data, int[] labels, double[] weights, ReadOnlySpan<double> w, double factor, Span<double> gradient, Matrix hessian)
    {
        double value = 0;
        int d = data.Columns;
        var p = new double[classes];
        for (int i = 0; i < data.Rows; i++)
        {
            var row = data.Row(i);
            Softmax.Scores(w, row, p);
            double share = weights[i] / data.Rows;
            value += share * Softmax.Apply(p, labels[i]);
            if (factor == 0) continue;
            for (int k = 0; k < classes; k++)
            {
                for (int j = 0; j < d; j++)
                {
                    gradient[(k * d) + j] += factor * share * (p[k] - (k == labels[i] ? 1 : 0)) * row[j];
                    for (int l = 0; l < classes; l++)
                    {
                        double curvature = factor * share * p[k] * ((k == l ? 1 : 0) - p[l]) * row[j];
                        for (int q = 0; q < d; q++) hessian[(k * d) + j, (l * d) + q] += curvature * row[q];
                    }
                }
            }
        }

        return value;
    }
}
