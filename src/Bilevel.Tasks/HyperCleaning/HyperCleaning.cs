using System.Globalization;
using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Data hyper-cleaning (applications, section 4): one weight per noisily labelled training sample, learned so that a
/// linear softmax classifier trained on the weighted samples does well on a small trusted validation set.
/// Upper level: mean validation cross-entropy; lower level: mean of sigmoid(x_i) times cross-entropy plus c |W|^2.
/// </summary>
public sealed class HyperCleaning : TaskOf<HyperCleaningSettings>
{
    // The generated test set is as large as that of MNIST.
    private const int GeneratedTests = 10_000;

    /// <inheritdoc/>
    public override string Name => "hyper-cleaning";

    /// <inheritdoc/>
    public override string Summary => "Find the wrong labels of a training set: one learned weight per image (MNIST from --data, or generated digits).";

    /// <inheritdoc/>
    public override TaskInstance Create(HyperCleaningSettings settings, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        var (images, tests, source) = Load(settings, context);
        var data = CleaningData.Split(images, tests, settings, context.Seed);
        int wrong = data.Corrupted.Count(c => c);
        string[] notes =
        [
            source,
            string.Create(CultureInfo.InvariantCulture, $"{data.Training.Count:N0} training, {data.Validation.Count:N0} validation and {data.Test.Count:N0} test images; no image has two roles."),
            string.Create(CultureInfo.InvariantCulture, $"{settings.Corruption:P0} of the training labels were redrawn ({(settings.CorruptionKind == CorruptionKind.Uniform ? "from all ten classes, so about a tenth of these stayed correct" : "from the nine other classes")}); {wrong:N0} are wrong."),
        ];
        return settings.Precision == NumberFormat.Float32
            ? Build<float>(settings, data, context, notes)
            : Build<double>(settings, data, context, notes);
    }

    private static (ImageSet Images, ImageSet Tests, string Source) Load(HyperCleaningSettings settings, TaskContext context)
    {
        if (context.DataFolder is { } folder)
            return (IdxFile.LoadMnist(folder, train: true), IdxFile.LoadMnist(folder, train: false), $"Images of {folder}.");
        int tests = settings.Test == 0 ? GeneratedTests : settings.Test;
        return (SyntheticDigits.Generate(settings.Train + settings.Validation, RandomBits.At(context.Seed, 11)),
            SyntheticDigits.Generate(tests, RandomBits.At(context.Seed, 12)),
            "Generated handwritten-looking digits (give --data DIR for MNIST).");
    }

    private static TaskInstance<DenseVector<T>> Build<T>(HyperCleaningSettings settings, CleaningData data, TaskContext context, string[] notes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var training = FeatureRows<T>.FromImages(data.Images, [.. data.Training]);
        var validation = FeatureRows<T>.FromImages(data.Images, [.. data.Validation]);
        int[] trusted = CleaningData.LabelsOf(data.Images, data.Validation);
        var bounds = CleaningConstants.Of(training, validation, settings.Ridge);
        var problem = new BilevelProblem<DenseVector<T>>(
            new SoftmaxLoss<T>(validation, trusted, ImageSet.Classes, context.Threads),
            new WeightedSoftmaxLoss<T>(training, data.Observed, ImageSet.Classes, settings.Ridge, context.Threads))
        {
            // The smoothness that a softmax attains near its start is a tenth of its bound, and steps by the bound
            // would be as much too small; so the bounds serve the certificate, and methods measure.
            Constants = new ProblemConstants { LowerStrongConvexity = 2 * settings.Ridge, UpperCoupling = 0 },
            ConstantsAt = _ => bounds,
        };
        if (settings.WeightLimit is { } limit)
            problem = problem with { UpperSet = new Box<T>(-limit, limit, training.Count) };
        return new BilevelInstance<DenseVector<T>>(problem, new DenseVector<T>(training.Count), new DenseVector<T>(training.FeatureCount * ImageSet.Classes))
        {
            Components = v => v.ToDoubles(),
            Presets =
            [
                new F2sa
                {
                    InnerSteps = 5,
                    Batch = 500,
                    StepZ = 0.5,
                    Lambda = 1,
                    LambdaGrowth = 1,
                    LambdaIncrement = 0.1,
                    StepX = 0.05,
                    Upper = new UpperStep { StepRule = StepRule.Adam },
                },
                // With mu = 0.002 the inner tolerances ask for thousands of steps; twenty warm-started ones are enough in practice.
                new F2ba { Lambda = 100, InnerSteps = 20, StepX = 0.05, Tolerance = 1e-3, Upper = new UpperStep { StepRule = StepRule.Adam } },
                new F2ba { Accelerated = true, Lambda = 100, InnerSteps = 20, StepX = 0.05, Tolerance = 1e-3, Upper = new UpperStep { StepRule = StepRule.Adam } },
            ],
            Iterations = 1000,
            Tolerance = 1e-3,
            Notes = notes,
            Evaluate = solution => CleaningReport.Make(settings, data, context, solution.X.ToDoubles()),
        };
    }
}
