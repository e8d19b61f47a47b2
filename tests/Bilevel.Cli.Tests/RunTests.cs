using System.Globalization;
using System.Text.Json;

namespace Bilevel.Cli.Tests;

public class RunTests
{
    [Fact]
    public void JsonHasTheFieldsOfTheContract()
    {
        var answer = Tool.Run("run", "toy", "--json", "--seed", "7");
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        var json = answer.Json;
        Assert.Equal(1, json.GetProperty("format").GetInt32());
        Assert.Equal("toy", json.GetProperty("task").GetString());
        Assert.Equal("f2ba-plus", json.GetProperty("method").GetString());
        Assert.Equal(7, json.GetProperty("seed").GetInt32());
        Assert.Equal("converged", json.GetProperty("status").GetString());
        Assert.EndsWith(".", json.GetProperty("status_message").GetString());
        Assert.True(json.GetProperty("certified").GetBoolean());
        Assert.Equal(1e-4, json.GetProperty("tolerance").GetDouble());
        Assert.Equal(0.75, json.GetProperty("upper_value").GetDouble(), 1e-4);
        Assert.Equal(JsonValueKind.Number, json.GetProperty("lower_value").ValueKind);
        Assert.Equal(3, json.GetProperty("x").GetArrayLength());
        Assert.All(json.GetProperty("y").EnumerateArray(), y => Assert.Equal(0.5, y.GetDouble(), 1e-3));
        Assert.True(json.GetProperty("residuals").GetProperty("stationarity_bound").GetDouble() <= 1e-4);
        var calls = json.GetProperty("oracle_calls");
        long sum = new[] { "upper", "lower" }.Sum(level => calls.GetProperty(level).GetProperty("x").GetInt64() + calls.GetProperty(level).GetProperty("y").GetInt64());
        Assert.Equal(calls.GetProperty("total").GetInt64(), sum);
        foreach (string number in new[] { "iterations", "seconds", "cpu_seconds", "peak_memory_mb" }) Assert.True(json.GetProperty(number).GetDouble() > 0, number);
        Assert.True(json.GetProperty("metrics").GetProperty("distance").GetDouble() < 1e-3);
        Assert.Equal(3, json.GetProperty("settings").GetProperty("task").GetProperty("size").GetInt32());
        Assert.Equal("auto", json.GetProperty("settings").GetProperty("method").GetProperty("lambda").GetString());
        Assert.Contains(".NET", json.GetProperty("environment").GetProperty("runtime").GetString());
        Assert.Equal("bilevel run toy --json --seed 7", json.GetProperty("command").GetString());
    }

    [Fact]
    public void ANumberThatIsNotFiniteIsNull()
    {
        Assert.Equal(JsonValueKind.Null, Tool.Run("run", "toy", "--json").Json.GetProperty("metrics").GetProperty("undefined").ValueKind);
    }

    [Theory]
    [InlineData(100, JsonValueKind.Array)]
    [InlineData(101, JsonValueKind.Null)]
    public void LongVectorsAreLeftToTheFiles(int size, JsonValueKind kind)
    {
        var json = Tool.Run("run", "toy", "--json", "--no-certificate", "--size", size.ToString(CultureInfo.InvariantCulture)).Json;
        Assert.Equal((kind, kind), (json.GetProperty("x").ValueKind, json.GetProperty("y").ValueKind));
        Assert.Equal(size, json.GetProperty("x_length").GetInt32());
    }

    [Fact]
    public void CertifiedIsNullWhereItIsNotKnown()
    {
        Assert.Equal(JsonValueKind.Null, Tool.Run("run", "unchecked", "--json").Json.GetProperty("certified").ValueKind);
        Assert.Equal(JsonValueKind.Null, Tool.Run("run", "toy", "--json", "--no-certificate").Json.GetProperty("certified").ValueKind);
        Assert.False(Tool.Run("run", "toy", "--json", "--iterations", "3").Json.GetProperty("certified").GetBoolean());
    }

    [Theory]
    [InlineData(0, "", "run", "toy", "--require-certificate")]
    [InlineData(4, "Not certified: ", "run", "toy", "--require-certificate", "--iterations", "3")]
    [InlineData(4, "Not checkable: ", "run", "unchecked", "--require-certificate")]
    [InlineData(0, "", "run", "toy", "--iterations", "3")]
    [InlineData(3, "The run broke down at iteration 5", "run", "runaway")]
    [InlineData(0, "", "check", "toy")]
    [InlineData(2, "A gradient of wrong does not match", "check", "wrong")]
    public void ExitCodesTellTheOutcome(int code, string error, params string[] args)
    {
        var answer = Tool.Run(args);
        Assert.Equal(code, answer.Code);
        if (error.Length == 0) Assert.Empty(answer.Error);
        else Assert.StartsWith("bilevel: " + error, answer.Error);
    }

