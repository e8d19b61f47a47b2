using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// The lower level of group-robust training (applications, section 7.3), over the blocks (x1, W, q):
/// g = sum_g q_g L_g(W; x1) + 1/2 sum_j e^(x1_j) |W_j|^2 - tau/2 |q - 1/G|^2, with W_j the weights of feature j, the bias
/// included. Both crosswise points of the penalty function are answered in one pass over the rows, and the difference
/// of their x1-gradients is formed entry by entry.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The training rows.</param>
/// <param name="labels">Their labels.</param>
/// <param name="groups">The group of every row.</param>
/// <param name="groupCount">Number of groups G.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="layout">What x1 holds.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
internal sealed class RobustSoftmaxLoss<T>(FeatureRows<T> data, int[] labels, int[] groups, int groupCount, int classes, LeaderLayout layout, int threads) : IObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int X1 = BilevelMinimaxProblem.Lower.X1, W = BilevelMinimaxProblem.Lower.Z1, Q = BilevelMinimaxProblem.Lower.Z2;

    private readonly GroupedRows<T> rows = new(data, labels, groups, groupCount, classes, W, threads);

    public void Evaluate(in Request<DenseVector<T>> request)
    {
        bool losses = request.Values.Length > 0;
        foreach (ref readonly var output in request.Gradients) losses |= output.Block == Q || (output.Block == X1 && layout.Samples > 0);
        rows.Prepare(request.PointCount);
        for (int p = 0; p < request.PointCount; p++) rows.Weigh(p, request.Sample, request.Point(p)[Q].Span, layout.Logits(request.Point(p)[X1].Span));
        rows.Run(request, losses);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == W) rows.TakeGradient(request, output);
            else output.Result.Span.Clear();
            if (output.Block == X1)
            {
                AddLeaderGradient(request, output);
                if (layout.Samples > 0) AddSampleGradient(request, output);
                continue;
            }

            for (int p = 0; p < request.PointCount; p++)
            {
                double weight = output.WeightOf(request, p);
                if (weight == 0) continue;
                if (output.Block == W) AddPenaltyGradient(request.Point(p), weight, output.Result.Span);
                else AddOpponentGradient(request.Point(p), p, weight, output.Result.Span);
            }
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] = Value(request.Point(p), p);
    }

    private double Value(ReadOnlySpan<DenseVector<T>> point, int p)
    {
        ReadOnlySpan<T> leader = point[X1].Span, weights = point[W].Span, q = point[Q].Span;
        var losses = rows.GroupLosses(p);
        double value = -layout.Tau(leader) / 2 * Tilt(q);
        for (int g = 0; g < groupCount; g++) value += double.CreateTruncating(q[g]) * losses[g];
        for (int j = 0; j < data.FeatureCount; j++) value += layout.Penalty(leader, j) / 2 * Square(weights, j);
        return value;
    }

    // e^(x1_j) W_j
    private void AddPenaltyGradient(ReadOnlySpan<DenseVector<T>> point, double weight, Span<T> result)
    {
        ReadOnlySpan<T> leader = point[X1].Span, weights = point[W].Span;
        for (int j = 0; j < data.FeatureCount; j++)
        {
            var factor = T.CreateTruncating(weight * layout.Penalty(leader, j));
            for (int k = j * classes; k < (j + 1) * classes; k++) result[k] += factor * weights[k];
        }
    }

    // L_g - tau (q_g - 1/G)
    private void AddOpponentGradient(ReadOnlySpan<DenseVector<T>> point, int p, double weight, Span<T> result)
    {
        double tau = layout.Tau<T>(point[X1].Span);
        ReadOnlySpan<T> q = point[Q].Span;
        var losses = rows.GroupLosses(p);
        for (int g = 0; g < groupCount; g++) result[g] += T.CreateTruncating(weight * (losses[g] - (tau * (double.CreateTruncating(q[g]) - (1.0 / groupCount)))));
    }

    // e^(x1_j)/2 |W_j|^2 and -tau/2 |q - 1/G|^2, or their weighted sums over the points, entry by entry
    private void AddLeaderGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output)
    {
        var result = output.Result.Span;
        for (int j = 0; j < data.FeatureCount && layout.Penalties > 0; j++)
        {
            double sum = 0;
            for (int p = 0; p < request.PointCount; p++)
                sum += output.WeightOf(request, p) * layout.Penalty<T>(request.Point(p)[X1].Span, j) / 2 * Square(request.Point(p)[W].Span, j);
            result[layout.PenaltyIndex(j)] += T.CreateTruncating(sum);
        }

        if (layout.Radii == 0) return;
        double tilts = 0;
        for (int p = 0; p < request.PointCount; p++) tilts += output.WeightOf(request, p) * layout.Tau<T>(request.Point(p)[X1].Span) / 2 * Tilt(request.Point(p)[Q].Span);
        result[^1] -= T.CreateTruncating(tilts);
    }

    // q_g sigmoid'(x_i) CE_i / n_g, or its weighted sum over the points, sample by sample
    private void AddSampleGradient(in Request<DenseVector<T>> request, in Output<DenseVector<T>> output)
    {
        var result = layout.Logits(output.Result.Span);
        var scale = T.One / T.CreateChecked(rows.Rows);
        for (int r = 0; r < rows.Rows; r++)
        {
            int i = rows.RowIndex(r);
            var sum = T.Zero;
            for (int p = 0; p < request.PointCount; p++)
            {
                var s = rows.SampleWeight(p, i);
                sum += T.CreateTruncating(output.WeightOf(request, p)) * rows.GroupFactor(request.Point(p)[Q].Span, i) * s * (T.One - s) * rows.Loss(r, p, request.PointCount);
            }

            result[i] += scale * sum;
        }
    }

    // |W_j|^2
    private double Square(ReadOnlySpan<T> weights, int feature)
    {
        double sum = 0;
        for (int k = feature * classes; k < (feature + 1) * classes; k++) sum += double.CreateTruncating(weights[k]) * double.CreateTruncating(weights[k]);
        return sum;
    }

    // |q - 1/G|^2
    private double Tilt(ReadOnlySpan<T> q)
    {
        double sum = 0;
        foreach (var share in q) sum += (double.CreateTruncating(share) - (1.0 / groupCount)) * (double.CreateTruncating(share) - (1.0 / groupCount));
        return sum;
    }
}

