using System.Globalization;
using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="CleaningSmallTask"/>.</summary>
internal sealed record CleaningSmallSettings
{
    /// <summary>Number of training samples, of which about a third is corrupted.</summary>
    [Setting("Number of training samples, of which about a third is corrupted.", Min = 3, Max = 100_000)]
    public int TrainRows { get; init; } = 60;

    /// <summary>Number of trusted validation samples.</summary>
    [Setting("Number of trusted validation samples.", Min = 3, Max = 100_000)]
    public int ValidationRows { get; init; } = 30;

    /// <summary>Number of test samples.</summary>
    [Setting("Number of test samples.", Min = 3, Max = 100_000)]
    public int TestRows { get; init; } = 300;

    /// <summary>Regularisation c of the lower level, c |W|^2.</summary>
    [Setting("Regularisation c of the lower level, c |W|^2.", Min = 1e-9)]
    public double Regularisation { get; init; } = 0.01;

    /// <summary>Seed of the generated data.</summary>
    [Setting("Seed of the generated data.", Min = 0)]
    public long DataSeed { get; init; } = 123;
}

/// <summary>
/// Data cleaning in miniature: three classes in the plane, every third training triple with wrong labels, one weight
/// s(x_i) per training sample, x in [-5, 5]; f = mean cross-entropy on validation data, g = mean weighted
/// cross-entropy on training data plus c |W|^2.
/// </summary>
internal sealed class CleaningSmallTask : TaskOf<CleaningSmallSettings>
{
    private const int Classes = 3;
    private const double Spread = 0.6, Bound = 5;
    private static readonly double[][] Means = [[2, 0], [-1, 1.7], [-1, -1.7]];

    // Largest change of the softmax Hessian per unit of the scores: the third central moment of a variable on an
    // interval of length r is at most r^3 / (6 sqrt 3), and scores of norm 1 spread over at most sqrt 2.
    private static readonly double SoftmaxThird = Math.Pow(2, 1.5) / (6 * Math.Sqrt(3));

    /// <inheritdoc/>
    public override string Name => "cleaning-small";

    /// <inheritdoc/>
    public override string Summary => "Data cleaning in miniature: one weight per training sample, a third of them mislabelled.";

    /// <summary>Whether a training sample's label was made wrong.</summary>
    public static bool IsCorrupted(int sample) => sample / Classes % Classes == 0;

    /// <inheritdoc/>
    public override TaskInstance Create(CleaningSmallSettings settings, TaskContext context) => Instance(settings);

    /// <summary>The problem of those settings.</summary>
    public static BilevelInstance<DenseVector<double>> Instance(CleaningSmallSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var random = new SplitMix64((ulong)settings.DataSeed);
        var (train, trainLabels) = Draw(random, settings.TrainRows);
        var (validation, validationLabels) = Draw(random, settings.ValidationRows);
        var (test, testLabels) = Draw(random, settings.TestRows);
        for (int i = 0; i < trainLabels.Length; i++) trainLabels[i] = (trainLabels[i] + (IsCorrupted(i) ? 1 : 0)) % Classes;

        double ridge = settings.Regularisation;
        var reference = new SoftmaxReference(train, trainLabels, validation, validationLabels, Classes, ridge);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            // The best local optimum known, from another solver.
            UpperValue = settings == new CleaningSmallSettings() ? 0.0733730424 : null,
            Accuracy = 1e-9,
            LowerSolution = reference.LowerSolution,
            Hyperobjective = reference.Hyperobjective,
            Hypergradient = reference.Hypergradient,
            PenaltyHypergradient = reference.PenaltyHypergradient,
        };
        var lower = new SoftmaxObjective(train, trainLabels, Classes, weighted: true, ridge);
        int size = Classes * train.Columns;
        var constants = new CleaningConstants(train, validation, ridge);
        var problem = new BilevelProblem<DenseVector<double>>(new SoftmaxObjective(validation, validationLabels, Classes, weighted: false, ridge: 0), lower)
        {
            UpperSet = new Box<double>(-Bound, Bound, settings.TrainRows),
            Constants = constants.Worst,
            ConstantsAt = constants.At,
        };
        return new BilevelInstance<DenseVector<double>>(problem, Vectors.Zeros(settings.TrainRows), Vectors.Zeros(size))
        {
            Components = v => v.ToDoubles(),
            Answer = answer,
            FileNames = ["weights.csv"],
            Evaluate = Outcome,
            Tolerance = 1e-4,
            Iterations = 3000,
            Presets =
            [
                new F2ba { Accelerated = true, Tolerance = 5e-5, StepX = 100 },
                new F2ba { Tolerance = 5e-5, StepX = 100 },
                new F2sa { Lambda = 100, InnerSteps = 20, StepX = 50 },
            ],
            Notes =
            [
                FormattableString.Invariant($"Generated data: {settings.TrainRows} training samples, {Enumerable.Range(0, settings.TrainRows).Count(IsCorrupted)} of them with a wrong label, {settings.ValidationRows} trusted validation samples, {settings.TestRows} test samples, seed {settings.DataSeed}."),
            ],
        };

