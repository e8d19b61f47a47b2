namespace Bilevel.Cli.Tests;

public class OutputFolderTests
{
    [Fact]
    public void AFinishedRunIsReplacedWithAWord()
    {
        using var folder = new Folder();
        Assert.Equal("", Tool.Run("run", "toy", "--out", folder["out"]).Error);
        var replaced = Tool.Run("run", "plain", "--out", folder["out"]);
        Assert.Equal((0, $"bilevel: {folder["out"]} holds a finished run of toy, which is replaced.\n"), (replaced.Code, replaced.Error));
        Assert.Equal("", Tool.Run("run", "plain", "--out", folder["out"], "--overwrite").Error);
    }

    [Fact]
    public void TheFolderHoldsTheResults()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "toy", "--json", "--out", folder["out"]);
        Assert.Equal([".bilevel", "checkpoint", "components.csv", "notes.txt", "report.html", "run.json", "trace.csv", "x.csv", "y.csv"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(answer.Out, folder.Read("out", "run.json"));
        string[] trace = File.ReadAllLines(folder["out", "trace.csv"]);
        Assert.Equal("iteration,oracle_calls,seconds,upper_value,lower_value,residual,penalty", trace[0]);
        Assert.All(trace, line => Assert.Equal(7, line.Split(',').Length));
        Assert.Equal("x", File.ReadLines(folder["out", "x.csv"]).First());
        Assert.Equal(answer.Json.GetProperty("x").EnumerateArray().Select(x => x.GetDouble()), File.ReadLines(folder["out", "x.csv"]).Skip(1).Select(l => double.Parse(l, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void ParentsAreMadeAndTakenAwayWhereTheRunDoesNotBegin()
    {
        using var folder = new Folder();
        Assert.Equal(2, Tool.Run("run", "toy", "--bad-data", "--out", folder["a", "b", "c"]).Code);
        Assert.False(Directory.Exists(folder["a"]));
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["a", "b", "c"]).Code);
        Assert.True(File.Exists(folder["a", "b", "c", "x.csv"]));
    }

    [Theory]
    [InlineData("x.csv")]
    [InlineData("y.csv")]
    [InlineData("run.json")]
    [InlineData("report.html")]
    [InlineData("notes.txt")]
    [InlineData("trace.csv")]
    [InlineData("x.csv.new")]
    [InlineData("announced.csv")]
    public void AFileThatNoRunWroteIsNotWrittenOver(string name)
    {
        using var folder = new Folder();
        File.WriteAllText(folder[name], "mine");
        foreach (string[] more in new[] { Array.Empty<string>(), ["--overwrite"], ["--resume"] })
        {
            var answer = Tool.Run(["run", "slow", "--iterations", "1000000", "--out", folder.Path, .. more]);
            Assert.Equal((2, ""), (answer.Code, answer.Out));
            Assert.EndsWith($"bilevel: {folder[name]} would be written over, and no run of this tool wrote it as it is. Move it, or name another folder with --out.\n", answer.Error);
            Assert.Equal([name], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
            Assert.Equal("mine", folder.Read(name));
        }
    }

    [Fact]
    public void AFileThatWasNotAnnouncedCostsItsOwnResultOnly()
    {
        using var folder = new Folder();
        File.WriteAllText(folder["components.csv"], "mine");
        var answer = Tool.Run("run", "toy", "--out", folder.Path);
        Assert.Equal((2, $"bilevel: {folder["components.csv"]} would be written over, and no run of this tool wrote it as it is. Move it, or name another folder with --out.\n"), (answer.Code, answer.Error));
        Assert.Equal("mine", folder.Read("components.csv"));
        Assert.True(File.Exists(folder["run.json"]));
        Assert.StartsWith("toy by f2ba-plus: Converged.", answer.Out);
    }

    [Fact]
    public void AResultThatWasChangedByHandIsNotWrittenOver()
    {
        using var folder = new Folder();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"]).Code);
        File.AppendAllText(folder["out", "x.csv"], "0.5\n");
        string mine = folder.Read("out", "x.csv"), before = folder.Read("out", "run.json");
        var answer = Tool.Run("run", "toy", "--overwrite", "--out", folder["out"]);
        Assert.Equal(2, answer.Code);
        Assert.Contains(folder["out", "x.csv"] + " would be written over", answer.Error);
        Assert.Equal((mine, before), (folder.Read("out", "x.csv"), folder.Read("out", "run.json")));
    }

    [Fact]
    public void FilesOfOthersBesideTheResultsStay()
    {
        using var folder = new Folder();
        File.WriteAllText(folder["data.csv"], "mine");
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder.Path).Code);
        Assert.Equal(0, Tool.Run("run", "toy", "--overwrite", "--out", folder.Path).Code);
        Assert.Equal("mine", folder.Read("data.csv"));
    }

    [Fact]
    public void NothingOfAnEarlierRunStaysBesideANewOne()
    {
        using var folder = new Folder();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"]).Code);
        File.WriteAllText(folder["out", "mine.csv"], "mine");
        Assert.Equal(0, Tool.Run("run", "plain", "--out", folder["out"]).Code);
        Assert.Equal([".bilevel", "checkpoint", "mine.csv", "notes.txt", "report.html", "run.json", "trace.csv", "x.csv", "y.csv"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void AFileOfAnEarlierRunThatIsReadIsNeitherWrittenOverNorRemoved()
    {
        using var folder = new Folder();
        Table(folder["t.csv"]);
        string[] run = ["run", "hyper-cleaning", "--iterations", "2", "--no-certificate", "--out", folder["out"]];
        Assert.Equal(0, Tool.RunOwn([.. run, "--train", folder["t.csv"]]).Code);
        string before = folder.Read("out", "split.csv");
        var answer = Tool.RunOwn([.. run, "--train", folder["out", "split.csv"], "--label", "role", "--overwrite"]);
        Assert.Equal((2, $"bilevel: {folder["out", "split.csv"]} is read by this command, which would write over it. Name another folder with --out.\n"), (answer.Code, answer.Error));
        Assert.Equal(before, folder.Read("out", "split.csv"));
    }

    [Theory]
    [InlineData("x.csv")]
    [InlineData("weights.csv")]
    [InlineData("model.json")]
    public void OnesOwnDataBesideTheResultsAreNotWrittenOver(string name)
    {
        using var folder = new Folder();
        Table(folder[name]);
        string before = folder.Read(name);
        var answer = Tool.RunOwn("run", "hyper-cleaning", "--iterations", "2", "--train", folder[name], "--out", folder.Path);
        Assert.Equal(2, answer.Code);
        Assert.Contains(folder[name], answer.Error);
        Assert.Equal(before, folder.Read(name));
        Assert.Equal([name], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("hyper-cleaning", "--train-size", "50", "--validation-size", "50", "--test-size", "20")]
    [InlineData("group-dro", "--train-size", "300", "--validation-size", "200", "--test-size", "100", "--sample-weights", "true")]
    [InlineData("svm-tuning", "--samples", "60")]
    [InlineData("cleaning-small")]
    public void TasksAnnounceTheFilesThatTheyWrite(string name, params string[] settings)
    {
        using var folder = new Folder();
        var task = Bilevel.Tasks.TaskCatalog.Find(name);
        var changes = settings.Chunk(2).Where(c => task.Schema.Settings.Any(s => "--" + s.Name == c[0])).ToList();
        var announced = task.Create(changes.Select(c => KeyValuePair.Create(c[0][2..], c[1])), new Bilevel.Tasks.TaskContext()).FileNames;
        Tool.RunOwn(["run", name, "--iterations", "1", "--no-certificate", "--out", folder["out"], .. changes.SelectMany(c => c)]);
        string[] ofEveryRun = [".bilevel", "checkpoint", "notes.txt", "report.html", "run.json", "trace.csv", "x.csv", "y.csv", "x1.csv", "x2.csv", "y1.csv", "y2.csv", "z1.csv", "z2.csv"];
        var ofTask = Directory.GetFiles(folder["out"]).Select(f => Path.GetFileName(f)).Except(ofEveryRun).ToList();
        Assert.NotEmpty(ofTask);
        Assert.All(ofTask, f => Assert.Contains(f, announced));
    }

    [Fact]
    public void AFolderInUseIsRefusedAndOneLeftByAKillIsNot()
    {
        using var folder = new Folder();
        var process = Tool.Start("run", "slow", "--iterations", "1000000", "--checkpoint-seconds", "0.02", "--out", folder["out"]);
        try
        {
            Tool.WaitForFile(folder["out", "checkpoint"]);
            foreach (string more in new[] { "--resume", "--overwrite" })
            {
                var answer = Tool.Run("run", "toy", "--out", folder["out"], more);
                Assert.Equal((2, $"bilevel: {folder["out"]} is in use by another run. Wait for its end, or name another folder with --out.\n"), (answer.Code, answer.Error));
            }
        }
        finally
        {
            process.Kill();
            Tool.Finish(process);
        }

        Assert.Equal(0, Tool.Run("run", "toy", "--overwrite", "--out", folder["out"]).Code);
    }

    [Fact]
    public void AListThatIsNotTheToolsIsLeftAlone()
    {
        using var folder = new Folder();
        File.WriteAllText(folder[".bilevel"], "mine");
        var answer = Tool.Run("run", "toy", "--out", folder.Path);
        Assert.Equal((2, $"bilevel: {folder[".bilevel"]} is there already and is not the tool's own list of files. Move it, or name another folder with --out.\n"), (answer.Code, answer.Error));
        Assert.Equal("mine", folder.Read(".bilevel"));
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
        Assert.Matches("^(Note: [^\n]+\n)?bilevel: The output could not be written: [^\n]+\n$", folder.Read("error"));
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

    // Two classes told apart by a, and rows enough for three parts.
    private static void Table(string path) =>
        File.WriteAllLines(path, Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{i % 7},{(i % 2) - (0.01 * i)},{(i % 2 == 0 ? "no" : "yes")}")).Prepend("b,a,label"));
}
