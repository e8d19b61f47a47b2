namespace Bilevel.Tasks.Tests.Learning;

/// <summary>The softmax pass over rows of many shapes against plain triple loops.</summary>
public class SoftmaxShapeTests
{
    // Classes, points, features, rows, density: widths with and without tails, chunks of one row, empty rows.
    public static TheoryData<int, int, int, int, double> Shapes => new()
    {
        { 2, 1, 1, 1, 1 },
        { 2, 2, 5, 9, 0 },
        { 3, 1, 17, 33, 0.5 },
        { 5, 3, 40, 300, 1 },
        { 7, 4, 31, 257, 0.2 },
        { 4, 2, 30, 900, 0.15 },
        { 3, 2, 400, 1200, 0.002 },
        { 10, 2, 64, 520, 1 },
        { 16, 1, 100, 65, 0.1 },
        { 37, 4, 50, 100, 0.3 },
        { 105, 2, 900, 300, 0.01 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Losses_and_gradients_equal_the_triple_loop(int classes, int points, int features, int rows, double density)
    {
        var table = new RandomTable(rows, features, density, key: (ulong)classes);
        int[] labels = Labels(rows, classes);
        foreach (var sample in new[] { Sample.All, new Sample(5, 1), new Sample(6, 2 * rows) })
            Check(table, labels, classes, points, sample, size: 1);
    }

    // Few different values and many features: entries are kept in every combination of narrow and wide.
    [Theory]
    [InlineData(30, 4, 0.3)]
    [InlineData(30, 256, 0.3)]
    [InlineData(70_000, 9, 0.001)]
    [InlineData(70_000, 0, 0.001)]
    [InlineData(3, 2, 1)]
    public void Entries_kept_in_little_room_give_the_same(int features, int levels, double density)
    {
        const int Rows = 300, Classes = 3;
        var table = new RandomTable(Rows, features, density, key: 11, levels);
        var rows = FeatureRows<double>.From(table, Everyone(Rows));
        Assert.Equal((levels > 0, features < 65_536), (rows.Values.IsCoded, rows.Features.IsNarrow));
        foreach (var sample in new[] { Sample.All, new Sample(5, 1), new Sample(6, 2 * Rows) }) Check(table, Labels(Rows, Classes), Classes, points: 2, sample, size: 0.1);
    }

    [Fact]
    public void Extreme_scores_do_not_overflow()
    {
        // Scores in the thousands: all but one probability is zero, and the cross-entropies stay finite.
        foreach (double density in new[] { 1, 0.5 }) Check(new RandomTable(40, 20, density, key: 3), Labels(40, 6), classes: 6, points: 2, Sample.All, size: 1000);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.2)]
    [InlineData(0.002)]
    public void The_bits_do_not_depend_on_the_number_of_threads(double density)
    {
        double[] one = Bits(1);
        Assert.All([2, 3, 8], threads => Assert.Equal(one, Bits(threads)));

        double[] Bits(int threads)
        {
            var table = new RandomTable(1500, 400, density, key: 4);
            DenseVector<double>[] at = [Random(401 * 13, 1, 1), Random(401 * 13, 2, 1)];
            DenseVector<double>[] gradients = [at[0].ZerosLike(), at[1].ZerosLike()];
            var pass = new SoftmaxPass<double>(FeatureRows<double>.From(table, Everyone(1500)), Labels(1500, 13), 13, threads);
            pass.Run(Sample.All, at, new double[2][], gradients, losses: true);
            return [.. gradients[0].ToDoubles(), .. gradients[1].ToDoubles(), .. pass.Losses];
        }
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.2)]
    public void A_pass_allocates_nothing(double density)
    {
        const int Rows = 700, Features = 60, Classes = 5;
        var pass = new SoftmaxPass<double>(FeatureRows<double>.From(new RandomTable(Rows, Features, density, key: 5), Everyone(Rows)), Labels(Rows, Classes), Classes, threads: 1);
        DenseVector<double>[] at = [Random((Features + 1) * Classes, 1, 1), Random((Features + 1) * Classes, 2, 1)];
        DenseVector<double>[] gradients = [at[0].ZerosLike(), at[1].ZerosLike()];
        var ones = new double[2][];
        Go();

        Assert.Equal(0, Allocation.Least(Go));

        void Go()
        {
            for (ulong k = 0; k < 20; k++) pass.Run(new Sample(k, 300), at, ones, gradients, losses: k % 2 == 0);
            for (int k = 0; k < 3; k++) pass.Run(Sample.All, at, ones, gradients, losses: true);
        }
    }

