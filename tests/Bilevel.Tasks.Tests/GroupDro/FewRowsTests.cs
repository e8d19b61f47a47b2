using System.Globalization;
using System.Text;

namespace Bilevel.Tasks.Tests.GroupDro;

/// <summary>Groups of few rows: trained with, but neither weighed by the leader nor called the worst.</summary>
public sealed class FewRowsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-few-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_group_of_few_validation_rows_is_not_weighed_nor_called_the_worst(int few)
    {
        // The rare group has its labels turned around, so that it would be the worst wherever it is looked at.
        var settings = Settings(Table("train.csv", 1, 120, 30), Table("check.csv", 2, 60, few)) with { Test = Table("test.csv", 3, 60, few) };
        var (outcome, instance) = Solve(settings);
        bool isFew = few < 5;
        Assert.Equal(isFew ? 2 : 3, instance.Start[1].Length);
        Assert.Equal(3, instance.Start[5].Length);
        Assert.Equal(isFew ? 1 : 0, Metric(outcome, "groups_with_few_rows"));
        string[][] rows = [.. GroupDroTests.Lines(outcome, "groups.csv").Skip(1).Select(l => l.Split(','))];
        Assert.Equal(["east", "rare", "west"], rows.Select(r => r[0]));
        Assert.Equal(isFew, rows[1][3].Length == 0);
        Assert.Equal(1, rows.Sum(r => r[3].Length == 0 ? 0 : double.Parse(r[3], CultureInfo.InvariantCulture)), 1e-6);
        Assert.Equal([$"{few}", $"{few}"], rows[1][7..]);
        double[] accuracies = [.. rows.Select(r => double.Parse(r[6], CultureInfo.InvariantCulture))];
        Assert.True(few == 1 || accuracies[1] < Math.Min(accuracies[0], accuracies[2]));
        Assert.Equal(isFew ? Math.Min(accuracies[0], accuracies[2]) : accuracies[1], Metric(outcome, "worst_group_accuracy"));
        Assert.Contains(isFew ? "Test accuracy of the worst group of those with at least 5 rows " : "Test accuracy of the worst group ", outcome.Summary, StringComparison.Ordinal);
        string cell = outcome.Sections.OfType<RecordTable>().First().Rows[1][^1];
        Assert.Equal(isFew, cell.EndsWith($" of {few} rows", StringComparison.Ordinal));
        Assert.Equal(isFew, instance.Notes[0] == $"1 of 3 groups have fewer than 5 validation rows, too few to tell their accuracy: 'rare' ({few}); the upper level takes its maximum over the other groups, and these are trained with as all are.");

        // F is the maximum over the groups that are weighed, by either way of reading it.
        Assert.Equal(instance.UpperValueAt(instance.Start), Driver(instance).UpperValue, 1e-3);
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(3, 1)]
    [InlineData(1, 2)]
    public void Where_no_group_has_enough_rows_all_are_weighed_and_none_is_the_worst(int common, int rare)
    {
        var (outcome, instance) = Solve(Settings(Table("train.csv", 1, 100, 30), Table("check.csv", 2, 2 * common, rare)));
        Assert.Equal(3, instance.Start[1].Length);
        Assert.DoesNotContain(outcome.Metrics, m => m.Name.EndsWith("worst_group_accuracy", StringComparison.Ordinal));
        Assert.Equal(3, Metric(outcome, "groups_with_few_rows"));
        Assert.StartsWith("No group has 5 validation rows, so none is called the worst. Mean validation accuracy ", outcome.Summary, StringComparison.Ordinal);
        Assert.StartsWith("3 of 3 groups have fewer than 5 validation rows", instance.Notes[0], StringComparison.Ordinal);
        Assert.All(outcome.Sections.OfType<RecordTable>().Single(t => t.Title == "Models").Rows, row => Assert.Equal("no group has enough rows", row[2]));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(9)]
    public void Rows_are_held_out_by_group_and_class_and_single_ones_stay(ulong seed)
    {
        string path = Table("train.csv", seed, 150, 12, more: "0.5,0.1,alone,yes\n");
        List<string> notes = [];
        var settings = Settings(path, "");
        var data = GroupSource.Load(settings, new TaskContext(seed), notes);
        Assert.Equal([15, 5, 15, 0], Order(data.Validation.Sizes(4), data.GroupNames));
        Assert.Equal([60, 7, 60, 1], Order(data.Training.Sizes(4), data.GroupNames));
        Assert.Equal(3, data.Opposed.Groups.Length);
        Assert.StartsWith("1 of 4 groups have fewer than 5 validation rows, too few to tell their accuracy: 'alone' (0); ", notes[0], StringComparison.Ordinal);
        for (int g = 0; g < 4; g++)
        {
            int[] labels = [.. data.Validation.Data.Labels.Where((_, i) => data.Validation.Groups[i] == g)];
            if (labels.Length == 15) Assert.InRange(labels.Sum(), 7, 8);
        }

        // The same rows whatever the order of the file.
        string[] lines = File.ReadAllLines(path);
        string[] shuffled = [lines[0], .. RandomOrder.Of(lines.Length - 1, seed).Select(i => lines[i + 1])];
        string other = Path.Combine(folder, "shuffled.csv");
        File.WriteAllLines(other, shuffled);
        var again = GroupSource.Load(settings with { Train = other }, new TaskContext(seed), []);
        Assert.Equal(Places(data, lines), Places(again, shuffled));

        // A group without a validation row is no obstacle to either goal.
        Solve(settings with { Goal = ValidationGoal.Mean });
        Solve(settings);

        static string[] Places(GroupData data, string[] lines) => [.. data.Validation.Data.Rows.Select(i => lines[i + 1]).Order(StringComparer.Ordinal)];
        static int[] Order(int[] sizes, IReadOnlyList<string> names) => [.. new[] { "east", "rare", "west", "alone" }.Select(name => sizes[names.ToList().IndexOf(name)])];
    }

    [Theory]
    [InlineData("", "yes", "line 2.")]
    [InlineData("east", "nan", "line 2 with 'nan'. Where 'nan' is a class,")]
    [InlineData("NA", "yes", "line 2 with 'NA'. Where 'NA' is a group,")]
    [InlineData("?", "?", "line 2 with '?'. Where '?' is a class,")]
    public void A_row_without_a_label_or_a_group_is_in_no_role(string group, string label, string first)
    {
        string whole = Table("train.csv", 5, 60, 10), holed = Path.Combine(folder, "holed.csv");
        string[] lines = File.ReadAllLines(whole);
        File.WriteAllLines(holed, [lines[0], $"90,90,{group},{label}", .. lines[1..], "80,80,east,"]);
        List<string> notes = [];
        var (one, other) = (GroupSource.Load(Settings(holed, holed), new TaskContext(), notes), GroupSource.Load(Settings(whole, whole), new TaskContext(), []));
        foreach (var (with, without) in new[] { (one.Training, other.Training), (one.Validation, other.Validation) })
        {
            Assert.Equal(without.Groups, with.Groups);
            Assert.Equal(without.Data.Labels, with.Data.Labels);
            Assert.Equal(RowKeys.OfAll(without.Data.Source), RowKeys.OfAll(with.Data.Source));
        }

        string what = label == "?" || group is "" or "NA" ? "label or no group" : "label";
        Assert.Equal(2, notes.Count(n => n.StartsWith($"{holed}: 2 of 72 rows have no {what} and are left out; the first is {first}", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Ties_of_tuned_baselines_go_to_the_best_mean_and_are_said(ulong seed)
    {
        // Five rows a group have six accuracies, and thirteen ridges tie among them.
        var (outcome, _) = Solve(Settings(Table("train.csv", seed, 100, 20), Table("check.csv", seed + 10, 10, 5)));
        string meaning = outcome.Metrics.Single(m => m.Name == "tuned_baseline_worst_group_accuracy").Meaning;
        Assert.Matches(@" chosen on a grid by validation accuracy \(\d+ of 13 tie; of these the best mean, then the largest ridge\)$", meaning);
    }

    private static GroupDroSettings Settings(string train, string validation) =>
        new() { Train = train, Validation = validation, Label = "outcome", Group = "region", GroupsByClass = false, SampleWeights = false };

    private static (TaskOutcome Outcome, MinimaxInstance<DenseVector<double>> Instance) Solve(GroupDroSettings settings)
    {
        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.GroupDro().Create(settings, new TaskContext());
        return (instance.Evaluate(Driver(instance)), instance);
    }

    private static Solution<DenseVector<double>> Driver(MinimaxInstance<DenseVector<double>> instance) =>
        new Driver { Stop = Stop.Iterations(1) }.Run(new Auto { Tolerance = 0.05 }, instance.Problem, instance.Start);

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    // Two groups of the common rows, and a rare one whose labels are turned around.
    private string Table(string name, ulong seed, int common, int rare, string more = "")
    {
        var text = new StringBuilder("signal,other,region,outcome\n");
        for (int i = 0; i < common + rare; i++)
        {
            int label = i / 2 % 2 == 0 ? 1 : -1;
            string group = i >= common ? "rare" : i % 2 == 0 ? "east" : "west";
            double signal = (i >= common ? -3 : 2) * label;
            text.Append(CultureInfo.InvariantCulture, $"{signal + (0.8 * RandomBits.Normal(seed, (ulong)i)):F4},{RandomBits.Normal(seed + 50, (ulong)i):F4},{group},{(label > 0 ? "yes" : "no")}\n");
        }

        string path = Path.Combine(folder, name);
        File.WriteAllText(path, text.Append(more).ToString());
        return path;
    }
}
