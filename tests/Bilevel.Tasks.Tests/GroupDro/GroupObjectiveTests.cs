namespace Bilevel.Tasks.Tests.GroupDro;

/// <summary>The two objectives: values against a direct sum, gradients against differences, both crosswise points in one request, threads, minibatches.</summary>
public class GroupObjectiveTests
{
    private const int Rows = 90, Features = 7, Classes = 3, Groups = 4;

    // What x1 holds: l2 weights, sample weights, radius.
    public static TheoryData<int, int, int> Layouts => new()
    {
        { 1, 0, 0 }, { Features + 1, 0, 0 }, { 0, Rows, 0 }, { 0, 0, 1 }, { 1, Rows, 1 }, { Features + 1, Rows, 1 },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Lower_gradients_agree_with_differences_of_values(int penalties, int samples, int radii)
    {
        var layout = new LeaderLayout(penalties, samples, radii, 0.3, 0.7);
        var level = Lower<double>(layout);
        var point = Point(layout, 1);
        foreach (var sample in new[] { Sample.All, new Sample(5, 40) })
            Assert.All(GradientCheck.Compare<DenseVector<double>>(level, point, 3, sample), c => Assert.True(c.Agrees(1e-6), $"block {c.Block}: {c.Declared} against {c.Measured}"));
    }

    [Theory]
    [InlineData(Groups)]
    [InlineData(0)]
    public void Upper_gradients_agree_with_differences_of_values(int opponent)
    {
        var level = Upper();
        var lower = Point(new LeaderLayout(1, 0, 0, 0.3, 0.7), 2);
        DenseVector<double>[] point = [lower[0], opponent > 0 ? lower[2].Copy() : Vectors.Zeros(0), lower[1], lower[2]];
        foreach (int block in new[] { 1, 2 }.Where(b => point[b].Length > 0))
        {
            foreach (var sample in new[] { Sample.All, new Sample(9, 30) })
            {
                var comparison = GradientCheck.Compare<DenseVector<double>>(level, point, 4, sample)[block];
                Assert.True(comparison.Agrees(1e-6), $"block {block}: {comparison.Declared} against {comparison.Measured}");
            }
        }
    }

    [Fact]
    public void Values_are_those_of_the_formula()
    {
        var layout = new LeaderLayout(Features + 1, Rows, 1, 0.3, 0.7);
        var point = Point(layout, 3);
        var (table, labels, groups) = Data();
        double[] losses = new double[Groups], sizes = new double[Groups];
        double[] entries = new double[Features];
        int[] places = new int[Features];
        for (int i = 0; i < Rows; i++)
        {
            int count = table.Read(i, places, entries);
            double[] scores = new double[Classes];
            for (int c = 0; c < Classes; c++)
            {
                scores[c] = point[1][(Features * Classes) + c];
                for (int k = 0; k < count; k++) scores[c] += entries[k] * point[1][(places[k] * Classes) + c];
            }

            losses[groups[i]] += (Math.Log(scores.Sum(Math.Exp)) - scores[labels[i]]) / (1 + Math.Exp(-point[0][Features + 1 + i]));
            sizes[groups[i]]++;
        }

        double expected = 0, tau = Math.Exp(point[0][layout.Length - 1]);
        for (int g = 0; g < Groups; g++) expected += (point[2][g] * losses[g] / sizes[g]) - (tau / 2 * Math.Pow(point[2][g] - 0.25, 2));
        for (int j = 0; j <= Features; j++)
        {
            for (int c = 0; c < Classes; c++) expected += Math.Exp(point[0][j]) / 2 * Math.Pow(point[1][(j * Classes) + c], 2);
        }

        var request = new PreparedRequest<DenseVector<double>>(Lower<double>(layout), [point], [], values: true);
        request.Evaluate();
        Assert.Equal(expected, request.Values[0], 1e-12);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Both_crosswise_points_of_one_request_are_answered_as_each_alone(int penalties, int samples, int radii)
    {
        var layout = new LeaderLayout(penalties, samples, radii, 0.3, 0.7);
        var (first, second) = (Point(layout, 5), Point(layout, 6));
        second[0] = first[0];
        var sample = new Sample(11, 64);
        DenseVector<double>[] alone = [.. new[] { first, second }.SelectMany(p => Enumerable.Range(0, 3).Select(b => Gradient(p, b)))];
        DenseVector<double> cross = first[0].ZerosLike(), w1 = first[1].ZerosLike(), w2 = first[1].ZerosLike(), q1 = first[2].ZerosLike(), q2 = first[2].ZerosLike();
        new PreparedRequest<DenseVector<double>>(Lower<double>(layout), [first, second], [new(0, Output.Combined, cross), new(1, 0, w1), new(2, 0, q1), new(1, 1, w2), new(2, 1, q2)], [1, -1]).Evaluate(sample);
        alone[0].AddScaled(-1, alone[3]);
        foreach (var (together, apart) in new[] { (cross, alone[0]), (w1, alone[1]), (q1, alone[2]), (w2, alone[4]), (q2, alone[5]) })
            Assert.All(together.ToDoubles().Zip(apart.ToDoubles()), pair => Assert.Equal(pair.Second, pair.First, 1e-13));

        DenseVector<double> Gradient(DenseVector<double>[] point, int block)
        {
            var result = point[block].ZerosLike();
            new PreparedRequest<DenseVector<double>>(Lower<double>(layout), [point], [new(block, 0, result)]).Evaluate(sample);
            return result;
        }
    }

    [Fact]
    public void Where_the_copies_agree_the_difference_of_the_leaders_gradients_is_exactly_zero()
    {
        var layout = new LeaderLayout(1, Rows, 1, 0.3, 0.7);
        var point = Point(layout, 7);
        var cross = point[0].ZerosLike();
        new PreparedRequest<DenseVector<double>>(Lower<double>(layout), [point, point], [new(0, Output.Combined, cross)], [1, -1]).Evaluate(new Sample(3, 20));
        Assert.All(cross.ToDoubles(), c => Assert.Equal(0, c));
    }

    [Fact]
    public void Minibatches_estimate_every_block_without_bias()
    {
        var layout = new LeaderLayout(1, Rows, 1, 0.3, 0.7);
        var (level, point) = (Lower<double>(layout), Point(layout, 8));
        DenseVector<double>[] exact = [.. point.Select(b => b.ZerosLike())], one = [.. point.Select(b => b.ZerosLike())], mean = [.. point.Select(b => b.ZerosLike())];
        new PreparedRequest<DenseVector<double>>(level, [point], [.. exact.Select((r, b) => new Output<DenseVector<double>>(b, 0, r))]).Evaluate();
        var request = new PreparedRequest<DenseVector<double>>(level, [point], [.. one.Select((r, b) => new Output<DenseVector<double>>(b, 0, r))]);
        const int Draws = 20_000;
        double[] squares = new double[3];
        var stream = new SampleStream(4);
        for (int k = 0; k < Draws; k++)
        {
            request.Evaluate(stream.Next(16));
            for (int b = 0; b < 3; b++)
            {
                mean[b].AddScaled(1.0 / Draws, one[b]);
                one[b].AddScaled(-1, exact[b]);
                squares[b] += one[b].Dot(one[b]) / Draws;
            }
        }

        for (int b = 0; b < 3; b++)
        {
            mean[b].AddScaled(-1, exact[b]);
            Assert.True(squares[b] > 0);
            Assert.True(mean[b].Norm() < 2 * Math.Sqrt(squares[b] / Draws), $"block {b}: {mean[b].Norm()} against {Math.Sqrt(squares[b] / Draws)}");
        }
    }

    [Fact]
    public void Single_precision_gives_the_same_to_its_digits()
    {
        var layout = new LeaderLayout(1, Rows, 1, 0.3, 0.7);
        var point = Point(layout, 9);
        DenseVector<float>[] rounded = [.. point.Select(b => new DenseVector<float>([.. b.ToDoubles().Select(c => (float)c)]))];
        for (int block = 0; block < 3; block++)
        {
            var (wide, narrow) = (point[block].ZerosLike(), rounded[block].ZerosLike());
            new PreparedRequest<DenseVector<double>>(Lower<double>(layout), [point], [new(block, 0, wide)]).Evaluate();
            new PreparedRequest<DenseVector<float>>(Lower<float>(layout), [rounded], [new(block, 0, narrow)]).Evaluate();
            Assert.All(wide.ToDoubles().Zip(narrow.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        }
    }

    private static DenseVector<double>[] Point(LeaderLayout layout, ulong key)
    {
        DenseVector<double> leader = new(layout.Length), weights = new((Features + 1) * Classes), q = new(Groups);
        for (int i = 0; i < leader.Length; i++) leader[i] = 0.5 * RandomBits.Normal(key, (ulong)i);
        for (int i = 0; i < weights.Length; i++) weights[i] = 0.4 * RandomBits.Normal(key + 100, (ulong)i);
        for (int g = 0; g < Groups; g++) q[g] = 0.1 + RandomBits.Uniform(key + 200, (ulong)g);
        q.Scale(1 / q.ToDoubles().Sum());
        return [leader, weights, q];
    }

    private static (DenseTable Table, int[] Labels, int[] Groups) Data()
    {
        double[] values = [.. Enumerable.Range(0, Rows * Features).Select(k => RandomBits.Uniform(21, (ulong)k) < 0.3 ? 0 : RandomBits.Normal(22, (ulong)k))];
        int[] labels = [.. Enumerable.Range(0, Rows).Select(i => i % Classes)];

        // Groups of very different sizes.
        int[] groups = [.. Enumerable.Range(0, Rows).Select(i => i < 4 ? i : (int)(RandomBits.Uniform(23, (ulong)i) * 1.4))];
        return (new DenseTable(values, Rows, Features), labels, groups);
    }

    private static RobustSoftmaxLoss<T> Lower<T>(LeaderLayout layout)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var (table, labels, groups) = Data();
        return new RobustSoftmaxLoss<T>(FeatureRows<T>.From(table, Enumerable.Range(0, Rows).ToArray()), labels, groups, Groups, Classes, layout, 1);
    }

    private static GroupValidationLoss<double> Upper()
    {
        var (table, labels, groups) = Data();
        return new GroupValidationLoss<double>(FeatureRows<double>.From(table, Enumerable.Range(0, Rows).ToArray()), labels, groups, Groups, Classes, 1);
    }
}
