using System.Globalization;

namespace Bilevel.Tasks.Tests.HyperCleaning;

/// <summary>What is said of rows that are left out, in two roles, or few; and what is not said of them.</summary>
public sealed class RolesTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-roles-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(1, "nan", 7)]
    [InlineData(2, "", 3)]
    [InlineData(3, "?", 25)]
    [InlineData(4, "NA", 1)]
    public void A_file_with_rows_left_out_is_the_file_without_them(ulong seed, string text, int missing)
    {
        string[] whole = Rows(seed, 60, "red", "green", "blue");
        int[] gone = [.. RandomOrder.Of(60, seed)[..missing].Order()];
        string[] holed = [.. whole.Select((row, i) => gone.Contains(i) ? $"7{i},strange{i},{text}" : row)], kept = [.. whole.Where((_, i) => !gone.Contains(i))];
        var (one, other) = (DataFile.Read(Write("holed.csv", holed)), DataFile.Read(Write("kept.csv", kept)));
        Assert.Equal(other.Encoding!.Columns.Select(c => (c.Name, c.Mean, c.Scale)), one.Encoding!.Columns.Select(c => (c.Name, c.Mean, c.Scale)));
        Assert.Equal(other.FeatureNames, one.FeatureNames);
        Assert.Equal(other.Labels, one.Labels);
        Assert.Equal(RowKeys.OfAll(other), RowKeys.OfAll(one));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $": {missing} of 60 rows have no label and are left out; the first is line {gone[0] + 2}"), one.Notes[0], StringComparison.Ordinal);
        Assert.All(Enumerable.Range(0, 60 - missing), i => Assert.Equal(Array.IndexOf(holed, kept[i]) + 2, one.Places[i]));

        // As a validation file too, and it is said before all that was read well.
        Assert.Equal(other.Labels, DataFile.ReadLike(Write("holed.csv", holed), other.Encoding, other.ClassNames).Labels);
        Assert.Contains(Notes(new() { Train = Write("holed.csv", holed) }), n => n.Contains("have no label and are left out", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0)]
    [InlineData(0, 4)]
    [InlineData(12, 3)]
    public void Rows_in_two_roles_are_counted_and_said_first(int equal, int relabelled)
    {
        string[] train = Rows(1, 80, "no", "yes"), fresh = Rows(2, 20, "no", "yes");
        string[] again = [.. train.Take(equal), .. train.Skip(equal).Take(relabelled).Select(row => row.EndsWith("no", StringComparison.Ordinal) ? row[..^2] + "yes" : row[..^3] + "no")];

        // Other columns first, and numbers written in another way.
        string[] check = [.. fresh.Concat(again).Select(row => row.Split(',') is [var a, var b, var label] ? $"{label},{b},{a}0" : row)];
        string path = Write("check.csv", check, "label,b,a");
        var notes = Notes(new() { Train = Write("train.csv", train), Validation = path });
        int all = 20 + equal + relabelled;
        string? expected = (equal, relabelled) switch
        {
            (0, 0) => null,
            (_, 0) => $"{path}: {equal} of {all} validation rows also occur in the training file. Such rows check",
            (0, _) => $"{path}: {relabelled} of {all} validation rows also occur in the training file with another label. Such rows check",
            _ => $"{path}: {equal} of {all} validation rows also occur in the training file, and {relabelled} more with another label. Such rows check",
        };
        if (expected is not null) Assert.StartsWith(expected, notes[0], StringComparison.Ordinal);
        Assert.Equal(expected is null, notes.Any(n => n.EndsWith("no sample has two roles.", StringComparison.Ordinal)));
        Assert.Equal(expected is not null, notes.Any(n => n.Contains("also occur", StringComparison.Ordinal)));

        // Test rows likewise, beside both other files.
        var tested = Notes(new() { Train = Write("train.csv", train), Validation = Write("other.csv", fresh), Test = path });
        Assert.Equal(expected is not null, tested.Any(n => n.Contains("test rows also occur in the training file", StringComparison.Ordinal)));
        Assert.Contains(tested, n => n.StartsWith($"{path}: 20 of {all} test rows also occur in the validation file", StringComparison.Ordinal));
    }

    [Fact]
    public void A_validation_file_that_lacks_a_class_is_refused()
    {
        string train = Write("train.csv", Rows(1, 60, "no", "yes", "maybe"));
        foreach (string absent in new[] { "no", "yes", "maybe" })
        {
            string check = Write("check.csv", [.. Rows(2, 60, "no", "yes", "maybe").Where(row => !row.EndsWith("," + absent, StringComparison.Ordinal))]);
            string message = Assert.Throws<InputException>(() => Notes(new() { Train = train, Validation = check })).Message;
            Assert.StartsWith($"{check}: no validation row has the label '{absent}', so every training row with it would look wrong. Add checked rows of this class,", message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Labels_of_a_class_with_few_checked_rows_are_not_said_to_look_wrong(int few)
    {
        // Rows of the rare class lie where another is common, so that each of them would look wrong.
        string[] rare = [.. Enumerable.Range(0, 12).Select(i => FormattableString.Invariant($"{0.1 * i:F3},{0.07 * i:F3},rare"))];
        string train = Write("train.csv", [.. Rows(1, 80, "no", "yes"), .. rare]), check = Write("check.csv", [.. Rows(2, 40, "no", "yes"), .. Enumerable.Range(0, few).Select(i => FormattableString.Invariant($"9.{i},-9,rare"))]);
        var instance = (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create(new HyperCleaningSettings { Train = train, Validation = check, Ridge = 0.01 }, new TaskContext());
        double[] x = [.. Enumerable.Repeat(-1.0, 92)];
        var outcome = instance.Evaluate(new Driver { Stop = Stop.Iterations(1), Validate = false }.Run(instance.Presets[0], instance.Problem, new DenseVector<double>(x), instance.Y) with { Point = [new DenseVector<double>(x), instance.Y] });
        bool isJudged = few >= 3;
        Assert.Equal(isJudged ? 0 : 1, Metric(outcome, "classes_with_few_validation_rows"));
        Assert.Equal(isJudged ? 92 : 80, Metric(outcome, "suspicious"));
        Assert.Contains(isJudged ? "92 of 92 labels look wrong. " : "80 of 80 labels look wrong, and 12 of classes with few validation samples are not judged. ", outcome.Summary, StringComparison.Ordinal);
        Assert.EndsWith("That is more than half of them: the " + (40 + few) + " validation samples may be too few, or wrong themselves.", outcome.Summary, StringComparison.Ordinal);
        string[] rows = [.. outcome.Sections.OfType<RecordTable>().First().Rows.Select(r => r[1])];
        Assert.Equal(isJudged, rows.Contains("rare"));
        Assert.Equal(!isJudged, instance.Notes[0].StartsWith($"There are few validation rows of the class 'rare' ({few}): next to nothing checks its labels", StringComparison.Ordinal));

        using var weights = new StringWriter(CultureInfo.InvariantCulture);
        outcome.Files.Single(f => f.Name == "weights.csv").Write(weights);
        string[] last = weights.ToString().TrimEnd('\n').Split('\n')[^12..];
        Assert.Equal(!isJudged, last.All(l => l.Contains(",rare,", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(23)]
    public void A_class_of_one_row_stays_in_training_and_nothing_checks_it(ulong seed)
    {
        string[] rows = [.. Rows(seed, 50, "no", "yes"), "3,3,once", "4,4,twice", "4,5,twice", "1,1,same", "1,1,same"];
        List<string> notes = [];
        var data = CleaningSource.Load(new HyperCleaningSettings { Train = Write("train.csv", rows) }, new TaskContext(seed), notes);
        Assert.Equal([5, 0, 0, 1, 5], data.Validation.ClassSizes);
        Assert.Equal([20, 1, 2, 1, 20], data.Training.ClassSizes);
        Assert.StartsWith("No validation row is of the class 'once' (0), 'same' (0), of which the file has no two different rows: nothing checks its labels", notes[0], StringComparison.Ordinal);
        Assert.StartsWith("There are few validation rows of the class 'twice' (1)", notes[1], StringComparison.Ordinal);
        Assert.Equal(24, data.Observed.Where((_, i) => !data.IsJudged(i)).Count() + 20);
    }

    [Fact]
    public void Columns_and_classes_are_listed_with_what_is_left_out()
    {
        string[] rows = [.. Rows(1, 40, "no", "yes").Select((row, i) => $"{i},{i * 3},{row}")];
        var notes = Notes(new() { Train = Write("train.csv", rows, ",code,a,b,label"), Ignore = "code" });
        Assert.Contains("Features are made of 2 columns: 'a', 'b'; left out: 'code' (setting ignore), '' (an index of the rows). The labels are in 'label'.", notes);
        Assert.Contains("Classes with their training rows: 'no' (16), 'yes' (16).", notes);

        // Long lists are cut.
        string[] wide = [.. Enumerable.Range(0, 30).Select(i => string.Join(',', Enumerable.Range(0, 20).Select(j => (i * (j + 3)) % 17)) + $",c{i % 15}")];
        var more = Notes(new() { Train = Write("wide.csv", wide, string.Join(',', Enumerable.Range(0, 20).Select(j => $"f{j}")) + ",label") });
        Assert.Contains(more, n => n.EndsWith("'f11' and 8 more. The labels are in 'label'.", StringComparison.Ordinal));
        Assert.Contains(more, n => n.StartsWith("Classes with their training rows: ", StringComparison.Ordinal) && n.EndsWith(" and 3 more.", StringComparison.Ordinal));
    }

    [Fact]
    public void Many_columns_without_numbers_share_a_note()
    {
        string[] rows = [.. Enumerable.Range(0, 20).Select(i => string.Join(',', Enumerable.Range(0, 6).Select(j => (i + j) % 7 == 0 ? "" : $"{i * j % 5}")) + $",{i % 2}")];
        string[] notes = [.. Notes(new() { Train = Write("train.csv", rows, "a,b,c,d,e,f,label") }).Where(n => n.Contains("mean of the training data", StringComparison.Ordinal))];
        Assert.Contains("6 columns lack numbers, and the mean of the training data is taken there; with the number of rows: 'a' (3), 'b' (2), 'c' (3)", Assert.Single(notes), StringComparison.Ordinal);
    }

    private IReadOnlyList<string> Notes(HyperCleaningSettings settings) => new Tasks.HyperCleaning().Create(settings, new TaskContext()).Notes;

    private string Write(string name, string[] rows, string header = "a,b,label")
    {
        string path = Path.Combine(folder, name);
        File.WriteAllText(path, header + "\n" + string.Concat(rows.Select(r => r + "\n")));
        return path;
    }

    private static string[] Rows(ulong seed, int count, params string[] classes) =>
        [.. Enumerable.Range(0, count).Select(i => FormattableString.Invariant($"{(2 * (i % classes.Length)) + RandomBits.Normal(seed, (ulong)(2 * i)):F3},{RandomBits.Normal(seed, (ulong)((2 * i) + 1)):F3},{classes[i % classes.Length]}"))];

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;
}
