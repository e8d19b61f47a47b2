using System.Security.Cryptography;

namespace Bilevel.Tasks.Tests;

public sealed class SyntheticDigitsTests
{
    [Fact]
    public void EqualSeedsGiveThePinnedBytes()
    {
        // The bytes are part of the contract: results published with a seed must be repeatable on any machine.
        ImageSet set = SyntheticDigits.Generate(200, 12345);
        string pixels = Convert.ToHexString(SHA256.HashData(set.Pixels.Span));
        string labels = string.Concat(set.Labels.ToArray());

        Assert.Equal("4E0865437F1A61052F8C21AE385478A286AD0CD4AF347693333254A808095B8B", pixels);
        Assert.Equal("0271195450930311219568604817463252591131", labels[..40]);
    }

    [Fact]
    public void ASmallSetIsTheBeginningOfALargeOne()
    {
        // 1,000 images are several blocks of work, 100 are one.
        ImageSet small = SyntheticDigits.Generate(100, 9);
        ImageSet large = SyntheticDigits.Generate(1000, 9);

        Assert.True(small.Pixels.Span.SequenceEqual(large.Pixels.Span[..small.Pixels.Length]));
        Assert.True(small.Labels.Span.SequenceEqual(large.Labels.Span[..small.Count]));
    }

    [Fact]
    public void ThreadsDoNotChangeTheResult()
    {
        ImageSet alone = SyntheticDigits.Generate(600, 4);
        ImageSet[] together = new ImageSet[4];
        Parallel.For(0, together.Length, i => together[i] = SyntheticDigits.Generate(600, 4));

        Assert.All(together, set => Assert.True(set.Pixels.Span.SequenceEqual(alone.Pixels.Span)));
    }

    [Fact]
    public void NeighbouringSeedsAndIndicesGiveDifferentImages()
    {
        HashSet<string> seen = [];
        for (ulong seed = 0; seed < 10; seed++)
        {
            ImageSet set = SyntheticDigits.Generate(50, seed);
            for (int i = 0; i < set.Count; i++)
                Assert.True(seen.Add(Convert.ToHexString(SHA256.HashData(set.Image(i)))), $"seed {seed}, image {i}");
        }
    }

    [Fact]
    public void ClassesAreBalanced()
    {
        ImageSet set = SyntheticDigits.Generate(5000, 1);
        int[] counts = new int[ImageSet.Classes];
        foreach (byte label in set.Labels.Span)
            counts[label]++;

        // 500 expected with a deviation of 21; the bound is about five deviations.
        Assert.All(counts, count => Assert.InRange(count, 395, 605));
    }

    [Fact]
    public void PixelStatisticsAreNearMnist()
    {
        ImageSet set = SyntheticDigits.Generate(2000, 2);
        double ink = 0, zeros = 0, full = 0, massX = 0, massY = 0;
        for (int i = 0; i < set.Count; i++)
        {
            ReadOnlySpan<byte> image = set.Image(i);
            double own = 0, ownX = 0, ownY = 0;
            for (int k = 0; k < image.Length; k++)
            {
                own += image[k];
                ownX += image[k] * (double)(k % set.Width);
                ownY += image[k] * (double)(k / set.Width);
                if (image[k] == 0)
                    zeros++;
                else if (image[k] > 230)
                    full++;
            }

            // No image is empty or smeared all over.
            Assert.InRange(own / 255 / image.Length, 0.02, 0.4);
            ink += own;
            massX += ownX / own;
            massY += ownY / own;
            Assert.InRange(ownX / own, 13.5 - 4, 13.5 + 4);
            Assert.InRange(ownY / own, 13.5 - 4, 13.5 + 4);
        }

        double pixels = set.Pixels.Length;
        Assert.InRange(ink / 255 / pixels, 0.12, 0.14);
        Assert.InRange(zeros / pixels, 0.75, 0.85);
        Assert.InRange(full / pixels, 0.05, 0.12);
        Assert.InRange(massX / set.Count, 13.3, 13.7);
        Assert.InRange(massY / set.Count, 13.3, 13.7);
    }

    [Fact]
    public void LabelsTellTheImagesApartButNotTrivially()
    {
        // The nearest class mean is right on about four of five MNIST images, and must neither fail nor be perfect here.
        ImageSet set = SyntheticDigits.Generate(3000, 3);
        const int Train = 2000;
        int size = set.Height * set.Width;
        double[][] means = new double[ImageSet.Classes][];
        int[] counts = new int[ImageSet.Classes];
        for (int c = 0; c < means.Length; c++)
            means[c] = new double[size];
        for (int i = 0; i < Train; i++)
        {
            int label = set.Labels.Span[i];
            counts[label]++;
            for (int k = 0; k < size; k++)
                means[label][k] += set.Image(i)[k];
        }

        int right = 0;
        for (int i = Train; i < set.Count; i++)
        {
            int best = 0;
            double bestDistance = double.MaxValue;
            for (int c = 0; c < means.Length; c++)
            {
                double distance = 0;
                for (int k = 0; k < size; k++)
                {
                    double difference = set.Image(i)[k] - means[c][k] / counts[c];
                    distance += difference * difference;
                }

                if (distance < bestDistance)
                    (best, bestDistance) = (c, distance);
            }

            if (best == set.Labels.Span[i])
                right++;
        }

        Assert.InRange(right / (double)(set.Count - Train), 0.65, 0.92);
    }

    [Fact]
    public void NoImagesIsAnEmptySet()
    {
        ImageSet set = SyntheticDigits.Generate(0, 1);

        Assert.Equal(0, set.Count);
        Assert.Equal((28, 28), (set.Height, set.Width));
        Assert.Equal(0, set.Pixels.Length);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void ImpossibleCountsAreRefused(int count) =>
        Assert.Throws<ArgumentOutOfRangeException>("count", () => SyntheticDigits.Generate(count, 1));
}

public sealed class ImageSetTests
{
    [Fact]
    public void ImageIsTheRightPartOfThePixels()
    {
        byte[] pixels = [.. Enumerable.Range(0, 12).Select(i => (byte)i)];
        ImageSet set = new(pixels, new byte[] { 3, 9 }, height: 2, width: 3);

        Assert.Equal(2, set.Count);
        Assert.Equal([6, 7, 8, 9, 10, 11], set.Image(1).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Image(2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Image(-1).Length);
    }

    [Fact]
    public void PartsThatDoNotFitAreRefused()
    {
        ArgumentException length = Assert.Throws<ArgumentException>("pixels", () => new ImageSet(new byte[11], new byte[2], 2, 3));
        Assert.Contains("2 images of 2x3 pixels need 12 bytes, but 11 were given", length.Message, StringComparison.Ordinal);

        Assert.Throws<ArgumentOutOfRangeException>("height", () => new ImageSet(default, default, 0, 3));
        Assert.Throws<ArgumentOutOfRangeException>("width", () => new ImageSet(default, default, 2, -3));

        // The product of these would wrap around to zero.
        Assert.Throws<ArgumentException>("pixels", () => new ImageSet(default, new byte[16], 1 << 30, 1 << 30));
    }
}
