using System.Diagnostics;
using Bilevel.Tasks;

namespace Bilevel.Cli.Tests;

public class LimitTests
{
    private static readonly string[] Cleaning = ["run", "hyper-cleaning", "--train-size", "60", "--validation-size", "30", "--method", "f2sa"];

    [Fact]
    public void MuchMemoryIsToldBeforehand()
    {
        Assert.Null(MemoryNeed.Sentence(8e9, 16e9, 1000, "auto"));
        Assert.Equal(
            "quasi-newton will keep about 8.1 GB for 1,000,000 variables besides the data, more than half of the 16 GB of memory that there are. Take a method that keeps fewer copies (f2sa for bilevel problems, ogda for games), use float32 where the task has --precision, leave the certificate out (--no-certificate), or take a machine with more memory.",
            MemoryNeed.Sentence(8.1e9, 16e9, 1_000_000, "quasi-newton"));
        var problem = new BilevelProblem<DenseVector<float>>(new Zero(), new Zero());
        DenseVector<float> x = new(10), y = new(5);
        Assert.Equal(4 * ((22 * 15) + (12 * 15) + (60 * 5)), MemoryNeed.Of(new F2sa(), problem, [x, y], certify: true));
        Assert.Equal(4 * ((22 * 15) + (12 * 15)), MemoryNeed.Of(new F2sa(), problem, [x, y], certify: false));
    }

    [Fact]
    public void OneFileThatFailsDoesNotCostTheOthers()
    {
        using var folder = new Folder();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["other"]).Code);
        Directory.CreateDirectory(folder["again", "x.csv.new"]);
        Directory.CreateDirectory(folder["again", "components.csv.new"]);
        var answer = Tool.Run("run", "toy", "--out", folder["again"]);
        Assert.Equal(2, answer.Code);
        Assert.StartsWith($"bilevel: {folder["again", "x.csv"]} could not be written: ", answer.Error);
        Assert.EndsWith("Not written either: components.csv.\n", answer.Error);
        Assert.StartsWith("toy by f2ba-plus: Converged.", answer.Out);
        foreach (string name in new[] { "y.csv", "run.json", "report.html", "trace.csv" }) Assert.True(File.Exists(folder["again", name]), name);
        Assert.Equal(folder.Read("other", "y.csv"), folder.Read("again", "y.csv"));
        Assert.False(File.Exists(folder["again", "x.csv"]));
    }

    [Fact]
    public void BaselinesAreLeftOutWhereTheyAreAskedToEnd()
    {
        using var source = new CancellationTokenSource();
        var context = new TaskContext { Cancellation = source.Token, Stage = stage => { if (stage == "baselines 2 of 3") source.Cancel(); } };
        var task = TaskCatalog.All.Single(t => t.Name == "hyper-cleaning");
        var instance = (BilevelInstance<DenseVector<double>>)task.Create([new("train-size", "60"), new("validation-size", "30"), new("precision", "float64")], context);
        var solution = new Driver { Stop = Stop.Iterations(2) }.Run(new F2sa(), instance.Problem, instance.Start);
        var answer = new BestPoint<DenseVector<double>>(instance) { Cancellation = source.Token }.Choose(solution, 1e-3, certify: false);
        Assert.Equal(["the model trained on the validation data alone", "the model trained on the correctly labelled part"], answer.Outcome.LeftOut);
        Assert.Contains(answer.Outcome.Metrics, m => m.Name == "baseline_upper_value");
        Assert.DoesNotContain(answer.Outcome.Metrics, m => m.Name is "clean_part_upper_value" or "validation_only_test_accuracy");

        // Asked to end before: nothing is trained, and what the run left is written.
        answer = new BestPoint<DenseVector<double>>(instance) { Cancellation = source.Token }.Choose(solution, 1e-3, certify: false);
        Assert.Equal(5, answer.Outcome.LeftOut.Count);
        Assert.Equal("training the cleaned model again with these weights (it is the one that the run left)", answer.Outcome.LeftOut[0]);
        Assert.Equal("whether the start or a point that the run passed is better", answer.Outcome.LeftOut[^1]);
        Assert.Contains(answer.Outcome.Files, f => f.Name == "weights.csv");
        Assert.Contains(answer.Outcome.Metrics, m => m.Name == "suspicious");
    }

    [Theory]
    [InlineData("group-dro", "train-size")]
    [InlineData("svm-tuning", null)]
    public void OtherTasksLeaveTheirsOutToo(string name, string? size)
    {
        using var source = new CancellationTokenSource();
        var instance = TaskCatalog.All.Single(t => t.Name == name).Create(size is null ? [] : [new(size, "400")], new TaskContext { Cancellation = source.Token });
        source.Cancel();
        Assert.NotEmpty(instance.Accept(new Measured()).LeftOut);
    }

    [Fact]
    public void ATimeLimitEndsBaselinesToo()
    {
        var watch = Stopwatch.StartNew();
        var answer = Tool.RunOwn([.. Cleaning, "--iterations", "1000000", "--tolerance", "1e-12", "--max-seconds", "0.01"]);
        Assert.Equal(0, answer.Code);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
        Assert.Contains("The time limit of 0.01 s was reached", answer.Out);
        Assert.Contains("Note: Left out, because twice the time limit of 0.01 s had passed: ", answer.Out);
    }

    private sealed class Measured : ITaskVisitor<TaskOutcome>
    {
        public TaskOutcome Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V> => instance.Evaluate(new Driver { Stop = Stop.Iterations(1), Validate = false }.Run(instance.Presets[0], instance.Problem, instance.Start));
    }

    private sealed class Zero : IObjective<DenseVector<float>>
    {
        public void Evaluate(in Request<DenseVector<float>> request)
        {
        }
    }
}