    [Fact]
    public void A_float_difference_of_upper_gradients_is_formed_per_sample()
    {
        // Followers that differ by 1e-3, lambda = 1e3: rounding of one cross-entropy, times lambda over the rows, is what may be lost.
        const int Rows = 60, Features = 30, Classes = 5;
        var rows = FeatureRows<float>.From(new RandomTable(Rows, Features, 0.5, key: 8), Everyone(Rows));
        var wide = FeatureRows<double>.From(new RandomTable(Rows, Features, 0.5, key: 8), Everyone(Rows));
        DenseVector<double> x = Random(Rows, 1, 1), z = Random((Features + 1) * Classes, 2, 0.1), y = z.Copy();
        y.AddScaled(1, Random(z.Length, 3, 1e-3));
        DenseVector<float> narrowX = Narrow(x), narrowY = Narrow(y), narrowZ = Narrow(z), difference = new(Rows);
        var exact = new DenseVector<double>(Rows);
        int[] labels = Labels(Rows, Classes);
        new PreparedRequest<DenseVector<float>>(new WeightedSoftmaxLoss<float>(rows, labels, Classes, 0.01, 1), [[narrowX, narrowY], [narrowX, narrowZ]], [new(0, Output.Combined, difference)], [1e3, -1e3]).Evaluate();
        new PreparedRequest<DenseVector<double>>(new WeightedSoftmaxLoss<double>(wide, labels, Classes, 0.01, 1), [[x, y], [x, z]], [new(0, Output.Combined, exact)], [1e3, -1e3]).Evaluate();
        for (int i = 0; i < Rows; i++) Assert.Equal(exact.Span[i], difference.Span[i], 1e3 / Rows * 4e-6);
        Assert.True(exact.Norm() > 1e-3);
    }

    [Fact]
    public void Rows_of_a_table_are_those_of_the_images()
    {
        var images = SyntheticDigits.Generate(20, seed: 2);
        int[] chosen = [3, 19, 3, 0];
        var (fast, general) = (FeatureRows<double>.From(new ImageTable(images), chosen), FeatureRows<double>.From(new Pixels(images), chosen));
        Assert.Equal((fast.Count, fast.FeatureCount, fast.NonZeros, fast.Density), (general.Count, general.FeatureCount, general.NonZeros, general.Density));
        Assert.Equal(fast.NonZeros / (4.0 * 785), fast.Density);
        for (int i = 0; i < chosen.Length; i++)
        {
            Assert.Equal(Entries(fast, i), Entries(general, i));
        }
    }

    [Fact]
    public void Labels_outside_the_classes_are_refused() =>
        Assert.Throws<ArgumentException>(() => new SoftmaxPass<double>(FeatureRows<double>.From(new RandomTable(3, 2, 1, 1), Everyone(3)), [0, 1, 4], classes: 4, threads: 1));

