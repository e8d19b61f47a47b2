using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// What group-robust training reports. Everything is read with the lower level solved again in double precision at the
/// final x1, by a solver of its own, never at an iterate that has seen the validation data.
/// </summary>
internal sealed class GroupReport
{
    private const int GridPoints = 13, ShownImages = 4, Baselines = 5;
    private const double GridReach = 0.01;
    private const string PlainName = "baseline_", RobustName = "robust_";

    private readonly GroupDroSettings settings;
    private readonly GroupData data;
    private readonly LeaderLayout layout;
    private readonly double[] leader, q, p;
    private readonly DenseVector<double> classifier;
    private readonly List<Model> models = [];
    private readonly List<string> leftOut = [];

    private GroupReport(GroupDroSettings settings, GroupData data, LeaderLayout layout, TaskContext context, double[] leader, double[] p, double[] left)
    {
        (this.settings, this.data, this.layout, this.leader, this.p) = (settings, data, layout, leader, p);
        int groups = data.GroupNames.Count;
        var (fits, x1) = (new GroupModels(data.Training, groups, context), new DenseVector<double>(leader));
        var validation = data.Validation.Data.Features<double>();
        var test = data.Test?.Data.Features<double>();
        Model Measured(string name, string meaning, DenseVector<double> weights, double ridge)
        {
            var onValidation = GroupScores.Of(weights, data.Validation, validation, groups, context.Threads);
            return new Model(name, meaning, ridge, onValidation, test is null ? onValidation : GroupScores.Of(weights, data.Test!, test, groups, context.Threads));
        }

        // By what is reported, but of the validation data; the range goes further down than the leader's.
        Model Tuned(string name, string meaning, Func<double, DenseVector<double>> fit) => Best([.. Enumerable.Range(0, GridPoints)
            .Select(k => settings.RidgeMax * Math.Pow(settings.RidgeMin * GridReach / settings.RidgeMax, k / (GridPoints - 1.0)))
            .Select(ridge => Measured(name, meaning, fit(ridge), ridge))]);

        var trained = context.Unless(() => fits.Robust(layout, x1));
        if (trained is null) leftOut.Add("training the learned model again (it is the one that the run left)");
        classifier = trained ?? new DenseVector<double>(left);
        q = fits.Answer(layout, x1, classifier);
        models.Add(Measured("", "the learned model", classifier, layout.Penalties == 1 ? Math.Exp(leader[0]) : double.NaN));
        var (ridge, tau) = (settings.Ridge, settings.Tau);
        Compare(1, "plain training at the fixed ridge", text => Measured(PlainName, text, fits.Plain(ridge), ridge));
        Compare(2, "plain training, its ridge chosen on a grid by validation accuracy", text => Tuned("tuned_baseline_", text, fits.Plain));
        Compare(3, "group-robust training at the fixed ridge and tau", text => Measured(RobustName, text, fits.Robust(ridge, tau), ridge));
        Compare(4, "group-robust training, its ridge chosen on a grid by validation accuracy", text => Tuned("tuned_robust_", text, r => fits.Robust(r, tau)));
        Compare(5, "plain training on the validation rows alone, at the fixed ridge", text => Measured("validation_only_", text, new GroupModels(data.Checked.Rows, data.Checked.Groups.Length, context).Plain(ridge), ridge));

        void Compare(int number, string meaning, Func<string, Model> train)
        {
            context.Baseline(number, Baselines);
            if (context.Unless(() => train(meaning)) is { } model) models.Add(model);
            else leftOut.Add(meaning);
        }
    }

    // The models to compare with first; null where they were left out.
    private Model? Plain => models.Find(m => m.Name == PlainName);

    private Model? Robust => models.Find(m => m.Name == RobustName);

    private Model Learned => models[0];

    private bool IsWorst => settings.Goal == ValidationGoal.WorstGroup;

