using System.Numerics;

namespace Bilevel.Tasks.Tests;

/// <summary>Rows with a centre are the same rows as those from which it was subtracted one by one.</summary>
public sealed class CentredRowsTests
{
    [Theory]
    [InlineData(1, 30, 12, 3)]
    [InlineData(2, 70, 5, 2)]
    [InlineData(3, 300, 40, 7)]
    [InlineData(4, 9, 3, 12)]
    public void ValuesGradientsAndBoundsAreThoseOfDenseRows(int seed, int count, int features, int classes)
    {
        var (sparse, dense, random) = Pair(seed, count, features);
        int[] all = [.. Enumerable.Range(0, count)], labels = [.. all.Select(_ => random.Next(classes))];
        var (centred, plain) = (FeatureRows<double>.From(sparse, all), FeatureRows<double>.From(dense, all));

        Assert.Equal(plain.LargestNorm(), centred.LargestNorm(), 1e-12 * plain.LargestNorm());
        Assert.Equal(plain.LargestSumOfSizes(), centred.LargestSumOfSizes(), 1e-12 * plain.LargestSumOfSizes());
        Assert.Equal(plain.LargestSecondMoment(), centred.LargestSecondMoment(), 1e-9 * plain.LargestSecondMoment());
        Func<int, double> weight = i => 1.0 / (1 + i);
        Assert.Equal(plain.LargestSecondMoment(weight), centred.LargestSecondMoment(weight), 1e-9 * plain.LargestSecondMoment(weight));

        Check(centred, plain, labels, classes, random, 1e-12);
        Check(FeatureRows<float>.From(sparse, all), FeatureRows<float>.From(dense, all), labels, classes, random, 2e-5);
        int[] some = [.. all.Where(i => i % 3 != 0)];
        Check(centred.Select(some), plain.Select(some), [.. some.Select(i => labels[i])], classes, random, 1e-12);
    }

    private static void Check<T>(FeatureRows<T> centred, FeatureRows<T> plain, int[] labels, int classes, Random random, double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var x = Vector<T>(labels.Length, random);
        DenseVector<T>[] points = [x, Vector<T>(plain.FeatureCount * classes, random), x, Vector<T>(plain.FeatureCount * classes, random)];
        foreach (var sample in new[] { Sample.All, new Sample(17, 5) })
        {
            double[][] answers = [.. new[] { centred, plain }.Select(rows => Evaluate(new WeightedSoftmaxLoss<T>(rows, labels, classes, 0.1, threads: 2), points, sample))];
            double size = answers[1].Max(Math.Abs);
            for (int i = 0; i < answers[0].Length; i++) Assert.Equal(answers[1][i], answers[0][i], tolerance * size);
        }
    }

    // Values at two points, the gradient in the classifier at the first, and the weighted sum of both.
    private static double[] Evaluate<T>(WeightedSoftmaxLoss<T> loss, DenseVector<T>[] points, Sample sample)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] values = new double[2];
        var (one, sum) = (points[1].ZerosLike(), points[1].ZerosLike());
        loss.Evaluate(new Request<DenseVector<T>> { Points = points, Blocks = 2, Sample = sample, Weights = [1, -0.5], Gradients = [new(BilevelProblem.Y, 0, one), new(BilevelProblem.Y, Output.Combined, sum)], Values = values });
        return [.. values, .. one.ToDoubles(), .. sum.ToDoubles()];
    }

    private static DenseVector<T> Vector<T>(int length, Random random)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var vector = new DenseVector<T>(length);
        for (int i = 0; i < length; i++) vector[i] = T.CreateTruncating(random.NextDouble() - 0.5);
        return vector;
    }

    private static (SparseTable Sparse, DenseTable Dense, Random Random) Pair(int seed, int count, int features)
    {
        var random = new Random(seed);
        double[] centre = [.. Enumerable.Range(0, features).Select(j => j % 4 == 0 ? 0 : (2 * random.NextDouble()) - 1)];
        var builder = new SparseTableBuilder("rows");
        double[] table = new double[count * features];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < features; j++)
            {
                double entry = random.NextDouble() < 0.3 ? (4 * random.NextDouble()) - 2 : 0;
                builder.Add(j, entry);
                table[(i * features) + j] = entry - centre[j];
            }

            builder.EndRow();
        }

        return (builder.Build(features, centre), new DenseTable(table, count, features), random);
    }
}
