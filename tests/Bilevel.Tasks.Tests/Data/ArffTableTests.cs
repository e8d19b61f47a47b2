using System.Globalization;
using System.Text;

namespace Bilevel.Tasks.Tests;

public sealed class ArffTableTests
{
    private const string Flowers = """
        % 1. Title: flowers
        @RELATION 'some flowers'

        @attribute "petal len" NUMERIC
        @ATTRIBUTE colour	{ red, 'light blue', "it''s", 'it\'s' , 7}
        @Attribute when date "yyyy-MM-dd"
        @attribute kind {b, a}
        @attribute code {0, 1}
        @data
        % a row
        1.5, red, "2020-01-01", a, 1
        -2,'light blue',?,b,0

        ?, 'it\'s', ?, a, 1, {2.5}
        4,7,?,b,?
        """;

    [Fact]
    public void ReadsNamesQuotesTypesAndMissingValues()
    {
        var data = Read(Flowers, new DataOptions { LabelColumn = "kind", IgnoredColumns = ["when"], Standardise = false });

        Assert.Equal(["a", "b"], data.ClassNames);
        Assert.Equal([0, 1, 0, 1], data.Labels);
        Assert.Equal([11, 12, 14, 15], data.Places);
        Assert.Equal(["petal len", "colour=red", "colour=light blue", "colour=it's", "colour=7", "code=1", "code=0", "code=?"], data.FeatureNames);
        Assert.Equal([(0, 1.5), (1, 1.0), (5, 1.0)], FeatureTableTests.Row(data.Table, 0));
        Assert.Equal([(3, 1.0), (5, 1.0)], FeatureTableTests.Row(data.Table, 2));
        Assert.Contains(data.Notes, note => note.Contains("1 rows have a weight of their own in braces", StringComparison.Ordinal));
        Assert.Contains(data.Notes, note => note.Contains("'petal len' has no number in 1 rows (the first is line 14)", StringComparison.Ordinal));
    }

    [Fact]
    public void TheLastAttributeIsTheClassWhereNoneIsNamedSo()
    {
        var data = Read(Flowers, new DataOptions { IgnoredColumns = ["when", "petal len"], Missing = ["none"] });

        Assert.Equal(["0", "1", "?"], data.ClassNames);
        Assert.Contains("file: no attribute is named label, class, target, y, so the last, 'code', holds the labels. Setting label names another.", data.Notes);
    }

    [Fact]
    public void SparseRowsMeanZeroAndTheFirstValue()
    {
        const string Header = "@relation r\n@attribute a numeric\n@attribute b {x, y}\n@attribute c real\n@attribute class {p, q}\n@data\n";
        var dense = Read(Header + "0,x,3,p\n0,y,0,q\n-1,x,0,p\n0,x,0,q\n");
        var sparse = Read(Header + "{2 3}\n{1 y, 3 q}\n{0 -1}\n{ 3 'q' }\n");

        Assert.Equal(dense.Labels, sparse.Labels);
        Assert.Equal(dense.FeatureNames, sparse.FeatureNames);
        for (int i = 0; i < 4; i++) Assert.Equal(FeatureTableTests.Row(dense.Table, i), FeatureTableTests.Row(sparse.Table, i));
    }

    [Fact]
    public void DeclaredValuesAreNotMissingAndIdentifiersAreRefused()
    {
        var data = Read("@relation r\n@attribute a numeric\n@attribute c {none, null}\n@attribute class {NA,virg,?}\n@data\n1,none,NA\n2,null,virg\n3,none,NA\n4,null,?\n");
        Assert.Equal(["NA", "virg"], data.ClassNames);
        Assert.Equal(["a", "c=none", "c=null"], data.FeatureNames);

        // What means missing in ARFF is not carried over to a CSV.
        Assert.Null(data.Encoding!.MissingTexts);

        string rows = string.Concat(Enumerable.Range(0, 40).Select(i => $"p{i:000},{i % 2}\n"));
        CsvFileTests.Fails(() => Read("@relation r\n@attribute id string\n@attribute class {0,1}\n@data\n" + rows), "file, column 'id': its 40 cells hold 40 different texts, such as 'p000', as identifiers or free text do.");
    }

    [Fact]
    public void NumbersAreThoseOfATable()
    {
        var random = new Random(3);
        string[] rows = [.. Enumerable.Range(0, 60).Select(i => string.Create(CultureInfo.InvariantCulture, $"{random.NextDouble() * 1000},{random.Next(3)},{random.Next(2)}"))];
        var arff = Read("@relation r\n@attribute a numeric\n@attribute b integer\n@attribute class {0,1}\n@data\n" + string.Join('\n', rows));
        var csv = CsvFile.Read(File("a,b,class\n" + string.Join('\n', rows)), new DataOptions());

        Assert.Equal(csv.Labels, arff.Labels);
        for (int i = 0; i < rows.Length; i++) Assert.Equal(FeatureTableTests.Row(csv.Table, i), FeatureTableTests.Row(arff.Table, i));

        // Files of both formats go together.
        var like = CsvFile.ReadLike(File("class,b,a\n1,2,3\n"), arff.Encoding!, arff.ClassNames, new DataOptions(), forPrediction: false);
        Assert.Equal([1], like.Labels);
    }

    [Theory]
    [InlineData("@attribute a numeric\n@attribute b {x}\n", "file: ends before its @data. The file is cut off; give the whole one.")]
    [InlineData("@attribute a numeric\n@data\n1\n", "file: declares 1 attributes, and a table needs a label and a feature at least.")]
    [InlineData("@attribute a numbers\n", "file, line 2: 'numbers' is no type of attribute 'a'. Write numeric, string, or the values in braces.")]
    [InlineData("@attribute a relational\n", "file, line 2: attribute 'a' holds tables of its own")]
    [InlineData("@attribute a {x y}\n@attribute class {0,1}\n@data\nx,1\n", "file, line 5: 'x' is none of the values that attribute 'a' is declared with, 'x y'.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n1,0\n2,2\n", "file, line 6: '2' is none of the values that attribute 'class' is declared with, '0', '1'. Correct it, or declare it.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n1\n", "file, line 5: has 1 values, but 2 attributes are declared.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n1,0,3\n", "file, line 5: has 3 values, but 2 attributes are declared.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n1,'0\n", "file, line 5: a quote (') is not closed on the line.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n{0 1, 2 0}\n", "file, line 5: '2' is no index of an attribute, from 0 to 1.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n{1 1, 0 3}\n", "file, line 5: index 0 does not come in ascending order.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n{1 1\n", "file, line 5: begins with a brace that is not closed.")]
    [InlineData("@attribute a numeric\n@attribute a {0,1}\n@data\n1,0\n", "file: two columns are named 'a'.")]
    [InlineData("hello\n", "file, line 2: 'hello' is neither @relation, @attribute nor @data.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\n", "file: has a header and no rows.")]
    [InlineData("@attribute a numeric\n@attribute class {0,1}\n@data\nx,1\n1,0\n2,0\n", "file, line 5, column 'a': 'x' is no finite number in a column of numbers.")]
    public void FaultsAreNamedWithTheirLine(string text, string message) => CsvFileTests.Fails(() => Read("@relation r\n" + text), message);

    private static LabelledData Read(string text, DataOptions? options = null) => CsvFile.Read(File(text), options ?? new DataOptions());

    private static InputFile File(string text) => InputFile.InMemory("file", Encoding.UTF8.GetBytes(text));
}
