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

    [Fact]
    public void ResumeOfAnotherRunIsRefused()
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["out"]);
        var answer = Tool.Run("run", "toy", "--out", folder["out"], "--resume", "--size", "4");
        Assert.Equal(2, answer.Code);
        Assert.Contains("The checkpoint is of another run.", answer.Error);
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
