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
            string file = Path.Combine(folder, command[0] + ".json");
            Assert.Equal([Path.Combine(folder, ".bilevel"), file], Directory.GetFiles(folder).Order(StringComparer.Ordinal));
            Assert.Equal(answer.Out, File.ReadAllText(file));

            // It may be written again, but not over what somebody else put there.
            Assert.Equal(0, Tool.Run([.. command, "--out", folder]).Code);
            File.WriteAllText(file, "mine");
            Assert.Equal(2, Tool.Run([.. command, "--out", folder]).Code);
            Assert.Equal("mine", File.ReadAllText(file));
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
