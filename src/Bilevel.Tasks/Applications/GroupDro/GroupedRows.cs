using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Cross-entropies of softmax classifiers by groups of rows, L_g(W) = (1/n_g) sum over rows i of group g of s_i
/// CE(W; a_i, b_i), and the gradient of sum_g q_g L_g(W): one pass over the rows for all points of a request. On a
/// minibatch, drawn uniformly from all rows, a row of group g counts n/n_g times, so that every L_g is estimated
/// without bias; a group of few rows has a noisy estimate.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The rows a_i.</param>
/// <param name="labels">The labels b_i.</param>
/// <param name="groups">The group of every row.</param>
/// <param name="groupCount">Number of groups G; each has a row.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="classifier">Block of a point that holds the classifier.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
internal sealed class GroupedRows<T>(FeatureRows<T> data, int[] labels, int[] groups, int groupCount, int classes, int classifier, int threads)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly SoftmaxRequest<T> answer = new(data, labels, classes, threads, classifier);
    private readonly double[] scales = Scales(groups, groupCount);
    private readonly T[] factors = new T[groupCount];
    private T[]?[] rowWeights = [];               // q_{g(i)} s_i n/n_{g(i)}, by point and row of the sample
    private T[][] sampleWeights = [];             // s_i, by point; empty where all are 1
    private double[][] losses = [];               // L_g, by point

    /// <summary>n/n_g: how often a row of group g counts.</summary>
    public ReadOnlySpan<double> RowScales => scales;

    /// <summary>Number of rows of the last pass.</summary>
    public int Rows => answer.Rows;

    /// <summary>Index in the data of row r of the last pass.</summary>
    public int RowIndex(int r) => answer.RowIndex(r);

    /// <summary>Cross-entropy of row r of the last pass at a point of a request of so many.</summary>
    public T Loss(int r, int point, int points) => answer.Losses[(r * points) + point];

    /// <summary>s_i at a point.</summary>
    public T SampleWeight(int point, int row) => sampleWeights[point][row];

    /// <summary>q_{g(i)} n/n_{g(i)} at a point.</summary>
    public T GroupFactor(ReadOnlySpan<T> groupWeights, int row) => groupWeights[groups[row]] * T.CreateTruncating(scales[groups[row]]);

    /// <summary>L_g at a point, for all groups; filled when losses were asked for.</summary>
    public ReadOnlySpan<double> GroupLosses(int point) => losses[point];

    /// <summary>Makes room for the points of a request.</summary>
    public void Prepare(int points)
    {
        if (rowWeights.Length == points) return;
        rowWeights = [.. Enumerable.Range(0, points).Select(_ => new T[data.Count])];
        sampleWeights = [.. Enumerable.Range(0, points).Select(_ => Array.Empty<T>())];
        losses = [.. Enumerable.Range(0, points).Select(_ => new double[groupCount])];
    }

    /// <summary>Sets the weights of the rows of a sample at a point.</summary>
    /// <param name="point">The point.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="groupWeights">q; empty for the shares n_g/n, which give every row the weight 1.</param>
    /// <param name="logits">x_i with s_i = sigmoid(x_i); empty where s_i = 1.</param>
    public void Weigh(int point, Sample sample, ReadOnlySpan<T> groupWeights, ReadOnlySpan<T> logits)
    {
        for (int g = 0; g < groupCount; g++) factors[g] = groupWeights.IsEmpty ? T.One : groupWeights[g] * T.CreateTruncating(scales[g]);
        if (sampleWeights[point].Length != logits.Length) sampleWeights[point] = new T[logits.Length];
        answer.Take(sample);
        if (rowWeights[point]!.Length < answer.Rows) rowWeights[point] = new T[answer.Rows];
        var (weights, own) = (rowWeights[point]!, sampleWeights[point]);
        for (int r = 0; r < answer.Rows; r++)
        {
            int i = answer.RowIndex(r);
            weights[r] = factors[groups[i]];
            if (own.Length > 0) weights[r] *= own[i] = T.One / (T.One + T.Exp(-logits[i]));
        }
    }

    /// <summary>One pass over the rows of the request's sample.</summary>
    /// <param name="request">The request.</param>
    /// <param name="wantsLosses">Whether the group losses are wanted.</param>
    public void Run(in Request<DenseVector<T>> request, bool wantsLosses)
    {
        answer.Run(request, rowWeights, wantsLosses);
        if (!wantsLosses) return;
        for (int p = 0; p < request.PointCount; p++) Sum(p, request.PointCount);
    }

    /// <summary>The gradient of sum_g q_g L_g in the classifier at a point, or its weighted sum over the points.</summary>
    public void TakeGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output) => answer.TakeGradient(request, output);

    private void Sum(int point, int points)
    {
        var (sums, own) = (losses[point], sampleWeights[point]);
        Array.Clear(sums);
        for (int r = 0; r < answer.Rows; r++)
        {
            int i = answer.RowIndex(r);
            double loss = double.CreateTruncating(Loss(r, point, points));
            sums[groups[i]] += own.Length > 0 ? double.CreateTruncating(own[i]) * loss : loss;
        }

        for (int g = 0; g < groupCount; g++) sums[g] *= scales[g] / answer.Rows;
    }

    private static double[] Scales(int[] groups, int groupCount)
    {
        int[] sizes = new int[groupCount];
        foreach (int g in groups) sizes[g]++;
        int empty = Array.IndexOf(sizes, 0);
        return empty < 0 ? [.. sizes.Select(n => (double)groups.Length / n)] : throw new ArgumentException(FormattableString.Invariant($"Group {empty} of {groupCount} has no row."), nameof(groups));
    }
}
