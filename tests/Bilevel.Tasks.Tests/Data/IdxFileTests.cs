using System.Buffers.Binary;
using System.IO.Compression;

namespace Bilevel.Tasks.Tests;

public sealed class IdxFileTests : IDisposable
{
    private const int Rows = 3;
    private const int Columns = 5;

    private static readonly byte[] SomeLabels = [7, 0, 9, 1];

    private static readonly byte[] SomePixels = [.. Enumerable.Range(0, SomeLabels.Length * Rows * Columns).Select(i => (byte)(i * 37))];

    private readonly string _folder = Directory.CreateTempSubdirectory("bilevel-idx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadsBackWhatWasWritten(bool compressed)
    {
        string images = Write("images", Idx(0x803, SomePixels, 4, Rows, Columns), compressed);
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed);

        ImageSet set = IdxFile.ReadImages(images, labels);

        Assert.Equal((4, Rows, Columns), (set.Count, set.Height, set.Width));
        Assert.Equal(SomePixels, set.Pixels.ToArray());
        Assert.Equal(SomeLabels, set.Labels.ToArray());
        Assert.Equal(SomeLabels, IdxFile.ReadLabels(labels));
    }

    [Fact]
    public void ReadsCompressedFilesOfSeveralBlocks()
    {
        // Larger than the first block of the reader, so that its array has to grow.
        ImageSet digits = SyntheticDigits.Generate(500, 1);
        string images = Write("images", Idx(0x803, digits.Pixels.ToArray(), 500, 28, 28), compressed: true);
        string labels = Write("labels", Idx(0x801, digits.Labels.ToArray(), 500), compressed: true);

        Assert.Equal(digits.Pixels.ToArray(), IdxFile.ReadImages(images, labels).Pixels.ToArray());
    }

    [Theory]
    [InlineData("-", "", false)]
    [InlineData("-", ".gz", true)]
    [InlineData(".", "", false)]
    [InlineData(".", ".gz", true)]
    [InlineData("-", ".gz", false)] // some browsers decompress and keep the name
    public void FindsTheUsualNames(string dash, string ending, bool compressed)
    {
        foreach ((string part, ulong seed) in new[] { ("train", 1UL), ("t10k", 2UL) })
        {
            ImageSet digits = SyntheticDigits.Generate(3, seed);
            Write($"{part}-images{dash}idx3-ubyte{ending}", Idx(0x803, digits.Pixels.ToArray(), 3, 28, 28), compressed);
            Write($"{part}-labels{dash}idx1-ubyte{ending}", Idx(0x801, digits.Labels.ToArray(), 3), compressed);
        }

        Assert.Equal(SyntheticDigits.Generate(3, 1).Pixels.ToArray(), IdxFile.LoadMnist(_folder, train: true).Pixels.ToArray());
        Assert.Equal(SyntheticDigits.Generate(3, 2).Pixels.ToArray(), IdxFile.LoadMnist(_folder, train: false).Pixels.ToArray());
    }

    [Fact]
    public void ReadsTheRealMnist()
    {
        string? data = Environment.GetEnvironmentVariable("BILEVEL_DATA");
        if (string.IsNullOrEmpty(data))
            Assert.Skip("BILEVEL_DATA is not set: point it to a folder with mnist/ inside to test with the real files.");

        string folder = Path.Combine(data, "mnist");
        ImageSet train = IdxFile.LoadMnist(folder, train: true);
        ImageSet test = IdxFile.LoadMnist(folder, train: false);

        Assert.Equal((60000, 28, 28), (train.Count, train.Height, train.Width));
        Assert.Equal((10000, 28, 28), (test.Count, test.Height, test.Width));
        Assert.Equal([5, 0, 4, 1, 9, 2, 1, 3, 1, 4], train.Labels[..10].ToArray());
        Assert.Equal([7, 2, 1, 0, 4, 1, 4, 9, 5, 9], test.Labels[..10].ToArray());
        long ink = 0;
        foreach (byte pixel in train.Pixels.Span)
            ink += pixel;
        Assert.Equal(0.1307, ink / 255.0 / train.Pixels.Length, 4); // the mean that everyone normalizes with
    }

