namespace Bilevel.Cli.Tests;

/// <summary>What a run says of its data.</summary>
public class NotesTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(40)]
    public void AtMostTwelveLinesAreSaidAndAllAreKept(int columns)
    {
        // A note for every column of codes, some of them long.
        using var folder = new Folder();
        File.WriteAllLines(folder["t.csv"],
        [
            string.Join(',', Enumerable.Range(0, columns).Select(j => $"code{j}")) + ",a,label",
            .. Enumerable.Range(0, 60).Select(i => string.Join(',', Enumerable.Range(0, columns).Select(j => $"0{(i + j) % 5}")) + FormattableString.Invariant($",{i * 7 % 11},{(i == 7 ? "" : i % 2 == 0 ? "no" : "yes")}")),
        ]);
        var answer = Tool.RunOwn("run", "hyper-cleaning", "--train", folder["t.csv"], "--iterations", "2", "--out", folder["out"]);
        string[] all = File.ReadAllLines(folder["out", "notes.txt"]);
        Assert.Equal(0, answer.Code);
        Assert.Empty(answer.Error);
        Assert.StartsWith("There is no validation file", all[0]);
        Assert.StartsWith($"{folder["t.csv"]}: 1 of 60 rows have no label and are left out; the first is line 9.", all[1]);
        Assert.Contains(all, n => n.StartsWith($"Features are made of {columns + 1} columns: ", StringComparison.Ordinal));
        int notes = columns + 6;
        Assert.Equal(notes <= 12 ? notes : 12, answer.Notes.Count);
        Assert.Equal(all.Take(notes <= 12 ? notes : 11), answer.Notes.Take(notes <= 12 ? notes : 11));
        if (notes > 12) Assert.Equal($"{notes - 11} notes more; they will be in {folder["out", "notes.txt"]} and in the report.", answer.Notes[^1]);
        Assert.All(all, n => Assert.Contains(System.Net.WebUtility.HtmlEncode(n), folder.Read("out", "report.html")));
        Assert.Contains("report.html, run.json, notes.txt, ", answer.Out);

        // Without a folder the rest is in the JSON.
        var json = Tool.RunOwn("run", "hyper-cleaning", "--train", folder["t.csv"], "--iterations", "2", "--json");
        Assert.Equal(answer.Notes.Count, json.Notes.Count);
        if (notes > 12) Assert.Equal($"{notes - 11} notes more; --json lists them, and --out DIR keeps them in DIR.", json.Notes[^1]);
        Assert.Equal(notes, json.Json.GetProperty("notes").EnumerateArray().Count(n => all.Contains(n.GetString())));
    }

    [Fact]
    public void ARunWithNothingToNoteSaysSoInItsFile()
    {
        using var folder = new Folder();
        Assert.Equal(0, Tool.Run("run", "toy", "--out", folder["out"]).Code);
        Assert.Equal("3 components, made from seed 0.\n", folder.Read("out", "notes.txt"));
        var plain = Tool.Run("run", "plain", "--out", folder["out"]);
        Assert.Empty(plain.Notes);
        Assert.Equal("There is nothing to note.\n", folder.Read("out", "notes.txt"));
    }
}
