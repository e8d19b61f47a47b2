namespace Bilevel.Cli.Tests;

public class OutputFolderTests
{
    [Fact]
    public void TheFolderHoldsTheResults()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "toy", "--json", "--out", folder["out"]);
        Assert.Equal(["checkpoint", "components.csv", "report.html", "run.json", "trace.csv", "x.csv", "y.csv"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(answer.Out, folder.Read("out", "run.json"));
        string[] trace = File.ReadAllLines(folder["out", "trace.csv"]);
        Assert.Equal("iteration,oracle_calls,seconds,upper_value,lower_value,residual,penalty", trace[0]);
        Assert.All(trace, line => Assert.Equal(7, line.Split(',').Length));
        Assert.Equal("x", File.ReadLines(folder["out", "x.csv"]).First());
        Assert.Equal(answer.Json.GetProperty("x").EnumerateArray().Select(x => x.GetDouble()), File.ReadLines(folder["out", "x.csv"]).Skip(1).Select(l => double.Parse(l, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void AFolderWithoutAParentIsRefused()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "toy", "--out", folder["a", "b"]);
        Assert.Equal(2, answer.Code);
        Assert.Equal($"bilevel: The folder {folder["a", "b"]} cannot be made, because {folder["a"]} does not exist. Make that folder first, or name another with --out.\n", answer.Error);
        Assert.False(Directory.Exists(folder["a"]));
    }

    [Fact]
    public void AFolderThatIsReadOnlyIsRefusedBeforeTheRun()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Uses the read-only file system of Linux.");
        var answer = Tool.Run("run", "slow", "--iterations", "1000000", "--out", "/sys/bilevel-test");
        Assert.Equal(2, answer.Code);
        Assert.StartsWith("bilevel: The folder /sys/bilevel-test cannot be written to: ", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void AFileInPlaceOfTheFolderIsRefused()
    {
        using var folder = new Folder();
        File.WriteAllText(folder["file"], "");
        var answer = Tool.Run("run", "toy", "--out", folder["file"]);
        Assert.Equal((2, $"bilevel: {folder["file"]} is a file; --out takes a folder.\n"), (answer.Code, answer.Error));
    }

    [Fact]
    public void WrongInputLeavesEarlierResultsAlone()
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["out"]);
        string before = folder.Read("out", "run.json");
        Assert.Equal(2, Tool.Run("run", "toy", "--out", folder["out"], "--bad-data").Code);
        Assert.Equal(2, Tool.Run("run", "wrong", "--out", folder["out"]).Code);
        Assert.Equal(before, folder.Read("out", "run.json"));
    }

    [Theory]
    [InlineData("There is no task 'toi'. Did you mean 'toy'?", "toi")]
    [InlineData("There is no method 'f2bb'. Did you mean 'f2ba'?", "toy", "--method", "f2bb")]
    [InlineData("The setting 'size' does not take '1001': it takes integer from 1 to 1000. Number of components.", "toy", "--size", "1001")]
    [InlineData("The setting 'lambda' does not take '-1': it takes ", "toy", "--method", "f2ba", "--lambda", "-1")]
    [InlineData("The file toy.csv, line 3, holds 'abc' where a number belongs. Mend that line.", "toy", "--bad-data")]
    public void WrongInputLeavesNoFolder(string message, params string[] args)
    {
        using var folder = new Folder();
        var answer = Tool.Run(["run", .. args, "--out", folder["out"]]);
        Assert.Equal((2, ""), (answer.Code, answer.Out));
        Assert.StartsWith($"bilevel: {message}", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void WrongInputLeavesAFolderThatWasThere()
    {
        using var folder = new Folder();
        Directory.CreateDirectory(folder["out"]);
        Assert.Equal(2, Tool.Run("run", "toy", "--bad-data", "--out", folder["out"]).Code);
        Assert.True(Directory.Exists(folder["out"]));
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("300")]
    public void ANameThatNoFolderCanHaveIsRefused(string name)
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "toy", "--out", folder[name == "300" ? new string('a', 300) : name]);
        Assert.Equal(2, answer.Code);
        Assert.EndsWith("Name another with --out.\n", answer.Error);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("list", "2")]
    [InlineData("run toy --json", "2")]
    [InlineData("data list", "2")]
    public void AnOutputThatTakesNothingIsTold(string command, string code)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "Uses the full device of Linux.");
        using var folder = new Folder();
        using var shell = System.Diagnostics.Process.Start("sh", ["-c", $"'{Path.Combine(AppContext.BaseDirectory, "Bilevel.Cli.TestHost")}' {command} > /dev/full 2> '{folder["error"]}'; echo $? > '{folder["code"]}'"]);
        Assert.True(shell.WaitForExit(30_000), "The tool did not end.");
        Assert.Equal(code, folder.Read("code").Trim());
        Assert.Matches("^bilevel: The output could not be written: [^\n]+\n$", folder.Read("error"));
    }

    [Fact]
    public void AFinishedRunIsReplacedAndAnUnfinishedOneIsNot()
    {
        using var folder = new Folder();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"]).Code);
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"], "--seed", "2").Code);
        File.Delete(folder["out", "run.json"]);
        var refused = Tool.Run("run", "toy", "--out", folder["out"]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("holds an unfinished run. Continue it with --resume, replace it with --overwrite", refused.Error);
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"], "--overwrite").Code);
    }

    [Fact]
    public void AWriteThatFailsLeavesNoPartAndTellsTheResult()
    {
        using var folder = new Folder();

        // A folder stands where the file belongs.
        Directory.CreateDirectory(folder["out", "components.csv", "inside"]);
        var answer = Tool.Run("run", "toy", "--out", folder["out"]);
        Assert.Equal(2, answer.Code);
        Assert.Contains("components.csv could not be written", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
        Assert.StartsWith("toy by f2ba-plus: Converged.", answer.Out);
        Assert.DoesNotContain(Directory.GetFiles(folder["out"]), f => f.EndsWith(".new", StringComparison.Ordinal));
    }
}