    [Fact]
    public void MissingFilesAreNamed()
    {
        string nowhere = Path.Combine(_folder, "nowhere");

        Fails(() => IdxFile.ReadLabels(nowhere), nowhere, "no such file");
        Fails(() => IdxFile.ReadLabels(""), "(empty path)", "no such file");
        Fails(() => IdxFile.ReadLabels(_folder), _folder, "is a folder");
        Fails(() => IdxFile.LoadMnist(nowhere, train: true), nowhere, "no such folder");
        Fails(() => IdxFile.LoadMnist("", train: true), "(empty path)", "no such folder");
        Fails(
            () => IdxFile.LoadMnist(_folder, train: false), _folder,
            "t10k-images-idx3-ubyte.gz, t10k-images-idx3-ubyte, t10k-images.idx3-ubyte.gz, t10k-images.idx3-ubyte");

        Write("train-images-idx3-ubyte", Idx(0x803, new byte[784], 1, 28, 28), compressed: false);
        Fails(() => IdxFile.LoadMnist(_folder, train: true), "train-labels-idx1-ubyte.gz, train-labels-idx1-ubyte, ");
    }

    [Fact]
    public void NullPathsAreArgumentErrors()
    {
        Assert.Throws<ArgumentNullException>("labelsPath", () => IdxFile.ReadLabels(null!));
        Assert.Throws<ArgumentNullException>("imagesPath", () => IdxFile.ReadImages(null!, "x"));
        Assert.Throws<ArgumentNullException>("labelsPath", () => IdxFile.ReadImages("x", null!));
        Assert.Throws<ArgumentNullException>("folder", () => IdxFile.LoadMnist(null!, true));
    }

