namespace Bilevel.Tests;

public sealed class SampleStreamTests
{
    [Fact]
    public void The_bits_are_those_of_SplitMix64()
    {
        ulong[] published = [13679457532755275413, 2949826092126892291, 5139283748462763858];
        Assert.Equal(published, Enumerable.Range(0, 3).Select(i => RandomBits.At(42, (ulong)i)));
        var samples = new SampleStream(42);
        Assert.Equal(published, published.Select(_ => samples.Next(1).Key));
    }

    [Fact]
    public void Uniform_numbers_lie_in_the_half_open_unit_interval()
    {
        double[] numbers = [.. Enumerable.Range(0, 100_000).Select(i => RandomBits.Uniform(5, (ulong)i))];
        Assert.All(numbers, u => Assert.True(u is >= 0 and < 1));
        Assert.Equal(0.5, numbers.Average(), 4 * Math.Sqrt(1.0 / 12 / numbers.Length));
        Assert.Equal(1.0 / 3, numbers.Average(u => u * u), 4 * Math.Sqrt(4.0 / 45 / numbers.Length));
    }

    [Fact]
    public void Minibatch_indices_are_uniform()
    {
        foreach (int population in new[] { 2, 10, 1000 })
        {
            const int Draws = 200_000;
            var counts = new int[population];
            var samples = new SampleStream(1);
            for (int s = 0; s < Draws / 100; s++)
            {
                var sample = samples.Next(100);
                for (int d = 0; d < 100; d++) counts[Minibatch.Index(sample, d, population)]++;
            }

            double expected = (double)Draws / population;
            double square = counts.Sum(c => (c - expected) * (c - expected) / expected);

            // Chi-square with population - 1 degrees of freedom: mean df, deviation sqrt(2 df).
            int freedom = population - 1;
            Assert.InRange(square, freedom - (4 * Math.Sqrt(2.0 * freedom)), freedom + (5 * Math.Sqrt(2.0 * freedom)));
        }
    }

    [Fact]
    public void Minibatch_ends()
    {
        Assert.All(Enumerable.Range(0, 100), d => Assert.Equal(0, Minibatch.Index(new Sample(3, 100), d, 1)));
        Assert.All(Enumerable.Range(0, 100), d => Assert.InRange(Minibatch.Index(new Sample(3, 100), d, int.MaxValue), 0, int.MaxValue - 1));
        Assert.Equal((7, 100), (Minibatch.Count(new Sample(1, 7), 100), Minibatch.Count(Sample.All, 100)));
    }

    [Theory]
    [InlineData(0, 5)]                                   // all data
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(7, 3)]                                   // more draws than items
    [InlineData(100, 1000)]
    public void Rows_of_a_sample_are_its_draws_or_all_items(int size, int population)
    {
        var sample = new Sample(42, size);
        int[] expected = size == 0 ? [.. Enumerable.Range(0, population)] : [.. Enumerable.Range(0, size).Select(d => Minibatch.Index(sample, d, population))];
        List<int> rows = [];
        foreach (int i in sample.Rows(population)) rows.Add(i);
        Assert.Equal(expected, rows);
        Assert.Equal(Minibatch.Count(sample, population), sample.Rows(population).Count);
    }

    [Fact]
    public void Rows_of_a_sample_are_enumerated_without_allocation()
    {
        var sample = new Sample(42, 500);
        long sum = 0;
        void Walk()
        {
            foreach (int i in sample.Rows(1000)) sum += i;
            foreach (int i in Sample.All.Rows(1000)) sum += i;
        }

        Walk();
        Assert.Equal(0, Allocation.Least(Walk));
        Assert.True(sum > 499_500);
    }

    [Fact]
    public void Rows_of_no_population_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Sample.All.Rows(-1));
        Assert.Contains("no data item to draw", Assert.Throws<ArgumentOutOfRangeException>(() => new Sample(1, 5).Rows(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loaded_stream_goes_on_where_it_was()
    {
        var stream = new SampleStream(9);
        for (int i = 0; i < 5; i++) stream.Next(2);
        using var bytes = new MemoryStream();
        var writer = new ArchiveWriter<DenseVector<double>>(bytes);
        stream.Transfer(writer);
        writer.Finish();
        bytes.Position = 0;
        var other = new SampleStream(1);
        other.Transfer(new ArchiveReader<DenseVector<double>>(bytes, bytes.Length));
        Assert.Equal(stream.Next(3), other.Next(3));
        Assert.NotEqual(stream.Next(3), new SampleStream(9).Next(3));
    }
}
