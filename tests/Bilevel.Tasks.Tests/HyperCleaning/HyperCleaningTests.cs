using System.Globalization;

namespace Bilevel.Tasks.Tests.HyperCleaning;

/// <summary>The task end to end: roles, corruption, what it reports, determinism.</summary>
public class HyperCleaningTests
{
    private static readonly KeyValuePair<string, string>[] Small =
        [new("train-size", "300"), new("validation-size", "200"), new("test-size", "400"), new("ridge", "0.01")];

    [Fact]
    public void The_roles_are_kept_apart()
    {
        var data = Split(300, 200, seed: 3);
        Assert.Equal(500, data.Training.Rows.Concat(data.Validation.Rows).Distinct().Count());
        Assert.NotSame(data.Training.Source, data.Test!.Source);
    }

    [Theory]
    [InlineData(CorruptionKind.Uniform, 0.45)]
    [InlineData(CorruptionKind.Different, 0.5)]
    public void A_sample_counts_as_corrupted_when_its_label_is_wrong(CorruptionKind kind, double share)
    {
        double mean = Enumerable.Range(0, 8).Average(seed => Split(5000, 10, (ulong)seed, 0.5, kind).Corrupted!.Count(c => c) / 5000.0);
        Assert.Equal(share, mean, 0.008);   // eight seeds: standard deviation 0.0025
    }

    [Fact]
    public void Without_corruption_every_label_is_the_true_one()
    {
        var data = Split(300, 200, seed: 1, corruption: 0);
        Assert.Equal(data.True, data.Observed);
    }

    [Fact]
    public void Too_few_images_are_refused_with_the_setting_to_lower()
    {
        var error = Assert.Throws<InputException>(() => CleaningData.Split(Digits(100, 0), null, Digits(10, 1), (90, 20, 0), 0.5, CorruptionKind.Uniform, labelsAreTrue: true, 0));
        Assert.Contains("Lower train-size or validation-size", error.Message);
    }

    [Fact]
    public void A_class_that_is_missing_from_training_is_named()
    {
        var error = Assert.Throws<InputException>(() => CleaningData.Split(Digits(200, 0), null, null, (12, 20, 0), 0, CorruptionKind.Uniform, labelsAreTrue: true, 0));
        Assert.Contains("no training sample has the label", error.Message);
        Assert.Contains("Raise train-size", error.Message);
    }

    [Fact]
    public void The_declared_gradients_are_right_in_both_precisions()
    {
        foreach (string precision in new[] { "float64", "float32" })
        {
            var instance = new Tasks.HyperCleaning().Create([.. Small, new("precision", precision)], new TaskContext(Seed: 1));
            Assert.Equal(0, instance.Accept(new WrongGradients()));
        }
    }

    [Fact]
    public void Cleaning_pays_on_generated_digits_with_default_settings_of_the_method()
    {
        var outcome = Solve([new("train-size", "1000"), new("validation-size", "1000"), new("test-size", "2000")], seed: 0, iterations: 400).Outcome;
        double accuracy = Metric(outcome, "test_accuracy"), baseline = Metric(outcome, "baseline_test_accuracy");
        Assert.True(accuracy > baseline + 0.03, $"{accuracy} against {baseline}");
        Assert.True(Metric(outcome, "corrupted_found_f1") > 0.8);
        Assert.True(Metric(outcome, "upper_value") < Metric(outcome, "baseline_upper_value"));
    }

    [Fact]
    public void The_upper_value_is_read_at_the_lower_level_solved_again()
    {
        var (outcome, x) = Solve(Small, seed: 2, iterations: 50);

        // By the task's own objectives, with another solver of the lower level.
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(Small, new TaskContext(Seed: 2));
        var w = instance.Y.Copy();
        var gradient = w.ZerosLike();
        var lower = new PreparedRequest<DenseVector<double>>(instance.Problem.Lower, [[x, w]], [new(1, 0, gradient)]);
        double step = 1 / instance.Problem.ConstantsAt!(x).LowerSmoothness!.Value;
        var ahead = w.Copy();
        for (int k = 0; k < 20_000; k++)
        {
            var before = ahead.Copy();
            lower.Evaluate();
            ahead.CopyFrom(w);
            ahead.AddScaled(-step, gradient);
            w.CopyFrom(ahead);
            w.AddScaled(0.95, ahead);
            w.AddScaled(-0.95, before);
            if (gradient.Norm() < 1e-9) break;
        }

        var value = new PreparedRequest<DenseVector<double>>(instance.Problem.Upper, [[x, ahead]], [], values: true);
        value.Evaluate();
        Assert.Equal(value.Values[0], Metric(outcome, "upper_value"), 1e-6);
    }