    /// <summary>Measures an answer.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="data">The data.</param>
    /// <param name="layout">What x1 holds.</param>
    /// <param name="context">Number of threads, and whether to end.</param>
    /// <param name="leader">x1.</param>
    /// <param name="p">x2, the weights of the validation groups; empty where the upper level takes the mean.</param>
    /// <param name="left">The classifier as the run left it, for want of one trained again.</param>
    public static TaskOutcome Make(GroupDroSettings settings, GroupData data, LeaderLayout layout, TaskContext context, double[] leader, double[] p, double[] left)
    {
        var report = new GroupReport(settings, data, layout, context, leader, p, left);
        return new TaskOutcome
        {
            Metrics = report.Metrics(),
            LeftOut = report.leftOut,
            Summary = report.Summary(),
            Sections = [.. report.Sections()],
            References =
            [
                .. report.Plain is { } plain ? [new ReferenceValue(ReportCurve.UpperValue, "plain training", report.Goal(plain.Validation))] : Array.Empty<ReferenceValue>(),
                .. report.Robust is { } robust ? [new ReferenceValue(ReportCurve.UpperValue, "group-robust training, fixed ridge", report.Goal(robust.Validation))] : Array.Empty<ReferenceValue>(),
            ],
            Files = [.. report.Files()],
        };
    }

    /// <summary>F: the goal of the validation data, of the classifier trained again at a leader's variable.</summary>
    public static double UpperValue(GroupDroSettings settings, GroupData data, LeaderLayout layout, TaskContext context, double[] leader)
    {
        int groups = data.GroupNames.Count;
        var classifier = new GroupModels(data.Training, groups, context).Robust(layout, new DenseVector<double>(leader));
        var scores = GroupScores.Of(classifier, data.Validation, data.Validation.Data.Features<double>(), groups, context.Threads);
        return settings.Goal == ValidationGoal.WorstGroup ? scores.WorstLoss(data.Opposed.Groups) : scores.Mean.Loss;
    }

    private double Goal(GroupScores scores) => IsWorst ? scores.WorstLoss(data.Opposed.Groups) : scores.Mean.Loss;

    // Accuracies of few rows tie often; then the mean decides, then the order, and it is said.
    private Model Best(IReadOnlyList<Model> candidates)
    {
        double Judged(Model model) => IsWorst && double.IsFinite(model.Validation.WorstAccuracy) ? model.Validation.WorstAccuracy : model.Validation.Mean.Accuracy;
        double best = candidates.Max(Judged);
        Model[] tied = [.. candidates.Where(m => Judged(m) == best)];
        var chosen = tied.MaxBy(m => m.Validation.Mean.Accuracy)!;
        return tied.Length == 1 ? chosen : chosen with { Meaning = string.Create(CultureInfo.InvariantCulture, $"{chosen.Meaning} ({tied.Length} of {candidates.Count} tie; of these the best mean, then the largest ridge)") };
    }

    // What is said of rows of a group that are too few.
    private string OfThose => Measures.All(n => n >= GroupData.FewestRows) ? "" : string.Create(CultureInfo.InvariantCulture, $" of those with at least {GroupData.FewestRows} rows");

    // Number of rows by group that accuracies are read at.
    private int[] Measures => Learned.Measured.Sizes;

    // On rows among which the groups have the shares that they have in training.
    private double AsTrained(Model model) => model.Measured.AccuracyAt(data.Training.Sizes(data.GroupNames.Count));

