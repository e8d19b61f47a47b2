using System.Text;

namespace Bilevel.Tasks.Tests;

public sealed class SoftmaxModelTests
{
    private static readonly double[] Weights = [0.1, -1.0 / 3, double.Epsilon, 1e300, -0.0, Math.PI, 2, 3];

    public static TheoryData<string, TableEncoding> Encodings => new()
    {
        { "columns", TableEncoding.OfColumns([new("a \"b\"", null, 1.0 / 3, Math.E) { Reach = Math.Tau }, new("c", ["", "ä"], 0, 1)], "y", ["id"]) },
        { "sparse", TableEncoding.OfSparse([new(3, -1, 1), new(40, 0, 0.1, 7), new(2_000_000_000, 1e300, 1e-300, 0)]) },
        { "images", TableEncoding.OfImages(1, 3) },
    };

    [Theory]
    [MemberData(nameof(Encodings), DisableDiscoveryEnumeration = true)]
    public void EveryKindComesBackWithTheSameBits(string kind, TableEncoding encoding)
    {
        byte[] saved = Save(new SoftmaxModel(["no", "yes"], encoding, Weights));
        SoftmaxModel loaded = Load(saved);

        Assert.Contains($"\"kind\": \"{kind}\"", Encoding.UTF8.GetString(saved), StringComparison.Ordinal);
        Assert.Equal(["no", "yes"], loaded.ClassNames);
        Assert.Equal(Array.ConvertAll(Weights, BitConverter.DoubleToInt64Bits), Array.ConvertAll(loaded.Weights.ToArray(), BitConverter.DoubleToInt64Bits));
        Assert.Equal((encoding.Kind, encoding.FeatureCount, encoding.Height, encoding.Width), (loaded.Encoding.Kind, loaded.Encoding.FeatureCount, loaded.Encoding.Height, loaded.Encoding.Width));
        Assert.Equal(encoding.Numbered, loaded.Encoding.Numbered);
        Assert.Equal(encoding.FeatureNames, loaded.Encoding.FeatureNames);
        Assert.Equal(encoding.Columns.Select(c => (c.Name, c.Mean, c.Scale, c.Reach)), loaded.Encoding.Columns.Select(c => (c.Name, c.Mean, c.Scale, c.Reach)));
        Assert.Equal((encoding.LabelColumn, encoding.IgnoredColumns.Count), (loaded.Encoding.LabelColumn, loaded.Encoding.IgnoredColumns.Count));
        Assert.Equal(saved, Save(loaded));

        using var text = new StringWriter { NewLine = "\n" };
        loaded.Save(text);
        Assert.Equal(Encoding.UTF8.GetString(saved) + "\n", text.ToString());
    }

    [Fact]
    public void PredictsTheSoftmaxOfTheScores()
    {
        // Scores of (1, 2): 1 * 1 + 2 * 0 + 0.5, 1 * 0 + 2 * 1 - 0.5, 0: that is 1.5, 1.5, 0; the first of equals wins.
        var model = new SoftmaxModel(["a", "b", "c"], TableEncoding.OfSparse([new(1, 0, 1), new(2, 0, 1)]), new double[] { 1, 0, 0, 0, 1, 0, 0.5, -0.5, 0 });
        var rows = model.Predict(new DenseTable(new double[] { 1, 2, 0, 0 }, 2, 2)).ToArray();

        double sum = 2 * Math.Exp(1.5) + 1;
        Assert.Equal(0, rows[0].Class);
        Assert.Equal(Math.Exp(1.5) / sum, rows[0].Probabilities[1], 1e-15);
        Assert.Equal(1 / sum, rows[0].Probabilities[2], 1e-15);
        Assert.Equal(0, rows[1].Class);
        Assert.Equal(Math.Exp(0.5) / (Math.Exp(0.5) + Math.Exp(-0.5) + 1), rows[1].Probabilities[0], 1e-15);

        Assert.Throws<ArgumentException>("table", () => model.Predict(new DenseTable(new double[3], 1, 3)));

        var steep = new SoftmaxModel(["a", "b"], TableEncoding.OfSparse([new(1, 0, 1)]), new double[] { 1e300, 0, 0, 0 });
        Assert.Contains(
            "The scores of row 1 (counting from 0) are too large",
            Assert.Throws<InputException>(() => steep.Predict(new DenseTable(new double[] { 1, 1e300 }, 2, 1)).ToArray()).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"format\": 2", "\"format\": 3", "its format is 3, this program reads 1 to 2")]
    [InlineData("\"softmax\"", "\"forest\"", "its model is not 'softmax'")]
    [InlineData("\"sparse\"", "\"dense\"", "its encoding is of no known kind")]
    [InlineData("    0.5,\n", "", "2 features and a bias for 1 classes need 3 weights, but 2 were given")]
    [InlineData("0.5", "1e999", "a number is too large")]
    [InlineData("0.5", "\"x\"", "")]
    [InlineData("0.25", "0", "a scale a finite number above 0")]
    [InlineData("\"classes\"", "\"klasses\"", "")]
    [InlineData("}", "", "")]
    public void DamagedFilesAreRefused(string old, string fresh, string message)
    {
        string saved = Encoding.UTF8.GetString(Save(new SoftmaxModel(["a"], TableEncoding.OfSparse([new(1, 0, 0.25), new(2, 0, 2)]), new double[] { 0.5, 3, 4 })));
        Assert.Contains(old, saved, StringComparison.Ordinal);

        InputException error = Assert.Throws<InputException>(() => Load(Encoding.UTF8.GetBytes(saved.Replace(old, fresh, StringComparison.Ordinal))));

        Assert.StartsWith("model.json: is no model, or a damaged one (", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Give a model.json that this tool wrote.", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelsOfTheFirstVersionAreRead()
    {
        const string First = """{"format":1,"model":"softmax","classes":["0","1"],"encoding":{"kind":"sparse","scales":[2,4]},"weights":[1,0,0,1,0,0]}""";

        SoftmaxModel model = Load(Encoding.UTF8.GetBytes(First));

        Assert.Equal([new NumberedFeature(1, 0, 2), new NumberedFeature(2, 0, 4)], model.Encoding.Numbered);
    }

    [Fact]
    public void TheCentreOfARowCounts()
    {
        // Of (3, 0) less (1, 2) the scores are 2 - 2 + 0.5 and 0.
        var model = new SoftmaxModel(["a", "b"], TableEncoding.OfSparse([new(1, 0, 1), new(2, 0, 1)]), new double[] { 1, 0, 1, 0, 0.5, 0 });

        var row = Assert.Single(model.Predict(new SparseTable([0, 1], [0], [3], 2, [1, 2])));

        Assert.Equal(1 / (1 + Math.Exp(-0.5)), row.Probabilities[0], 1e-15);
    }

    private static byte[] Save(SoftmaxModel model)
    {
        using var stream = new MemoryStream();
        model.Save(stream);
        return stream.ToArray();
    }

    private static SoftmaxModel Load(byte[] content) => SoftmaxModel.Load(InputFile.InMemory("model.json", content));
}
