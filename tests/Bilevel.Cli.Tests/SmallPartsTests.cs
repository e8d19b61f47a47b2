namespace Bilevel.Cli.Tests;

public class SmallPartsTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a b", "'a b'")]
    [InlineData("it's", "'it'\\''s'")]
    [InlineData("", "''")]
    [InlineData("$HOME;rm", "'$HOME;rm'")]
    public void ArgumentsAreQuotedForTheShell(string argument, string quoted)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows quotes otherwise.");
        Assert.Equal(quoted, ShellCommand.Quote(argument));
    }

    [Fact]
    public void TheResumingCommandHasOneResume() =>
        Assert.Equal("bilevel run toy --out d --resume", ShellCommand.Resuming(["run", "toy", "--resume", "--overwrite", "--out", "d"]));

    [Theory]
    [InlineData(0, 10, "0 2 4 6 8 10")]
    [InlineData(0, 0.03, "0.00 0.01 0.02 0.03")]
    [InlineData(0, 250000, "0 50k 100k 150k 200k 250k")]
    public void LinearMarksAreRound(double low, double high, string marks) =>
        Assert.Equal(marks, string.Join(' ', Axis.Of([low, high], double.PositiveInfinity, tight: true).Marks.Select(m => m.Label)));

    [Theory]
    [InlineData(1, 1000, "1 10 100 1000")]
    [InlineData(1e-6, 1, "1e-6 1e-4 0.01 1")]
    [InlineData(10, 90, "10 20 50")]
    public void LogarithmicMarksArePowers(double low, double high, string marks) =>
        Assert.Equal(marks, string.Join(' ', Axis.Of([low, high], 5, tight: true).Marks.Select(m => m.Label)));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(1e300)]
    public void AnAxisOfOneValueHasAPlaceForIt(double value)
    {
        var axis = Axis.Of([value], 10, tight: false);
        Assert.NotEmpty(axis.Marks);
        if (!double.IsNaN(value)) Assert.InRange(axis.Place(value), 0, 1);
    }

    [Fact]
    public void TheTraceIsReadUpToTheFirstRowThatIsNotWhole()
    {
        using var folder = new Folder();
        File.WriteAllText(folder["t"], TraceFile.Header + "\n1,6,0.5,inf,-0.25,nan,4\n2,12,0.6,1.5");
        Assert.Equal([new TraceRow(1, 6, 0.5, double.PositiveInfinity, -0.25, double.NaN, 4)], TraceFile.Read(folder["t"]));
    }

    [Theory]
    [InlineData(200, "toy by f2sa | iteration 1,200 | calls 7,200 | F 0.75 | residual 0.00125 | penalty 40 | 30.0 s, limit in about 90.0 s")]
    [InlineData(103, "toy by f2sa | iteration 1,200 | calls 7,200 | F 0.75 | residual 0.00125 | 30.0 s, limit in about 90.0 s")]
    [InlineData(60, "toy by f2sa | iteration 1,200 | F 0.75 | residual 0.00125")]
    [InlineData(40, "iteration 1,200 | residual 0.00125")]
    [InlineData(10, "iteration ")]
    public void TheProgressLineFitsTheTerminal(int width, string expected)
    {
        string line = ConsoleProgress.Line("toy by f2sa", new RunProgress(1200, 7200, 0.75, 1.25e-3, 40, TimeSpan.FromSeconds(30), 0.25), width);
        Assert.Equal(expected, line);
        Assert.True(line.Length <= width);
    }

    [Theory]
    [InlineData(30, 0.0)]
    [InlineData(30, 0.001)]
    [InlineData(1, 0.5)]
    public void TheTimeLeftIsNotToldWhereItIsNotKnown(double seconds, double share) =>
        Assert.EndsWith($"penalty 40 | {Numbers.Duration(seconds)}", ConsoleProgress.Line("toy", new RunProgress(12, 72, 0.75, 1, 40, TimeSpan.FromSeconds(seconds), share), 200));

    [Fact]
    public void WithoutATerminalALineIsWrittenNowAndThen()
    {
        var clock = new SetClock();
        var error = new StringWriter { NewLine = "\n" };
        var progress = new ConsoleProgress(error, isTerminal: false, "toy", clock);
        progress.Stage("baselines 1 of 6");
        foreach (int second in new[] { 5, 29, 31, 45, 60, 62 })
        {
            clock.Seconds = second;
            if (second < 62) progress.Report(new RunProgress(second, 10, 0.5, 1, double.NaN, TimeSpan.FromSeconds(second), 0));
            else progress.Stage("baselines 3 of 6");
        }

        Assert.Equal("bilevel: toy | iteration 31 | calls 10 | F 0.5 | residual 1 | 31.0 s\nbilevel: toy | baselines 3 of 6 | 62.0 s\n", error.ToString());
    }

    [Fact]
    public void WhatFollowsTheLastIterationIsShown()
    {
        StringWriter output = new(), error = new();
        Assert.Equal(0, CommandLine.Run(["run", "hyper-cleaning", "--train-size", "60", "--validation-size", "60", "--test-size", "20"], Bilevel.Tasks.TaskCatalog.All, new Terminal(output, error, ErrorIsTerminal: true)));
        int last = -1;
        foreach (string stage in new[] { "certificate", "baselines 1 of 3", "baselines 2 of 3", "baselines 3 of 3" })
        {
            int at = error.ToString().IndexOf(stage, StringComparison.Ordinal);
            Assert.True(at > last, stage);
            last = at;
        }
    }

    private sealed class SetClock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }

    [Fact]
    public void ProgressIsShownToATerminalOnly()
    {
        StringWriter output = new(), error = new();
        Assert.Equal(0, CommandLine.Run(["run", "slow", "--iterations", "100"], TestHost.TestTasks.All, new Terminal(output, error, ErrorIsTerminal: true)));
        Assert.Contains("slow by f2sa", error.ToString());
        Assert.Empty(Tool.Run("run", "slow", "--iterations", "20").Error);
    }
}