        TaskOutcome Outcome(Solution<DenseVector<double>> solution)
        {
            // Read at the lower level solved again, never at an iterate that has seen the validation data.
            DenseVector<double> w = Solve(lower, solution.X, size), plain = Solve(lower, solution.X.ZerosLike(), size);
            int found = 0, wrong = 0, kept = 0;
            for (int i = 0; i < settings.TrainRows; i++)
            {
                wrong += IsCorrupted(i) ? 1 : 0;
                if (solution.X[i] >= 0) continue;
                found += IsCorrupted(i) ? 1 : 0;
                kept += IsCorrupted(i) ? 0 : 1;
            }

            double accuracy = Accuracy(w, test, testLabels), before = Accuracy(plain, test, testLabels);
            return new TaskOutcome
            {
                Metrics =
                [
                    new("test_accuracy", accuracy, "share of the test samples classified rightly"),
                    new("baseline_test_accuracy", before, "the same with equal weights"),
                    new("corrupted_found", found, "number of corrupted samples with a weight below 0.5"),
                    new("clean_rejected", kept, "number of clean samples with a weight below 0.5"),
                    new("corrupted_found_f1", 2.0 * found / Math.Max(1, found + kept + wrong), "F1 score of a weight below 0.5 as a sign of corruption"),
                ],
                Files = [new("weights.csv", "The weight of every training sample and whether its label was corrupted.", writer => WriteWeights(writer, solution.X))],
                Summary = FormattableString.Invariant($"Test accuracy {accuracy:P2} (equal weights: {before:P2}); {found} of {wrong} corrupted samples found, {kept} clean ones rejected."),
            };
        }
    }

    private static DenseVector<double> Solve(IObjective<DenseVector<double>> lower, DenseVector<double> x, int size) =>
        LowerLevelSolver.Solve(lower, x, Vectors.Zeros(size), new WholeSpace<DenseVector<double>>(), 1e-10).Y;

    private static (Matrix Rows, int[] Labels) Draw(SplitMix64 random, int count)
    {
        var rows = new Matrix(count, 3);
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i % Classes)];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < 2; j++) rows[i, j] = Means[labels[i]][j] + (Spread * random.NextNormal());
            rows[i, 2] = 1;
        }

        return (rows, labels);
    }

    private static double Accuracy(DenseVector<double> w, Matrix rows, int[] labels)
    {
        var scores = new double[Classes];
        int right = 0;
        for (int i = 0; i < rows.Rows; i++)
        {
            Softmax.Scores(w.Span, rows.Row(i), scores);
            if (TensorPrimitives.IndexOfMax<double>(scores) == labels[i]) right++;
        }

        return right / (double)rows.Rows;
    }

    private static void WriteWeights(TextWriter writer, DenseVector<double> x)
    {
        writer.Write("sample,weight,corrupted\n");
        for (int i = 0; i < x.Length; i++)
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{i},{LogisticLoss.Logistic(x[i]):R},{(IsCorrupted(i) ? 1 : 0)}\n"));
    }

    // The softmax Hessian in the scores has norm at most 1/2, its gradient at most sqrt 2; all hold for every W.
    private sealed class CleaningConstants
    {
        private readonly Matrix train;
        private readonly double[] norms;
        private readonly double ridge, upperSmoothness;

        public CleaningConstants(Matrix train, Matrix validation, double ridge)
        {
            (this.train, this.ridge) = (train, ridge);
            norms = [.. Enumerable.Range(0, train.Rows).Select(i => TensorPrimitives.Norm<double>(train.Row(i)))];
            upperSmoothness = SymmetricEigenvalues.Of(validation.SecondMoment())[^1] / 2;
            double[] largest = Repeat(LogisticLoss.Logistic(Bound)), steepest = Repeat(0.25);
            Worst = Of(largest, steepest);
        }

        public ProblemConstants Worst { get; }

        public ProblemConstants At(DenseVector<double> x)
        {
            double[] weights = [.. x.ToDoubles().Select(LogisticLoss.Logistic)];
            return Of(weights, Array.ConvertAll(weights, s => s * (1 - s)));
        }

        private double[] Repeat(double value) => [.. Enumerable.Repeat(value, train.Rows)];

        private ProblemConstants Of(double[] weights, double[] slopes)
        {
            double third = 0, coupling = 0, crossLipschitz = 0;
            for (int i = 0; i < train.Rows; i++)
            {
                double square = norms[i] * norms[i], slope = slopes[i] / train.Rows;
                third += SoftmaxThird * weights[i] / train.Rows * square * norms[i];
                coupling += slope * slope * 2 * square;
                crossLipschitz += slope * slope * square * square / 4;
            }

            return new ProblemConstants
            {
                LowerStrongConvexity = 2 * ridge,
                LowerSmoothness = (2 * ridge) + (SymmetricEigenvalues.Of(train.SecondMoment(weights))[^1] / 2),
                LowerCoupling = Math.Sqrt(coupling),
                LowerHessianLipschitz = third,
                LowerMixedHessianLipschitz = Math.Sqrt(crossLipschitz),
                UpperSmoothness = upperSmoothness,
                UpperCoupling = 0,
            };
        }
    }
}
