namespace Bilevel.Tasks;

/// <summary>
/// Solves a support vector machine with costs by sample and bounded weights, min over |w_j|, |b| &lt;= r of
/// |w|^2/2 + sum_i C_i max(0, 1 - s_i (w'a_i + b)), by the primal-dual hybrid gradient method (Chambolle and Pock 2011),
/// restarted at its averages as in PDLP (Applegate and others 2021). It shares nothing with the bilevel methods, and its
/// answer proves itself: the dual value at alpha bounds the best value from below, whoever found alpha.
/// </summary>
/// <param name="part">The training samples.</param>
/// <param name="limit">r.</param>
/// <param name="context">Whether to end; what was found until then is the answer, with its proof.</param>
internal sealed class SvmSolver(SvmPart part, double limit, TaskContext? context = null)
{
    private const int CheckEvery = 40;

    private readonly FeatureRows<double> rows = part.Features;
    private readonly double[] signs = part.Signs;
    private readonly double norm = Math.Sqrt(part.Features.Count * part.Features.LargestSecondMoment());

    private int Weights => rows.FeatureCount - 1;

    /// <summary>Solves the problem.</summary>
    /// <param name="costs">C_i, not negative.</param>
    /// <param name="accuracy">Relative accuracy of the value.</param>
    /// <param name="steps">Most steps.</param>
    public SvmAnswer Solve(ReadOnlySpan<double> costs, double accuracy = 1e-7, int steps = 100_000)
    {
        double[] v = new double[rows.FeatureCount], alpha = new double[signs.Length];
        double[] ahead = new double[v.Length], slope = new double[v.Length], sumV = new double[v.Length], sumAlpha = new double[alpha.Length];
        double[] lastV = new double[v.Length], lastAlpha = new double[alpha.Length];
        double balance = 1;
        int sinceRestart = 0;
        var best = Measure(v, alpha, costs);
        double atRestart = best.Gap;
        for (int k = 1; k <= steps && !best.IsWithin(accuracy) && context?.Cancellation.IsCancellationRequested != true; k++)
        {
            // w+ = clamp( (w - tau K'alpha) / (1 + tau) ), b+ = clamp( b - tau (K'alpha)_b ), alpha+ = clamp( alpha + sigma (1 + K (2 v+ - v)) )
            double tau = 0.99 / (norm * balance), sigma = 0.99 * balance / norm;
            Pull(alpha, slope);
            for (int j = 0; j < v.Length; j++)
            {
                double next = Math.Clamp(j < Weights ? (v[j] + (tau * slope[j])) / (1 + tau) : v[j] + (tau * slope[j]), -limit, limit);
                (ahead[j], v[j]) = ((2 * next) - v[j], next);
                sumV[j] += next;
            }

            double offset = rows.Offset(ahead);
            for (int i = 0; i < alpha.Length; i++)
            {
                alpha[i] = Math.Clamp(alpha[i] + (sigma * (1 - (signs[i] * SvmScore.Of(rows, i, ahead, offset)))), 0, costs[i]);
                sumAlpha[i] += alpha[i];
            }

            sinceRestart++;
            if (k % CheckEvery != 0) continue;

            // Rounding may lift a mean above its largest term, and the proof holds within the bounds alone.
            double[] meanV = Array.ConvertAll(sumV, sum => Math.Clamp(sum / sinceRestart, -limit, limit)), meanAlpha = new double[alpha.Length];
            for (int i = 0; i < alpha.Length; i++) meanAlpha[i] = Math.Min(sumAlpha[i] / sinceRestart, costs[i]);
            var (last, average) = (Measure(v, alpha, costs), Measure(meanV, meanAlpha, costs));
            var better = average.Gap < last.Gap ? average : last;
            if (better.Gap < best.Gap) best = better;
            if (!(better.Gap <= 0.5 * atRestart) && sinceRestart < k / 3) continue;

            // The primal and dual moves between restarts tell how the two steps should be balanced.
            better.Classifier.CopyTo(v, 0);
            better.Multipliers.CopyTo(alpha, 0);
            double farV = Distance(v, lastV), farAlpha = Distance(alpha, lastAlpha);
            if (farV > 0 && farAlpha > 0) balance = Math.Sqrt(balance * farAlpha / farV);
            v.CopyTo(lastV, 0);
            alpha.CopyTo(lastAlpha, 0);
            Array.Clear(sumV);
            Array.Clear(sumAlpha);
            (sinceRestart, atRestart) = (0, better.Gap);
        }

        return best;
    }

    /// <summary>Solves the problem of one cost for all.</summary>
    public SvmAnswer Train(double cost) => Solve([.. Enumerable.Repeat(cost, signs.Length)]);

    /// <summary>The value at a classifier, and the bound that multipliers give.</summary>
    /// <param name="classifier">(w, b), within the limit.</param>
    /// <param name="multipliers">alpha, with 0 &lt;= alpha_i &lt;= C_i.</param>
    /// <param name="costs">C_i.</param>
    public SvmAnswer Measure(double[] classifier, double[] multipliers, ReadOnlySpan<double> costs)
    {
        double value = 0, bound = 0, offset = rows.Offset(classifier);
        for (int j = 0; j < Weights; j++) value += classifier[j] * classifier[j] / 2;
        for (int i = 0; i < signs.Length; i++) value += costs[i] * SvmScore.Hinge(rows, signs, i, classifier, offset);

        // min over w, b of |w|^2/2 - w's - b t + sum alpha
        double[] slope = new double[rows.FeatureCount];
        Pull(multipliers, slope);
        foreach (double a in multipliers) bound += a;
        for (int j = 0; j < slope.Length; j++)
        {
            double size = Math.Abs(slope[j]);
            bound -= j < Weights && size <= limit ? size * size / 2 : j < Weights ? limit * (size - (limit / 2)) : limit * size;
        }

        return new SvmAnswer([.. classifier], [.. multipliers], value, bound);
    }

    /// <summary>The slacks of a classifier: max(0, 1 - s_i (w'a_i + b)).</summary>
    public double[] Slacks(double[] classifier)
    {
        double offset = rows.Offset(classifier);
        return [.. signs.Select((_, i) => SvmScore.Hinge(rows, signs, i, classifier, offset))];
    }

    // sum_i alpha_i s_i a_i
    private void Pull(double[] alpha, double[] result)
    {
        Array.Clear(result);
        for (int i = 0; i < alpha.Length; i++)
        {
            if (alpha[i] == 0) continue;
            double factor = alpha[i] * signs[i];
            foreach (var (j, value) in rows.Row(i)) result[j] += factor * value;
        }

        rows.Centralise(result, classes: 1);
    }

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (p, q) => (p - q) * (p - q)).Sum());
}

/// <summary>A classifier with its own proof of how good it is.</summary>
/// <param name="Classifier">(w, b).</param>
/// <param name="Multipliers">alpha.</param>
/// <param name="Value">The objective at the classifier.</param>
/// <param name="Bound">No classifier has a smaller one.</param>
internal sealed record SvmAnswer(double[] Classifier, double[] Multipliers, double Value, double Bound)
{
    /// <summary>Value minus bound.</summary>
    public double Gap => Value - Bound;

    /// <summary>Whether the value is best within a relative accuracy.</summary>
    public bool IsWithin(double accuracy) => Gap <= accuracy * (1 + Math.Abs(Value));
}