    [Fact]
    public void FilesThatCannotBeOpenedAreNamed()
    {
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        using FileStream locked = new(labels, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        Fails(() => IdxFile.ReadLabels(labels), labels, "cannot be read");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WrongKindsAreRefused(bool compressed)
    {
        string images = Write("images", Idx(0x803, SomePixels, 4, Rows, Columns), compressed);
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed);
        string floats = Write("floats", Idx(0xD03, SomePixels, 4, Rows, Columns), compressed);
        string text = Write("text", "<html>404 Not Found</html>"u8.ToArray(), compressed);

        Fails(() => IdxFile.ReadLabels(images), images, "starts with 0x00000803", "a file of images", "may be swapped");
        Fails(() => IdxFile.ReadImages(labels, labels), labels, "starts with 0x00000801", "a file of labels", "may be swapped");
        Fails(() => IdxFile.ReadImages(floats, labels), floats, "starts with 0x00000D03", "starts with 0x00000803", "not such an idx file");
        Fails(() => IdxFile.ReadImages(text, labels), text, "starts with 0x3C68746D", "check the path");
    }

    [Fact]
    public void TruncatedPlainFilesAreRefusedAtEveryLength()
    {
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        byte[] whole = Idx(0x803, SomePixels, 4, Rows, Columns);
        for (int length = 0; length < whole.Length; length++)
        {
            string images = Write("images", whole[..length], compressed: false);
            Fails(() => IdxFile.ReadImages(images, labels), images, length < 16 ? $"ends after {length} bytes" : $"holds only {length - 16}", "cut off");
        }
    }

    [Fact]
    public void TruncatedCompressedFilesAreRefusedAtEveryLength()
    {
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        byte[] whole = Gzip(Idx(0x803, SomePixels, 4, Rows, Columns));
        for (int length = 0; length < whole.Length; length++)
        {
            string images = Write("images", whole[..length], compressed: false);
            InputException error = Assert.Throws<InputException>(() => IdxFile.ReadImages(images, labels));
            Assert.StartsWith(images, error.Message, StringComparison.Ordinal);
            Assert.Contains("ownload", error.Message, StringComparison.Ordinal);
        }

        // Complete gzip data around idx data that end too early.
        string inner = Write("inner", Idx(0x803, SomePixels[..^1], 4, Rows, Columns), compressed: true);
        Fails(() => IdxFile.ReadImages(inner, labels), inner, "4 x 3 x 5 bytes of images", "end after 59", "cut off");
        string header = Write("header", [0, 0, 8, 3, 0, 0], compressed: true);
        Fails(() => IdxFile.ReadImages(header, labels), header, "ends after 6 bytes, inside the header of 16");
    }

    [Fact]
    public void TrailingBytesAreRefused()
    {
        byte[] whole = Idx(0x801, SomeLabels, 4);

        string plain = Write("plain", [.. whole, 1], compressed: false);
        Fails(() => IdxFile.ReadLabels(plain), plain, "goes on after the 4 bytes of labels");
        string inside = Write("inside", [.. whole, 1], compressed: true);
        Fails(() => IdxFile.ReadLabels(inside), inside, "goes on after the 4 bytes of labels");
        foreach (int count in new[] { 1, 2, 3, 4, 5, 100, 20000 })
        {
            byte[] garbage = new byte[count];
            new Random(count).NextBytes(garbage);
            string behind = Write("behind", [.. Gzip(whole), .. garbage], compressed: false);
            Fails(() => IdxFile.ReadLabels(behind), behind, "other bytes follow the gzip data");
        }

        string twice = Write("twice", [.. Gzip(whole), .. Gzip(whole)], compressed: false);
        Fails(() => IdxFile.ReadLabels(twice), twice, "goes on after");
    }

    [Fact]
    public void CorruptGzipIsRefused()
    {
        byte[] whole = Gzip(Idx(0x801, SomeLabels, 4));

        byte[] checksum = [.. whole];
        checksum[^8] ^= 1;
        string badChecksum = Write("checksum", checksum, compressed: false);
        Fails(() => IdxFile.ReadLabels(badChecksum), badChecksum, "damaged or cut off inside its gzip data", "Download");

        string badHeader = Write("header", [0x1f, 0x8b, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99], compressed: false);
        Fails(() => IdxFile.ReadLabels(badHeader), badHeader, "damaged or cut off inside its gzip data");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ContradictionsAreRefused(bool compressed)
    {
        string images = Write("images", Idx(0x803, SomePixels, 4, Rows, Columns), compressed);

        string fewer = Write("fewer", Idx(0x801, SomeLabels[..3], 3), compressed);
        Fails(() => IdxFile.ReadImages(images, fewer), images, fewer, "holds 4 images", "holds 3 labels");

        string none = Write("none", Idx(0x801, [], 0), compressed);
        Fails(() => IdxFile.ReadLabels(none), none, "holds no labels");
        string flat = Write("flat", Idx(0x803, [], 4, 0, Columns), compressed);
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed);
        Fails(() => IdxFile.ReadImages(flat, labels), flat, "4 x 0 x 5", "holds no images");

        Write("train-images-idx3-ubyte", Idx(0x803, SomePixels, 4, Rows, Columns), compressed);
        string ten = Write("train-labels-idx1-ubyte", Idx(0x801, [0, 9, 10, 1], 4), compressed);
        Fails(() => IdxFile.LoadMnist(_folder, train: true), ten, "label 2 (counting from 0) is 10, above 9");
        Write("train-labels-idx1-ubyte", Idx(0x801, SomeLabels, 4), compressed);
        string turned = Write("t10k-images-idx3-ubyte", Idx(0x803, SomePixels, 4, Columns, Rows), compressed);
        Write("t10k-labels-idx1-ubyte", Idx(0x801, SomeLabels, 4), compressed);
        Fails(() => IdxFile.LoadMnist(_folder, train: false), turned, "are 5x3 pixels", "are 3x5");
        Assert.Equal((3, 5), (IdxFile.LoadMnist(_folder, train: true).Height, IdxFile.LoadMnist(_folder, train: true).Width));
    }

    [Theory]
    [InlineData(false, 4_000_000_000, 28, 28)]
    [InlineData(true, 4_000_000_000, 28, 28)]
    [InlineData(false, 4_294_967_295, 4_294_967_295, 4_294_967_295)]
    [InlineData(true, 4_294_967_295, 4_294_967_295, 4_294_967_295)]
    [InlineData(false, 65_536, 65_536, 65_536)]
    [InlineData(true, 60_000, 28, 28)]
    public void HugeClaimsAreRefusedWithoutHugeMemory(bool compressed, uint count, uint rows, uint columns)
    {
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        string images = Write("images", Idx(0x803, SomePixels, count, rows, columns), compressed);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Fails(() => IdxFile.ReadImages(images, labels), images, $"{count} x {rows} x {columns} bytes of images", "cut off");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void ClaimsWithinReachOfTheCompressionDoNotAllocateAhead()
    {
        // 100 KB of incompressible data could hold 100 MB as far as its length tells, but holds 100 KB.
        byte[] noise = new byte[100_000];
        new Random(1).NextBytes(noise);
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        string images = Write("images", Idx(0x803, noise, 4, 5000, 5000), compressed: true);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Fails(() => IdxFile.ReadImages(images, labels), "4 x 5000 x 5000", "end after 100000");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void MoreThanAnArrayHoldsIsRefused()
    {
        // A sparse file has the length without the bytes.
        string labels = Write("labels", Idx(0x801, SomeLabels, 4), compressed: false);
        string images = Write("images", Idx(0x803, [], 3_000_000, 28, 28), compressed: false);
        using (FileStream file = new(images, FileMode.Open))
        {
            try
            {
                file.SetLength(16 + 3_000_000L * 784);
            }
            catch (IOException error)
            {
                Assert.Skip("The temporary folder takes no file of 2.4 GB: " + error.Message);
            }
        }

        Fails(() => IdxFile.ReadImages(images, labels), images, "more than the 2147483591 that one array can hold");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MangledFilesAreReadOrRefusedButNothingElse(bool compressed)
    {
        byte[] goodImages = compressed ? Gzip(Idx(0x803, SomePixels, 4, Rows, Columns)) : Idx(0x803, SomePixels, 4, Rows, Columns);
        byte[] goodLabels = compressed ? Gzip(Idx(0x801, SomeLabels, 4)) : Idx(0x801, SomeLabels, 4);
        string images = Path.Combine(_folder, "images");
        string labels = Path.Combine(_folder, "labels");
        Random random = new(20250101);
        int refused = 0;
        for (int i = 0; i < 2000; i++)
        {
            bool mangleImages = random.Next(3) > 0;
            File.WriteAllBytes(images, mangleImages ? Mangle(goodImages, random) : goodImages);
            File.WriteAllBytes(labels, mangleImages ? goodLabels : Mangle(goodLabels, random));
            try
            {
                ImageSet set = IdxFile.ReadImages(images, labels);
                Assert.Equal(4, set.Count);
                Assert.Equal(set.Pixels.Length, 4 * set.Height * set.Width);
            }
            catch (InputException error)
            {
                refused++;
                Assert.Contains(mangleImages ? images : labels, error.Message, StringComparison.Ordinal);
            }
        }

        // Plain files do not notice a changed pixel; nearly everything else is noticed.
        Assert.InRange(refused, compressed ? 1500 : 800, 2000);
    }

    private static byte[] Mangle(byte[] good, Random random)
    {
        List<byte> bytes = [.. good];
        for (int times = random.Next(1, 4); times > 0; times--)
        {
            int at = random.Next(bytes.Count + 1);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(0, random.Next(bytes.Count + 1)));
                    break;
                case 4:
                    bytes.RemoveRange(at, random.Next(Math.Min(8, bytes.Count - at + 1)));
                    break;
                default:
                    // The header is short beside the data but matters most.
                    if (bytes.Count > 0)
                        bytes[random.Next(Math.Min(20, bytes.Count))] = (byte)(random.Next(2) * 255);
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] Idx(uint magic, byte[] data, params uint[] shape)
    {
        byte[] file = new byte[4 + 4 * shape.Length + data.Length];
        BinaryPrimitives.WriteUInt32BigEndian(file, magic);
        for (int i = 0; i < shape.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(4 + 4 * i), shape[i]);
        data.CopyTo(file, 4 + 4 * shape.Length);
        return file;
    }

    private static byte[] Gzip(byte[] data)
    {
        using MemoryStream result = new();
        using (GZipStream gzip = new(result, CompressionLevel.Optimal))
            gzip.Write(data);
        return result.ToArray();
    }

    private string Write(string name, byte[] data, bool compressed)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, compressed ? Gzip(data) : data);
        return path;
    }

    private static void Fails(Func<object> action, params string[] parts)
    {
        InputException error = Assert.Throws<InputException>(action);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
