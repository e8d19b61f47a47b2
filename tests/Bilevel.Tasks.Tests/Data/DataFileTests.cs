using System.Text;

namespace Bilevel.Tasks.Tests;

public sealed class DataFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bilevel-data-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("a,y\n1,0\n", "data", DataFormat.Csv)]
    [InlineData("first name\tclass\nx\ty\n", "data.txt", DataFormat.Csv)]
    [InlineData("\n\na;y\n1;0\n", "data", DataFormat.Csv)]
    [InlineData("1 1:2 3:4\n", "data", DataFormat.LibSvm)]
    [InlineData("# made by hand, with commas\n-1\n+1 2:3\n", "data.txt", DataFormat.LibSvm)]
    [InlineData("1 qid:3 1:2\n", "data", DataFormat.LibSvm)]
    [InlineData("1 1:2 2:3.5 7:0.25\0\n", "data", DataFormat.LibSvm)]
    [InlineData("1 1:2\n", "data.csv.gz", DataFormat.Csv)]
    [InlineData("% a title\n\n@RELATION r\n@attribute a real\n", "data", DataFormat.Arff)]
    [InlineData("\0\0\b\u0003", "data", DataFormat.Idx)]
    public void FormatsAreTold(string text, string name, DataFormat format)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        foreach (byte[] content in new[] { bytes, CsvFileTests.Gzip(bytes), LibSvmFileTests.Bzip2(bytes) })
            Assert.Equal(format, DataFile.Sniff(InputFile.InMemory(name, content)));
    }

    [Theory]
    [InlineData("", "data: is empty.")]
    [InlineData("PK\u0003\u0004", "data: is a zip archive or an Excel or OpenDocument spreadsheet. Unpack the archive, or export the table as CSV.")]
    [InlineData("PAR1....", "data: is a Parquet file. Export the table as CSV, with pandas: pandas.read_parquet(FILE).to_csv('data.csv', index=False).")]
    [InlineData("SQLite format 3\0", "data: is a SQLite database. Export the table as CSV.")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "data: is a pointer of Git LFS, not the data. Fetch the data with 'git lfs pull'.")]
    [InlineData("<!DOCTYPE html>\n", "data: is a web page. Download the data itself.")]
    [InlineData("{\"a\": 1}\n", "data: is a JSON file. Export the table as CSV.")]
    [InlineData("ab\0cd", "data: is a binary file that is no idx file, or text in UTF-16 without its mark.")]
    [InlineData("hello world\n", "data: is neither a table with a header (CSV, ARFF), nor lines of 'label index:value' (LIBSVM), nor idx images.")]
    public void OtherFilesAreRefusedWithAdvice(string text, string message) =>
        CsvFileTests.Fails(() => DataFile.Sniff(InputFile.InMemory("data", Encoding.UTF8.GetBytes(text))), message);

    [Theory]
    [InlineData(new byte[] { 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0 }, "data.csv.xz: is compressed with xz. Unpack it (unxz), or compress it with gzip or bzip2.")]
    [InlineData(new byte[] { 0x28, 0xb5, 0x2f, 0xfd }, "data.csv.xz: is compressed with Zstandard.")]
    [InlineData(new byte[] { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 }, "data.csv.xz: is an old Excel file or another document of Microsoft Office.")]
    [InlineData(new byte[] { 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59 }, "data.csv.xz: is an array of NumPy.")]
    [InlineData(new byte[] { 0x80, 4, 1, 2 }, "data.csv.xz: is a pickle of Python.")]
    public void OtherBinariesAreNamedWhateverTheyAreCalled(byte[] start, string message) =>
        CsvFileTests.Fails(() => DataFile.Sniff(InputFile.InMemory("data.csv.xz", [.. start, .. new byte[100]])), message);

    [Fact]
    public void ReadingIsGivenUpWhenThatIsAskedFor()
    {
        string path = Write("table.csv", Encoding.UTF8.GetBytes("a,label\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => FormattableString.Invariant($"{i % 7},{i % 2}\n")))));
        using var wish = new CancellationTokenSource();
        Assert.Equal(1000, FilesRead.During(() => DataFile.Read(path), wish.Token).Result.Table.Count);
        wish.Cancel();
        Assert.Throws<OperationCanceledException>(() => FilesRead.During(() => DataFile.Read(path), wish.Token));
        Assert.Equal(1000, DataFile.Read(path).Table.Count);
    }

    [Fact]
    public void TablesInUtf16AreRead()
    {
        string path = Write("table.txt", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("größe\ty\n1\tja\n2\tnein\n")]);
        LabelledData data = DataFile.Read(path, new DataOptions { Format = DataFormat.Csv });
        Assert.Equal(["größe"], data.FeatureNames);
        Assert.Equal(["ja", "nein"], data.ClassNames);
        Assert.Equal(path, data.Source);
    }

    [Fact]
    public void ImagesAreReadFromAFolderOrBesideTheirLabels()
    {
        string images = Images("train", [3, 7, 3], 2, 2);
        Images("t10k", [7], 2, 2);

        foreach (LabelledData data in new[] { DataFile.Read(_folder), DataFile.Read(images) })
        {
            Assert.Equal(["3", "7"], data.ClassNames);
            Assert.Equal([0, 1, 0], data.Labels);
            Assert.Equal((3, 2), (data.Images!.Count, data.Images.Width));
        }

        LabelledData training = DataFile.Read(_folder);
        LabelledData test = DataFile.ReadLike(_folder, training.Encoding!, training.ClassNames, new DataOptions { TestPart = true });
        Assert.Equal([1], test.Labels);
        Assert.Equal([(1, 1 / 255.0), (2, 2 / 255.0), (3, 3 / 255.0)], FeatureTableTests.Row(test.Table, 0));
    }

    [Fact]
    public void ImagesThatDoNotFitTheTrainingDataAreRefused()
    {
        TableEncoding two = TableEncoding.OfImages(2, 2);
        string images = Images("train", [3, 7], 2, 2);
        CsvFileTests.Fails(() => DataFile.ReadLike(images, two, ["3"]), $"{images}, image 1: the label '7' is no class of the training data, which has '3'.");
        CsvFileTests.Fails(() => DataFile.ReadLike(images, TableEncoding.OfImages(4, 1), ["3", "7"]), "its images are 2x2 pixels, but those of the training data 4x1.");
        CsvFileTests.Fails(() => DataFile.ReadLike(images, TableEncoding.OfSparse([new(1, 0, 1)]), ["3", "7"]), "holds images, but the training data were a LIBSVM file.");

        File.Delete(Path.Combine(_folder, "train-labels-idx1-ubyte"));
        CsvFileTests.Fails(() => DataFile.Read(images), $"its file of labels, {Path.Combine(_folder, "train-labels-idx1-ubyte")}, is not there.");
        LabelledData unlabelled = DataFile.ReadLike(images, two, ["3"], forPrediction: true);
        Assert.Equal([LabelledData.NoLabel, LabelledData.NoLabel], unlabelled.Labels);
    }

    [Fact]
    public void ReadsTheRealMnist()
    {
        string folder = Path.GetDirectoryName(LibSvmFileTests.Real("mnist", "x"))!;
        LabelledData data = DataFile.Read(folder);
        LabelledData test = DataFile.ReadLike(folder, data.Encoding!, data.ClassNames, new DataOptions { TestPart = true });

        Assert.Equal((60000, 784, 10), (data.Table.Count, data.Table.FeatureCount, data.ClassNames.Count));
        Assert.Equal([5, 0, 4, 1, 9], data.Labels[..5]);
        Assert.Equal([7, 2, 1, 0, 4], test.Labels[..5]);
    }

    private string Images(string part, byte[] labels, byte height, byte width)
    {
        Write($"{part}-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, (byte)labels.Length, .. labels]);
        return Write(
            $"{part}-images-idx3-ubyte",
            [0, 0, 8, 3, 0, 0, 0, (byte)labels.Length, 0, 0, 0, height, 0, 0, 0, width, .. Enumerable.Range(0, labels.Length * height * width).Select(i => (byte)i)]);
    }

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
