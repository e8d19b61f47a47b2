using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="LogisticTask"/>.</summary>
internal sealed record LogisticSettings
{
    /// <summary>Number of training samples.</summary>
    [Setting("Number of training samples.", Min = 1, Max = 1_000_000)]
    public int TrainRows { get; init; } = 40;

    /// <summary>Number of validation samples.</summary>
    [Setting("Number of validation samples.", Min = 1, Max = 1_000_000)]
    public int ValidationRows { get; init; } = 40;

    /// <summary>Number of features.</summary>
    [Setting("Number of features.", Min = 1, Max = 200)]
    public int Features { get; init; } = 20;

    /// <summary>Seed of the generated features; the labels have seeds of their own.</summary>
    [Setting("Seed of the generated features; the labels have seeds of their own.", Min = 0)]
    public long DataSeed { get; init; } = 42;
}

/// <summary>
/// The regularisation weight of logistic regression: f and g are mean log(1 + exp(-y a'w)) on validation and training
/// data, g with e^x/2 |w|^2, x in [-8, 4].
/// </summary>
internal sealed class LogisticTask : TaskOf<LogisticSettings>
{
    private const ulong TrainLabelSeed = 7, ValidationLabelSeed = 1007;

    // Largest |s''| of the logistic function s: 1 / (6 sqrt 3).
    private static readonly double ThirdDerivative = 1 / (6 * Math.Sqrt(3));

    /// <inheritdoc/>
    public override string Name => "logistic";

    /// <inheritdoc/>
    public override string Summary => "The regularisation weight of logistic regression, on generated data.";

    /// <inheritdoc/>
    public override TaskInstance Create(LogisticSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem of those settings.</summary>
    public static BilevelInstance<DenseVector<double>> Instance(LogisticSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var random = new SplitMix64((ulong)settings.DataSeed);
        Matrix train = random.NextNormals(settings.TrainRows, settings.Features), validation = random.NextNormals(settings.ValidationRows, settings.Features);
        double[] trainLabels = Labels(train, TrainLabelSeed), validationLabels = Labels(validation, ValidationLabelSeed);
        double largest = SymmetricEigenvalues.Of(train.SecondMoment())[^1], upperLargest = SymmetricEigenvalues.Of(validation.SecondMoment())[^1];
        double pull = Regularisation.MeanNorm(train), third = ThirdDerivative * largest * Regularisation.LargestNorm(train);

        // |g_xy| = e^x |w|. At the lower solution e^x |w| is at most the mean norm of the rows (stationarity), and
        // e^x/2 |w|^2 at most g(0) = log 2; twice these bounds holds for the minimisers of f + lambda g too, and for
        // what lies between, once lambda is at least the ratio of the mean norms, about 1, and at least 1/3.
        ProblemConstants Constants(double x)
        {
            double weight = Math.Exp(x);
            return new ProblemConstants
            {
                LowerStrongConvexity = weight,
                LowerSmoothness = weight + (largest / 4),
                LowerCoupling = 2 * Math.Min(pull, Math.Sqrt(2 * Math.Log(2) * weight)),
                LowerHessianLipschitz = third,
                LowerMixedHessianLipschitz = weight,   // g_xy = e^x w
                UpperSmoothness = upperLargest / 4,
                UpperCoupling = 0,
            };
        }

        return Regularisation.Instance<LogisticLoss>(train, trainLabels, validation, validationLabels, Constants, largest / 4, [
            FormattableString.Invariant($"Generated data: {settings.TrainRows} training and {settings.ValidationRows} validation samples, {settings.Features} features, seed {settings.DataSeed}; labels drawn from a logistic model."),
            FormattableString.Invariant($"Sums of the labels: {trainLabels.Sum()} in training, {validationLabels.Sum()} in validation."),
        ]);
    }

    // +1 with probability s(2 a'w0 / |w0|); every sample draws from a generator of its own.
    private static double[] Labels(Matrix rows, ulong firstSeed)
    {
        double[] weights = Regularisation.TrueWeights(rows.Columns);
        double norm = TensorPrimitives.Norm<double>(weights);
        return [.. Enumerable.Range(0, rows.Rows).Select(i =>
            new SplitMix64(firstSeed + (ulong)i).NextUniform() < LogisticLoss.Logistic(2 * TensorPrimitives.Dot<double>(rows.Row(i), weights) / norm) ? 1.0 : -1.0)];
    }
}
