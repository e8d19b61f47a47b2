using System.Globalization;
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
        Assert.Equal([1, 2, 4], data.Encoding!.Numbered.Select(f => f.Number));
        Assert.Equal([(1, 0.5), (2, -2.0)], FeatureTableTests.Row(data.Table, 0));
        Assert.Empty(FeatureTableTests.Row(data.Table, 1));
        Assert.Equal([(0, 3.0), (2, 1.0)], FeatureTableTests.Row(data.Table, 2));
    }

    [Fact]
    public void NumbersAreTheSameFeaturesAsInATable()
    {
        foreach (bool isDense in new[] { true, false })
        {
            // Sparse rows, a feature far from zero, one with some zeros, one that is constant and one that is rare.
            double[][] numbers = [.. Enumerable.Range(0, 40).Select<int, double[]>(i => [2000 + (1.5 * Math.Sin(i)), i % 3 == 0 ? i : 0, 5, i == 7 ? -0.25 : 0, .. Enumerable.Repeat(0.0, isDense ? 0 : 15)])];
            foreach (double[] row in numbers) row[^1] = row == numbers[3] ? 1 : row[^1];
            string table = string.Join(',', numbers[0].Select((_, j) => $"c{j}")) + ",label\n" + string.Concat(numbers.Select((row, i) => string.Join(',', row.Select(v => v.ToString("R", CultureInfo.InvariantCulture))) + $",{i % 2}\n"));
            string lines = string.Concat(numbers.Select((row, i) => $"{i % 2} " + string.Join(' ', row.Select((v, j) => (v, j)).Where(e => e.v != 0).Select(e => FormattableString.Invariant($"{(e.j * 100_000_000L) + 7}:{e.v:R}"))) + "\n"));

            LabelledData csv = CsvFile.Read(File(table), new DataOptions()), sparse = Read(lines);

            Assert.Equal(isDense, sparse.Table is DenseTable);
            int[] kept = [.. Enumerable.Range(0, numbers[0].Length).Where(j => numbers.Any(row => row[j] != 0))];
            Assert.Equal(kept.Select(j => (j * 100_000_000) + 7), sparse.Encoding!.Numbered.Select(f => f.Number));
            for (int i = 0; i < numbers.Length; i++)
            {
                double[] expected = Whole(csv.Table, i), actual = Whole(sparse.Table, i);
                for (int j = 0; j < kept.Length; j++) Assert.Equal(expected[kept[j]], actual[j], 12);
            }
        }
    }

    [Fact]
    public void OtherFilesAreReadAlikeAndKeptNear()
    {
        LabelledData training = Read("0 1:2 2:-4\n1 1:1 3:0\n");
        Assert.Equal([new(1, 1.5, 0.5, 4), new(2, -2, 2, 4)], training.Encoding!.Numbered);
        Assert.Equal([1.0, -1], Whole(training.Table, 0));
        Assert.Equal([-1.0, 1], Whole(training.Table, 1));

        LabelledData other = Like(training, "1 2:18 5:1\n0 4:1\n");
        Assert.Equal([1, 0], other.Labels);
        Assert.Equal([-3.0, 4], Whole(other.Table, 0));
        Assert.Equal([-3.0, 1], Whole(other.Table, 1));
        Assert.Equal(
            ["file: 2 entries of 2 features that the training data lack (4, 5) are left out.",
             "file: 1 numbers are more than 4 times as far from the mean of their feature as any of the training data (the first: 18 of feature 2, line 1); they are taken at that distance."],
            other.Notes);
        CsvFileTests.Fails(() => Like(training, "0 1:1\n2 1:1\n"), "file, line 2: the label '2' is no class of the training data, which has '0', '1'.");

        LabelledData rows = LibSvmFile.ReadLike(File("1:2\n7 2:-4\n"), training.Encoding, training.ClassNames, forPrediction: true, textEncoding: null);
        Assert.Equal([LabelledData.NoLabel, LabelledData.NoLabel], rows.Labels);
        Assert.Equal([1.0, 1], Whole(rows.Table, 0));
        Assert.Contains("1 rows have a label that is no class of the model ('7')", Assert.Single(rows.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void ANearlyConstantFeatureStaysSmallInOtherFiles()
    {
        LabelledData training = Read(string.Concat(Enumerable.Range(0, 50).Select(i => $"{i % 2} 1:{(i == 9 ? "5.0000001" : "5")} 2:7 3:{i}\n")));

        LabelledData other = Like(training, "0 1:9 2:-300 3:1\n1 3:2\n");

        double reach = training.Encoding!.Numbered[0].Reach;
        Assert.InRange(reach, 27.9, 28.1);
        Assert.Equal([reach, 0], Whole(other.Table, 0)[..2]);
        Assert.Equal([-reach, 0], Whole(other.Table, 1)[..2]);
        Assert.Contains("4 numbers are more than 4 times", Assert.Single(other.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0,2 1:1", "'0,2' gives the row several labels, and a row has one class here. Keep one of them")]
    [InlineData("1,3,4 1:1", "'1,3,4' gives the row several labels")]
    [InlineData("0,x 1:1", "'0,x' stands where the label should be and is no finite number. Number the classes, or remove the line.")]
    [InlineData("cat 1:1", "'cat' stands where the label should be and is no finite number.")]
    [InlineData("EOF", "'EOF' stands where the label should be and is no finite number.")]
    [InlineData("nan 1:1", "'nan' stands where the label should be and is no finite number.")]
    [InlineData("inf 1:1", "'inf' stands where the label should be and is no finite number.")]
    [InlineData("1 qid:3 1:1", "'qid:3' is a query of data for ranking, which has no classes to learn.")]
    [InlineData("1 1:1\0", "holds a NUL character, which no text has.")]
    [InlineData("1\0 1:1", "holds a NUL character, which no text has.")]
    public void LinesOfOtherKindsAreNamed(string line, string message) => CsvFileTests.Fails(() => Read("1 1:1\n" + line + "\n"), "file, line 2: " + message);

    [Theory]
    [InlineData("1 3:1 2:1", "'2:1' does not come in ascending order of indices.")]
    [InlineData("1 3:1 3:1", "'3:1' does not come in ascending order of indices.")]
    [InlineData("1 3:x", "'3:x' has no finite number behind the colon.")]
    [InlineData("1 3:nan", "'3:nan' has no finite number behind the colon.")]
    [InlineData("1 3", "'3' is not index:value with a whole index.")]
    [InlineData("1 -3:1", "'-3:1' is not index:value with a whole index.")]
    [InlineData("1 3000000000:1", "'3000000000:1' is not index:value with a whole index.")]
    [InlineData("3:1 4:1", "'3:1' stands where the label should be.")]
    public void BadLinesAreRefused(string line, string message) => CsvFileTests.Fails(() => Read("1 1:1\n" + line + "\n"), "file, line 2: " + message);

    [Fact]
    public void LabelsThatAreMeasurementsAreRefused() =>
        CsvFileTests.Fails(() => Read(string.Concat(Enumerable.Range(0, 1001).Select(i => $"{i} 1:1\n"))), "file, line 1001: there are more than 1000 different labels.");

    [Theory]
    [InlineData(10, 0.5, "its labels are 10 different numbers in 10 rows, such as '0.5', as the targets of a regression are, or identifiers.")]
    [InlineData(60, 0.37, "its labels are 60 different numbers in 60 rows, such as '0.37'")]
    [InlineData(60, 1, "its labels are 60 different numbers in 60 rows, such as '0'")]
    public void TargetsOfARegressionAreNamed(int rows, double step, string message) =>
        CsvFileTests.Fails(() => Read(string.Concat(Enumerable.Range(0, rows).Select(i => FormattableString.Invariant($"{i * step} 1:{i + 1}\n")))), message);

    [Theory]
    [InlineData(40, 26)]
    [InlineData(9, 4)]
    [InlineData(3, 2)]
    public void NumbersThatRepeatOrAreFewAreClasses(int rows, int classes)
    {
        double step = classes == 2 ? 0.5 : 1;
        Assert.Equal(classes, Read(string.Concat(Enumerable.Range(0, 2 * rows).Select(i => FormattableString.Invariant($"{i % classes * step} 1:{i + 1}\n")))).ClassNames.Count);
    }

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
            var (feature, value) = Assert.Single(FeatureTableTests.Row(data.Table, 4999));
            Assert.Equal((4999, 5000 / Math.Sqrt(4999)), (feature, value), (one, other) => one.Item1 == other.Item1 && Math.Abs(one.Item2 - other.Item2) < 1e-9);
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
    [InlineData("sector.scale.bz2", 6412, 49087, 105)]
    [InlineData("sector.t.scale.bz2", 3207, 39234, 105)]
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

    // All features of a row, the centre subtracted.
    private static double[] Whole(FeatureTable table, int row)
    {
        double[] whole = new double[table.FeatureCount];
        foreach (var (j, value) in FeatureTableTests.Row(table, row)) whole[j] = value;
        for (int j = 0; j < table.Centre.Length; j++) whole[j] -= table.Centre.Span[j];
        return whole;
    }

    private static LabelledData Read(string text, DataOptions? options = null) => LibSvmFile.Read(File(text), options ?? new DataOptions());

    private static LabelledData Like(LabelledData training, string text) =>
        LibSvmFile.ReadLike(File(text), training.Encoding!, training.ClassNames, forPrediction: false, textEncoding: null);

    private static InputFile File(string text) => InputFile.InMemory("file", Encoding.UTF8.GetBytes(text));
}
