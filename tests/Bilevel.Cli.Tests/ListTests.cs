using System.Text.Json;

namespace Bilevel.Cli.Tests;

public class ListTests
{
    [Fact]
    public void ListOfATaskShowsEverySetting()
    {
        var answer = Tool.Run("list", "toy");
        Assert.Equal(0, answer.Code);
        Assert.Equal(
            """
            toy (task): Quadratic with the answer x = c/2 in every component.

            Settings, as --name value or --set name=value:

              --size   integer, 1 to 1000; default 3; in C# Size
                  Number of components.

              --target   number, -100 to 100; default 1; in C# Target
                  Target c of the upper level.

              --momentum   number, at least 0; default 0.25; in C# Momentum
                  Shares its name with a setting of the methods.

              --bad-data   true|false; default false; in C# BadData
                  Fails when it is built, as a task with unusable data does.

            A run uses, unless told otherwise and on the task's own data (what follows the data may be other on yours):
              --method f2ba-plus --tolerance 0.0001 --iterations 1000
              f2ba-plus: tolerance 5e-05
            Of other methods, and of what is not named here, it uses the defaults that 'bilevel list METHOD' shows.

            Where the tool, the task and the method share a name, --task.NAME and --set task.NAME=value mean this task's.

            """,
            answer.Out);
    }

    [Fact]
    public void ListShowsTasksAndMethods()
    {
        string output = Tool.Run("list").Out;
        Assert.StartsWith("Tasks\n  toy                              Quadratic with the answer x = c/2 in every component.\n", output);
        Assert.Contains("\nMethods\n", output);
        foreach (var method in MethodCatalog.All) Assert.Contains($"\n  {method.Name} ", output);
        Assert.All(output.Split('\n'), line => Assert.True(line.Length <= 100, line));
    }

    [Fact]
    public void ListOfAMethodShowsTypeRangeAndDefault()
    {
        string output = Tool.Run("list", "f2ba-plus").Out;
        Assert.Contains("  --lambda   number|auto, at least 1e-12; default auto; in C# Lambda\n", output);
        Assert.Contains("  --accelerated   true|false; default true; in C# Accelerated\n", output);
        foreach (var setting in MethodCatalog.Find("f2ba-plus").Schema.Settings) Assert.Contains($"  --{setting.Name}   ", output);
    }

    [Fact]
    public void ListAsJsonIsOneDocument()
    {
        Assert.Equal("toy", Tool.Run("list", "--json").Json.GetProperty("tasks")[0].GetProperty("name").GetString());
        var size = Tool.Run("list", "toy", "--json").Json.GetProperty("settings")[0];
        Assert.Equal(("size", 3, 1000), (size.GetProperty("name").GetString(), size.GetProperty("default").GetInt32(), size.GetProperty("max").GetInt32()));
    }

    [Theory]
    [InlineData("f2ba-plus")]
    [InlineData("f2sa")]
    public void ListAndHelpShowTheValuesThatARunUses(string method)
    {
        var used = Tool.Run("run", "toy", "--method", method, "--json").Json.GetProperty("settings");
        var listed = Tool.Run("list", "toy", "--json").Json.GetProperty("run");
        if (listed.GetProperty("methods").TryGetProperty(method, out var settings)) Assert.True(JsonElement.DeepEquals(used.GetProperty("method"), settings), settings.ToString());
        Assert.Equal(used.GetProperty("run").GetProperty("tolerance").GetString(), Numbers.Exact(listed.GetProperty("tolerance").GetDouble()));

        // The column on the right alone: a long list of choices wraps in the one on the left.
        string[] lines = Tool.Run("run", "toy", "--method", method, "--help").Out.Split('\n');
        int column = lines.First(l => l.Contains("[method]", StringComparison.Ordinal)).IndexOf("[method]", StringComparison.Ordinal);
        string help = string.Join(' ', lines.Where(l => l.Length > column).SelectMany(l => l[column..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        foreach (var setting in MethodCatalog.Find(method).Schema.Settings)
        {
            string text = used.GetProperty("method").GetProperty(setting.Name).ToString();
            if (setting.Type == typeof(bool)) text = text.ToLowerInvariant();
            Assert.Contains($"[method] {setting.Help} Default: {text}.", help);
        }
    }
}