    private List<NamedNumber> Metrics()
    {
        string where = data.Test is null ? "validation" : "test", goal = !IsWorst ? "mean validation loss" : data.HasEnough.Contains(false) ? "largest validation loss of the groups that the upper level weighs" : "validation loss of the worst group";
        var metrics = new List<NamedNumber>();
        foreach (var model in models)
        {
            if (double.IsFinite(model.Measured.WorstAccuracy)) metrics.Add(new($"{model.Name}worst_group_accuracy", model.Measured.WorstAccuracy, $"{where} accuracy of the worst group{OfThose}: {model.Meaning}"));
            metrics.Add(new($"{model.Name}mean_accuracy", model.Measured.Mean.Accuracy, double.IsFinite(model.Measured.WorstAccuracy) ? $"mean {where} accuracy of the same" : $"mean {where} accuracy: {model.Meaning}"));
            if (double.IsFinite(AsTrained(model))) metrics.Add(new($"{model.Name}mean_accuracy_as_trained", AsTrained(model), "the same, with the groups weighed by their shares of the training rows"));
            metrics.Add(new($"{model.Name}upper_value", Goal(model.Validation), $"{goal} of the same"));
            if (double.IsFinite(model.Ridge)) metrics.Add(new($"{model.Name}ridge", model.Ridge, "its l2 weight"));
        }

        metrics.Add(new("groups_with_few_rows", FewRows, string.Create(CultureInfo.InvariantCulture, $"groups with fewer than {GroupData.FewestRows} validation or test rows, none of which is called the worst there")));
        if (layout.Penalties > 1) metrics.Add(new("raised_ridges", leader.Take(layout.Penalties).Count(x => Math.Exp(x) > 10 * settings.Ridge), "features whose l2 weight was raised more than tenfold"));
        if (layout.Samples > 0) metrics.Add(new("down_weighted", layout.Logits<double>(leader).ToArray().Count(x => x < 0), "training rows weighted below 1/2"));
        if (layout.Radii > 0) metrics.Add(new("tau", layout.Tau<double>(leader), "the learned tau"));
        return metrics;
    }

    private string Summary()
    {
        string where = data.Test is null ? "Validation" : "Test";
        bool hasWorst = double.IsFinite(Learned.Measured.WorstAccuracy);
        string text = hasWorst
            ? string.Create(CultureInfo.InvariantCulture, $"{where} accuracy of the worst group{OfThose} {Learned.Measured.WorstAccuracy:P1}")
            : string.Create(CultureInfo.InvariantCulture, $"No group has {GroupData.FewestRows} {where.ToLowerInvariant()} rows, so none is called the worst");
        if (Plain is not { } plain || Robust is not { } robust) return string.Create(CultureInfo.InvariantCulture, $"{text}; mean {Learned.Measured.Mean.Accuracy:P1}.");
        text += hasWorst
            ? string.Create(CultureInfo.InvariantCulture, $", {plain.Measured.WorstAccuracy:P1} by plain training, {robust.Measured.WorstAccuracy:P1} by group-robust training at the fixed ridge; mean {Learned.Measured.Mean.Accuracy:P1}, {plain.Measured.Mean.Accuracy:P1} and {robust.Measured.Mean.Accuracy:P1}.")
            : string.Create(CultureInfo.InvariantCulture, $". Mean {where.ToLowerInvariant()} accuracy {Learned.Measured.Mean.Accuracy:P1}, {plain.Measured.Mean.Accuracy:P1} by plain training, {robust.Measured.Mean.Accuracy:P1} by group-robust training at the fixed ridge.");
        if (double.IsFinite(AsTrained(Learned))) text += string.Create(CultureInfo.InvariantCulture, $" The mean with the groups in the shares of the training rows: {AsTrained(Learned):P1}, {AsTrained(plain):P1} and {AsTrained(robust):P1}.");
        double learned = Goal(Learned.Validation), fixedOne = Goal(robust.Validation);
        if (learned > fixedOne)
        {
            // Sample weights begin at 1/2, so that the start is not the fixed model.
            string remedy = layout is { Samples: > 0, Penalties: 0 } ? "Sample weights lie below 1, which works like a larger ridge: let the l2 weight be learned too (penalty = one), or lower ridge." : "Let it run longer, or take a smaller tolerance.";
            text += string.Create(CultureInfo.InvariantCulture, $" Nothing is gained over group-robust training at the fixed ridge: the upper value is {learned:G4} against its {fixedOne:G4}. {remedy}");
        }

        bool atBound = layout.Penalties == 1 && (Learned.Ridge <= settings.RidgeMin * 1.001 || Learned.Ridge >= settings.RidgeMax * 0.999);
        return atBound ? string.Create(CultureInfo.InvariantCulture, $"{text} The learned l2 weight {Learned.Ridge:G3} is at the end of its range: widen ridge-min or ridge-max.") : text;
    }

