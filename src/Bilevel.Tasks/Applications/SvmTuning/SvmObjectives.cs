using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>
/// The lower objective phi(C, z) = |w|^2/2 + sum_i C_g(i) xi_i over z = (w, b, xi): a support vector machine without its
/// constraints, with one cost for every group g of samples.
/// </summary>
/// <param name="weights">Number of weights, without b.</param>
/// <param name="groups">g(i), the group of every sample.</param>
internal sealed class SvmLowerObjective(int weights, int[] groups) : PointObjective<DenseVector<double>>
{
    protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
    {
        var costs = point[0].Span;
        var z = point[1].Span;
        var slacks = z[(weights + 1)..];
        double sum = 0;
        foreach (double w in z[..weights]) sum += w * w / 2;
        for (int i = 0; i < groups.Length; i++) sum += costs[groups[i]] * slacks[i];
        return sum;
    }

    protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
    {
        var costs = point[0].Span;
        var z = point[1].Span;
        var slope = result.Span;
        if (block == Lower.X1)
        {
            slope.Clear();
            for (int i = 0; i < groups.Length; i++) slope[groups[i]] += z[weights + 1 + i];
            return;
        }

        z[..weights].CopyTo(slope);
        slope[weights] = 0;
        for (int i = 0; i < groups.Length; i++) slope[weights + 1 + i] = costs[groups[i]];
    }
}

/// <summary>
/// The constraints c_i(z) = 1 - xi_i - s_i (w'a_i + b) &lt;= 0 over the non-zero entries of the rows, whose last feature is the 1
/// of b. A request is answered for all its points in one pass over the rows.
/// </summary>
/// <param name="rows">The training rows.</param>
/// <param name="signs">s_i, -1 or 1.</param>
internal sealed class SvmConstraints(FeatureRows<double> rows, double[] signs) : IConstraints<DenseVector<double>>
{
    private double[] offsets = [];

    public int Count => signs.Length;

    /// <summary>The rows [s_i a_i', e_i'] have a norm of at most sqrt(1 + |A|^2).</summary>
    public double? Lipschitz { get; } = Math.Sqrt(1 + (rows.Count * rows.LargestSecondMoment()));

    public double? GradientLipschitz => 0;

    public void Evaluate(in Request<DenseVector<double>> request)
    {
        foreach (ref readonly var output in request.Gradients) output.Result.Span.Clear();
        request.Values.Clear();
        if (offsets.Length < request.PointCount) offsets = new double[request.PointCount];
        for (int p = 0; p < request.PointCount; p++) offsets[p] = rows.Offset(request.Point(p)[Lower.Z1].Span);
        for (int i = 0; i < signs.Length; i++)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Block == Lower.Z1) AddTransposed(i, Weighted(request, output.Point, i, constraint: false), output.Result.Span);
                else if (output.Block == Lower.Z2) output.Result[i] = Weighted(request, output.Point, i, constraint: true);
            }

            for (int p = 0; p < request.Values.Length; p++) request.Values[p] += request.Point(p)[Lower.Z2][i] * Constraint(i, request.Point(p)[Lower.Z1].Span, offsets[p]);
        }

        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == Lower.Z1) rows.Centralise(output.Result.Span[..rows.FeatureCount], classes: 1);
        }
    }

    // Constraint or multiplier i at one point, or their weighted sum over all.
    private double Weighted(in Request<DenseVector<double>> request, int point, int i, bool constraint)
    {
        if (point != Output.Combined) return At(request.Point(point), point);
        double sum = 0;
        for (int p = 0; p < request.PointCount; p++) sum += request.Weights[p] * At(request.Point(p), p);
        return sum;

        double At(ReadOnlySpan<DenseVector<double>> blocks, int p) => constraint ? Constraint(i, blocks[Lower.Z1].Span, offsets[p]) : blocks[Lower.Z2][i];
    }

    private double Constraint(int i, ReadOnlySpan<double> z, double offset) => 1 - z[rows.FeatureCount + i] - (signs[i] * SvmScore.Of(rows, i, z, offset));

    private void AddTransposed(int i, double multiplier, Span<double> result)
    {
        double factor = -multiplier * signs[i];
        foreach (var (j, value) in rows.Row(i)) result[j] += factor * value;
        result[rows.FeatureCount + i] = -multiplier;
    }
}

/// <summary>The upper objective: half the mean squared hinge max(0, 1 - s_j (w'a_j + b))^2 of the validation rows, over the blocks (C, z).</summary>
/// <param name="rows">The validation rows.</param>
/// <param name="signs">s_j, -1 or 1.</param>
internal sealed class SquaredHingeLoss(FeatureRows<double> rows, double[] signs) : PointObjective<DenseVector<double>>
{
    /// <summary>The loss of a classifier (w, b).</summary>
    public double Of(ReadOnlySpan<double> classifier)
    {
        double sum = 0, offset = rows.Offset(classifier);
        for (int i = 0; i < signs.Length; i++)
        {
            double hinge = SvmScore.Hinge(rows, signs, i, classifier, offset);
            sum += hinge * hinge / 2;
        }

        return sum / signs.Length;
    }

    protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => Of(point[1].Span);

    protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
    {
        var z = point[1].Span;
        var slope = result.Span;
        slope.Clear();
        if (block == BilevelProblem.X) return;
        double offset = rows.Offset(z);
        for (int i = 0; i < signs.Length; i++)
        {
            double hinge = SvmScore.Hinge(rows, signs, i, z, offset);
            if (hinge == 0) continue;
            double factor = -hinge * signs[i] / signs.Length;
            foreach (var (j, value) in rows.Row(i)) slope[j] += factor * value;
        }

        rows.Centralise(slope[..rows.FeatureCount], classes: 1);
    }
}

/// <summary>What a linear classifier (w, b), the first components of a vector, makes of rows.</summary>
internal static class SvmScore
{
    /// <summary>w'a_i + b.</summary>
    /// <param name="rows">The rows a_i, with a last feature of 1.</param>
    /// <param name="i">i.</param>
    /// <param name="classifier">(w, b).</param>
    /// <param name="offset">What the centre of the rows adds.</param>
    public static double Of(FeatureRows<double> rows, int i, ReadOnlySpan<double> classifier, double offset)
    {
        double sum = offset;
        foreach (var (j, value) in rows.Row(i)) sum += value * classifier[j];
        return sum;
    }

    /// <summary>max(0, 1 - s_i (w'a_i + b)).</summary>
    public static double Hinge(FeatureRows<double> rows, double[] signs, int i, ReadOnlySpan<double> classifier, double offset) => Math.Max(0, 1 - (signs[i] * Of(rows, i, classifier, offset)));

    /// <summary>The share of rows on whose side of 0 their score lies; a score of 0 is right for neither class.</summary>
    public static double Accuracy(FeatureRows<double> rows, double[] signs, ReadOnlySpan<double> classifier)
    {
        double offset = rows.Offset(classifier);
        int right = 0;
        for (int i = 0; i < signs.Length; i++)
        {
            if (signs[i] * Of(rows, i, classifier, offset) > 0) right++;
        }

        return (double)right / signs.Length;
    }
}
