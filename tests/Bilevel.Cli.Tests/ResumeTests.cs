using System.Text.Json;

namespace Bilevel.Cli.Tests;

public class ResumeTests
{
    private static readonly string[] Slow = ["run", "slow", "--seed", "5", "--checkpoint-seconds", "0.02"];

    [Fact]
    public void AResumedRunGivesTheNumbersOfAnUninterruptedOne()
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["whole"]);
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["parts"], "--iterations", "9").Code);
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["parts"], "--resume").Code);
        AssertSame(folder);
    }

    [Fact]
    public void ResumeOfAFinishedRunChangesNothing()
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["whole"]);
        Tool.Run("run", "toy", "--out", folder["parts"]);
        Tool.Run("run", "toy", "--out", folder["parts"], "--resume");
        AssertSame(folder);
    }

    [Theory]
    [InlineData("size of toy was '3' and is '4'", "toy", "--size", "4")]
    [InlineData("seed was '0' and is '1'", "toy", "--seed", "1")]
    [InlineData("size of toy was '3' and is '4'; seed was '0' and is '1'", "toy", "--size", "4", "--seed", "1")]
    [InlineData("task was 'toy' and is 'plain'", "plain")]
    [InlineData("method was 'f2ba-plus' and is 'f2sa'", "toy", "--method", "f2sa")]
    [InlineData("lambda of f2ba-plus was 'auto' and is '50'", "toy", "--method", "f2ba-plus", "--lambda", "50")]
    public void ResumeOfAnotherRunIsRefusedByWhatDiffers(string difference, params string[] other)
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["out"]);
        string before = folder.Read("out", "run.json");
        var answer = Tool.Run(["run", .. other, "--out", folder["out"], "--resume"]);
        Assert.Equal((2, $"bilevel: The checkpoint is of another run: {difference}. Resume with what it was begun with, or begin anew elsewhere.\n"), (answer.Code, answer.Error));
        Assert.Equal(before, folder.Read("out", "run.json"));
    }

    [Theory]
    [InlineData("reordered")]
    [InlineData("corrected")]
    [InlineData("longer")]
    public void ResumeWithOtherDataIsRefused(string change)
    {
        using var folder = new Folder();
        List<string> rows = [.. Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{i % 7},{(i % 2) - (0.01 * i)},{(i % 2 == 0 ? "no" : "yes")}"))], checkedRows = [.. rows.Take(20)];
        void Write(string name, IEnumerable<string> lines) => File.WriteAllLines(folder[name], lines.Prepend("b,a,label"));
        Write("train.csv", rows);
        Write("checked.csv", checkedRows);
        string[] Run(string train) => ["run", "hyper-cleaning", "--train", folder[train], "--validation", folder["checked.csv"], "--iterations", "3", "--no-certificate", "--out", folder["out"]];
        Assert.Equal(0, Tool.RunOwn(Run("train.csv")).Code);
        string before = folder.Read("out", "weights.csv");

        // The same rows elsewhere are the same data.
        Write("moved.csv", rows);
        var moved = Tool.RunOwn([.. Run("moved.csv"), "--resume"]);
        Assert.Equal((0, before), (moved.Code, folder.Read("out", "weights.csv")));

        Write("train.csv", change switch
        {
            "reordered" => rows.AsEnumerable().Reverse(),
            "corrected" => rows.Select((r, i) => i == 5 ? r.Replace("yes", "no", StringComparison.Ordinal) : r),
            _ => rows.Append("1,1,yes"),
        });
        var answer = Tool.RunOwn([.. Run("train.csv"), "--resume"]);
        Assert.Equal(2, answer.Code);
        Assert.Matches("^bilevel: The checkpoint is of another run: the file of --train was 'SHA-256 [0-9a-f]{16}' and is 'SHA-256 [0-9a-f]{16}'[.] Resume [^;]*\n$", answer.Error);
        Assert.Equal(before, folder.Read("out", "weights.csv"));

        Write("train.csv", rows);
        Write("checked.csv", checkedRows.AsEnumerable().Reverse());
        Assert.Contains("another run: the file of --validation was ", Tool.RunOwn([.. Run("train.csv"), "--resume"]).Error);
    }

    [Theory]
    [InlineData(null, "is missing: it had 5 rows before the checkpoint")]
    [InlineData("garbage\n", "is damaged: 0 of 5 rows before the checkpoint can be read")]
    public void ATraceThatIsMissingOrDamagedIsSaid(string? content, string wrong)
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["whole"]);
        Tool.Run("run", "toy", "--out", folder["parts"], "--iterations", "4");
        File.Delete(folder["parts", "trace.csv"]);
        if (content is not null) File.WriteAllText(folder["parts", "trace.csv"], content);
        var answer = Tool.Run("run", "toy", "--out", folder["parts"], "--resume");
        string note = $"{folder["parts", "trace.csv"]} {wrong}. The run goes on as it would have; its trace and curves lack the rest.";
        Assert.Equal((0, $"bilevel: {note}\n"), (answer.Code, answer.Error));
        Assert.Contains($"Note: {note}", answer.Out);
        Assert.Contains("before the checkpoint", folder.Read("parts", "run.json"));
        Assert.Equal(folder.Read("whole", "x.csv"), folder.Read("parts", "x.csv"));
    }

    [Fact]
    public void ResumeWithoutACheckpointStartsAtTheBeginningAndSaysSo()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "toy", "--out", folder["out"], "--resume");
        Assert.Equal((0, $"bilevel: There is no checkpoint in {folder["out"]} yet; the run starts at its beginning.\n"), (answer.Code, answer.Error));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void ASignalSavesACheckpointAndTellsHowToResume(string signal, int code)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Sends signals.");
        using var folder = new Folder();
        Tool.Run([.. Slow, "--out", folder["whole"]]);
        var process = Tool.Start([.. Slow, "--json", "--out", folder["parts"]]);
        Tool.WaitForFile(folder["parts", "checkpoint"]);
        Tool.Signal(process, signal);
        var answer = Tool.Finish(process);
        Assert.Equal(code, answer.Code);
        Assert.Equal("interrupted", answer.Json.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, answer.Json.GetProperty("certified").ValueKind);
        string resume = $"bilevel run slow --seed 5 --checkpoint-seconds 0.02 --json --out {folder["parts"]} --resume";
        Assert.Contains($"the checkpoint is saved. To resume:\n  {resume}\n", answer.Error);

        Assert.Equal(2, Tool.Run([.. Slow, "--out", folder["parts"]]).Code);
        Assert.Equal(0, Tool.Run(resume.Split(' ')[1..]).Code);
        AssertSame(folder);
    }

    [Fact]
    public void ARunKilledAtAnyTimeResumesToTheSameBits()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Sends signals.");
        using var folder = new Folder();
        Tool.Run([.. Slow, "--out", folder["whole"]]);
        for (int kill = 0; kill < 5; kill++)
        {
            var process = Tool.Start([.. Slow, "--out", folder["parts"], "--resume"]);
            Thread.Sleep(100 + (int)(500 * RandomBits.Uniform(11, (ulong)kill)));
            process.Kill();
            Tool.Finish(process);
        }

        Assert.Equal(0, Tool.Run([.. Slow, "--out", folder["parts"], "--resume"]).Code);
        AssertSame(folder);
    }

    private static void AssertSame(Folder folder)
    {
        foreach (string file in new[] { "x.csv", "y.csv" }) Assert.Equal(folder.Read("whole", file), folder.Read("parts", file));
        Assert.Equal(Comparable.Of(folder.Read("whole", "run.json")), Comparable.Of(folder.Read("parts", "run.json")));
        Assert.Equal(TraceWithoutTimes(folder["whole", "trace.csv"]), TraceWithoutTimes(folder["parts", "trace.csv"]));
    }

    private static List<TraceRow> TraceWithoutTimes(string path) => [.. TraceFile.Read(path).Select(r => r with { Seconds = 0 })];
}
