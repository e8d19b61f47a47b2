using System.Security.Cryptography;
using Bilevel.Cli.TestHost;

namespace Bilevel.Cli.Tests;

/// <summary>Runs that are killed, whatever they were doing, leave the inputs as they were and a state that a run can go on from.</summary>
public class KilledRunTests
{
    private const int Times = 5;

    [Theory]
    [InlineData("reading")]
    [InlineData("run")]
    [InlineData("certificate")]
    [InlineData("baselines")]
    [InlineData("writing")]
    public void AKilledRunIsResumedToTheSameAnswer(string phase)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Sends signals.");
        using var folder = new Folder();
        string input = folder["rows.csv"];
        var random = new Random(7);
        File.WriteAllText(input, "a,b,label\n" + string.Concat(Enumerable.Range(0, 90).Select(i => FormattableString.Invariant($"{(i % 3) + random.NextDouble():F3},{random.NextDouble():F3},{(random.Next(5) == 0 ? i % 2 : i % 3)}\n"))));
        byte[] before = SHA256.HashData(File.ReadAllBytes(input));
        string[] Run(string name) => ["run", "phased", "--train", input, "--checkpoint-seconds", "0.001", "--out", folder[name]];
        Assert.Equal(0, Tool.Run(Run("whole")).Code);

        for (int k = 0; k < Times; k++)
        {
            string name = $"killed {k}", mark = folder[$"mark {k}"];
            var process = Tool.Start([new(PhasedTask.PhaseVariable, phase), new(PhasedTask.MarkVariable, mark)], Run(name));
            Tool.WaitForFile(mark);
            Thread.Sleep(random.Next(20));
            process.Kill();
            process.WaitForExit();
            process.Dispose();

            Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(input)));
            var resumed = Tool.Run([.. Run(name), "--resume"]);
            Assert.True(resumed.Code == 0, $"{phase} {k}: {resumed.Error}");
            foreach (string file in new[] { "x.csv", "y.csv", "weights.csv", "split.csv", "model.json", "notes.txt" }) Assert.Equal(folder.Read("whole", file), folder.Read(name, file));
            Assert.Equal(Names(folder["whole"]), Names(folder[name]));
        }
    }

    // Nothing half-written stays.
    private static IEnumerable<string?> Names(string folder) => Directory.EnumerateFiles(folder).Select(Path.GetFileName).Where(name => name != "checkpoint.previous").Order(StringComparer.Ordinal);
}