    [Fact]
    public void Weights_and_split_are_written_for_every_sample()
    {
        var (outcome, x) = Solve(Small, seed: 4, iterations: 30);
        string[] weights = Lines(outcome, "weights.csv"), split = Lines(outcome, "split.csv");
        Assert.Equal("row,label,likely_label,weight,x,true_label", weights[0]);
        Assert.Equal(301, weights.Length);
        Assert.Equal("index,role,label", split[0]);
        Assert.Equal(501, split.Length);
        Assert.Equal(300, split.Count(l => l.Contains(",train,", StringComparison.Ordinal)));
        double[] ordered = [.. weights.Skip(1).Select(l => double.Parse(l.Split(',')[4], CultureInfo.InvariantCulture))];
        Assert.Equal(x.ToDoubles().Order(), ordered);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void A_run_has_the_same_bits_on_any_number_of_threads(int threads)
    {
        KeyValuePair<string, string>[] settings = [new("train-size", "1500"), new("validation-size", "1200"), new("test-size", "100")];
        Assert.Equal(Run(settings, 7, 12, threads: 1).ToDoubles(), Run(settings, 7, 12, threads).ToDoubles());
    }

    [Fact]
    public void Real_images_come_out_as_the_reference_says_in_the_median_of_five_seeds()
    {
        if (Environment.GetEnvironmentVariable("BILEVEL_DATA") is not { Length: > 0 } folder) Assert.Skip("BILEVEL_DATA is not set: it names the folder that holds mnist/ with the four files of MNIST.");
        else
        {
            var outcomes = Enumerable.Range(0, 5).Select(seed => Solve([], (ulong)seed, iterations: null, Path.Combine(folder, "mnist"), threads: Environment.ProcessorCount).Outcome).ToArray();
            double Median(string metric) => outcomes.Select(o => Metric(o, metric)).Order().ElementAt(2);
            Assert.InRange(Median("upper_value"), 0.30, 0.345);
            Assert.InRange(Median("test_accuracy"), 0.90, 0.95);
            Assert.InRange(Median("corrupted_found_f1"), 0.88, 1);
        }
    }

    [Fact]
    public void The_answer_on_real_images_is_certified()
    {
        if (Environment.GetEnvironmentVariable("BILEVEL_DATA") is not { Length: > 0 } folder) Assert.Skip("BILEVEL_DATA is not set: it names the folder that holds mnist/ with the four files of MNIST.");
        else AssertCertified([], seed: 0, Path.Combine(folder, "mnist"));
    }

    [Fact]
    public void The_answer_on_generated_digits_is_certified() => AssertCertified([new("train-size", "1000"), new("validation-size", "1000"), new("test-size", "100")], seed: 3, folder: null);

    [Fact]
    public void An_answer_in_single_precision_is_certified_in_double_precision()
    {
        KeyValuePair<string, string>[] settings = [new("train-size", "1000"), new("validation-size", "1000"), new("test-size", "100"), new("precision", "float32")];
        var instance = (BilevelInstance<DenseVector<float>>)new Tasks.HyperCleaning().Create(settings, new TaskContext(3, null, Environment.ProcessorCount));
        Certificate Certified(ICertifier? certifier) => new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance, Certifier = certifier }.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, 3).Certificate!;
        var (wide, narrow) = (Certified(instance.Certifier), Certified(null));
        Assert.True(wide.Verdict == Verdict.Certified, wide.Summary);
        Assert.True(wide["hypergradient_error"] < instance.Tolerance / 4, wide.Summary);

        // Rounding in single precision leaves nothing to say.
        Assert.Equal(Verdict.NotCertified, narrow.Verdict);
    }

    private static void AssertCertified(KeyValuePair<string, string>[] settings, ulong seed, string? folder)
    {
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(settings, new TaskContext(seed, folder, Environment.ProcessorCount));
        var driver = new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance };
        var certificate = driver.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, seed).Certificate!;
        Assert.True(certificate.Verdict == Verdict.Certified, certificate.Summary);

        // The proof is worth something: its error is well below the tolerance.
        Assert.True(certificate["hypergradient_error"] < instance.Tolerance / 4, certificate.Summary);
    }

    private static CleaningData Split(int train, int validation, ulong seed, double corruption = 0.5, CorruptionKind kind = CorruptionKind.Uniform) =>
        CleaningData.Split(Digits(train + validation, 1), null, Digits(50, 2), (train, validation, 0), corruption, kind, labelsAreTrue: true, seed);

    private static LabelledData Digits(int count, ulong seed) => LabelledData.FromImages(SyntheticDigits.Generate(count, seed), "digits");

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    private static string[] Lines(TaskOutcome outcome, string file)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        outcome.Files.Single(f => f.Name == file).Write(writer);
        return writer.ToString().TrimEnd('\n').Split('\n');
    }

    private static DenseVector<double> Run(KeyValuePair<string, string>[] settings, ulong seed, long iterations, int threads)
    {
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(settings, new TaskContext(seed, null, threads));
        return new Driver { Stop = Stop.Iterations(iterations), Validate = false }.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, seed).X;
    }

    private static (TaskOutcome Outcome, DenseVector<double> X) Solve(KeyValuePair<string, string>[] settings, ulong seed, long? iterations, string? folder = null, int threads = 1)
    {
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(settings, new TaskContext(seed, folder, threads));
        var driver = new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(iterations ?? instance.Iterations) };
        var solution = driver.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, seed);
        return (instance.Evaluate(solution), solution.X);
    }

    private sealed class WrongGradients : ITaskVisitor<int>
    {
        public int Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V>
        {
            var (x, y) = (instance.Start[0].Copy(), instance.Start[1].Copy());
            ((IFillable)x).Fill(i => Math.Sin(i));
            ((IFillable)y).Fill(i => 0.05 * Math.Cos(3 * i));
            return GradientCheck.Compare(instance.Problem.Upper, [x, y]).Concat(GradientCheck.Compare(instance.Problem.Lower, [x, y])).Count(c => !c.Agrees(1e-3));
        }
    }
}
