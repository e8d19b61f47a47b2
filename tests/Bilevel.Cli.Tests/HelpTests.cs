namespace Bilevel.Cli.Tests;

public class HelpTests
{
    [Theory]
    [InlineData("--help")]
    [InlineData("run", "--help")]
    [InlineData("list", "--help")]
    [InlineData("check", "--help")]
    [InlineData("data", "--help")]
    [InlineData("data", "list", "--help")]
    [InlineData("data", "get", "--help")]
    [InlineData("predict", "--help")]
    public void EveryHelpEndsWithAnExample(params string[] args)
    {
        var answer = Tool.Run(args);
        Assert.Equal(0, answer.Code);
        Assert.Empty(answer.Error);
        Assert.StartsWith("Description:\n", answer.Out);
        Assert.Contains("Usage:\n  bilevel", answer.Out);
        Assert.Matches("Examples?:\n  bilevel ", answer.Out);
    }

    [Fact]
    public void HelpOfRunListsOptionsAndExitCodes()
    {
        string help = Tool.Run("run", "--help").Out;
        foreach (string option in new[] { "--method", "--set", "--seed", "--data", "--threads", "--iterations", "--tolerance", "--max-calls", "--max-seconds", "--json", "--out", "--resume", "--overwrite", "--checkpoint-seconds", "--require-certificate", "--no-certificate" })
            Assert.Contains($"\n  {option} ", help);
        Assert.Contains("Exit codes: 0 finished;", help);
        Assert.DoesNotContain("--lambda-factor", help);
    }

    [Fact]
    public void HelpOfRunWithTaskAndMethodListsTheirSettings()
    {
        string help = Tool.Run("run", "toy", "--method", "f2ba", "--help").Out;
        Assert.Contains("--size <integer>", help);
        Assert.Contains("--lambda <number|auto>", help);

        // The task wins the shared name; the tool wins its own.
        Assert.Contains("--momentum <number> ", help);
        Assert.Contains("--method.momentum <number>", help);
        Assert.Contains("--method.tolerance <number>", help);
    }
}
