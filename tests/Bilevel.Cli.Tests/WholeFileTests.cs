using System.Text.Json;

namespace Bilevel.Cli.Tests;

public class WholeFileTests
{
    [Theory]
    [InlineData("list")]
    [InlineData("check", "toy")]
    public void OutHoldsTheJsonDocument(params string[] command)
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var answer = Tool.Run([.. command, "--json", "--out", folder]);
            Assert.Equal(0, answer.Code);
            string[] files = Directory.GetFiles(folder);
            Assert.Equal([Path.Combine(folder, command[0] + ".json")], files);
            Assert.Equal(answer.Out, File.ReadAllText(files[0]));
            Assert.Equal(1, JsonDocument.Parse(answer.Out).RootElement.GetProperty("format").GetInt32());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void AFolderThatCannotBeIsRefused()
    {
        string file = Path.GetTempFileName();
        var answer = Tool.Run("check", "toy", "--out", Path.Combine(file, "below"));
        File.Delete(file);
        Assert.Equal(2, answer.Code);
        Assert.Contains("could not be written", answer.Error);
        Assert.Contains("--out", answer.Error);
    }
}
