using System.IO.Compression;
using System.Text;

namespace Bilevel.Tasks.Tests;

public sealed class CsvFileTests
{
    private const string Small = "id,size,colour,label\n1,2,red,yes\n2,4,blue,no\n3,6,red,yes\n";

    private static readonly DataOptions NoId = new() { IgnoredColumns = ["id"] };

    [Fact]
    public void NumbersAreStandardisedAndTextsBecomeAFeatureEach()
    {
        LabelledData data = Read(Small, NoId);

        // Sizes 2, 4, 6: mean 4, deviation sqrt(8/3).
        double one = 2 / Math.Sqrt(8.0 / 3);
        Assert.Equal(["size", "colour=red", "colour=blue"], data.FeatureNames);
        Assert.Equal(["no", "yes"], data.ClassNames);
        Assert.Equal([1, 0, 1], data.Labels);
        Assert.Equal([2, 3, 4], data.Places);
        Assert.Equal([(0, -one), (1, 1.0)], FeatureTableTests.Row(data.Table, 0));
        Assert.Equal([(2, 1.0)], FeatureTableTests.Row(data.Table, 1));
        Assert.Equal([(0, one), (1, 1.0)], FeatureTableTests.Row(data.Table, 2));
    }

    [Theory]
    [InlineData(",", "\n", false, false)]
    [InlineData(";", "\r\n", true, false)]
    [InlineData("\t", "\r\n", false, true)]
    [InlineData("|", "\r", true, true)]
    public void SeparatorsLineEndsMarksAndCompressionAreFound(string separator, string end, bool mark, bool compressed)
    {
        string text = Small.Replace(",", separator, StringComparison.Ordinal).Replace("\n", end, StringComparison.Ordinal);
        byte[] bytes = [.. mark ? Encoding.UTF8.Preamble : [], .. Encoding.UTF8.GetBytes(text)];

        LabelledData data = CsvFile.Read(InputFile.InMemory("file", compressed ? Gzip(bytes) : bytes), NoId);

        Assert.Equal(["no", "yes"], data.ClassNames);
        Assert.Equal([1, 0, 1], data.Labels);
        Assert.Equal([2, 3, 4], data.Places);
        Assert.Equal(3, data.Table.FeatureCount);
    }

    [Fact]
    public void QuotesHoldSeparatorsQuotesAndLineEnds()
    {
        LabelledData data = Read("a,\"the, class\"\n1,\"x, \"\"y\"\"\"\n2,\"two\nlines\"\n3,z\n", new DataOptions { LabelColumn = "the, class" });

        Assert.Equal(["two\nlines", "x, \"y\"", "z"], data.ClassNames);
        Assert.Equal([1, 0, 2], data.Labels);
        Assert.Equal([2, 3, 5], data.Places);
        Assert.IsType<DenseTable>(data.Table);
    }

    [Fact]
    public void ConstantColumnsAndUnscaledTables()
    {
        LabelledData data = Read("a,b,y\n7,1,0\n7,3,1\n");
        Assert.Equal([(1, -1.0)], FeatureTableTests.Row(data.Table, 0));

        LabelledData plain = Read("a,b,y\n7,1,0\n7,3,1\n", new DataOptions { Standardise = false });
        Assert.Equal([(0, 7.0), (1, 3.0)], FeatureTableTests.Row(plain.Table, 1));
    }

    [Fact]
    public void AnotherFileIsReadAsTheTrainingFileWas()
    {
        LabelledData training = Read(Small, NoId);

        // Other order of columns, one more column, a new text.
        LabelledData other = Like(training, "colour,label,size,more\nblue,no,4,1\ngreen,yes,8,2\n");

        Assert.Equal([0, 1], other.Labels);
        Assert.Equal([(2, 1.0)], FeatureTableTests.Row(other.Table, 0));
        Assert.Equal([(0, 4 / Math.Sqrt(8.0 / 3))], FeatureTableTests.Row(other.Table, 1));
        Assert.Equal(
            ["file: 1 rows have a text in column 'colour' that the training data lack; its features are zero there.", "file: the training data have no columns 'more'; they are left out."],
            other.Notes);
    }

    [Fact]
    public void LabelsOfAnotherFileAreThoseOfTheTrainingFile()
    {
        LabelledData training = Read("a,y\n1,1\n2,-1\n3,2.5\n");
        Assert.Equal(["-1", "1", "2.5"], training.ClassNames);
        Assert.Equal([2, 1, 0], Like(training, "a,y\n1,2.50\n2,+1\n3,-1.0\n").Labels);

        Fails(() => Like(training, "a,y\n1,1\n2,3\n"), "file, line 3: the label '3' is no class of the training data, which has '-1', '1', '2.5'. Correct the label, or remove the row.");
        Fails(() => Like(training, "a\tb\n1\t3\n"), "file: has no column 'y'.");

        LabelledData unlabelled = CsvFile.ReadLike(File("b,a\n5,2\n"), training.Encoding!, training.ClassNames, new DataOptions(), forPrediction: true);
        Assert.Equal([LabelledData.NoLabel], unlabelled.Labels);
        Assert.Empty(FeatureTableTests.Row(unlabelled.Table, 0));
    }

