using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// What svm-tuning reports of an answer. Losses and accuracies are those of the machine trained again with the final costs, by a
/// solver that proves its answer, never those of an iterate that has seen the validation samples.
/// </summary>
/// <param name="settings">The settings.</param>
/// <param name="data">The samples.</param>
/// <param name="groups">The group of every training sample.</param>
/// <param name="baselines">The machines to compare with.</param>
/// <param name="context">Whether to end.</param>
internal sealed class SvmReport(SvmTuningSettings settings, SvmData data, int[] groups, SvmBaselines baselines, TaskContext context)
{
    // A cost below this share of the limit leaves its sample out in practice.
    private const double Ignored = 1e-3;

    private const int ShownRows = 30, Bins = 40;

    private readonly SvmSolver solver = baselines.Solver;

    /// <summary>F: the validation loss of the machine trained again with these costs of the groups.</summary>
    /// <exception cref="OperationCanceledException">The training was asked to end.</exception>
    public double UpperValue(double[] ofGroups)
    {
        var trained = solver.Solve(Array.ConvertAll(groups, g => ofGroups[g]));
        context.Cancellation.ThrowIfCancellationRequested();
        return Loss(data.Validation, trained);
    }

    public TaskOutcome Make(Solution<DenseVector<double>> solution)
    {
        double[] ofGroups = solution.X.ToDoubles(), costs = Array.ConvertAll(groups, g => ofGroups[g]);
        var tuned = solver.Solve(costs);

        // Training that was ended early may not have come as far as the run.
        bool isCut = context.Cancellation.IsCancellationRequested;
        if (isCut && Left(costs, solution.Y.Span, tuned) is var left && left.Value < tuned.Value) tuned = left;
        var (untunedCost, untuned) = baselines.Untuned;
        var (bestCost, best) = baselines.Best;
        double answerValue = AnswerValue(costs, solution.Y.Span, out double infeasibility), distance = Distance(tuned.Classifier, solution.Y.Span);
        var metrics = new List<NamedNumber>();
        foreach (var (prefix, answer, whose) in new[]
        {
            ("", tuned, "of the tuned machine, trained again with the final costs"),
            ("baseline_", untuned, FormattableString.Invariant($"of the untuned machine, C = {untunedCost:G4} for all")),
            ("grid_", best, FormattableString.Invariant($"of the machine with the best common C of a grid by validation loss, C = {bestCost:G4}")),
        })
        {
            metrics.Add(new($"{prefix}upper_value", Loss(data.Validation, answer), $"validation loss {whose}"));
            metrics.Add(new($"{prefix}validation_accuracy", Accuracy(data.Validation, answer), $"validation accuracy {whose}"));
            metrics.Add(new($"{prefix}test_accuracy", Accuracy(data.Test, answer), $"test accuracy {whose}"));
            metrics.Add(new($"{prefix}test_loss", Loss(data.Test, answer), $"test loss {whose}"));
        }

        metrics.Add(new("grid_cost", bestCost, "the best common C of the grid"));
        metrics.Add(new("infeasibility", infeasibility, "largest violation of a constraint by the method's own w, b and xi"));
        metrics.Add(new("lower_gap", answerValue - tuned.Value, "lower objective at them minus that of the machine trained again"));
        metrics.Add(new("classifier_distance", distance, "norm of the difference of their (w, b)"));
        metrics.Add(new("resolve_gap", tuned.Gap, "how far the machine trained again may be from the best lower objective, proved by its multipliers"));
        metrics.Add(new("ignored", costs.Count(IsIgnored), "number of training samples with a cost of practically zero"));
        string summary = string.Create(CultureInfo.InvariantCulture, $"Validation loss {Loss(data.Validation, tuned):G4} with tuned costs, {Loss(data.Validation, untuned):G4} untuned, {Loss(data.Validation, best):G4} with the best common C = {bestCost:G4}; test accuracy {Accuracy(data.Test, tuned):P1}, {Accuracy(data.Test, untuned):P1} and {Accuracy(data.Test, best):P1}.");
        if (Loss(data.Validation, tuned) > Loss(data.Validation, best)) summary += " The best common C does better on the validation samples: try another method, or start there (start-cost).";
        if (data.Turned is { } turned)
        {
            metrics.Add(new("turned_mean_cost", Mean(costs, turned, true), "mean cost of the samples whose label was turned around"));
            metrics.Add(new("correct_mean_cost", Mean(costs, turned, false), "mean cost of the others"));
        }

        return new TaskOutcome
        {
            Metrics = metrics,
            LeftOut = isCut ? ["the rest of training the machine again (resolve_gap says how far it may be from its best)"] : [],
            Summary = summary,
            Sections = settings.Costs == SvmCosts.Sample ? [Costs(costs), Lowest(costs, tuned)] : [],
            References =
            [
                new(ReportCurve.UpperValue, FormattableString.Invariant($"C = {untunedCost:G4} for all"), Loss(data.Validation, untuned)),
                new(ReportCurve.UpperValue, FormattableString.Invariant($"best common C = {bestCost:G4}"), Loss(data.Validation, best)),
            ],
            Files =
            [
                new("costs.csv", "row, label, cost and slack of every training sample", writer => WriteCosts(writer, costs, tuned)),
                .. Model(tuned),
            ],
        };
    }

