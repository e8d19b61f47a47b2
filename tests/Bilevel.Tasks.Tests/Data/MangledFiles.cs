using System.Diagnostics;
using System.Text;

namespace Bilevel.Tasks.Tests;

/// <summary>Damages good files at random and reads them: a reader answers or refuses, within bounds of time and memory.</summary>
internal static class MangledFiles
{
    public sealed record Outcome(int Files, int Read, int Refused, TimeSpan Slowest, long MostBytes, string Largest, IReadOnlyList<string> Defects);

    private delegate void Reader(string folder, byte[] content);

    /// <summary>Reads so many files, each made by one to four damages of a good one.</summary>
    public static Outcome Run(int files, int seed)
    {
        string folder = Directory.CreateTempSubdirectory("bilevel-mangled-").FullName;
        try
        {
            var random = new Random(seed);
            var seeds = Seeds();
            int read = 0, refused = 0;
            var slowest = TimeSpan.Zero;
            long most = 0;
            string largest = "";
            List<string> defects = [];
            for (int i = 0; i < files; i++)
            {
                var (name, good, reader) = seeds[random.Next(seeds.Count)];
                byte[] content = Damage(good, random);
                long before = GC.GetAllocatedBytesForCurrentThread();
                var clock = Stopwatch.StartNew();
                try
                {
                    reader(folder, content);
                    read++;
                }
                catch (InputException e)
                {
                    refused++;
                    if (e.Message.Length > 700 || e.Message.Contains('\n')) defects.Add($"{name} {i}: a message of {e.Message.Length} characters, or of several lines: {e.Message}");
                }
                catch (Exception e)
                {
                    defects.Add($"{name} {i}: {e}");
                }

                if (clock.Elapsed > slowest) slowest = clock.Elapsed;
                long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
                if (bytes <= most) continue;
                (most, largest) = (bytes, FormattableString.Invariant($"{name} {i}, {content.Length} bytes"));
            }

            return new Outcome(files, read, refused, slowest, most, largest, defects);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<(string Name, byte[] Content, Reader Read)> Seeds()
    {
        byte[] csv = Encoding.UTF8.GetBytes("id,size,colour,label\n" + string.Concat(Enumerable.Range(0, 30).Select(i => FormattableString.Invariant($"{i},{i * 0.37:R},\"{(i % 3 == 0 ? "red" : "light, blue")}\",{i % 2}\r\n"))));
        byte[] svm = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(1, 30).Select(i => FormattableString.Invariant($"{(i % 2 == 0 ? "+1" : "-1")} {i}:{i * 0.37:R} {i + 3}:1 # {i}\n"))));
        byte[] arff = Encoding.UTF8.GetBytes("% a title\n@relation r\n@attribute size numeric\n@attribute 'the colour' {red, 'light, blue'}\n@attribute label {0,1}\n@data\n" + string.Concat(Enumerable.Range(0, 30).Select(i => FormattableString.Invariant($"{(i % 5 == 0 ? $"{{0 {i}, 2 {i % 2}}}" : $"{i * 0.37:R},'light, blue',{i % 2}")}\n"))));
        byte[] images = Idx([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 5], 60), labels = Idx([0, 0, 8, 1, 0, 0, 0, 4], 4);
        byte[] model = Model(TableEncoding.OfColumns([new("a", null, 0.5, 2), new("c", ["x", "y"], 0, 1)], "y", ["id"]), 4);
        byte[] sparse = Model(TableEncoding.OfSparse([new(1, 0, 1, 3), new(2, 1, 2, 3), new(3, 0, 3, 3)]), 4);
        byte[] zeros = new byte[20_000_000];
        byte[] rows = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("1 1:1\n", 20_000)));
        List<(string, byte[], Reader)> seeds = [];
        foreach (var (name, content, reader) in new (string, byte[], Reader)[]
        {
            ("csv", csv, Any), ("csv", csv, AsCsv), ("arff", arff, Any), ("arff", arff, AsArff), ("libsvm", svm, Any), ("libsvm", svm, AsLibSvm), ("images", images, AsImages), ("labels", labels, AsLabels),
            ("model", model, AsModel), ("model", sparse, AsModel),
        })
        {
            seeds.Add((name, content, reader));
            seeds.Add((name + ".gz", CsvFileTests.Gzip(content), reader));
            seeds.Add((name + ".bz2", LibSvmFileTests.Bzip2(content), reader));
        }

        seeds.Add(("bomb.gz", CsvFileTests.Gzip(rows), Any));
        seeds.Add(("bomb.bz2", LibSvmFileTests.Bzip2(rows), Any));
        seeds.Add(("zeros.gz", CsvFileTests.Gzip(zeros), Any));
        seeds.Add(("zeros.bz2", LibSvmFileTests.Bzip2(zeros), Any));
        return seeds;
    }

    private static byte[] Damage(byte[] good, Random random)
    {
        List<byte> bytes = [.. good];
        for (int times = random.Next(1, 5); times > 0; times--)
        {
            int at = random.Next(bytes.Count + 1), length = Math.Min(random.Next(1, 40), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 2:
                    byte[] noise = new byte[random.Next(1, 20)];
                    random.NextBytes(noise);
                    bytes.InsertRange(at, noise);
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                    break;
                case 5:
                    string[] words = ["\n", "\"", ",", ":", "nan", "-1", "1e999", "99999999", "2147483647", "\0", "\r", "\uFEFF", "#", "[", "{", "null", "\"\""];
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(words[random.Next(words.Length)]));
                    break;
                case 6:
                    SwapLines(bytes, random);
                    break;
                case 7 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void SwapLines(List<byte> bytes, Random random)
    {
        int[] ends = [.. Enumerable.Range(0, Math.Min(bytes.Count, 10_000)).Where(i => bytes[i] == '\n')];
        if (ends.Length < 3) return;
        int line = random.Next(ends.Length - 2);
        byte[] first = [.. bytes.GetRange(ends[line] + 1, ends[line + 1] - ends[line])];
        bytes.RemoveRange(ends[line] + 1, first.Length);
        bytes.InsertRange(ends[line + 2] + 1 - first.Length, first);
    }

    private static byte[] Idx(byte[] header, int length) => [.. header, .. Enumerable.Range(0, length).Select(i => (byte)(i % 4))];

    private static byte[] Model(TableEncoding encoding, int rows)
    {
        using var stream = new MemoryStream();
        new SoftmaxModel(["no", "yes"], encoding, Enumerable.Range(0, 2 * rows).Select(i => i / 3.0).ToArray()).Save(stream);
        return stream.ToArray();
    }

    private static void Any(string folder, byte[] content)
    {
        InputFile file = InputFile.InMemory("file", content);
        switch (DataFile.Sniff(file))
        {
            case DataFormat.Csv or DataFormat.Arff:
                AsCsv(folder, content);
                break;
            case DataFormat.LibSvm:
                AsLibSvm(folder, content);
                break;
        }
    }

    private static void AsCsv(string folder, byte[] content) => AsTable(content, DataFormat.Auto);

    private static void AsArff(string folder, byte[] content) => AsTable(content, DataFormat.Arff);

    private static void AsTable(byte[] content, DataFormat format)
    {
        InputFile file = InputFile.InMemory("file", content);
        var options = new DataOptions { LabelColumn = "label", Format = format };
        LabelledData data = CsvFile.Read(file, options);
        CheckRows(data);

        // What was read once can be read in the same way again, to the same rows.
        LabelledData again = CsvFile.ReadLike(file, data.Encoding!, data.ClassNames, options, forPrediction: false);
        CheckSame(data, again);
    }

    private static void AsLibSvm(string folder, byte[] content)
    {
        InputFile file = InputFile.InMemory("file", content);
        LabelledData data = LibSvmFile.Read(file, new DataOptions());
        CheckRows(data);
        CheckSame(data, LibSvmFile.ReadLike(file, data.Encoding!, data.ClassNames, forPrediction: false, textEncoding: null));
    }

    private static void AsImages(string folder, byte[] content)
    {
        string images = Path.Combine(folder, "train-images-idx3-ubyte"), labels = Path.Combine(folder, "train-labels-idx1-ubyte");
        File.WriteAllBytes(images, content);
        File.WriteAllBytes(labels, Idx([0, 0, 8, 1, 0, 0, 0, 4], 4));
        CheckRows(LabelledData.FromImages(IdxFile.ReadImages(images, labels), images));
    }

    private static void AsLabels(string folder, byte[] content)
    {
        string labels = Path.Combine(folder, "labels");
        File.WriteAllBytes(labels, content);
        IdxFile.ReadLabels(labels);
    }

    private static void AsModel(string folder, byte[] content)
    {
        SoftmaxModel model = SoftmaxModel.Load(InputFile.InMemory("model.json", content));
        if (model.Encoding.FeatureCount < 1000) _ = model.Predict(new DenseTable(new double[model.Encoding.FeatureCount], 1, model.Encoding.FeatureCount)).Count();
    }

    private static void CheckRows(LabelledData data)
    {
        if (data.Table.Count == 0 || data.Labels.Length != data.Table.Count || data.Places.Count != data.Table.Count)
            throw new InvalidOperationException("The parts disagree in number.");
        for (int row = 0; row < Math.Min(data.Table.Count, 1000); row++)
        {
            if (FeatureTableTests.Row(data.Table, row).Any(e => !double.IsFinite(e.Value) || e.Value == 0 || e.Feature < 0 || e.Feature >= data.Table.FeatureCount))
                throw new InvalidOperationException("An entry cannot be.");
        }
    }

    private static void CheckSame(LabelledData one, LabelledData other)
    {
        if (!one.Labels.AsSpan().SequenceEqual(other.Labels)) throw new InvalidOperationException("The labels differ when read again.");
        for (int row = 0; row < Math.Min(one.Table.Count, 1000); row++)
        {
            if (!FeatureTableTests.Row(one.Table, row).SequenceEqual(FeatureTableTests.Row(other.Table, row))) throw new InvalidOperationException("A row differs when read again.");
        }
    }
}

public class MangledFilesTests
{
    // BILEVEL_MANGLED_FILES=100000 runs more.
    private static readonly int Files = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_MANGLED_FILES"), out int files) ? files : 3000;

    [Fact]
    public void DamagedFilesAreReadOrRefusedAndNothingElse()
    {
        MangledFiles.Outcome outcome = MangledFiles.Run(Files, seed: 1);

        TestContext.Current.TestOutputHelper!.WriteLine($"{outcome.Files} files: {outcome.Read} read, {outcome.Refused} refused, {outcome.Defects.Count} defects; slowest {outcome.Slowest.TotalSeconds:F2} s, most allocated {outcome.MostBytes >> 20} MB ({outcome.Largest})");
        Assert.True(outcome.Defects.Count == 0, string.Join('\n', outcome.Defects.Take(5)));
        Assert.InRange(outcome.Refused, outcome.Files / 4, outcome.Files);
        Assert.InRange(outcome.Read, outcome.Files / 100, outcome.Files);
        Assert.InRange(outcome.MostBytes, 0, 1L << 30);
        Assert.InRange(outcome.Slowest, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }
}
