using System.Globalization;

namespace Bilevel.Tasks.Tests.GroupDro;

/// <summary>The task end to end on marked digits: what it gains, what it reports, determinism, what it refuses.</summary>
public class GroupDroTests
{
    private static readonly KeyValuePair<string, string>[] Small =
        [new("train-size", "400"), new("validation-size", "200"), new("test-size", "1000"), new("shrink", "4"), new("classes", "4,9")];

    [Fact]
    public void The_worst_group_gains_on_five_seeds_by_more_than_their_spread()
    {
        var outcomes = Enumerable.Range(0, 5).Select(seed => Solve(Small, (ulong)seed, 3e-2).Outcome).ToArray();
        double[] Of(string metric) => [.. outcomes.Select(o => Metric(o, metric))];
        double[] learned = Of("worst_group_accuracy"), plain = Of("baseline_worst_group_accuracy"), tuned = Of("tuned_baseline_worst_group_accuracy"), robust = Of("robust_worst_group_accuracy");
        string numbers = string.Join("; ", new[] { learned, plain, tuned, robust, Of("tuned_robust_worst_group_accuracy"), Of("validation_only_worst_group_accuracy"), Of("mean_accuracy"), Of("baseline_mean_accuracy"), Of("robust_mean_accuracy") }.Select(a => string.Join(" ", a.Select(v => v.ToString("F3", CultureInfo.InvariantCulture)))));
        Assert.True(learned.Min() > plain.Max() + 0.3, numbers);
        Assert.True(learned.Min() > tuned.Max() + 0.1, numbers);
        Assert.True(learned.Zip(robust, (a, b) => a - b).Min() > 0, numbers);
        Assert.True(learned.Average() - robust.Average() > 2 * Math.Max(Spread(learned), Spread(robust)) / Math.Sqrt(5), numbers);
        Assert.All(outcomes, o => Assert.True(Metric(o, "upper_value") < Metric(o, "tuned_robust_upper_value"), numbers));
    }

    [Fact]
    public void A_learned_ridge_is_as_good_as_the_best_of_a_fine_grid_of_lower_levels_solved_alone()
    {
        KeyValuePair<string, string>[] settings = [.. Small, new("sample-weights", "false")];
        var (outcome, _) = Solve(settings, 3, 1e-3);
        var typed = new GroupDroSettings { TrainSize = 400, ValidationSize = 200, TestSize = 1000, Shrink = 4, Classes = "4,9", SampleWeights = false };
        var data = GroupSource.Load(typed, new TaskContext(Seed: 3), []);
        var fits = new GroupModels(data.Training, 4, new TaskContext());
        var validation = data.Validation.Data.Features<double>();
        double F(double ridge) => GroupScores.Of(fits.Robust(ridge, typed.Tau), data.Validation, validation, 4, 1).WorstLoss([0, 1, 2, 3]);
        double best = Enumerable.Range(0, 41).Min(k => F(1e-3 * Math.Pow(1e4, k / 40.0)));
        Assert.Equal(F(Metric(outcome, "ridge")), Metric(outcome, "upper_value"), 1e-7);
        Assert.InRange(Metric(outcome, "upper_value"), best - 2e-3, best + 2e-3);
    }

    [Fact]
    public void What_is_written_is_a_saddle_of_the_lower_level()
    {
        var (outcome, solution) = Solve(Small, 2, 0.1);
        var instance = Create(Small, 2);
        var model = System.Text.Json.JsonDocument.Parse(Text(outcome, "model.json")).RootElement;
        var w = new DenseVector<double>([.. model.GetProperty("weights").EnumerateArray().Select(e => e.GetDouble())]);
        string[][] groups = [.. Lines(outcome, "groups.csv").Skip(1).Select(l => l[(l.LastIndexOf('"') + 2)..].Split(','))];
        var q = new DenseVector<double>([.. groups.Select(g => double.Parse(g[1], CultureInfo.InvariantCulture))]);
        DenseVector<double> gradient = w.ZerosLike(), rise = q.ZerosLike();
        new PreparedRequest<DenseVector<double>>(instance.Problem.Lower, [[solution.X, w, q]], [new(1, 0, gradient), new(2, 0, rise)]).Evaluate();
        Assert.True(gradient.Norm() < 1e-7);

        // No step along its gradient moves q.
        var moved = q.Copy();
        moved.AddScaled(1, rise);
        instance.Problem.Z2.Project(moved);
        Assert.All(moved.ToDoubles().Zip(q.ToDoubles()), pair => Assert.Equal(pair.Second, pair.First, 1e-7));

        // The mean as trained is that of the groups of the test data, in the shares of the training rows.
        double AsTrained(int column) => groups.Sum(g => double.Parse(g[0], CultureInfo.InvariantCulture) / 400 * double.Parse(g[column], CultureInfo.InvariantCulture));
        Assert.Equal(AsTrained(5), Metric(outcome, "mean_accuracy_as_trained"), 1e-12);
        Assert.Equal(AsTrained(3), Metric(outcome, "baseline_mean_accuracy_as_trained"), 1e-12);
        Assert.True(AsTrained(3) > Metric(outcome, "baseline_mean_accuracy") + 0.1);

        Assert.Equal(401, Lines(outcome, "weights.csv").Length);
        Assert.Equal(2, Lines(outcome, "ridge.csv").Length);
        Assert.Equal(["Groups", "Models", "Training samples", "Learned sample weights"], outcome.Sections.Select(s => s.Title));
    }

