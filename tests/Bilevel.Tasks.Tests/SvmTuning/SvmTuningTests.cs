using System.Globalization;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests.SvmTuning;

/// <summary>The task svm-tuning: its oracles, its solver against an interior-point method, its answers, and what it refuses.</summary>
public sealed class SvmTuningTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-svm-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(1, 1.0)]
    [InlineData(2, 0.3)]
    [InlineData(3, 10.0)]
    public void The_solver_agrees_with_an_interior_point_method(ulong seed, double limit)
    {
        var data = Data(seed);
        int n = data.Training.Signs.Length;
        foreach (double largest in new[] { 0.01, 1, 10 })
        {
            double[] costs = [.. Enumerable.Range(0, n).Select(i => i % 5 == 0 ? 0 : largest * RandomBits.Uniform(seed, (ulong)i))];
            var answer = new SvmSolver(data.Training, limit).Solve(costs);
            var reference = Program(data.Training, costs, limit).Solve();
            Assert.True(reference.Succeeded(1e-6), FormattableString.Invariant($"{reference.Gap}, {reference.Violation}"));
            Assert.True(answer.IsWithin(1e-6), FormattableString.Invariant($"gap {answer.Gap}"));
            Assert.InRange(answer.Value, reference.Bound - (1e-6 * (1 + reference.Value)), reference.Value + (1e-6 * (1 + reference.Value)));
            Assert.InRange(answer.Bound, reference.Bound - (1e-6 * (1 + reference.Value)), reference.Value + (1e-6 * (1 + reference.Value)));
            Assert.All(answer.Multipliers, (a, i) => Assert.InRange(a, 0, costs[i]));
            Assert.All(answer.Classifier, w => Assert.InRange(w, -limit, limit));
        }
    }

    [Fact]
    public void A_machine_of_two_samples_in_closed_form()
    {
        // Samples at 1 and -1: w = min(1, 2 C) by symmetry, where the slacks are 1 - w and the value w^2/2 + 2 C (1 - w).
        var table = new LabelledData(new DenseTable(new double[] { 1, -1 }, 2, 1), [1, 0], ["-1", "1"], "two samples");
        foreach (double cost in new[] { 0.1, 0.25, 0.4, 2 })
        {
            var answer = new SvmSolver(new SvmPart(table, [0, 1]), 1).Train(cost);
            double w = Math.Min(1, 2 * cost);
            Assert.Equal(w, answer.Classifier[0], 1e-3);
            Assert.Equal((w * w / 2) + (2 * cost * (1 - w)), answer.Value, 1e-6);
        }
    }

    [Theory]
    [InlineData(SvmCosts.Sample)]
    [InlineData(SvmCosts.Class)]
    [InlineData(SvmCosts.One)]
    public void The_oracles_match_their_values_and_their_fused_form(SvmCosts costs)
    {
        var problem = Create(new SvmTuningSettings { Costs = costs }).Problem;
        var start = Create(new SvmTuningSettings { Costs = costs }).Start;
        DenseVector<double>[] point = [.. start.Select((b, i) => Random(b.Length, (ulong)i, 0.1, 1))];
        Assert.All(GradientCheck.Compare(problem.Lower, [point[X1], point[Z1], point[Z2]]), c => Assert.True(c.Agrees(1e-4), c.ToString()));
        Assert.All(GradientCheck.Compare(problem.Upper, [point[X1], point[X2], point[Y1], point[Y2]]), c => Assert.True(c.Agrees(1e-4), c.ToString()));

        // Two points crosswise in one request, a combined gradient and values, against one at a time.
        DenseVector<double>[][] points = [[point[X1], point[Y1], point[Z2]], [point[X1], point[Z1], point[Y2]]];
        for (int block = 0; block < LowerCount; block++)
        {
            var (combined, first, second) = (points[0][block].ZerosLike(), points[0][block].ZerosLike(), points[0][block].ZerosLike());
            var both = new PreparedRequest<DenseVector<double>>(problem.Lower, points, [new(block, Output.Combined, combined), new(block, 0, first), new(block, 1, second)], [2, -3], values: true);
            both.Evaluate();
            for (int p = 0; p < 2; p++)
            {
                var alone = points[0][block].ZerosLike();
                var single = new PreparedRequest<DenseVector<double>>(problem.Lower, [points[p]], [new(block, 0, alone)], values: true);
                single.Evaluate();
                Assert.Equal(alone.ToDoubles(), (p == 0 ? first : second).ToDoubles());
                Assert.Equal(single.Values[0], both.Values[p]);
            }

            first.Scale(2);
            first.AddScaled(-3, second);
            Assert.Equal(first.ToDoubles(), combined.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-10);
        }
    }

    [Fact]
    public void The_start_is_the_lower_saddle_of_the_best_common_cost()
    {
        var instance = Create(new());
        double[] z = instance.Start[Y1].ToDoubles();
        var training = Data(0).Training;
        var first = new SvmSolver(training, 1).Measure(z[..5], instance.Start[Y2].ToDoubles(), instance.Start[X1].Span);
        Assert.InRange(first.Gap, 0, 1e-6 * (1 + first.Value));
        Assert.Equal(new SvmSolver(training, 1).Slacks(z[..5]), z[5..]);
        var certificate = new Driver { Stop = Stop.Iterations(1), CertifyAt = 0.1 }.Run(new Ogda { Schedule = new PenaltySchedule { SaddleSteps = 0 } }, instance.Problem, instance.Start).Certificate!;
        Assert.InRange(certificate["violation"], 0, 1e-2);
        var outcome = Solve(new() { Costs = SvmCosts.One }, out _);
        Assert.Equal(Metric(outcome, "grid_cost"), instance.Start[X1][0]);
    }

    [Theory]
    [InlineData(SvmCosts.Sample)]
    [InlineData(SvmCosts.Class)]
    [InlineData(SvmCosts.One)]
    public void The_default_run_is_certified_and_its_numbers_hold_up(SvmCosts costs)
    {
        var settings = new SvmTuningSettings { Costs = costs };
        var outcome = Solve(settings, out var solution);
        Assert.Equal((SolveStatus.Converged, Verdict.Certified), (solution.Status, solution.Certificate!.Verdict));
        Assert.Equal(costs switch { SvmCosts.Sample => 30, SvmCosts.Class => 2, _ => 1 }, solution.X.Length);
        Assert.All(solution.X.ToDoubles(), c => Assert.InRange(c, 0, 10));

        // The method's own machine is feasible and near the best lower value.
        Assert.InRange(Metric(outcome, "infeasibility"), 0, 1e-3);
        Assert.InRange(Metric(outcome, "lower_gap"), -0.01, 0.01);
        Assert.InRange(Metric(outcome, "resolve_gap"), 0, 1e-4);
        Assert.InRange(Metric(outcome, "classifier_distance"), 0, 0.05);

        // Retrained by another solver: the same lower value, and a loss no worse than the common costs'.
        var data = Data(0);
        int[] groups = costs switch { SvmCosts.Sample => [.. Enumerable.Range(0, 30)], SvmCosts.Class => [.. data.Training.Signs.Select(s => s < 0 ? 0 : 1)], _ => new int[30] };
        double[] bySample = [.. groups.Select(g => solution.X[g])];
        var reference = Program(data.Training, bySample, 1).Solve();
        double[] z = solution.Y.ToDoubles();
        double own = z[..4].Sum(w => w * w / 2) + bySample.Select((c, i) => c * z[5 + i]).Sum();
        Assert.Equal(reference.Value, own - Metric(outcome, "lower_gap"), 1e-4);
        Assert.True(Metric(outcome, "upper_value") <= Metric(outcome, "grid_upper_value") + 1e-3);
        Assert.True(Metric(outcome, "grid_upper_value") <= Metric(outcome, "baseline_upper_value"));
        Assert.Equal(Metric(outcome, "upper_value"), new SquaredHingeLoss(data.Validation.Features, data.Validation.Signs).Of(reference.Point), 0.01);
        if (costs == SvmCosts.Sample) Assert.True(Metric(outcome, "turned_mean_cost") < Metric(outcome, "correct_mean_cost"));
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        var instance = Create(new());
        var run = new Ogda { Tolerance = 0.1 }.Start(instance.Problem, instance.Start, 0);
        for (int i = 0; i < 2_000; i++) run.Step();
        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 500; i++) run.Step(); }));
    }

    [Fact]
    public void A_file_of_your_own_is_split_and_its_machine_predicts()
    {
        string path = LibSvm("own.txt", 80, classes: 2);
        var settings = new SvmTuningSettings { Train = path, ValidationSize = 25, TestSize = 15, WeightLimit = 5 };
        var instance = Create(settings);
        Assert.Contains(instance.Notes, n => n.Contains("40 training, 25 validation and 15 test samples of 3 features; no sample has two roles.", StringComparison.Ordinal));
        var outcome = Solve(settings, out var solution);
        Assert.True(Metric(outcome, "test_accuracy") > 0.8, outcome.Summary);
        string[] lines = Text(outcome, "costs.csv").TrimEnd('\n').Split('\n');
        Assert.Equal((41, "row,label,cost,slack"), (lines.Length, lines[0]));
        Assert.Equal(solution.X.ToDoubles(), lines[1..].Select(l => double.Parse(l.Split(',')[2], CultureInfo.InvariantCulture)));

        string model = Path.Combine(folder, "model.json");
        File.WriteAllText(model, Text(outcome, "model.json"));
        var loaded = SoftmaxModel.Load(model);
        var all = DataFile.ReadLike(path, loaded.Encoding, loaded.ClassNames);
        double right = loaded.Predict(all.Table).Zip(all.Labels, (p, label) => p.Class == label ? 1.0 : 0).Average();
        Assert.True(right > 0.8);

        // At most a thousand are taken unless more are asked for.
        string large = LibSvm("large.txt", 2200, classes: 2);
        Assert.Contains("100 further rows of the training file are not used; raise train-size to use them.", Notes(new() { Train = large }));
        Assert.Contains(Notes(new() { Train = large, TrainSize = 1100 }), n => n.Contains("1,100 training, 550 validation and 550 test samples", StringComparison.Ordinal));

        // Files for the other roles are used whole, and nothing is held out of the training file.
        string validation = LibSvm("validation.txt", 30, classes: 2, seed: 2), test = LibSvm("test.txt", 20, classes: 2, seed: 3);
        Assert.Contains(Create(new() { Train = path, Validation = validation, Test = test }).Notes, n => n.Contains("80 training, 30 validation and 20 test samples", StringComparison.Ordinal));
    }

    [Fact]
    public void What_cannot_be_tuned_is_refused_in_words()
    {
        string three = LibSvm("three.txt", 60, classes: 3), two = LibSvm("two.txt", 60, classes: 2);
        Assert.Matches("three.txt: has '0', '1', '2' as classes, and a support vector machine tells two apart. Keep the rows of two classes, or name another label column.$", Refusal(new() { Train = three }));
        Assert.EndsWith("60 training, 15 validation and 15 test samples are asked for, but there are 60. Lower train-size, validation-size or test-size.", Refusal(new() { Train = two, TrainSize = 60 }), StringComparison.Ordinal);
        Assert.Equal("A validation or test file needs a training file. Give --train FILE as well, or leave --validation and --test out.", Refusal(new() { Test = two }));
        Assert.Equal("The task svm-tuning reads files, not a folder. Give --train FILE in place of --data DIR.", Assert.Throws<InputException>(() => new Tasks.SvmTuning().Create(new SvmTuningSettings(), new TaskContext(DataFolder: folder))).Message);
        Assert.Equal("The setting 'start-cost' is 20, above cost-limit = 10. Lower it, or raise cost-limit.", Assert.Throws<SettingException>(() => Create(new() { StartCost = 20 })).Message);
        File.WriteAllText(Path.Combine(folder, "same.txt"), string.Concat(Enumerable.Repeat("1 1:2\n", 30)) + "2 1:3\n");
        Assert.EndsWith("same.txt: no row can be held out to validate by, since equal rows are not divided. Give a validation file (--validation FILE).", Refusal(new() { Train = Path.Combine(folder, "same.txt"), TrainSize = 2 }), StringComparison.Ordinal);

        // Validation rows of one class, whichever, and a class of a single row that cannot be held out.
        foreach (string label in new[] { "0", "1" })
        {
            string check = Path.Combine(folder, "check.txt");
            File.WriteAllLines(check, File.ReadLines(two).Where(l => l.StartsWith(label, StringComparison.Ordinal)));
            Assert.EndsWith($"validation rows have the label '{label}', so the costs would be tuned for one class alone. Add rows of the other class, or raise validation-size where it leaves them out.", Refusal(new() { Train = two, Validation = check }), StringComparison.Ordinal);
        }

        File.WriteAllLines(Path.Combine(folder, "single.txt"), [.. File.ReadLines(two).Where(l => l.StartsWith('0')), "1 1:0.5"]);
        Assert.EndsWith("have the label '0', so the costs would be tuned for one class alone. Give a validation file with rows of both classes (--validation FILE).", Refusal(new() { Train = Path.Combine(folder, "single.txt") }), StringComparison.Ordinal);

        string Refusal(SvmTuningSettings settings) => Assert.Throws<InputException>(() => Create(settings)).Message;
    }

    [Fact]
    public void The_generated_samples_are_the_same_every_time()
    {
        var (a, b, other) = (Data(0), Data(0), Data(1));
        Assert.Equal(a.Training.Features.Values.Values.ToArray(), b.Training.Features.Values.Values.ToArray());
        Assert.NotEqual(a.Training.Features.Values.Values.ToArray(), other.Training.Features.Values.Values.ToArray());
        Assert.Empty(a.Training.Rows.Intersect(a.Validation.Rows).Concat(a.Validation.Rows.Intersect(a.Test.Rows)).Concat(a.Training.Rows.Intersect(a.Test.Rows)));
        Assert.Equal((30, 15, 15), (a.Training.Rows.Length, a.Validation.Rows.Length, a.Test.Rows.Length));

        // Turned labels are those of the training samples alone.
        Assert.All(a.Training.Rows, (row, i) => Assert.Equal(a.Turned![i], a.Training.Signs[i] < 0 != (a.Training.Source.Labels[row] == 0)));
        Assert.All(a.Validation.Rows, (row, i) => Assert.Equal(a.Validation.Source.Labels[row] == 0, a.Validation.Signs[i] < 0));
        Assert.InRange(a.Turned!.Count(t => t), 1, 12);
    }

    [Theory]
    [InlineData("ijcnn1.val.gz", 0, 0.88)]
    [InlineData("a9a.gz", 1, 0.79)]      // of 100 rows by 100: 0.766, 0.832, 0.784, 0.812 with the seeds 0 to 3
    public void Real_data(string file, ulong seed, double accuracy)
    {
        var settings = new SvmTuningSettings { Train = Path.Combine(RealData(), file), TrainSize = 100, ValidationSize = 100, TestSize = 1000 };
        var instance = Create(settings, seed);
        var solution = new Driver { Stop = Stop.Certified(0.01, 100) | Stop.Iterations(20_000) }.Run(instance.Presets[0], instance.Problem, instance.Start);
        var outcome = instance.Evaluate(solution);
        Assert.True(Metric(outcome, "upper_value") <= Metric(outcome, "grid_upper_value") + 1e-3, FormattableString.Invariant($"{Metric(outcome, "upper_value")} above {Metric(outcome, "grid_upper_value")}"));
        Assert.InRange(Metric(outcome, "infeasibility"), 0, 0.05);
        Assert.True(Metric(outcome, "test_accuracy") >= accuracy, FormattableString.Invariant($"test accuracy {Metric(outcome, "test_accuracy")}"));
    }

    [Fact]
    public void Real_data_of_many_classes_is_refused() =>
        Assert.Contains("and a support vector machine tells two apart", Assert.Throws<InputException>(() => Create(new() { Train = Path.Combine(RealData(), "pendigits.gz") })).Message, StringComparison.Ordinal);

    private static string RealData()
    {
        string? data = Environment.GetEnvironmentVariable("BILEVEL_DATA");
        if (string.IsNullOrEmpty(data)) Assert.Skip("BILEVEL_DATA is not set: point it to a folder with libsvm/ inside to test with the real files.");
        return Path.Combine(data!, "libsvm");
    }

    private static SvmData Data(ulong seed) => SvmData.Load(new SvmTuningSettings(), new TaskContext(seed), []);

    private static List<string> Notes(SvmTuningSettings settings)
    {
        var notes = new List<string>();
        SvmData.Load(settings, new TaskContext(), notes);
        return notes;
    }

    private static MinimaxInstance<DenseVector<double>> Create(SvmTuningSettings settings, ulong seed = 0) => (MinimaxInstance<DenseVector<double>>)new Tasks.SvmTuning().Create(settings, new TaskContext(seed));

    private static TaskOutcome Solve(SvmTuningSettings settings, out Solution<DenseVector<double>> solution)
    {
        var instance = Create(settings);
        solution = new Driver { Stop = Stop.Certified(instance.Tolerance, 100) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance }.Run(instance.Presets[0], instance.Problem, instance.Start);
        return instance.Evaluate(solution);
    }

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    private static string Text(TaskOutcome outcome, string file)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        outcome.Files.Single(f => f.Name == file).Write(writer);
        return writer.ToString();
    }

    private static DenseVector<double> Random(int length, ulong key, double low, double high) =>
        new([.. Enumerable.Range(0, length).Select(i => low + ((high - low) * RandomBits.Uniform(100 + key, (ulong)i)))]);

    // The lower level with its constraints as equalities: s_i (w'a_i + b) + xi_i - room_i = 1, all variables bounded.
    private static BoundedProgram Program(SvmPart part, double[] costs, double limit)
    {
        int n = part.Signs.Length, d = part.Features.FeatureCount;
        const double Slack = 200, Room = 400;
        var rows = new Matrix(n, d + (2 * n));
        for (int i = 0; i < n; i++)
        {
            foreach (var (j, value) in part.Features.Row(i)) rows[i, j] = part.Signs[i] * value;
            (rows[i, d + i], rows[i, d + n + i]) = (1, -1);
        }

        double[] Parts(double ofWeights, double ofSlacks, double ofRoom) => [.. Enumerable.Repeat(ofWeights, d), .. Enumerable.Repeat(ofSlacks, n), .. Enumerable.Repeat(ofRoom, n)];
        double[] curvature = Parts(1, 0, 0);
        curvature[d - 1] = 0;
        return new BoundedProgram(rows, [.. Enumerable.Repeat(1.0, n)], [.. new double[d], .. costs, .. new double[n]], Parts(-limit, 0, 0), Parts(limit, Slack, Room), curvature);
    }

    // Two or three clouds in three features.
    private string LibSvm(string name, int count, int classes, ulong seed = 1)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllLines(path, Enumerable.Range(0, count).Select(i =>
        {
            double N(int j) => RandomBits.Normal(seed, (ulong)((4 * i) + j));
            return string.Create(CultureInfo.InvariantCulture, $"{i % classes} 1:{(2.0 * (i % classes)) + (0.6 * N(0)):F4} 2:{N(1):F4} 3:{N(2):F4}");
        }));
        return path;
    }
}