    private IEnumerable<ReportSection> Sections()
    {
        string where = data.Test is null ? "validation" : "test";
        int[] sizes = data.Training.Sizes(data.GroupNames.Count);
        yield return new RecordTable("Groups", $"q is the weight of a group in training, p that of its validation loss in the upper level{(data.HasEnough.Contains(false) && IsWorst ? ", absent where there are few validation rows" : "")}; then the {where} accuracy of each group by plain training, by group-robust training at the fixed ridge, and by the learned model.",
            ["group", "training rows", "q", "p", "plain", "group-robust", "learned"],
            [.. data.GroupNames.Select((name, g) => new[] { name, sizes[g].ToString("N0", CultureInfo.InvariantCulture), Text(q[g]), WeightOf(g) is { } weight ? Text(weight) : "", Percent(Plain, g), Percent(Robust, g), Percent(Learned, g) })]);
        yield return new RecordTable("Models", $"Accuracies on the {where} data. Tuned models have their l2 weight chosen on a grid of {GridPoints} values by validation accuracy of the worst group{OfThose}, or by the mean where that is the goal. The mean as trained weighs the groups by their shares of the training rows.",
            ["model", "l2 weight", "worst group", "mean", "mean as trained", "upper value"],
            [.. models.Select(m => new[] { m.Meaning, double.IsFinite(m.Ridge) ? m.Ridge.ToString("G3", CultureInfo.InvariantCulture) : "learned", double.IsFinite(m.Measured.WorstAccuracy) ? m.Measured.WorstAccuracy.ToString("P1", CultureInfo.InvariantCulture) : "no group has enough rows", m.Measured.Mean.Accuracy.ToString("P1", CultureInfo.InvariantCulture), double.IsFinite(AsTrained(m)) ? AsTrained(m).ToString("P1", CultureInfo.InvariantCulture) : "a group has no rows", Text(Goal(m.Validation)) })]);
        if (data.Training.Data.Source.Images is { } images)
        {
            yield return new ImageGrid("Training samples", "The first samples of every group. Bright pixels are drawn dark.", [.. Enumerable.Range(0, data.GroupNames.Count).SelectMany(g => Enumerable.Range(0, data.Training.Groups.Length).Where(i => data.Training.Groups[i] == g).Take(ShownImages)
                .Select(i => GreyImage.Of(images, data.Training.Data.Rows[i], string.Create(CultureInfo.InvariantCulture, $"labelled {data.ClassNames[data.Training.Data.Labels[i]]}\ngroup {data.GroupNames[g]}"))))]);
            if (layout.Penalties > 1) yield return new ImageGrid("Learned l2 weights", "One for every pixel: the brighter, the larger, from ridge-min to ridge-max on a logarithmic scale.", [new GreyImage(images.Height, images.Width, Shades(images.Height * images.Width), "l2 weight")]);
        }

        if (layout.Samples > 0)
        {
            var weights = SampleWeights().ToArray();
            yield return new Histogram("Learned sample weights", "The weight of every training sample, by group.", "weight", [.. data.GroupNames.Select((name, g) => new HistogramGroup(name, [.. weights.Where((_, i) => data.Training.Groups[i] == g)]))]) { Range = (0, 1) };
        }
    }

