using System.Globalization;
using System.Text;

namespace Bilevel.Tasks.Tests.HyperCleaning;

/// <summary>The task on the user's own table: held-out rows, likely labels, the model, what is refused.</summary>
public sealed class OwnFilesTests : IDisposable
{
    private static readonly string[] Names = ["<b>apple</b>", "pear, green", "plum"];

    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-own-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Wrong_labels_of_a_table_are_found_and_the_model_gives_the_likely_ones()
    {
        var (train, wrong) = Table("train.csv", rows: 600, noise: 0.3, seed: 1);
        var (validation, _) = Table("validation.csv", rows: 200, noise: 0, seed: 2);
        var outcome = Solve(new() { Train = train, Validation = validation, Label = "species", Ignore = "id", Ridge = 0.01 });

        Assert.True(Metric(outcome, "validation_accuracy") > 0.97);
        string[][] rows = [.. Lines(outcome, "weights.csv").Skip(1).Select(Fields)];
        Assert.Equal(["row", "label", "likely_label", "weight", "x"], Fields(Lines(outcome, "weights.csv")[0]));
        Assert.Equal(600, rows.Length);
        var suspects = rows.Where(r => double.Parse(r[3], CultureInfo.InvariantCulture) < 0.5).Select(r => int.Parse(r[0], CultureInfo.InvariantCulture)).ToHashSet();
        int hit = suspects.Count(wrong.Contains);
        Assert.True(hit >= 0.9 * wrong.Count, $"{hit} of {wrong.Count} found");
        Assert.True(hit >= 0.9 * suspects.Count, $"{suspects.Count - hit} false alarms of {suspects.Count}");

        // The saved model, read back, makes of the file what the report says is likely.
        string path = Path.Combine(folder, "model.json");
        using (var writer = new StreamWriter(path)) outcome.Files.Single(f => f.Name == "model.json").Write(writer);
        var model = SoftmaxModel.Load(path);
        var data = DataFile.ReadLike(train, model.Encoding, model.ClassNames);
        var predicted = model.Predict(data.Table).Select((p, i) => (data.Places[i], model.ClassNames[p.Class])).ToDictionary();
        Assert.All(rows, r => Assert.Equal(predicted[int.Parse(r[0], CultureInfo.InvariantCulture)], r[2]));
    }

    [Fact]
    public void Without_a_validation_file_rows_are_held_out_and_it_is_said()
    {
        var (train, _) = Table("train.csv", rows: 300, noise: 0.1, seed: 3);
        var instance = new Tasks.HyperCleaning().Create(new HyperCleaningSettings { Train = train, Ignore = "id", Label = "species" }, new TaskContext(Seed: 1));
        Assert.Contains(instance.Notes, n => n.Contains("240 training, 60 validation and 0 test samples of 3 classes", StringComparison.Ordinal));
        Assert.Contains(instance.Notes, n => n.Contains("60 rows of the training file, drawn by class and by the seed, were held out", StringComparison.Ordinal));
    }

    [Fact]
    public void Sources_that_contradict_each_other_are_refused()
    {
        var (train, _) = Table("train.csv", rows: 60, noise: 0, seed: 4);
        Assert.Contains("needs a training file", Refusal(new() { Validation = train }, null), StringComparison.Ordinal);
        Assert.Contains("name two sources", Refusal(new() { Train = train }, folder), StringComparison.Ordinal);
        Assert.Contains("Lower train-size or validation-size", Refusal(new() { Train = train, Label = "species", TrainSize = 61 }, null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_one_class_is_refused()
    {
        string path = Path.Combine(folder, "one.csv");
        File.WriteAllText(path, "size,label\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"{i},pear\n")));
        Assert.Contains("every row has the label pear", Refusal(new() { Train = path }, null), StringComparison.Ordinal);
    }

    private static string Refusal(HyperCleaningSettings settings, string? data) =>
        Assert.Throws<InputException>(() => new Tasks.HyperCleaning().Create(settings, new TaskContext(DataFolder: data))).Message;

    private static TaskOutcome Solve(HyperCleaningSettings settings)
    {
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(settings, new TaskContext(Seed: 1));
        var driver = new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(100) };
        return instance.Evaluate(driver.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y));
    }

    // Three clusters in two numbers and a colour; lines from 2, since the header is line 1.
    private (string Path, HashSet<int> Wrong) Table(string name, int rows, double noise, ulong seed)
    {
        var text = new StringBuilder("id,colour,size,weight,species\n");
        var wrong = new HashSet<int>();
        for (int i = 0; i < rows; i++)
        {
            int kind = i % 3, label = RandomBits.Uniform(seed, (ulong)(4 * i)) < noise ? (kind + 1) % 3 : kind;
            if (label != kind) wrong.Add(i + 2);
            text.Append(CultureInfo.InvariantCulture, $"{i},{(kind == 0 ? "red" : "green")},{5 + (3 * kind) + (0.6 * RandomBits.Normal(seed + 7, (ulong)i)):F3},{100 - (30 * kind) + (6 * RandomBits.Normal(seed + 9, (ulong)i)):F2},\"{Names[label]}\"\n");
        }

        string path = Path.Combine(folder, name);
        File.WriteAllText(path, text.ToString());
        return (path, wrong);
    }

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    private static string[] Lines(TaskOutcome outcome, string file)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        outcome.Files.Single(f => f.Name == file).Write(writer);
        return writer.ToString().TrimEnd('\n').Split('\n');
    }

    // Only the second and third field may stand in quotes.
    private static string[] Fields(string line)
    {
        var fields = new List<string>();
        for (int at = 0; at <= line.Length;)
        {
            bool quoted = at < line.Length && line[at] == '"';
            int end = quoted ? line.IndexOf('"', at + 1) + 1 : line.IndexOf(',', at) is >= 0 and int comma ? comma : line.Length;
            fields.Add(line[at..end].Trim('"'));
            at = end + 1;
        }

        return [.. fields];
    }
}
