using System.Globalization;

namespace Bilevel.Tasks.Tests;

/// <summary>Tasks solved from code, in one call.</summary>
public sealed class TaskSolveTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_task_is_solved_to_its_known_answer()
    {
        var task = new RidgeTask().Create(new RidgeSettings(), new TaskContext());
        var answer = Assert.IsType<TaskAnswer<DenseVector<double>>>(task.Solve());
        Assert.Equal(SolveStatus.Converged, answer.Status);
        Assert.Equal(Verdict.Certified, answer.Certificate!.Verdict);
        Assert.Equal(answer.Solution.UpperValue, answer.UpperValue);
        Assert.StartsWith("Converged", answer.StatusMessage, StringComparison.Ordinal);
        double known = ((TaskInstance<DenseVector<double>>)task).Answer!.UpperValue!.Value;
        Assert.InRange(answer.UpperValue, known - 1e-9, known + 1e-6);
    }

    [Fact]
    public void A_game_stops_by_its_certificate_and_a_limit_ends_it_sooner()
    {
        var task = new GroupDroSmallTask().Create(new GroupDroSmallSettings(), new TaskContext());
        Assert.Equal(Verdict.Certified, task.Solve().Certificate!.Verdict);
        Assert.Equal(SolveStatus.IterationLimit, task.Solve(limit: Stop.Iterations(3)).Status);
    }

    [Fact]
    public void Methods_follow_the_tolerance_of_the_run_unless_told_otherwise()
    {
        var ridge = new RidgeTask().Create(new RidgeSettings(), new TaskContext());
        Assert.Equal(ridge.Tolerance / 2, ridge.StopsAt(ridge.Tolerance));
        Assert.Equal(ridge.StopsAt(ridge.Tolerance), ((QuasiNewton)ridge.MethodFor("quasi-newton")).Tolerance);
        Assert.Equal(5e-7, ((QuasiNewton)ridge.MethodFor("quasi-newton", tolerance: 1e-6)).Tolerance);
        Assert.Equal(0.25, ((QuasiNewton)ridge.MethodFor("quasi-newton", 1e-6, [KeyValuePair.Create("tolerance", "0.25")])).Tolerance);
        Assert.Throws<SettingException>(() => ridge.MethodFor("quasi-newtown"));

        // A certificate that is cheap ends the run, so the method has all of the tolerance.
        var game = new GroupDroSmallTask().Create(new GroupDroSmallSettings(), new TaskContext());
        Assert.Equal(1e-3, game.StopsAt(1e-3));
        Assert.Equal(Stop.Certified(1e-3).ToString(), game.Done(1e-3).ToString());
        Assert.Equal(Stop.Residual(1e-3).ToString(), game.Done(1e-3, certify: false).ToString());
        Assert.Equal(Stop.Residual(5e-4).ToString(), ridge.Done(1e-3).ToString());
    }

    [Fact]
    public void A_table_is_cleaned_in_one_call()
    {
        string train = Table("train.csv", 200, isNoisy: true), validation = Table("validation.csv", 60, isNoisy: false), file = Path.Combine(folder, "model.json");
        var task = new Tasks.HyperCleaning().Create(new HyperCleaningSettings { Train = train, Validation = validation, Label = "kind" }, new TaskContext());
        var answer = task.Solve();
        var cleaned = Assert.IsType<CleaningOutcome>(answer.Outcome);

        // The rows are those of weights.csv, in its order; every tenth label is wrong, and these twenty come first.
        string[] lines = [.. cleaned.Rows.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Row},{r.Label},{r.LikelyLabel},{r.Weight:R}"))];
        Assert.Equal(Written(cleaned, "weights.csv").Skip(1).Select(line => line[..line.LastIndexOf(',')]), lines);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (10 * i) + 2), cleaned.Rows.Take(20).Select(r => r.Row).Order());
        Assert.All(cleaned.Rows.Take(20), r => Assert.True(r.Weight < 0.5 && r.Label != r.LikelyLabel));
        Assert.Equal(1, cleaned["validation_accuracy"]);
        Assert.Contains("validation_accuracy", Assert.Throws<ArgumentException>(() => cleaned["accuracy"]).Message, StringComparison.Ordinal);

        cleaned.Model!.Save(file);
        var model = SoftmaxModel.Load(file);
        Assert.Equal(cleaned.Model.Weights.ToArray(), model.Weights.ToArray());
        Assert.Equal(string.Join('\n', Written(cleaned, "model.json")), File.ReadAllText(file).TrimEnd('\n'));

        var refused = Assert.Throws<ArgumentException>(() => task.Solve(new Ogda()));
        Assert.Contains("Use quasi-newton", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => task.Solve(tolerance: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => task.Solve(tolerance: double.NaN));
    }

    private static string[] Written(TaskOutcome outcome, string file)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        outcome.Files.Single(f => f.Name == file).Write(writer);
        return writer.ToString().TrimEnd('\n').Split('\n');
    }

    // Two kinds far apart in both columns; of a noisy table the first of every ten labels is wrong.
    private string Table(string name, int rows, bool isNoisy)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllLines(path, Enumerable.Range(0, rows).Select(i =>
        {
            bool isRose = RandomBits.Uniform(1, (ulong)i) < 0.5;
            double At(int column, double centre) => centre + (0.3 * RandomBits.Normal((ulong)column, (ulong)i));
            return string.Create(CultureInfo.InvariantCulture, $"{At(2, isRose ? 2 : 4):F3},{At(3, isRose ? 3 : 1):F3},{(isRose != (isNoisy && i % 10 == 0) ? "rose" : "lily")}");
        }).Prepend("petal,sepal,kind"));
        return path;
    }
}
