using System.Numerics;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// The mean cross-entropy of a linear softmax classifier, as an objective over the blocks (x, W) that ignores x:
/// f(W) = (1/m) sum_i CE(W; a_i, b_i). W has FeatureCount x Classes entries, feature by feature, the bias last.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The rows a_i.</param>
/// <param name="labels">The labels b_i.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
internal sealed class SoftmaxLoss<T>(FeatureRows<T> data, int[] labels, int classes, int threads) : IObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly SoftmaxRequest<T> answer = new(data, labels, classes, threads);

    public void Evaluate(in Request<DenseVector<T>> request)
    {
        answer.Run(request, rowWeights: null, losses: request.Values.Length > 0);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == BilevelProblem.X) output.Result.Span.Clear();
            else answer.TakeGradient(request, output);
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] = answer.MeanLoss(p, request.PointCount, rowWeights: null);
    }
}

/// <summary>
/// The lower level of data hyper-cleaning (applications, section 4.3): g(x, W) = (1/n) sum_i sigmoid(x_i)
/// CE(W; a_i, b_i) + c |W|^2, the bias included in the norm. The difference of two x-gradients is formed per sample.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The training rows a_i.</param>
/// <param name="labels">The labels as observed.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="ridge">c.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
internal sealed class WeightedSoftmaxLoss<T>(FeatureRows<T> data, int[] labels, int classes, double ridge, int threads) : IObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly SoftmaxRequest<T> answer = new(data, labels, classes, threads);
    private T[][] sigmoids = [];
    private T[]?[] rowWeights = [];

    public void Evaluate(in Request<DenseVector<T>> request)
    {
        bool losses = request.Values.Length > 0;
        foreach (ref readonly var output in request.Gradients) losses |= output.Block == BilevelProblem.X;
        Weigh(request);
        answer.Run(request, rowWeights, losses);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == BilevelProblem.X) TakeUpperGradient(request, output);
            else TakeLowerGradient(request, output);
        }

        for (int p = 0; p < request.Values.Length; p++)
        {
            var weights = request.Point(p)[BilevelProblem.Y];
            request.Values[p] = answer.MeanLoss(p, request.PointCount, rowWeights) + (ridge * weights.Dot(weights));
        }
    }

    // sigmoid(x_i) of the rows of the sample, once for all points that share x
    private void Weigh(in Request<DenseVector<T>> request)
    {
        answer.Take(request.Sample);
        if (rowWeights.Length != request.PointCount) rowWeights = new T[request.PointCount][];
        while (sigmoids.Length < request.PointCount) sigmoids = [.. sigmoids, []];
        int rows = answer.Rows;
        for (int p = 0; p < request.PointCount; p++)
        {
            var x = request.Point(p)[BilevelProblem.X];
            int same = 0;
            while (!ReferenceEquals(request.Point(same)[BilevelProblem.X], x)) same++;
            if (same < p)
            {
                rowWeights[p] = rowWeights[same];
                continue;
            }

            if (sigmoids[p].Length < rows) sigmoids[p] = new T[rows];
            rowWeights[p] = sigmoids[p];
            var logits = x.Span;
            var weights = sigmoids[p].AsSpan(0, rows);
            if (request.Sample.IsAll) logits.CopyTo(weights);
            else for (int r = 0; r < rows; r++) weights[r] = logits[answer.RowIndex(r)];
            TensorPrimitives.Sigmoid(weights, weights);
        }
    }

    // (1/n) sigmoid'(x_i) CE_i, or its weighted sum over the points, sample by sample
    private void TakeUpperGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output)
    {
        var result = output.Result.Span;
        result.Clear();
        int points = request.PointCount, rows = answer.Rows;
        var scale = T.One / T.CreateChecked(rows);
        for (int r = 0; r < rows; r++)
        {
            int i = answer.RowIndex(r);
            if (output.Point != Output.Combined)
            {
                result[i] += scale * Slope(rowWeights[output.Point]![r]) * answer.Losses[(r * points) + output.Point];
                continue;
            }

            var sum = T.Zero;
            for (int p = 0; p < points; p++) sum += T.CreateTruncating(request.Weights[p]) * Slope(rowWeights[p]![r]) * answer.Losses[(r * points) + p];
            result[i] += scale * sum;
        }
    }

    private static T Slope(T sigmoid) => sigmoid * (T.One - sigmoid);

    private void TakeLowerGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output)
    {
        answer.TakeGradient(request, output);
        if (output.Point != Output.Combined)
        {
            output.Result.AddScaled(2 * ridge, request.Point(output.Point)[BilevelProblem.Y]);
            return;
        }

        for (int p = 0; p < request.PointCount; p++) output.Result.AddScaled(2 * ridge * request.Weights[p], request.Point(p)[BilevelProblem.Y]);
    }
}