    [Fact]
    public void Minibatches_end_certified_on_all_rows()
    {
        // At more than the task's default tolerance of 0.02.
        const double Tolerance = 0.05;
        var instance = Create(Small, 12);
        var lower = new RowCount(instance.Problem.Lower);
        var driver = new Driver { Stop = Stop.Certified(Tolerance, 100) | Stop.Iterations(4_000), CertifyAt = Tolerance };
        var solution = driver.Run(new Sapd { Tolerance = Tolerance, Batch = 16 }, instance.Problem with { Lower = lower }, instance.Start, 12);
        string what = FormattableString.Invariant($"{solution.Status} after {solution.Iterations} steps, {lower.Sampled} minibatches, {lower.Exact} passes; {solution.Certificate}");
        Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, what);
        Assert.True(lower.Sampled > 2 * lower.Exact, what);
        Assert.True(solution.UpperValue < new Driver { Stop = Stop.Iterations(1) }.Run(new Ogda(), instance.Problem, instance.Start).UpperValue, what);
    }

    // How often g is asked on a minibatch and on all rows.
    private sealed class RowCount(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public long Sampled { get; private set; }

        public long Exact { get; private set; }

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            if (request.Sample.IsAll) Exact++;
            else Sampled++;
            inner.Evaluate(request);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void A_run_has_the_same_bits_on_any_number_of_threads(int threads)
    {
        KeyValuePair<string, string>[] settings = [new("train-size", "900"), new("validation-size", "700"), new("test-size", "50")];
        double[] Run(int on) => [.. new Driver { Stop = Stop.Iterations(15), Validate = false }.Run(new Auto { Tolerance = 0.01 }, Create(settings, 7, on).Problem, Create(settings, 7, on).Start).Point.SelectMany(b => b.ToDoubles())];
        Assert.Equal(Run(1), Run(threads));
    }

    [Theory]
    [InlineData("penalty", "features")]
    [InlineData("learn-radius", "true")]
    [InlineData("goal", "mean")]
    [InlineData("mark", "colour")]
    [InlineData("classes", "all")]
    [InlineData("precision", "float32")]
    [InlineData("method", "extragradient")]
    public void Every_variant_runs_and_improves_on_its_start(string setting, string value)
    {
        KeyValuePair<string, string>[] settings = [.. Small.Where(s => s.Key != "train-size" && s.Key != setting), new("train-size", "600"), .. setting == "method" ? [] : new[] { KeyValuePair.Create(setting, value) }];
        var instance = new Tasks.GroupDro().Create(settings, new TaskContext(Seed: 1));
        var outcome = instance.Accept(new Runner(setting == "method" ? new Extragradient { Tolerance = 0.03 } : new Auto { Tolerance = 0.03 }));
        Assert.True(Metric(outcome, "upper_value") < Metric(outcome, "robust_upper_value"), $"{Metric(outcome, "upper_value")} against {Metric(outcome, "robust_upper_value")}");
    }

    // Weights of samples begin at 1/2, which acts as a ridge twice as large; the l2 weight makes up for it.
    [Theory]
    [InlineData("fixed", true)]
    [InlineData("one", false)]
    public void A_run_that_gains_nothing_says_so(string penalty, bool isSaid)
    {
        var (outcome, _) = Solve([.. Small, new("penalty", penalty), new("ridge", "0.1")], 1, 0.05);
        Assert.Equal(isSaid, Metric(outcome, "upper_value") > Metric(outcome, "robust_upper_value"));
        Assert.Equal(isSaid, outcome.Summary.Contains("Nothing is gained", StringComparison.Ordinal));
        Assert.Equal(isSaid, outcome.Summary.Contains("penalty = one", StringComparison.Ordinal));
    }

    // The weights of the classifier have no bounds, so a guess of L that is too small lets the first iteration overflow.
    [Fact]
    public void Proximal_points_begin_again_where_the_first_iteration_overflows()
    {
        var instance = Create([.. Small.Where(s => s.Key != "validation-size")], 11);
        var solution = new Driver { Stop = Stop.OracleCalls(40_000) }.Run(new ProximalPoint { Tolerance = 0.02, Diameter = 80 }, instance.Problem, instance.Start);
        Assert.Equal(SolveStatus.OracleLimit, solution.Status);
        Assert.InRange(solution.Residual, 0, 0.1);
    }

    [Fact]
    public void Marks_go_with_the_class_in_training_alone()
    {
        var data = GroupSource.Load(new GroupDroSettings { TrainSize = 4000, ValidationSize = 2000, Classes = "4,9", Noise = 0 }, new TaskContext(Seed: 5), []);
        int[] training = data.Training.Sizes(4), validation = data.Validation.Sizes(4);
        Assert.Equal(["4, no mark", "4, mark", "9, no mark", "9, mark"], data.GroupNames);
        Assert.Equal(0.05, (training[1] + training[2]) / 4000.0, 0.012);
        Assert.Equal(0.5, (validation[1] + validation[2]) / 2000.0, 0.04);
        var images = data.Training.Data.Source.Images!;
        Assert.All(Enumerable.Range(0, 200), i => Assert.Equal(data.Training.Groups[i] % 2 == 1, images.Image(i)[0] == 255));
        Assert.Empty(data.Training.Data.Source.Places.Intersect(data.Validation.Data.Source.Places));
    }

    [Theory]
    [InlineData("agreement", "1", "no training row is in the group \"4, mark\"")]
    [InlineData("validation-size", "4", "no validation row is in the group")]
    [InlineData("shrink", "3", "cannot be cut into squares of 3")]
    public void Data_that_leave_a_group_empty_or_cannot_be_made_are_refused(string setting, string value, string message) =>
        Assert.Contains(message, Assert.Throws<InputException>(() => Create([.. Small.Where(s => s.Key != setting), new(setting, value)], 1)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("classes", "4", "two or more different digits")]
    [InlineData("classes", "4,x", "is no list of digits")]
    [InlineData("classes", "4,4", "two or more different digits")]
    [InlineData("ridge", "100", "must lie between ridge-min")]
    [InlineData("agreement", "1.5", "agreement")]
    [InlineData("tau", "0", "tau")]
    [InlineData("no-such", "1", "no-such")]
    public void Settings_out_of_range_are_refused(string setting, string value, string message) =>
        Assert.Contains(message, Assert.Throws<SettingException>(() => Create([.. Small.Where(s => s.Key != setting), new(setting, value)], 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_upper_level_without_anything_to_learn_is_refused() =>
        Assert.Contains("Nothing is left", Assert.Throws<SettingException>(() => Create([new("penalty", "fixed"), new("sample-weights", "false")], 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Real_images_gain_as_generated_ones_do()
    {
        if (Environment.GetEnvironmentVariable("BILEVEL_DATA") is not { Length: > 0 } folder) Assert.Skip("BILEVEL_DATA is not set: it names the folder that holds mnist/ with the four files of MNIST.");
        else
        {
            var outcome = Solve([], 0, 2e-2, Path.Combine(folder, "mnist")).Outcome;
            Assert.InRange(Metric(outcome, "worst_group_accuracy"), 0.70, 0.85);
            Assert.InRange(Metric(outcome, "mean_accuracy"), 0.78, 0.88);
            Assert.InRange(Metric(outcome, "baseline_worst_group_accuracy"), 0.1, 0.35);
            Assert.InRange(Metric(outcome, "robust_worst_group_accuracy"), 0.6, 0.74);
            Assert.InRange(Metric(outcome, "validation_only_worst_group_accuracy"), 0.55, 0.72);
        }
    }

    internal static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    internal static string[] Lines(TaskOutcome outcome, string file) => Text(outcome, file).TrimEnd('\n').Split('\n');

    private static string Text(TaskOutcome outcome, string file)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        outcome.Files.Single(f => f.Name == file).Write(writer);
        return writer.ToString();
    }

    private static double Spread(double[] values) => Math.Sqrt(values.Sum(v => Math.Pow(v - values.Average(), 2)) / (values.Length - 1));

    private static MinimaxInstance<DenseVector<double>> Create(KeyValuePair<string, string>[] settings, ulong seed, int threads = 1, string? folder = null) =>
        (MinimaxInstance<DenseVector<double>>)new Tasks.GroupDro().Create(settings, new TaskContext(seed, folder, threads));

    private static (TaskOutcome Outcome, Solution<DenseVector<double>> Solution) Solve(KeyValuePair<string, string>[] settings, ulong seed, double tolerance, string? folder = null)
    {
        var instance = Create(settings, seed, 1, folder);
        var driver = new Driver { Stop = Stop.Certified(tolerance, 100) | Stop.Iterations(instance.Iterations), CertifyAt = tolerance };
        var solution = driver.Run(new Auto { Tolerance = tolerance }, instance.Problem, instance.Start);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        return (instance.Evaluate(solution), solution);
    }

    private sealed class Runner(IMethod method) : ITaskVisitor<TaskOutcome>
    {
        public TaskOutcome Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V> =>
            instance.Evaluate(new Driver { Stop = Stop.Iterations(600) }.Run(method, instance.Problem, instance.Start));
    }
}