/// <summary>
/// The upper level of group-robust training, over the blocks (x1, p, W, q): sum_g p_g V_g(W), with V_g the mean
/// validation cross-entropy of group g; where p has length 0, the mean over all validation rows.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The validation rows.</param>
/// <param name="labels">Their labels.</param>
/// <param name="groups">The group of every row.</param>
/// <param name="groupCount">Number of groups.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="threads">Number of threads; the result does not depend on it.</param>
internal sealed class GroupValidationLoss<T>(FeatureRows<T> data, int[] labels, int[] groups, int groupCount, int classes, int threads) : IObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int P = BilevelMinimaxProblem.X2, W = BilevelMinimaxProblem.Y1;

    private readonly GroupedRows<T> rows = new(data, labels, groups, groupCount, classes, W, threads);

    public void Evaluate(in Request<DenseVector<T>> request)
    {
        bool losses = request.Values.Length > 0;
        foreach (ref readonly var output in request.Gradients) losses |= output.Block == P;
        rows.Prepare(request.PointCount);
        for (int p = 0; p < request.PointCount; p++) rows.Weigh(p, request.Sample, request.Point(p)[P].Span, []);
        rows.Run(request, losses);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == W) rows.TakeGradient(request, output);
            else output.Result.Span.Clear();
            if (output.Block != P) continue;
            for (int p = 0; p < request.PointCount; p++)
            {
                double weight = output.WeightOf(request, p);
                var result = output.Result.Span;
                for (int g = 0; g < result.Length; g++) result[g] += T.CreateTruncating(weight * rows.GroupLosses(p)[g]);
            }
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] = Value(request.Point(p)[P].Span, rows.GroupLosses(p));
    }

    private double Value(ReadOnlySpan<T> shares, ReadOnlySpan<double> losses)
    {
        double value = 0;
        for (int g = 0; g < groupCount; g++) value += (shares.IsEmpty ? 1 / rows.RowScales[g] : double.CreateTruncating(shares[g])) * losses[g];
        return value;
    }
}

/// <summary>What outputs ask for.</summary>
internal static class OutputWeights
{
    /// <summary>The factor with which a point's gradient enters an output: its weight in a combined one, else 1 at the output's point and 0 elsewhere.</summary>
    public static double WeightOf<V>(this in Output<V> output, in Request<V> request, int point)
        where V : class, IVector<V> => output.Point == Output.Combined ? request.Weights[point] : output.Point == point ? 1 : 0;
}
