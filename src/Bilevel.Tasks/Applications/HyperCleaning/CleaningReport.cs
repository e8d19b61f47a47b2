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

    /// <summary>F: the mean validation loss of the model trained again with these weights.</summary>
    public static double UpperValue(
        HyperCleaningSettings settings, CleaningData data, (FeatureRows<double> Training, FeatureRows<double> Validation) rows, TaskContext context, double[] weights)
    {
        int classes = data.ClassNames.Count;
        var (training, validation) = rows;
        var model = LowerLevelSolver.Solve(
            context.Interruptible(new WeightedSoftmaxLoss<double>(training, data.Observed, classes, settings.Ridge, context.Threads)),
            new DenseVector<double>(weights), Vectors.Zeros(training.FeatureCount * classes), new WholeSpace<DenseVector<double>>(), Accuracy).Y;
        return ModelScores.Of(model, validation, data.Validation.Labels, classes, context.Threads).Loss;
    }

    /// <summary>Measures an answer.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="data">The data.</param>
    /// <param name="features">Its rows.</param>
    /// <param name="context">Number of threads, and whether to end.</param>
    /// <param name="weights">x.</param>
    /// <param name="left">The classifier as the run left it, for want of one trained again.</param>
    public static TaskOutcome Make(
        HyperCleaningSettings settings, CleaningData data, (FeatureRows<double> Training, FeatureRows<double> Validation) features, TaskContext context, double[] weights, double[] left)
    {
        int classes = data.ClassNames.Count, threads = context.Threads;
        var (training, validation) = features;
        var test = data.Test?.Features<double>();

        // A weight of +infinity before the sigmoid is the weight 1 of a model without bilevel weights.
        List<string> leftOut = [];
        DenseVector<double>? Fit(string what, FeatureRows<double> rows, int[] labels, double[] x)
        {
            var fitted = context.Unless(() => LowerLevelSolver.Solve(
                context.Interruptible(new WeightedSoftmaxLoss<double>(rows, labels, classes, settings.Ridge, threads)),
                new DenseVector<double>(x), Vectors.Zeros(rows.FeatureCount * classes), new WholeSpace<DenseVector<double>>(), Accuracy).Y);
            if (fitted is null) leftOut.Add(what);
            return fitted;
        }

        double[] Unweighted(int count) => [.. Enumerable.Repeat(double.PositiveInfinity, count)];
        ModelScores Score(DenseVector<double> classifier, FeatureRows<double> rows, int[] labels) => ModelScores.Of(classifier, rows, labels, classes, threads);

        bool[]? corrupted = data.Corrupted;
        int[] trusted = data.Validation.Labels;
        var cleaned = Fit("training the cleaned model again with these weights (it is the one that the run left)", training, data.Observed, weights) ?? new DenseVector<double>(left);
        int[] clean = corrupted is null ? [] : [.. Enumerable.Range(0, corrupted.Length).Where(i => !corrupted[i])];
        int baselines = clean.Length == 0 ? 2 : 3;
        context.Baseline(1, baselines);
        var noisy = Fit("the model trained on all labels alike", training, data.Observed, Unweighted(training.Count));
        context.Baseline(2, baselines);
        var onValidation = Fit("the model trained on the validation data alone", validation, trusted, Unweighted(validation.Count));
        if (clean.Length > 0) context.Baseline(3, baselines);
        var onClean = clean.Length == 0 ? null : Fit("the model trained on the correctly labelled part", training.Select(clean), [.. clean.Select(i => data.Observed[i])], Unweighted(clean.Length));

        ModelScores ofCleaned = Score(cleaned, validation, trusted), onTraining = Score(cleaned, training, data.Observed);
        var ofNoisy = noisy is null ? null : Score(noisy, validation, trusted);
        var suspects = new Suspects(data, weights, onTraining.Predictions);
        var metrics = new List<NamedNumber>
        {
            new("upper_value", ofCleaned.Loss, "F(x): mean validation loss of the cleaned model"),
            new("validation_accuracy", ofCleaned.Accuracy, "validation accuracy of the cleaned model"),
        };
        if (ofNoisy is not null)
        {
            metrics.Add(new("baseline_upper_value", ofNoisy.Loss, "validation loss of the model trained on all noisy labels alike"));
            metrics.Add(new("baseline_validation_accuracy", ofNoisy.Accuracy, "validation accuracy of that model"));
        }

        metrics.AddRange(
        [
            new("train_loss", onTraining.Loss, "mean loss on the training labels as observed"),
            new("train_accuracy", onTraining.Accuracy, "accuracy on the training labels as observed"),
            new("suspicious", suspects.Count, "number of training samples weighted below 1/2" + (data.ClassesWithFewTrusted > 0 ? ", of classes with enough validation samples to judge them" : "")),
            new("classes_with_few_validation_rows", data.ClassesWithFewTrusted, string.Create(CultureInfo.InvariantCulture, $"classes with fewer than {CleaningData.FewestTrusted} validation samples, whose labels are not judged")),
        ]);
        List<ReferenceValue> references = ofNoisy is null ? [] : [new(ReportCurve.UpperValue, "trained on all labels alike", ofNoisy.Loss)];
        if (onClean is not null)
        {
            double loss = Score(onClean, validation, trusted).Loss;
            metrics.Add(new("clean_part_upper_value", loss, "validation loss of the model trained on the correctly labelled part (an oracle)"));
            references.Add(new(ReportCurve.UpperValue, "trained on the correctly labelled part", loss));
        }

        string summary = string.Create(CultureInfo.InvariantCulture, $"Validation accuracy {ofCleaned.Accuracy:P1} with learned weights{Without(ofNoisy)}; {suspects.InWords}");
        if (test is not null)
        {
            int[] labels = data.Test!.Labels;
            ModelScores? OnTest(DenseVector<double>? classifier) => classifier is null ? null : Score(classifier, test, labels);
            var (learned, baseline) = (Score(cleaned, test, labels), OnTest(noisy));
            metrics.Add(new("test_accuracy", learned.Accuracy, "test accuracy of the cleaned model"));
            metrics.Add(new("test_loss", learned.Loss, "test loss of the cleaned model"));
            if (baseline is not null)
            {
                metrics.Add(new("baseline_test_accuracy", baseline.Accuracy, "test accuracy of the model trained on all noisy labels alike"));
                metrics.Add(new("baseline_test_loss", baseline.Loss, "test loss of that model"));
            }

            if (OnTest(onClean) is { } oracle)
            {
                metrics.Add(new("clean_part_test_accuracy", oracle.Accuracy, "test accuracy of the model trained on the correctly labelled part"));
                metrics.Add(new("clean_part_test_loss", oracle.Loss, "test loss of that model"));
            }

            if (OnTest(onValidation) is { } alone)
            {
                metrics.Add(new("validation_only_test_accuracy", alone.Accuracy, "test accuracy of the model trained on the validation data alone"));
                metrics.Add(new("validation_only_test_loss", alone.Loss, "test loss of that model"));
            }

            summary = string.Create(CultureInfo.InvariantCulture, $"Test accuracy {learned.Accuracy:P1} with learned weights{Without(baseline)}; {suspects.InWords}");
        }

        if (corrupted is not null)
        {
            metrics.Add(new("train_accuracy_true_labels", Score(cleaned, training, data.True!).Accuracy, "accuracy on the true training labels"));
            summary = $"{summary} {Found(suspects, corrupted, metrics)}";
        }

        var model = data.Training.Source.Encoding is { } encoding ? new SoftmaxModel(data.ClassNames, encoding, cleaned.ToDoubles()) : null;
        return new CleaningOutcome
        {
            Model = model,
            Rows = suspects.Rows,
            Metrics = metrics,
            LeftOut = leftOut,
            Summary = summary,
            Sections = suspects.Sections(),
            References = references,
            Files =
            [
                new("weights.csv", "the learned weight of every training sample, the most suspicious first", suspects.Write),
                new("split.csv", "row, role and label as observed of every training and validation sample", writer => WriteSplit(writer, data)),
                .. model is null ? Array.Empty<OutputFile>() : [new("model.json", "the cleaned model; 'bilevel predict model.json FILE' applies it to new rows", model.Save)],
            ],
        };
    }

    private static string Without(ModelScores? baseline) => baseline is null ? "" : string.Create(CultureInfo.InvariantCulture, $", {baseline.Accuracy:P1} without");

    private static string Found(Suspects suspects, bool[] corrupted, List<NamedNumber> metrics)
    {
        int found = suspects.Count, hit = Enumerable.Range(0, corrupted.Length).Count(i => corrupted[i] && suspects.Has(i)), wrong = corrupted.Count(c => c);

        metrics.Add(new("corrupted_found_precision", Ratio(hit, found), "share of the samples weighted below 1/2 whose label is wrong"));
        metrics.Add(new("corrupted_found_recall", Ratio(hit, wrong), "share of the wrong labels that are weighted below 1/2"));
        metrics.Add(new("corrupted_found_f1", Ratio(2 * hit, found + wrong), "harmonic mean of these two"));
        return string.Create(CultureInfo.InvariantCulture, $"{hit:N0} of {wrong:N0} wrong labels found, {found - hit:N0} false alarms.");
    }

    private static void WriteSplit(TextWriter writer, CleaningData data)
    {
        writer.Write("index,role,label\n");
        foreach (var (part, role, labels) in new[] { (data.Training, "train", data.Observed), (data.Validation, "validation", data.Validation.Labels) })
        {
            for (int i = 0; i < labels.Length; i++)
                writer.Write(string.Create(CultureInfo.InvariantCulture, $"{part.Place(i)},{role},{CsvText.Quote(data.ClassNames[labels[i]])}\n"));
        }
    }

    private static double Ratio(int part, int whole) => whole == 0 ? 0 : (double)part / whole;
}
