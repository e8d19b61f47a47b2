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

    [Fact]
    public void TheProgressLineTellsWhatIsLeft()
    {
        string line = Spectre.Console.Markup.Remove(ConsoleProgress.Line("toy by f2sa", new RunProgress(1200, 7200, 0.75, 1.25e-3, 40, TimeSpan.FromSeconds(30), 0.25)));
        Assert.Equal("toy by f2sa | iteration 1,200 | calls 7,200 | F 0.75 | residual 0.00125 | penalty 40 | at most 90.0 s left", line);
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
