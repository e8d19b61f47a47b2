namespace Bilevel.Tasks;

/// <summary>What a classifier makes of some rows.</summary>
/// <param name="Loss">Mean cross-entropy.</param>
/// <param name="Accuracy">Share of rows whose most likely class is their label.</param>
/// <param name="Predictions">The most likely class of every row, the first of equals.</param>
internal sealed record ModelScores(double Loss, double Accuracy, int[] Predictions)
{
    public static ModelScores Of(DenseVector<double> classifier, FeatureRows<double> rows, int[] labels, int classes, int threads)
    {
        var pass = new SoftmaxPass<double>(rows, labels, classes, threads);
        pass.Run(Sample.All, [classifier], new double[1][], new DenseVector<double>?[1], losses: true);
        double loss = pass.Losses.AsSpan(0, rows.Count).ToArray().Average();
        int[] predictions = new int[rows.Count];
        double[] scores = new double[classes];
        double[] bias = new double[classes];
        rows.Bias(classifier.Span, bias);
        int right = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            predictions[i] = Predict(classifier.Span, bias, rows, i, scores);
            if (predictions[i] == labels[i]) right++;
        }

        return new ModelScores(loss, (double)right / rows.Count, predictions);
    }

    private static int Predict(ReadOnlySpan<double> classifier, ReadOnlySpan<double> bias, FeatureRows<double> rows, int row, double[] scores)
    {
        bias.CopyTo(scores);
        foreach (var (j, value) in rows.Row(row))
        {
            if (j == rows.FeatureCount - 1) break;
            var column = classifier.Slice(j * scores.Length, scores.Length);
            for (int k = 0; k < column.Length; k++) scores[k] += value * column[k];
        }

        return Array.IndexOf(scores, scores.Max());
    }
}
