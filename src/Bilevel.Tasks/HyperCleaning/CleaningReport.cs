using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// What data hyper-cleaning reports of its weights. Everything is read with the lower level solved again in double
/// precision at the final weights, never at an iterate that has seen the validation data.
/// </summary>
internal static class CleaningReport
{
    // The re-solved classifier is exact to about this gradient norm; losses and accuracies are then exact to all digits shown.
    private const double Accuracy = 1e-8;

    public static TaskOutcome Make(HyperCleaningSettings settings, CleaningData data, TaskContext context, double[] weights)
    {
        var training = FeatureRows<double>.FromImages(data.Images, [.. data.Training]);
        var validation = FeatureRows<double>.FromImages(data.Images, [.. data.Validation]);
        var test = FeatureRows<double>.FromImages(data.TestImages, [.. data.Test]);
        int[] trusted = CleaningData.LabelsOf(data.Images, data.Validation), testLabels = CleaningData.LabelsOf(data.TestImages, data.Test);
        bool[] corrupted = data.Corrupted;
        int threads = context.Threads;

        // A weight of +infinity before the sigmoid is the weight 1 of a model without bilevel weights.
        DenseVector<double> Fit(FeatureRows<double> rows, int[] labels, double[] x) => LowerLevelSolver.Solve(
            new WeightedSoftmaxLoss<double>(rows, labels, ImageSet.Classes, settings.Ridge, threads),
            new DenseVector<double>(x), Vectors.Zeros(rows.FeatureCount * ImageSet.Classes), new WholeSpace<DenseVector<double>>(), Accuracy).Y;
        double[] Unweighted(int count) => [.. Enumerable.Repeat(double.PositiveInfinity, count)];
        Scores Score(DenseVector<double> classifier, FeatureRows<double> rows, int[] labels) => Scores.Of(classifier, rows, labels, threads);

        var cleaned = Fit(training, data.Observed, weights);
        int[] clean = [.. Enumerable.Range(0, corrupted.Length).Where(i => !corrupted[i])];
        var noisy = Fit(training, data.Observed, Unweighted(training.Count));
        var onClean = clean.Length == 0 ? null : Fit(training.Select(clean), [.. clean.Select(i => data.Observed[i])], Unweighted(clean.Length));
        var onValidation = Fit(validation, trusted, Unweighted(validation.Count));

        var (onTest, onTrusted, onTraining) = (Score(cleaned, test, testLabels), Score(cleaned, validation, trusted), Score(cleaned, training, data.Observed));
        var baseline = Score(noisy, test, testLabels);
        int found = 0, hit = 0, wrong = corrupted.Count(c => c);
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] >= 0) continue;
            found++;
            if (corrupted[i]) hit++;
        }

        double precision = Ratio(hit, found), recall = Ratio(hit, wrong), f1 = Ratio(2 * hit, found + wrong);
        var metrics = new List<NamedNumber>
        {
            new("upper_value", onTrusted.Loss, "F(x): mean validation loss of the cleaned model"),
            new("validation_accuracy", onTrusted.Accuracy, "validation accuracy of the cleaned model"),
            new("test_accuracy", onTest.Accuracy, "test accuracy of the cleaned model"),
            new("test_loss", onTest.Loss, "test loss of the cleaned model"),
            new("train_loss", onTraining.Loss, "mean loss on the training labels as observed"),
            new("train_accuracy", onTraining.Accuracy, "accuracy on the training labels as observed"),
            new("train_accuracy_true_labels", Score(cleaned, training, data.True).Accuracy, "accuracy on the true training labels"),
            new("corrupted_found_precision", precision, "share of the samples weighted below 1/2 whose label is wrong"),
            new("corrupted_found_recall", recall, "share of the wrong labels that are weighted below 1/2"),
            new("corrupted_found_f1", f1, "harmonic mean of these two"),
            new("baseline_upper_value", Score(noisy, validation, trusted).Loss, "validation loss of the model trained on all noisy labels alike"),
            new("baseline_test_accuracy", baseline.Accuracy, "test accuracy of that model"),
            new("baseline_test_loss", baseline.Loss, "test loss of that model"),
        };
        if (onClean is not null)
        {
            var (score, on) = (Score(onClean, test, testLabels), Score(onClean, validation, trusted));
            metrics.Add(new("clean_part_upper_value", on.Loss, "validation loss of the model trained on the correctly labelled part (an oracle)"));
            metrics.Add(new("clean_part_test_accuracy", score.Accuracy, "test accuracy of that model"));
            metrics.Add(new("clean_part_test_loss", score.Loss, "test loss of that model"));
        }

        var alone = Score(onValidation, test, testLabels);
        metrics.Add(new("validation_only_test_accuracy", alone.Accuracy, "test accuracy of the model trained on the validation data alone"));
        metrics.Add(new("validation_only_test_loss", alone.Loss, "test loss of that model"));
        return new TaskOutcome
        {
            Metrics = metrics,
            Summary = string.Create(CultureInfo.InvariantCulture, $"Test accuracy {onTest.Accuracy:P1} with learned weights, {baseline.Accuracy:P1} without; {hit:N0} of {wrong:N0} wrong labels found, {found - hit:N0} false alarms."),
            Files =
            [
                new("weights.csv", "the learned weight of every training sample, the most suspicious first", writer => WriteWeights(writer, data, weights)),
                new("split.csv", "role and label as observed of every training and validation sample", writer => WriteSplit(writer, data, trusted)),
            ],
        };
    }

    private static void WriteWeights(TextWriter writer, CleaningData data, double[] weights)
    {
        writer.Write("index,label,weight,x,true_label\n");
        int[] labels = data.True;
        foreach (int i in Enumerable.Range(0, weights.Length).OrderBy(i => weights[i]).ThenBy(i => i))
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Training[i]},{data.Observed[i]},{1 / (1 + Math.Exp(-weights[i])):R},{weights[i]:R},{labels[i]}\n"));
    }

    private static void WriteSplit(TextWriter writer, CleaningData data, int[] trusted)
    {
        writer.Write("index,role,label\n");
        for (int i = 0; i < data.Training.Count; i++) writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Training[i]},train,{data.Observed[i]}\n"));
        for (int i = 0; i < data.Validation.Count; i++) writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Validation[i]},validation,{trusted[i]}\n"));
    }

    private static double Ratio(int part, int whole) => whole == 0 ? 0 : (double)part / whole;

    private readonly record struct Scores(double Loss, double Accuracy)
    {
        public static Scores Of(DenseVector<double> classifier, FeatureRows<double> rows, int[] labels, int threads)
        {
            var pass = new SoftmaxPass<double>(rows, labels, ImageSet.Classes, threads);
            pass.Run(Sample.All, [classifier], new double[1][], new DenseVector<double>?[1], losses: true);
            double loss = pass.Losses.AsSpan(0, rows.Count).ToArray().Average();
            int right = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                if (Predict(classifier.Span, rows, i) == labels[i]) right++;
            }

            return new Scores(loss, (double)right / rows.Count);
        }

        private static int Predict(ReadOnlySpan<double> classifier, FeatureRows<double> rows, int row)
        {
            Span<double> scores = stackalloc double[ImageSet.Classes];
            scores.Clear();
            var features = rows.Features(row);
            var values = rows.Values(row);
            for (int j = 0; j < features.Length; j++)
            {
                var column = classifier.Slice(features[j] * ImageSet.Classes, ImageSet.Classes);
                for (int k = 0; k < column.Length; k++) scores[k] += values[j] * column[k];
            }

            int best = 0;
            for (int k = 1; k < scores.Length; k++)
            {
                if (scores[k] > scores[best]) best = k;
            }

            return best;
        }
    }
}
