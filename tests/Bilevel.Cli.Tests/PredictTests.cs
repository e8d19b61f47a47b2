using Bilevel.Tasks;

namespace Bilevel.Cli.Tests;

public sealed class PredictTests : IDisposable
{
    private readonly Folder folder = new();

    public PredictTests()
    {
        // Classes by the sign of a: the scores of no and "yes, sure" are 0 and a, so the probability is 1 / (1 + e^-|a|).
        var encoding = TableEncoding.OfColumns([new TableColumn("a", null, 0, 1)], "kind", []);
        using var stream = File.Create(folder["model.json"]);
        new SoftmaxModel(["no", "yes, sure"], encoding, new double[] { 0, 1, 0, 0 }).Save(stream);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void RowsWithoutLabelsAreWrittenToStandardOutput()
    {
        Write("new.csv", "id,a\n1,2\n2,-1\n");
        var answer = Tool.Run("predict", folder["model.json"], folder["new.csv"]);

        Assert.Equal(0, answer.Code);
        Assert.Equal(
            FormattableString.Invariant($"row,predicted,probability\n2,\"yes, sure\",{1 / (1 + Math.Exp(-2)):R}\n3,no,{1 / (1 + Math.Exp(-1)):R}\n"),
            answer.Out);
        Assert.StartsWith($"2 rows of {folder["new.csv"]} predicted; column row is the line in the file, from 1.\nNote: ", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void GivenLabelsGiveTheAccuracy()
    {
        Write("test.csv", "a,kind,truth\n2,\"yes, sure\",no\n-1,\"yes, sure\",no\n-3,no,no\n");
        var answer = Tool.Run("predict", folder["model.json"], folder["test.csv"], "--out", folder["out"]);

        Assert.Equal(0, answer.Code);
        Assert.Contains("Accuracy 66.67%: 2 of 3 rows with a label are right.", answer.Out, StringComparison.Ordinal);
        string[] lines = folder.Read("out", "predictions.csv").Split('\n');
        Assert.Equal("row,predicted,probability,given", lines[0]);
        Assert.StartsWith("2,\"yes, sure\",0.88", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(",\"yes, sure\"", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(",no", lines[3], StringComparison.Ordinal);

        var json = Tool.Run("predict", folder["model.json"], folder["test.csv"], "--label", "truth", "--json").Json;
        Assert.Equal(2.0 / 3, json.GetProperty("accuracy").GetDouble(), 1e-15);
        Assert.Equal(3, json.GetProperty("predictions").GetArrayLength());
        Assert.Equal("no", json.GetProperty("predictions")[2].GetProperty("predicted").GetString());
    }

    [Fact]
    public void ItsOwnInputIsNotWrittenOver()
    {
        Write("predictions.csv", "id,a\n1,2\n2,-1\n");
        var answer = Tool.Run("predict", folder["model.json"], folder["predictions.csv"], "--out", folder.Path);
        Assert.Equal((2, $"bilevel: {folder["predictions.csv"]} is read by this command, which would write over it. Name another folder with --out.\n"), (answer.Code, answer.Error));
        Assert.Equal("id,a\n1,2\n2,-1\n", folder.Read("predictions.csv"));

        Write("new.csv", "id,a\n1,2\n");
        Assert.Equal(2, Tool.Run("predict", folder["model.json"], folder["new.csv"], "--out", folder.Path).Code);
        Assert.Equal("id,a\n1,2\n2,-1\n", folder.Read("predictions.csv"));
        for (int i = 0; i < 2; i++) Assert.Equal(0, Tool.Run("predict", folder["model.json"], folder["new.csv"], "--out", folder["out"]).Code);
        Assert.Equal(2, folder.Read("out", "predictions.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("a,kind\nx,no\n", "line 2, column 'a': 'x' is no finite number")]
    [InlineData("b,kind\n1,no\n", "has no column 'a'")]
    [InlineData("1 1:2\n", "is a LIBSVM file, but the training data were a table")]
    [InlineData("hello\n", "is neither a table with a header (CSV, ARFF)")]
    public void WrongDataEndWithCode2AndAReason(string content, string message)
    {
        Write("bad", content);
        var answer = Tool.Run("predict", folder["model.json"], folder["bad"]);

        Assert.Equal(2, answer.Code);
        Assert.Empty(answer.Out);
        Assert.StartsWith($"bilevel: {folder["bad"]}", answer.Error, StringComparison.Ordinal);
        Assert.Contains(message, answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongModelsEndWithCode2()
    {
        Write("new.csv", "a\n1\n");
        foreach (string model in new[] { "{}", "[1", "{\"format\":2}" })
        {
            Write("wrong.json", model);
            var answer = Tool.Run("predict", folder["wrong.json"], folder["new.csv"]);
            Assert.Equal(2, answer.Code);
            Assert.Contains("wrong.json: is no model, or a damaged one", answer.Error, StringComparison.Ordinal);
        }

        Assert.Contains("no such file", Tool.Run("predict", folder["missing.json"], folder["new.csv"]).Error, StringComparison.Ordinal);
        Assert.Equal(2, Tool.Run("predict", folder["model.json"], folder["new.csv"], "--label", "kind").Code);
    }

    private void Write(string name, string content) => File.WriteAllText(folder[name], content);
}