/// <summary>What objectives over softmax classifiers share: one pass over the data for all points of a request.</summary>
/// <param name="data">The rows.</param>
/// <param name="labels">Their labels.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
/// <param name="classifier">Block of a point that holds the classifier.</param>
internal sealed class SoftmaxRequest<T>(FeatureRows<T> data, int[] labels, int classes, int threads, int classifier = BilevelProblem.Y)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Vectors for so many times the points of a request are let go.
    private const int Excess = 4;

    private readonly SoftmaxPass<T> pass = new(data, labels, classes, threads);
    private DenseVector<T>[] classifiers = [];
    private DenseVector<T>?[] wanted = [];
    private DenseVector<T>?[] sums = [];                 // by point, where a gradient was asked for
    private T[]?[] ones = [];

    public int Rows => pass.Rows;

    public T[] Losses => pass.Losses;

    public int RowIndex(int r) => pass.RowIndex(r);

    /// <summary>Takes the rows of a sample, before <see cref="Run"/> where the weights of rows are to be made for it.</summary>
    public void Take(Sample sample) => pass.Take(sample);

    /// <summary>Computes what the request needs: sums of gradients per point, and cross-entropies when asked for.</summary>
    public void Run(in Request<DenseVector<T>> request, T[]?[]? rowWeights, bool losses)
    {
        int points = request.PointCount;
        if (classifiers.Length != points) (classifiers, wanted, ones) = (new DenseVector<T>[points], new DenseVector<T>?[points], new T[points][]);
        if (sums.Length < points || sums.Length > Excess * points) Array.Resize(ref sums, points);
        for (int p = 0; p < points; p++) (classifiers[p], wanted[p]) = (request.Point(p)[classifier], null);
        bool any = losses;
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block != classifier) continue;
            any = true;
            for (int p = 0; p < points; p++)
            {
                if (output.Point == Output.Combined || output.Point == p) wanted[p] = sums[p] ??= request.Point(0)[classifier].ZerosLike();
            }
        }

        if (any) pass.Run(request.Sample, classifiers, rowWeights ?? ones, wanted, losses);
    }

    /// <summary>The mean over the sample of the gradient at a point, or its weighted sum over the points.</summary>
    public void TakeGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output)
    {
        double scale = 1.0 / pass.Rows;
        if (output.Point != Output.Combined)
        {
            output.Result.CopyFrom(sums[output.Point]!);
            output.Result.Scale(scale);
            return;
        }

        output.Result.Span.Clear();
        for (int p = 0; p < request.PointCount; p++) output.Result.AddScaled(scale * request.Weights[p], sums[p]!);
    }

    /// <summary>Mean over the sample of the weighted cross-entropies at a point, summed in double.</summary>
    public double MeanLoss(int point, int points, T[]?[]? rowWeights)
    {
        double sum = 0;
        for (int r = 0; r < pass.Rows; r++)
        {
            double loss = double.CreateTruncating(pass.Losses[(r * points) + point]);
            sum += rowWeights?[point] is { } weights ? double.CreateTruncating(weights[r]) * loss : loss;
        }

        return sum / pass.Rows;
    }
}