    [Fact]
    public void ABreakdownSavesTheLastGoodPoint()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "runaway", "--json", "--out", folder["out"]);
        Assert.Equal(3, answer.Code);
        Assert.Equal("diverged", answer.Json.GetProperty("status").GetString());
        Assert.All(File.ReadLines(folder["out", "x.csv"]).Skip(1), line => Assert.True(double.IsFinite(double.Parse(line, CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void SummaryTellsTheOutcomeAndTheFiles()
    {
        using var folder = new Folder();
        string output = Tool.Run("run", "toy", "--out", folder["out"]).Out;
        Assert.StartsWith("toy by f2ba-plus: Converged. The residual ", output);
        Assert.Contains("\nCertified: ", output);
        Assert.Contains("\n  distance ", output);
        Assert.Contains("components.csv", output);
        Assert.Contains($"open {folder["out", "report.html"]} in a browser", output);
    }

    [Fact]
    public void FlagsAndSetMeanTheSame()
    {
        JsonElement Settings(params string[] args) => Tool.Run(["run", "toy", "--json", "--no-certificate", .. args]).Json.GetProperty("settings");
        var flags = Settings("--size", "5", "--lambda", "200", "--target=-2.5", "--accelerated=false");
        var sets = Settings("--set", "size=5", "--set", "lambda=200", "--set", "target=-2.5", "--set", "accelerated=false");
        foreach (string part in new[] { "task", "method" }) Assert.Equal(flags.GetProperty(part).ToString(), sets.GetProperty(part).ToString());
        Assert.Equal(-2.5, flags.GetProperty("task").GetProperty("target").GetDouble());
        Assert.Equal(200, flags.GetProperty("method").GetProperty("lambda").GetDouble());
    }

    [Fact]
    public void TheTaskWinsASharedNameUnlessPrefixed()
    {
        var settings = Tool.Run("run", "toy", "--json", "--momentum", "0.5", "--method.momentum", "0.7").Json.GetProperty("settings");
        Assert.Equal((0.5, 0.7), (settings.GetProperty("task").GetProperty("momentum").GetDouble(), settings.GetProperty("method").GetProperty("momentum").GetDouble()));
        settings = Tool.Run("run", "toy", "--json", "--set", "task.momentum=0.5", "--set", "method.momentum=0.7").Json.GetProperty("settings");
        Assert.Equal((0.5, 0.7), (settings.GetProperty("task").GetProperty("momentum").GetDouble(), settings.GetProperty("method").GetProperty("momentum").GetDouble()));
    }

    [Fact]
    public void HalfOfTheToleranceIsTheMethodsUnlessItIsSet()
    {
        double Tolerance(params string[] args) => Tool.Run(["run", "toy", "--json", .. args]).Json.GetProperty("settings").GetProperty("method").GetProperty("tolerance").GetDouble();
        Assert.Equal(5e-4, Tolerance("--tolerance", "1e-3"));
        Assert.Equal(2e-4, Tolerance("--tolerance", "1e-3", "--method.tolerance", "2e-4"));
    }

    [Fact]
    public void ACultureWithDecimalCommasChangesNothing()
    {
        string[] args = ["run", "toy", "--json", "--tolerance", "0.001", "--target", "1.5", "--set", "lambda=12.5"];
        var before = (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture);
        string expected = Comparable.Of(Tool.Run(args).Out), list = Tool.Run("list", "toy").Out, check = Tool.Run("check", "toy").Out, refusal = Tool.Run("run", "toy", "--target", "1,5").Error;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("de-DE");
            Assert.Equal("0,5", 0.5.ToString(CultureInfo.CurrentCulture));
            Assert.Equal(expected, Comparable.Of(Tool.Run(args).Out));
            Assert.Equal((list, check, refusal), (Tool.Run("list", "toy").Out, Tool.Run("check", "toy").Out, Tool.Run("run", "toy", "--target", "1,5").Error));
            using var folder = new Folder();
            Tool.Run("run", "toy", "--out", folder["out"]);
            Assert.Equal(7, File.ReadLines(folder["out", "trace.csv"]).Last().Split(',').Length);
            Assert.DoesNotMatch(@"points=""\d+,\d+,\d+", folder.Read("out", "report.html"));
        }
        finally
        {
            (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture) = before;
        }
    }

    [Fact]
    public void LimitsStopTheRun()
    {
        Assert.Equal("oracle_limit", Tool.Run("run", "toy", "--json", "--max-calls", "50").Json.GetProperty("status").GetString());
        Assert.Equal("time_limit", Tool.Run("run", "slow", "--json", "--max-seconds", "0.1").Json.GetProperty("status").GetString());
        Assert.Equal("iteration_limit", Tool.Run("run", "toy", "--json", "--iterations", "2").Json.GetProperty("status").GetString());
    }
}

/// <summary>A report without what differs from run to run: times, memory, the command.</summary>
internal static class Comparable
{
    public static string Of(string json)
    {
        var root = System.Text.Json.Nodes.JsonNode.Parse(json)!.AsObject();
        foreach (string name in new[] { "seconds", "cpu_seconds", "peak_memory_mb", "command", "environment" }) Assert.True(root.Remove(name));
        return root.ToJsonString();
    }
}