    private IEnumerable<OutputFile> Files()
    {
        yield return new("groups.csv", "training rows, weights q and p, and accuracies of every group", WriteGroups);
        if (layout.Penalties > 0) yield return new("ridge.csv", "the learned l2 weights", WriteRidges);
        if (layout.Samples > 0) yield return new("weights.csv", "the learned weight of every training sample", WriteWeights);
        if (data.Training.Data.Source.Encoding is { } encoding)
            yield return new("model.json", "the learned model; 'bilevel predict model.json FILE' applies it to new rows", new SoftmaxModel(data.ClassNames, encoding, classifier.ToDoubles()).Save);
    }

    private void WriteGroups(TextWriter writer)
    {
        int[] sizes = data.Training.Sizes(data.GroupNames.Count);
        int[] validation = Learned.Validation.Sizes, test = data.Test is null ? [] : Measures;
        writer.Write("group,training_rows,q,p,plain_accuracy,robust_accuracy,accuracy,validation_rows,test_rows\n");
        for (int g = 0; g < sizes.Length; g++)
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{CsvText.Quote(data.GroupNames[g])},{sizes[g]},{q[g]:R},{WeightOf(g)?.ToString("R", CultureInfo.InvariantCulture)},{Cell(Plain, g)},{Cell(Robust, g)},{Cell(Learned, g)},{validation[g]},{(test.Length > 0 ? test[g].ToString(CultureInfo.InvariantCulture) : "")}\n"));
    }

    private void WriteRidges(TextWriter writer)
    {
        writer.Write("feature,l2_weight\n");
        var names = data.Training.Data.Source.FeatureNames;
        for (int j = 0; j < layout.Penalties; j++)
        {
            string name = layout.Penalties == 1 ? "all" : j == layout.Penalties - 1 ? "bias" : names is not null ? CsvText.Quote(names[j]) : j.ToString(CultureInfo.InvariantCulture);
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{name},{Math.Exp(leader[j]):R}\n"));
        }
    }

    private void WriteWeights(TextWriter writer)
    {
        writer.Write("row,group,label,weight\n");
        int i = 0;
        foreach (double weight in SampleWeights())
        {
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Training.Data.Place(i)},{CsvText.Quote(data.GroupNames[data.Training.Groups[i]])},{CsvText.Quote(data.ClassNames[data.Training.Data.Labels[i]])},{weight:R}\n"));
            i++;
        }
    }

    private IEnumerable<double> SampleWeights() => layout.Logits<double>(leader).ToArray().Select(x => 1 / (1 + Math.Exp(-x)));

    private byte[] Shades(int count)
    {
        double low = Math.Log(settings.RidgeMin), high = Math.Log(settings.RidgeMax);
        return [.. leader.Take(count).Select(x => (byte)Math.Clamp(255 * (x - low) / (high - low), 0, 255))];
    }

    private static string Cell(Model? model, int group) => model?.Measured.Accuracies[group] is { } accuracy && double.IsFinite(accuracy) ? accuracy.ToString("R", CultureInfo.InvariantCulture) : "";

    private static string Percent(Model? model, int group) => model?.Measured.Sizes[group] switch
    {
        null => "left out",
        0 => "no rows",
        < GroupData.FewestRows and int rows => string.Create(CultureInfo.InvariantCulture, $"{model.Measured.Accuracies[group]:P1} of {rows} rows"),
        _ => model.Measured.Accuracies[group].ToString("P1", CultureInfo.InvariantCulture),
    };

    // p of a group; null where the upper level does not weigh it.
    private double? WeightOf(int group) => p.Length > 0 && Array.IndexOf(data.Opposed.Groups, group) is >= 0 and int at ? p[at] : null;

    private int FewRows => data.HasEnough.Zip(data.Test is { } test ? data.Enough(test) : data.HasEnough, (one, other) => one && other).Count(enough => !enough);

    private static string Text(double number) => number.ToString("0.0000", CultureInfo.InvariantCulture);

    private sealed record Model(string Name, string Meaning, double Ridge, GroupScores Validation, GroupScores Measured);
}
