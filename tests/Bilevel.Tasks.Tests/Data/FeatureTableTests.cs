namespace Bilevel.Tasks.Tests;

public sealed class FeatureTableTests
{
    // The same rows in each form.
    private static readonly byte[] Pixels = [0, 51, 0, 255, 0, 0, 0, 0, 255, 0, 0, 51];

    public static TheoryData<FeatureTable> Forms => new(new FeatureTable[]
    {
        new ImageTable(new ImageSet(Pixels, new byte[3], 2, 2)),
        new DenseTable(Array.ConvertAll(Pixels, p => p / 255.0), 3, 4),
        new SparseTable([0, 2, 2, 4], [1, 3, 0, 3], [51 / 255.0, 1, 1, 51 / 255.0], 4),
    });

    [Theory]
    [MemberData(nameof(Forms), DisableDiscoveryEnumeration = true)]
    public void EveryFormReadsTheSameRows(FeatureTable table)
    {
        Assert.Equal((3, 4), (table.Count, table.FeatureCount));
        Assert.Equal([(1, 51 / 255.0), (3, 1.0)], Row(table, 0));
        Assert.Empty(Row(table, 1));
        Assert.Equal([(0, 1.0), (3, 51 / 255.0)], Row(table, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.NonZeroCount(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Read(-1, new int[4], new double[4]));
        Assert.Throws<ArgumentException>(() => table.Read(0, new int[1], new double[2]));
    }

    [Fact]
    public void TablesThatContradictThemselvesAreRefused()
    {
        Assert.Throws<ArgumentException>(() => new DenseTable(new double[5], 2, 3));
        Assert.Throws<ArgumentException>("starts", () => new SparseTable([1, 2], [0, 1], [1, 1], 2));
        Assert.Throws<ArgumentException>("starts", () => new SparseTable([0, 2, 1], [0, 1], [1, 1], 2));
        Assert.Throws<ArgumentException>("starts", () => new SparseTable([0, 3], [0, 1], [1, 1], 2));
        Assert.Throws<ArgumentException>("features", () => new SparseTable([0, 2], [1, 1], [1, 1], 2));
        Assert.Throws<ArgumentException>("features", () => new SparseTable([0, 1], [2], [1], 2));
        Assert.Throws<ArgumentException>("values", () => new SparseTable([0, 1], [1], [0], 2));
    }

    [Fact]
    public void SparseTablesGrowUpToWhatAnArrayHolds()
    {
        Assert.Equal(512, SparseTableBuilder.Grown(256, 1000, "file"));
        Assert.Equal(1000, SparseTableBuilder.Grown(512, 1000, "file"));
        InputException full = Assert.Throws<InputException>(() => SparseTableBuilder.Grown(1000, 1000, "file"));
        Assert.Equal("file: has more than 1000 entries that are not zero, more than one array can hold. Use fewer rows, or leave columns out.", full.Message);
    }

    [Fact]
    public void TheClassesOfImagesAreThoseThatOccur()
    {
        LabelledData data = LabelledData.FromImages(new ImageSet(new byte[4], new byte[] { 26, 3, 200, 3 }, 1, 1), "letters");

        Assert.Equal(["3", "26", "200"], data.ClassNames);
        Assert.Equal([1, 0, 2, 0], data.Labels);
        Assert.Equal([0, 1, 2, 3], data.Places);
        Assert.Equal((TableKind.Images, 1), (data.Encoding!.Kind, data.Encoding.FeatureCount));
    }

    internal static List<(int Feature, double Value)> Row(FeatureTable table, int row)
    {
        int count = table.NonZeroCount(row);
        int[] features = new int[count];
        double[] values = new double[count];
        Assert.Equal(count, table.Read(row, features, values));
        return [.. features.Zip(values)];
    }
}
