using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="RidgeTask"/>.</summary>
internal sealed record RidgeSettings
{
    /// <summary>Number of training samples.</summary>
    [Setting("Number of training samples.", Min = 1, Max = 1_000_000)]
    public int TrainRows { get; init; } = 30;

    /// <summary>Number of validation samples.</summary>
    [Setting("Number of validation samples.", Min = 1, Max = 1_000_000)]
    public int ValidationRows { get; init; } = 60;

    /// <summary>Number of features.</summary>
    [Setting("Number of features.", Min = 1, Max = 200)]
    public int Features { get; init; } = 20;

    /// <summary>Standard deviation of the noise on the targets.</summary>
    [Setting("Standard deviation of the noise on the targets.", Min = 0)]
    public double Noise { get; init; } = 2;

    /// <summary>Seed of the generated data.</summary>
    [Setting("Seed of the generated data.", Min = 0)]
    public long DataSeed { get; init; } = 42;
}

/// <summary>
/// The regularisation weight of ridge regression: f = |X_v w - y_v|^2/(2m), g = |X w - y|^2/(2n) + e^x/2 |w|^2, x in
/// [-8, 4].
/// </summary>
internal sealed class RidgeTask : TaskOf<RidgeSettings>
{
    /// <inheritdoc/>
    public override string Name => "ridge";

    /// <inheritdoc/>
    public override string Summary => "The regularisation weight of ridge regression, on generated data.";

    /// <inheritdoc/>
    public override TaskInstance Create(RidgeSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem of those settings.</summary>
    public static BilevelInstance<DenseVector<double>> Instance(RidgeSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var random = new SplitMix64((ulong)settings.DataSeed);
        Matrix train = random.NextNormals(settings.TrainRows, settings.Features), validation = random.NextNormals(settings.ValidationRows, settings.Features);
        double[] weights = Regularisation.TrueWeights(settings.Features);
        double[] Targets(Matrix rows)
        {
            double[] targets = rows.Times(weights);
            for (int i = 0; i < targets.Length; i++) targets[i] += settings.Noise * random.NextNormal();
            return targets;
        }

        double[] trainTargets = Targets(train), validationTargets = Targets(validation);
        double[] spectrum = SymmetricEigenvalues.Of(train.SecondMoment());
        double smallest = Math.Max(0, spectrum[0] - (1e-12 * spectrum[^1])), largest = spectrum[^1];
        double upperSmoothness = SymmetricEigenvalues.Of(validation.SecondMoment())[^1];
        double pull = TensorPrimitives.Norm<double>(train.TransposeTimes(trainTargets)) / settings.TrainRows;

        // |g_xy| = e^x |w|. The lower solution and the minimisers of f + lambda g have |w| at most |X'y|/n / mu and
        // (|X'y|/n + |X_v'y_v|/m / lambda) / mu; twice the first bounds all of them, and what lies between, once
        // lambda is at least the ratio of the two pulls, which is about 1.
        ProblemConstants Constants(double x)
        {
            double weight = Math.Exp(x), mu = weight + smallest;
            return new ProblemConstants
            {
                LowerStrongConvexity = mu,
                LowerSmoothness = weight + largest,
                LowerCoupling = weight * 2 * pull / mu,
                LowerHessianLipschitz = 0,             // g_yy is constant
                LowerMixedHessianLipschitz = weight,   // g_xy = e^x w
                UpperSmoothness = upperSmoothness,
                UpperCoupling = 0,
            };
        }

        return Regularisation.Instance<SquaredLoss>(train, trainTargets, validation, validationTargets, Constants, largest, [
            FormattableString.Invariant($"Generated data: {settings.TrainRows} training and {settings.ValidationRows} validation samples, {settings.Features} features, noise {settings.Noise:G6}, seed {settings.DataSeed}."),
        ]);
    }
}
