using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Data hyper-cleaning (applications, section 4): one weight per noisily labelled training sample, learned so that a
/// linear softmax classifier trained on the weighted samples does well on a small trusted validation set.
/// Upper level: mean validation cross-entropy; lower level: mean of sigmoid(x_i) times cross-entropy plus c |W|^2.
/// </summary>
/// <example>
/// The five most suspicious labels of a table, and the model trained on the cleaned rows.
/// <code>
/// var settings = new HyperCleaningSettings { Train = "noisy.csv", Validation = "checked.csv", Label = "species" };
/// var answer = new HyperCleaning().Create(settings, new TaskContext(Seed: 1)).Solve();
/// var cleaned = (CleaningOutcome)answer.Outcome;
/// foreach (var row in cleaned.Rows.Take(5)) Console.WriteLine($"line {row.Row}: {row.Label}, likely {row.LikelyLabel}");
/// Console.WriteLine(cleaned["validation_accuracy"]);
/// cleaned.Model?.Save("model.json");
/// </code>
/// </example>
public sealed class HyperCleaning : TaskOf<HyperCleaningSettings>
{
    /// <inheritdoc/>
    public override string Name => "hyper-cleaning";

    /// <inheritdoc/>
    public override string Summary => "Find the wrong labels of a training set: one learned weight per sample (your table or images from --train, MNIST from --data, or generated digits).";

    /// <inheritdoc/>
    public override TaskInstance Create(HyperCleaningSettings settings, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        var notes = new List<string>();
        var data = CleaningSource.Load(settings, context, notes);
        var exact = new Lazy<(FeatureRows<double> Training, FeatureRows<double> Validation)>(() => Rows<double>(data));
        return settings.Precision == NumberFormat.Float32
            ? Build(settings, data, context, notes, Rows<float>(data), exact, new DoublePrecisionCertifier(() => Problem(settings, data, context.Threads, exact.Value)))
            : Build(settings, data, context, notes, exact.Value, exact, certifier: null);
    }

    private static TaskInstance<DenseVector<T>> Build<T>(
        HyperCleaningSettings settings, CleaningData data, TaskContext context, IReadOnlyList<string> notes,
        (FeatureRows<T> Training, FeatureRows<T> Validation) rows, Lazy<(FeatureRows<double> Training, FeatureRows<double> Validation)> exact, ICertifier? certifier)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = rows.Training.Count;
        return new BilevelInstance<DenseVector<T>>(
            Problem(settings, data, context.Threads, rows), new DenseVector<T>(count), new DenseVector<T>(checked(rows.Training.FeatureCount * data.ClassNames.Count)))
        {
            Components = v => v.ToDoubles(),
            Presets = CleaningPresets.Of(count, rows.Validation.Count, CleaningPresets.StableStep(rows.Training)),
            Unsuited = CleaningPresets.Unsuited,
            Iterations = 1000,
            Tolerance = CleaningPresets.Tolerance(count),
            Certifier = certifier,
            Notes = notes,
            FileNames = ["weights.csv", "split.csv", "model.json"],
            Hyperobjective = point => CleaningReport.UpperValue(settings, data, exact.Value, context, point[BilevelProblem.X].ToDoubles()),
            Evaluate = solution => CleaningReport.Make(settings, data, exact.Value, context, solution.X.ToDoubles(), solution.Y.ToDoubles()),
        };
    }

    private static (FeatureRows<T> Training, FeatureRows<T> Validation) Rows<T>(CleaningData data)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => (data.Training.Features<T>(), data.Validation.Features<T>());

    private static BilevelProblem<DenseVector<T>> Problem<T>(HyperCleaningSettings settings, CleaningData data, int threads, (FeatureRows<T> Training, FeatureRows<T> Validation) rows)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int classes = data.ClassNames.Count;
        var problem = new BilevelProblem<DenseVector<T>>(
            new SoftmaxLoss<T>(rows.Validation, data.Validation.Labels, classes, threads),
            new WeightedSoftmaxLoss<T>(rows.Training, data.Observed, classes, settings.Ridge, threads))
        {
            // The smoothness that a softmax attains near its start is a tenth of its bound, and steps by the bound
            // would be as much too small; so the bounds serve the certificate, and methods measure.
            Constants = new ProblemConstants { LowerStrongConvexity = 2 * settings.Ridge, UpperCoupling = 0 },
            ConstantsAt = new CleaningConstants<T>(rows.Training, rows.Validation, settings.Ridge).At,
        };
        return settings.WeightLimit is { } limit ? problem with { UpperSet = new Box<T>(-limit, limit, rows.Training.Count) } : problem;
    }
}
