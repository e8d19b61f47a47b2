using System.Globalization;
using System.Text.Json;

namespace Bilevel.Cli.Tests;

/// <summary>What holds of every table: the answer does not depend on the order of rows and columns, nor on the format, and no row is lost.</summary>
public sealed class RandomTableTests
{
    private const double Same = 1e-6;

    // BILEVEL_TABLES=300 takes more.
    private static readonly int Tables = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_TABLES"), out int tables) ? tables : 20;

    [Fact]
    public void TheAnswerDependsOnTheNumbersAlone()
    {
        List<string> faults = [];
        for (int seed = 0; seed < Tables; seed++)
        {
            using var folder = new Folder();
            try
            {
                Check(RandomTable.Of(seed), folder, seed);
            }
            catch (Exception fault) when (fault is Xunit.Sdk.IAssertionException)
            {
                faults.Add($"table {seed}: {fault.Message}");
            }
        }

        Assert.True(faults.Count == 0, $"{faults.Count} of {Tables} tables:\n{string.Join('\n', faults.Take(10))}");
    }

    private static void Check(RandomTable table, Folder folder, int seed)
    {
        var random = new Random(seed);
        var plain = Run(folder, "plain", part => table.Csv(part), table);
        Assert.Equal(table.Training.Length, plain.Weights.Count);

        int[] columns = [.. Enumerable.Range(0, table.Names.Length + 1)];
        random.Shuffle(columns);
        var orders = new[] { table.Training, table.Validation, table.Test }.ToDictionary(part => part, part =>
        {
            int[] order = [.. part];
            random.Shuffle(order);
            return order;
        });
        var shuffled = Run(folder, "shuffled", part => table.Csv(orders[part], columns), table, part => orders[part]);
        plain.IsSame(shuffled, "rows and columns in another order");

        var numbers = table.NumbersAlone();
        var csv = Run(folder, "csv", part => numbers.Csv(part), table);
        csv.IsSame(Run(folder, "libsvm", part => numbers.LibSvm(part), table, headerLines: 0), "LIBSVM in place of CSV");
        csv.IsSame(Run(folder, "arff", part => numbers.Arff(part), table, headerLines: numbers.Names.Length + 4), "ARFF in place of CSV");
        EveryRowIsAccountedFor(table, folder);
    }

    // Without files for the other parts the tool divides the rows.
    private static void EveryRowIsAccountedFor(RandomTable table, Folder folder)
    {
        int[] rows = [.. Enumerable.Range(0, table.Cells.Length)];
        File.WriteAllText(folder["whole.csv"], table.Csv(rows));
        var answer = Tool.RunOwn("run", "hyper-cleaning", "--train", folder["whole.csv"], "--out", folder["whole"], "--max-calls", "20", "--no-certificate");
        if (rows.GroupBy(i => table.Labels[i]).All(ofClass => ofClass.Select(i => string.Join(',', table.Cells[i])).Distinct().Count() == 1))
        {
            // As where the only column is constant.
            Assert.Equal(2, answer.Code);
            Assert.Contains("no class has two different rows, so none can be held out to check the others.", answer.Error, StringComparison.Ordinal);
            return;
        }

        Assert.True(answer.Code is 0 or 3, answer.Error);
        string[] split = [.. File.ReadLines(folder["whole", "split.csv"]).Skip(1)];
        Assert.Equal(rows.Select(i => $"{i + 2}"), split.Select(line => line.Split(',')[0]).OrderBy(line => int.Parse(line, CultureInfo.InvariantCulture)));
        Assert.All(split, line => Assert.Equal(table.Labels[int.Parse(line.Split(',')[0], CultureInfo.InvariantCulture) - 2], line.Split(',')[2]));
    }

    private static Outcome Run(Folder folder, string name, Func<int[], string> text, RandomTable table, Func<int[], int[]>? order = null, int headerLines = 1)
    {
        foreach (var (part, rows) in new[] { ("train", table.Training), ("validation", table.Validation), ("test", table.Test) })
            File.WriteAllText(folder[$"{name}-{part}"], text(rows));
        var answer = Tool.RunOwn("run", "hyper-cleaning", "--train", folder[$"{name}-train"], "--validation", folder[$"{name}-validation"], "--test", folder[$"{name}-test"],
            "--out", folder[name], "--max-calls", "60", "--no-certificate", "--json");
        Assert.True(answer.Code is 0 or 3, answer.Error);
        int[] ordered = order?.Invoke(table.Training) ?? table.Training;
        var weights = File.ReadLines(folder[name, "weights.csv"]).Skip(1).Select(line => line.Split(','))
            .ToDictionary(cells => ordered[int.Parse(cells[0], CultureInfo.InvariantCulture) - headerLines - 1], cells => double.Parse(cells[3], CultureInfo.InvariantCulture));
        return new Outcome(answer.Json, weights);
    }

    private sealed record Outcome(JsonElement Json, Dictionary<int, double> Weights)
    {
        private double Number(string name) => (Json.TryGetProperty(name, out var number) ? number : Json.GetProperty("metrics").GetProperty(name)).GetDouble();

        public void IsSame(Outcome other, string what)
        {
            foreach (string name in new[] { "upper_value", "baseline_upper_value", "test_loss", "validation_only_test_loss" })
            {
                double one = Number(name), another = other.Number(name);
                Assert.True(Math.Abs(one - another) <= Same * Math.Max(1, Math.Abs(one)), string.Create(CultureInfo.InvariantCulture, $"{what}: {name} is {another}, not {one}"));
            }

            double worst = Weights.Max(w => Math.Abs(w.Value - other.Weights[w.Key]));
            Assert.True(worst <= Same, string.Create(CultureInfo.InvariantCulture, $"{what}: a weight differs by {worst}"));
        }
    }
}
