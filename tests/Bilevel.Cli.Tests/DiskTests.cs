namespace Bilevel.Cli.Tests;

public class DiskTests
{
    private static readonly string[] Known = [".bilevel", "ballast", "checkpoint", "checkpoint.previous", "components.csv", "notes.txt", "report.html", "run.json", "trace.csv", "x.csv", "y.csv"];

    [Fact]
    public void AFullDiskIsToldBeforeTheRun()
    {
        using var disk = new SmallDisk(64);
        Directory.CreateDirectory(disk["out"]);
        disk.Fill(0);
        var answer = Tool.Run("run", "slow", "--iterations", "1000000", "--out", disk["out"]);
        Assert.Equal(2, answer.Code);
        Assert.StartsWith($"bilevel: The folder {disk["out"]} cannot be written to: ", answer.Error);
        Assert.EndsWith("Name another with --out.\n", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
        Assert.Equal(["ballast"], disk.Names);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void ADiskThatFillsUpLeavesWholeFilesAndTellsTheResult(int left)
    {
        using var folder = new Folder();
        Tool.Run("run", "gallery", "--out", folder["whole"]);
        using var disk = new SmallDisk(96);
        disk.Fill(left);
        var answer = Tool.Run("run", "gallery", "--out", disk["out"]);
        Assert.Equal(2, answer.Code);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
        Assert.Contains(" could not be written: ", answer.Error);
        Assert.Contains("Make room or mend the folder, then repeat the command; with --resume it goes on from the last checkpoint, where there is one.", answer.Error);
        if (answer.Out.Length > 0) Assert.StartsWith("gallery by f2ba-plus: Converged.", answer.Out);

        // Whatever stands there is whole: the same bytes as on a large disk; of the trace, whole rows.
        Assert.All(disk.Names, name => Assert.Contains(name, Known));
        foreach (string name in disk.Names.Where(n => n is "x.csv" or "y.csv" or "components.csv")) Assert.Equal(folder.Read("whole", name), disk.Read("out", name));
        if (disk.Names.Contains("trace.csv")) Assert.EndsWith("\n", disk.Read("out", "trace.csv"));
        if (disk.Names.Contains("report.html")) Assert.EndsWith("</html>\n", disk.Read("out", "report.html"));
        if (disk.Names.Contains("run.json")) Assert.EndsWith("}\n", disk.Read("out", "run.json"));
    }

    [Fact]
    public void ARunGoesOnWhenThereIsRoomAgain()
    {
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["whole"]);
        using var disk = new SmallDisk(96);
        disk.Fill(16);
        Assert.Equal(2, Tool.Run("run", "toy", "--out", disk["out"]).Code);
        disk.MakeRoom();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", disk["out"], "--resume").Code);
        Assert.Equal(folder.Read("whole", "x.csv"), disk.Read("out", "x.csv"));
        Assert.Equal(["checkpoint", "components.csv", "notes.txt", "report.html", "run.json", "trace.csv", "x.csv", "y.csv"], disk.Names.Where(n => n is not ("checkpoint.previous" or ".bilevel")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void AFolderThatBecameReadOnlyIsToldAndEarlierResultsStay()
    {
        using var disk = new SmallDisk(256);
        Tool.Run("run", "toy", "--out", disk["out"]);
        string before = disk.Read("out", "run.json");
        disk.ForbidWriting();
        foreach (string more in new[] { "--overwrite", "--resume" })
        {
            var answer = Tool.Run("run", "toy", "--out", disk["out"], more);
            Assert.Equal(2, answer.Code);
            Assert.StartsWith($"bilevel: The folder {disk["out"]} cannot be written to: ", answer.Error);
            Assert.Single(answer.Error.TrimEnd().Split('\n'));
        }

        Assert.Equal(before, disk.Read("out", "run.json"));
    }

    [Theory]
    [InlineData("list")]
    [InlineData("check", "toy")]
    public void OtherVerbsTellAFullDiskToo(params string[] command)
    {
        using var disk = new SmallDisk(64);
        disk.Fill(0);
        var answer = Tool.Run([.. command, "--out", disk.Path]);
        Assert.Equal(2, answer.Code);
        Assert.Contains($"{disk[command[0] + ".json"]} could not be written: ", answer.Error);
        Assert.Equal(["ballast"], disk.Names);
    }

    [Fact]
    public async Task ADownloadTellsAFullDiskAndGoesOnWhenThereIsRoom()
    {
        byte[] content = new byte[40_000];
        using var server = new LoopbackServer((request, stream) => LoopbackServer.Serve(request, stream, content));
        var file = new RemoteFile("a", content.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));
        using var disk = new SmallDisk(64);
        disk.Fill(16);
        using var download = new Download(server.Address, disk.Path);
        var error = await Assert.ThrowsAsync<UsageException>(() => download.Fetch(file, TestContext.Current.CancellationToken));
        Assert.StartsWith($"{disk["a.part"]} could not be written: ", error.Message);
        Assert.EndsWith("Make room or mend the folder and repeat the command, or name another folder with --out.", error.Message);
        Assert.Equal(["a.part", "ballast"], disk.Names.Order(StringComparer.Ordinal));
        disk.MakeRoom();
        Assert.NotEqual(DownloadOutcome.Kept, await download.Fetch(file, TestContext.Current.CancellationToken));
        Assert.Equal(content, await File.ReadAllBytesAsync(disk["a"], TestContext.Current.CancellationToken));
    }
}