    private static void Check(RandomTable table, int[] labels, int classes, int points, Sample sample, double size)
    {
        int rows = table.Count, width = table.FeatureCount + 1, count = Minibatch.Count(sample, rows);
        var pass = new SoftmaxPass<double>(FeatureRows<double>.From(table, Everyone(rows)), labels, classes, threads: 1);
        var at = new DenseVector<double>[points];
        var gradients = new DenseVector<double>?[points];
        var weights = new double[]?[points];
        for (int p = 0; p < points; p++)
        {
            at[p] = Random(width * classes, (ulong)(10 + p), size);
            gradients[p] = p == 2 ? null : at[p].ZerosLike();
            weights[p] = p == 1 ? [.. Random(count, 30, 1).ToDoubles()] : null;
        }

        // Twice: what an evaluation leaves behind must not reach the next one.
        for (int run = 0; run < 2; run++) pass.Run(sample, at, weights, gradients, losses: true);
        Assert.Equal(count, pass.Rows);
        for (int p = 0; p < points; p++)
        {
            var expected = new double[width * classes];
            for (int r = 0; r < count; r++)
            {
                int i = sample.IsAll ? r : Minibatch.Index(sample, r, rows);
                double loss = AddRow([.. table.Row(i), 1], labels[i], at[p].Span, classes, weights[p]?[r] ?? 1, expected);
                Assert.Equal(loss, pass.Losses[(r * points) + p], 1e-12 * (1 + Math.Abs(loss)));
            }

            if (gradients[p] is not { } gradient) continue;
            for (int j = 0; j < expected.Length; j++) Assert.Equal(expected[j], gradient.Span[j], 1e-10);
        }
    }

    private static double AddRow(double[] a, int label, ReadOnlySpan<double> w, int classes, double weight, double[] gradient)
    {
        var scores = new double[classes];
        for (int j = 0; j < a.Length; j++)
        {
            for (int k = 0; k < classes; k++) scores[k] += a[j] * w[(j * classes) + k];
        }

        double largest = scores.Max(), total = scores.Sum(s => Math.Exp(s - largest));
        for (int k = 0; k < classes; k++)
        {
            double slope = weight * ((Math.Exp(scores[k] - largest) / total) - (k == label ? 1 : 0));
            for (int j = 0; j < a.Length; j++) gradient[(j * classes) + k] += slope * a[j];
        }

        return Math.Log(total) + largest - scores[label];
    }

    private static (int, double)[] Entries(FeatureRows<double> rows, int row)
    {
        var entries = new List<(int, double)>();
        foreach (var entry in rows.Row(row)) entries.Add(entry);
        return [.. entries];
    }

    private static int[] Everyone(int rows) => [.. Enumerable.Range(0, rows)];

    private static int[] Labels(int rows, int classes) => [.. Enumerable.Range(0, rows).Select(i => (int)(RandomBits.At(99, (ulong)i) % (ulong)classes))];

    private static DenseVector<double> Random(int length, ulong key, double size) => new([.. Enumerable.Range(0, length).Select(i => size * RandomBits.Normal(key, (ulong)i))]);

    private static DenseVector<float> Narrow(DenseVector<double> v) => new([.. v.ToDoubles().Select(a => (float)a)]);

    private sealed class RandomTable(int rows, int features, double density, ulong key, int levels = 0) : FeatureTable
    {
        public override int Count => rows;

        public override int FeatureCount => features;

        public double[] Row(int row) => [.. Enumerable.Range(0, features).Select(j =>
        {
            ulong at = ((ulong)row * (ulong)features) + (ulong)j;
            return RandomBits.Uniform(key, at) >= density ? 0 : levels == 0 ? RandomBits.Normal(key + 1, at) : 1 + Math.Floor((levels - 1) * RandomBits.Uniform(key + 1, at));
        })];

        public override int NonZeroCount(int row) => Row(row).Count(v => v != 0);

        public override int Read(int row, Span<int> features, Span<double> values)
        {
            int count = 0;
            double[] all = Row(row);
            for (int j = 0; j < all.Length; j++)
            {
                if (all[j] == 0) continue;
                (features[count], values[count]) = (j, all[j]);
                count++;
            }

            return count;
        }
    }

    private sealed class Pixels(ImageSet images) : FeatureTable
    {
        public override int Count => images.Count;

        public override int FeatureCount => images.Height * images.Width;

        public override int NonZeroCount(int row) => FeatureCount - images.Image(row).Count((byte)0);

        public override int Read(int row, Span<int> features, Span<double> values)
        {
            int count = 0;
            var image = images.Image(row);
            for (int j = 0; j < image.Length; j++)
            {
                if (image[j] == 0) continue;
                (features[count], values[count]) = (j, image[j] / 255.0);
                count++;
            }

            return count;
        }
    }
}