    [Theory]
    [InlineData("abc", "'abc' is no finite number in a column of numbers")]
    [InlineData("-inf", "'-inf' is no finite number in a column of numbers")]
    [InlineData("1e999", "'1e999' is no finite number in a column of numbers")]
    public void OneBadNumberIsReportedNotTakenForText(string cell, string message) =>
        Fails(() => Read($"a,b,y\n1,1,0\n2,2,1\n3,3,0\n4,{cell},1\n"), $"file, line 5, column 'b': {message}");

    [Fact]
    public void WhatCannotBeUsedIsRefusedWithPlaceAndAdvice()
    {
        Fails(() => Read("a,b,c\n1,2,3\n"), "file: no column is named label, class, target, y. Say which holds the labels (--label of the tool, LabelColumn of DataOptions); there are 'a', 'b', 'c'.");
        Fails(() => Read("a,y\n1,0\n1,2,3\n"), "file, line 3: has 3 columns, but the header has 2. Correct the row; text with the separator inside needs quotes.");
        Fails(() => Read("a,y\n1,0\n2,\n3,\n"), "file, line 3: the label is empty, as in 2 of 3 rows, too many to leave out. Fill them in, or name another column (setting label).");
        Fails(() => Read("a,y\n"), "file: has a header and no rows. Use another file.");
        Fails(() => Read("a y\n1 0\n"), "file: its header, 'a y', is one column: nothing in it is separated by commas, semicolons, tabs or bars. Separate the columns so, or use another file.");
        Fails(() => Read("a,y\n1,0\n", new DataOptions { Separator = ';' }), "nothing in it is separated by ';'.");
        Fails(() => Read("1,2\n3,4\n"), "file: begins with numbers, not with the names of the columns. Put a header line before the rows, or say that there is none (setting no-header).");
        Fails(() => Read("a,a,y\n1,2,3\n"), "file: two columns are named 'a'. Rename one, or say that there is no header (setting no-header).");
        Fails(() => Read("a,,y\n1,2,3\n"), "file: column 2 of 3 has no name in the header. Name it.");
        Fails(() => Read(""), "file: is empty. Use another file.");
        Fails(() => Read("a;y\n1,5;0\n2,5;1\n3.25;1\n"), "file, line 2, column 'a': '1,5' has a decimal comma, but '3.25' on line 4 a point. Write numbers with a point and nothing else.");
        Fails(() => Read("a,y\nu,0\nv,1\nw,1\n", new DataOptions { MaxLevels = 2 }), "file, line 4, column 'a': this column of text has more than 2 different texts.");
        Fails(() => Read("a,y\n1e308,0\n-1e308,1\n"), "cannot be scaled to mean 0 and deviation 1");
        Fails(() => Read("a,y\n1,0\n2,1\n3,1\n", new DataOptions { IgnoredColumns = ["b"] }), "file: has no column 'b'. Its columns are 'a', 'y'");
    }

    [Fact]
    public void ColumnsOfCodesCanBeTakenAsText()
    {
        LabelledData data = Read("zip,y\n101,0\n202,1\n", new DataOptions { TextColumns = ["zip"] });
        Assert.Equal(["zip=101", "zip=202"], data.FeatureNames);
    }

    [Fact]
    public void ReadsTheRealAdult()
    {
        // As published, without a header: 32561 rows, 6 columns of numbers, 8 of text with 102 texts in all.
        string path = LibSvmFileTests.Real("adult", "adult.data.gz");
        string[] names = ["age", "workclass", "weight", "education", "years", "marital", "job", "relation", "race", "sex", "gain", "loss", "hours", "country", "income"];
        using var content = new StreamReader(new GZipStream(System.IO.File.OpenRead(path), CompressionMode.Decompress));
        LabelledData data = Read(string.Join(',', names) + "\n" + content.ReadToEnd(), new DataOptions { LabelColumn = "income" });

        Assert.Equal((32561, 6 + 102), (data.Table.Count, data.Table.FeatureCount));
        Assert.Equal(["<=50K", ">50K"], data.ClassNames);
        Assert.Equal(7841, data.Labels.Count(l => l == 1));
        Assert.Equal(6, data.Encoding!.Columns.Count(c => c.Levels is null));
        Assert.Equal(38.58164675532078, data.Encoding.Columns[0].Mean, 1e-10);
    }

    internal static byte[] Gzip(byte[] content)
    {
        using var target = new MemoryStream();
        using (var packed = new GZipStream(target, CompressionLevel.Optimal)) packed.Write(content);
        return target.ToArray();
    }

    internal static void Fails(Func<object> read, string message) =>
        Assert.Contains(message, Assert.Throws<InputException>(read).Message, StringComparison.Ordinal);

    private static LabelledData Read(string text, DataOptions? options = null) => CsvFile.Read(File(text), options ?? new DataOptions());

    private static LabelledData Like(LabelledData training, string text) =>
        CsvFile.ReadLike(File(text), training.Encoding!, training.ClassNames, new DataOptions(), forPrediction: false);

    private static InputFile File(string text) => InputFile.InMemory("file", Encoding.UTF8.GetBytes(text));
}
