using System.Text;
using ICSharpCode.SharpZipLib.BZip2;

namespace Bilevel.Tasks.Tests;

public sealed class LibSvmFileTests
{
    [Fact]
    public void ReadsRowsCommentsAndEqualLabels()
    {
        LabelledData data = Read("# a comment\n+1 2:0.5 4:-2 # more\r\n\n-1\n1.0\t1:3\t4:1\n", new DataOptions { Standardise = false });

        Assert.Equal(["-1", "1"], data.ClassNames);
        Assert.Equal([1, 0, 1], data.Labels);
        Assert.Equal([2, 4, 5], data.Places);
        Assert.Equal(4, data.Table.FeatureCount);
        Assert.Equal([(1, 0.5), (3, -2.0)], FeatureTableTests.Row(data.Table, 0));
        Assert.Empty(FeatureTableTests.Row(data.Table, 1));
        Assert.Equal([(0, 3.0), (3, 1.0)], FeatureTableTests.Row(data.Table, 2));
    }

    [Fact]
    public void ScalesWithoutMovingZeroAndReadsOtherFilesAlike()
    {
        LabelledData training = Read("a 1:2 2:-4\nb 1:1 3:0\n");
        Assert.Equal([2.0, 4.0, 1.0], training.Encoding!.Scales);
        Assert.Equal([(0, 1.0), (1, -1.0)], FeatureTableTests.Row(training.Table, 0));
        Assert.Equal([(0, 0.5)], FeatureTableTests.Row(training.Table, 1));

        LabelledData other = Like(training, "b 2:8 5:1\na 4:1\n");
        Assert.Equal([1, 0], other.Labels);
        Assert.Equal([(1, 2.0)], FeatureTableTests.Row(other.Table, 0));
        Assert.Equal(["file: 2 entries have an index above 3, the largest of the training data; they are left out."], other.Notes);
        CsvFileTests.Fails(() => Like(training, "a 1:1\nc 1:1\n"), "file, line 2: the label 'c' is no class of the training data, which has 'a', 'b'.");

        LabelledData rows = LibSvmFile.ReadLike(File("1:4\n0 2:1\n"), training.Encoding, training.ClassNames, forPrediction: true, textEncoding: null);
        Assert.Equal([LabelledData.NoLabel, LabelledData.NoLabel], rows.Labels);
        Assert.Equal([(0, 2.0)], FeatureTableTests.Row(rows.Table, 0));
        Assert.Contains("1 rows have a label that is no class of the model ('0')", Assert.Single(rows.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1 0:1", "'0:1' has index 0, but indices begin with 1. Add 1 to every index of the file.")]
    [InlineData("1 3:1 2:1", "'2:1' does not come in ascending order of indices.")]
    [InlineData("1 3:1 3:1", "'3:1' does not come in ascending order of indices.")]
    [InlineData("1 3:x", "'3:x' has no finite number behind the colon.")]
    [InlineData("1 3:nan", "'3:nan' has no finite number behind the colon.")]
    [InlineData("1 3", "'3' is not index:value with a whole index.")]
    [InlineData("1 -3:1", "'-3:1' is not index:value with a whole index.")]
    [InlineData("1 10000001:1", "the index 10000001 is above 10000000.")]
    [InlineData("3:1 4:1", "'3:1' stands where the label should be.")]
    public void BadLinesAreRefused(string line, string message) => CsvFileTests.Fails(() => Read("1 1:1\n" + line + "\n"), "file, line 2: " + message);

    [Fact]
    public void LabelsThatAreMeasurementsAreRefused() =>
        CsvFileTests.Fails(() => Read(string.Concat(Enumerable.Range(0, 1001).Select(i => $"{i} 1:1\n"))), "file, line 1001: there are more than 1000 different labels.");

    [Fact]
    public void BothCompressionsAndSeveralPartsAreRead()
    {
        byte[] text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(1, 5000).Select(i => $"{i % 3} {i}:{i}\n")));
        byte[] parts = [.. Bzip2(text[..20000]), .. Bzip2(text[20000..])];
        byte[] gzipParts = [.. CsvFileTests.Gzip(text[..20000]), .. CsvFileTests.Gzip(text[20000..])];
        foreach (byte[] content in new[] { text, CsvFileTests.Gzip(text), gzipParts, Bzip2(text), parts })
        {
            LabelledData data = LibSvmFile.Read(InputFile.InMemory("file", content), new DataOptions());
            Assert.Equal((5000, 5000), (data.Table.Count, data.Table.FeatureCount));
            Assert.Equal([(4999, 1.0)], FeatureTableTests.Row(data.Table, 4999));
        }

        CsvFileTests.Fails(() => LibSvmFile.Read(InputFile.InMemory("file", parts[..^40]), new DataOptions()), "file: is damaged or cut off inside its bzip2 data");
        CsvFileTests.Fails(() => LibSvmFile.Read(InputFile.InMemory("file", CsvFileTests.Gzip(text)[..^40]), new DataOptions()), "file: is damaged or cut off inside its gzip data");
        CsvFileTests.Fails(() => LibSvmFile.Read(InputFile.InMemory("file", gzipParts[..^40]), new DataOptions()), "file: is damaged or cut off inside its gzip data");
    }

    [Fact]
    public void FilesMadeToFillTheMemoryAreRefused()
    {
        byte[] lines = new byte[100_000_000];
        Array.Fill(lines, (byte)'\n');
        byte[] bomb = CsvFileTests.Gzip(lines);

        CsvFileTests.Fails(
            () => LibSvmFile.Read(InputFile.InMemory("file", bomb), new DataOptions()),
            "file: expands to more than 200 times its size. If that is meant, decompress it and give the plain file.");
    }

    [Theory]
    [InlineData("a9a.gz", 32560, 122, 2)]
    [InlineData("a9a.t.gz", 16281, 122, 2)]
    [InlineData("w8a.gz", 49749, 300, 2)]
    [InlineData("ijcnn1.val.gz", 14990, 22, 2)]
    [InlineData("letter.scale.gz", 15000, 16, 26)]
    [InlineData("letter.scale.t.gz", 5000, 16, 26)]
    [InlineData("pendigits.gz", 7494, 16, 10)]
    [InlineData("pendigits.t.gz", 3498, 16, 10)]
    [InlineData("sector.scale.bz2", 6412, 55197, 105)]
    [InlineData("sector.t.scale.bz2", 3207, 55197, 105)]
    public void ReadsRealFiles(string name, int rows, int features, int classes)
    {
        LabelledData data = DataFile.Read(Real("libsvm", name));
        Assert.Equal((rows, features, classes), (data.Table.Count, data.Table.FeatureCount, data.ClassNames.Count));
    }

    internal static string Real(string folder, string name)
    {
        string? data = Environment.GetEnvironmentVariable("BILEVEL_DATA");
        if (string.IsNullOrEmpty(data)) Assert.Skip($"BILEVEL_DATA is not set: point it to a folder with {folder}/ inside to test with the real files.");
        return Path.Combine(data, folder, name);
    }

    internal static byte[] Bzip2(byte[] content)
    {
        using var target = new MemoryStream();
        using (var packed = new BZip2OutputStream(target)) packed.Write(content);
        return target.ToArray();
    }

    private static LabelledData Read(string text, DataOptions? options = null) => LibSvmFile.Read(File(text), options ?? new DataOptions());

    private static LabelledData Like(LabelledData training, string text) =>
        LibSvmFile.ReadLike(File(text), training.Encoding!, training.ClassNames, forPrediction: false, textEncoding: null);

    private static InputFile File(string text) => InputFile.InMemory("file", Encoding.UTF8.GetBytes(text));
}