    // The machine that the run left, with its proof.
    private SvmAnswer Left(double[] costs, ReadOnlySpan<double> z, SvmAnswer trained) =>
        solver.Measure([.. z[..data.Training.Features.FeatureCount].ToArray().Select(w => Math.Clamp(w, -settings.WeightLimit, settings.WeightLimit))], trained.Multipliers, costs);

    private static double Loss(SvmPart part, SvmAnswer answer) => SvmBaselines.Loss(part, answer);

    private static double Accuracy(SvmPart part, SvmAnswer answer) => SvmScore.Accuracy(part.Features, part.Signs, answer.Classifier);

    private static double Mean(double[] costs, bool[] turned, bool which) => costs.Where((_, i) => turned[i] == which).DefaultIfEmpty(double.NaN).Average();

    private static double Distance(double[] classifier, ReadOnlySpan<double> z)
    {
        double sum = 0;
        for (int j = 0; j < classifier.Length; j++) sum += (classifier[j] - z[j]) * (classifier[j] - z[j]);
        return Math.Sqrt(sum);
    }

    private bool IsIgnored(double cost) => cost < Ignored * settings.CostLimit;

    private string Label(int i) => data.Training.Source.ClassNames[data.Training.Signs[i] < 0 ? 0 : 1];

    // |w|^2/2 + C'xi at the method's own (w, b, xi), and how far they violate 1 - xi_i - s_i (w'a_i + b) <= 0.
    private double AnswerValue(double[] costs, ReadOnlySpan<double> z, out double infeasibility)
    {
        var (features, signs) = (data.Training.Features, data.Training.Signs);
        double value = 0, offset = features.Offset(z);
        infeasibility = 0;
        for (int j = 0; j < features.FeatureCount - 1; j++) value += z[j] * z[j] / 2;
        for (int i = 0; i < costs.Length; i++)
        {
            double slack = z[features.FeatureCount + i];
            value += costs[i] * slack;
            infeasibility = Math.Max(infeasibility, SvmScore.Hinge(features, signs, i, z, offset) - slack);
        }

        return value;
    }

    private Histogram Costs(double[] costs)
    {
        const string Title = "Tuned costs";
        HistogramGroup Group(string name, Func<int, bool> has) => new(name, [.. Enumerable.Range(0, costs.Length).Where(has).Select(i => costs[i])]);
        return data.Turned is { } turned
            ? new Histogram(Title, "A sample without cost is left out of the training. Which labels were turned around is known here, and the method was not told.", "cost C", [Group("correct labels", i => !turned[i]), Group("labels turned around", i => turned[i])]) { Range = (0, settings.CostLimit), Bins = Bins }
            : new Histogram(Title, "A sample without cost is left out of the training.", "cost C", [.. data.Training.Source.ClassNames.Select((name, c) => Group($"label {name}", i => data.Training.Signs[i] < 0 == (c == 0)))]) { Range = (0, settings.CostLimit), Bins = Bins };
    }

    private RecordTable Lowest(double[] costs, SvmAnswer tuned)
    {
        double[] slacks = solver.Slacks(tuned.Classifier);
        int[] order = [.. Enumerable.Range(0, costs.Length).OrderBy(i => costs[i]).ThenByDescending(i => slacks[i])];
        return new RecordTable("The cheapest samples", $"The training samples of {data.Training.Source.Source} with the smallest costs; costs.csv lists all. A slack above 1 is on the wrong side.", ["row", "label", "cost", "slack"], [.. order.Take(ShownRows).Select(i => new[]
        {
            data.Training.Place(i).ToString(CultureInfo.InvariantCulture), Label(i), costs[i].ToString("G4", CultureInfo.InvariantCulture), slacks[i].ToString("G4", CultureInfo.InvariantCulture),
        })]);
    }

    private void WriteCosts(TextWriter writer, double[] costs, SvmAnswer tuned)
    {
        double[] slacks = solver.Slacks(tuned.Classifier);
        writer.Write("row,label,cost,slack\n");
        for (int i = 0; i < costs.Length; i++) writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Training.Place(i)},{CsvText.Quote(Label(i))},{costs[i]:R},{slacks[i]:R}\n"));
    }

    // The score goes to the second class, and its negative to the first: the class is that of the machine, probabilities are not meant.
    private IEnumerable<OutputFile> Model(SvmAnswer tuned)
    {
        if (data.Training.Source.Encoding is not { } encoding) yield break;
        var model = new SoftmaxModel(data.Training.Source.ClassNames, encoding, tuned.Classifier.SelectMany(w => new[] { -w / 2, w / 2 }).ToArray());
        yield return new("model.json", "the tuned machine; 'bilevel predict model.json FILE' gives the classes of new rows (its probabilities are not calibrated)", model.Save);
    }
}
