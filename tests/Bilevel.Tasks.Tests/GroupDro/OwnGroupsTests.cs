using System.Globalization;
using System.Text;

namespace Bilevel.Tasks.Tests.GroupDro;

/// <summary>The task on the user's own table with a group column.</summary>
public sealed class OwnGroupsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-groups-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_table_with_a_group_column_gives_a_model_that_serves_the_minority()
    {
        string train = Table("train.csv", 600, 0.1, 1), validation = Table("validation.csv", 200, 0.5, 2), test = Table("test.csv", 600, 0.5, 3);
        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.GroupDro().Create(new GroupDroSettings { Train = train, Validation = validation, Test = test, Label = "outcome", Group = "region", Ignore = "id", SampleWeights = false }, new TaskContext(Seed: 1));
        Assert.Contains(instance.Notes, n => n.Contains("600 training, 200 validation and 600 test samples of 2 classes in 4 groups", StringComparison.Ordinal));
        var solution = new Driver { Stop = Stop.Certified(1e-2, 100) | Stop.Iterations(20_000) }.Run(new Auto { Tolerance = 1e-2 }, instance.Problem, instance.Start);
        var outcome = instance.Evaluate(solution);
        Assert.True(GroupDroTests.Metric(outcome, "worst_group_accuracy") > GroupDroTests.Metric(outcome, "baseline_worst_group_accuracy") + 0.2);

        // Names are quoted where they must be; the group is no feature of the model.
        Assert.StartsWith("\"north, <b>east</b>, no\",", GroupDroTests.Lines(outcome, "groups.csv")[1], StringComparison.Ordinal);
        Assert.Equal(2 * 3, instance.Start[2].Length);
        Assert.Equal("all,", GroupDroTests.Lines(outcome, "ridge.csv")[1][..4]);
    }

    [Fact]
    public void Groups_alone_and_rows_held_out_of_every_group()
    {
        var settings = new GroupDroSettings { Train = Table("train.csv", 300, 0.1, 4), Label = "outcome", Group = "region", Ignore = "id", GroupsByClass = false };
        List<string> notes = [];
        var data = GroupSource.Load(settings, new TaskContext(Seed: 2), notes);
        Assert.Equal(["north, <b>east</b>", "south"], data.GroupNames);
        int[] kept = data.Training.Sizes(2), held = data.Validation.Sizes(2);
        Assert.All(kept.Zip(held), pair => Assert.Equal((pair.First + pair.Second) / 5, pair.Second));
        Assert.Equal(300, data.Training.Data.Rows.Concat(data.Validation.Data.Rows).Distinct().Count());
        Assert.Contains(notes, n => n.Contains("one in 5 of every group", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(0.0, false)]
    public void A_mean_in_the_shares_of_training_needs_test_rows_of_every_group(double minority, bool isThere)
    {
        var settings = new GroupDroSettings { Train = Table("train.csv", 200, 0.3, 6), Test = Table("test.csv", 100, minority, 7), Label = "outcome", Group = "region", Ignore = "id", GroupsByClass = false };
        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.GroupDro().Create(settings, new TaskContext(Seed: 1));
        var outcome = instance.Evaluate(new Driver { Stop = Stop.Iterations(5) }.Run(new Auto { Tolerance = 0.05 }, instance.Problem, instance.Start));
        Assert.Equal(isThere ? 6 : 0, outcome.Metrics.Count(m => m.Name.EndsWith("mean_accuracy_as_trained", StringComparison.Ordinal)));
        Assert.Equal(!isThere, outcome.Sections.OfType<RecordTable>().Single(t => t.Title == "Models").Rows.All(row => row[4] == "a group has no rows"));
    }

    [Fact]
    public void Files_that_do_not_fit_are_refused_with_what_to_do()
    {
        string train = Table("train.csv", 60, 0.3, 5), other = Path.Combine(folder, "other.csv");
        var good = new GroupDroSettings { Train = train, Label = "outcome", Group = "region", Ignore = "id" };
        Assert.Contains("Name it with --group", Refusal(good with { Group = "" }), StringComparison.Ordinal);
        Assert.Contains("nowhere", Refusal(good with { Group = "nowhere" }), StringComparison.Ordinal);
        Assert.Contains("outcome cannot hold both", Refusal(good with { Group = "outcome" }), StringComparison.Ordinal);
        Assert.Contains("outcome cannot hold both", Refusal(good with { Group = "Outcome" }), StringComparison.Ordinal);
        Assert.Contains("needs a training file", Refusal(new GroupDroSettings { Validation = train }), StringComparison.Ordinal);
        Assert.Contains("needs a file", Refusal(new GroupDroSettings { Group = "region" }), StringComparison.Ordinal);
        Assert.Contains("two sources", Assert.Throws<InputException>(() => GroupSource.Load(good, new TaskContext(DataFolder: folder), [])).Message, StringComparison.Ordinal);

        File.WriteAllText(other, "id,signal,shortcut,region,outcome\n1,0.5,0.5,west,yes\n2,0.5,0.5,south,no\n");
        Assert.Contains("line 2: the group 'west' is no group of the training data", Refusal(good with { Validation = other }), StringComparison.Ordinal);
        File.WriteAllText(other, "id,signal,shortcut,region,outcome\n1,0.5,0.5,,yes\n2,0.5,0.5,south,no\n3,0.5,0.5,,no\n");
        Assert.Contains("line 2: the group is empty, as in 2 of 3 rows", Refusal(good with { Train = other }), StringComparison.Ordinal);
        File.WriteAllText(other, "id,signal,shortcut,region,outcome\n1,0.5,0.5,south,yes\n2,0.5,0.5,south,no\n");
        Assert.Contains("no validation row is in the group \"north, <b>east</b>, no\"", Refusal(good with { Validation = other }), StringComparison.Ordinal);
        File.WriteAllText(other, string.Concat("id,signal,shortcut,region,outcome\n", string.Concat(Enumerable.Range(0, 20).Select(i => $"{i},0.{i},1,south,{(i % 2 == 0 ? "yes" : "no")}\n"))));
        Assert.Contains("no group to protect", Refusal(good with { Train = other, GroupsByClass = false }), StringComparison.Ordinal);
    }

    private static string Refusal(GroupDroSettings settings) => Assert.Throws<InputException>(() => GroupSource.Load(settings, new TaskContext(), [])).Message;

    // A weak signal, and a shortcut that points the right way in the south and the wrong way in the north-east.
    private string Table(string name, int rows, double minority, ulong seed)
    {
        var text = new StringBuilder("id,signal,shortcut,region,outcome\n");
        for (int i = 0; i < rows; i++)
        {
            int label = i % 2 == 0 ? 1 : -1;
            bool south = RandomBits.Uniform(seed, (ulong)i) >= minority;
            text.Append(CultureInfo.InvariantCulture, $"{i},{label + RandomBits.Normal(seed + 7, (ulong)i):F4},{((south ? 2 : -2) * label) + RandomBits.Normal(seed + 9, (ulong)i):F4},{(south ? "south" : "\"north, <b>east</b>\"")},{(label > 0 ? "yes" : "no")}\n");
        }

        string path = Path.Combine(folder, name);
        File.WriteAllText(path, text.ToString());
        return path;
    }
}
