using CsCheck;

namespace Bilevel.Tasks.Tests.Learning;

/// <summary>Numbers kept in little room come back as they were.</summary>
public sealed class EntryStorageTests
{
    [Fact]
    public void Numbers_are_read_to_the_bit() =>
        Gen.Select(Gen.Double.Array[1, 300], Gen.Int[0, 1_000_000].Array[0, 2000]).Sample((different, picks) =>
        {
            double[] numbers = [.. picks.Select(p => different[p % different.Length])];
            var array = Written(numbers);
            Assert.Equal(numbers.Select(BitConverter.DoubleToInt64Bits).Distinct().Count() <= 256, array.IsCoded);
            Assert.Equal(numbers.Select(BitConverter.DoubleToInt64Bits), Enumerable.Range(0, array.Length).Select(k => BitConverter.DoubleToInt64Bits(array[k])));
            var copied = new double[numbers.Length / 2];
            array.CopyTo(numbers.Length / 3, copied);
            Assert.Equal(numbers.AsSpan(numbers.Length / 3, copied.Length).ToArray(), copied);
        }, iter: 300);

    [Fact]
    public void Zeros_keep_their_signs()
    {
        var array = Written([0.0, -0.0, 0.0]);
        Assert.Equal([false, true, false], Enumerable.Range(0, 3).Select(k => double.IsNegative(array[k])));
    }

    [Theory]
    [InlineData(256, true)]
    [InlineData(257, false)]
    public void A_byte_tells_256_numbers_apart(int different, bool coded)
    {
        double[] numbers = [.. Enumerable.Range(0, 3 * different).Select(k => Math.Sqrt(k % different))];
        var array = Written(numbers);
        Assert.Equal((coded, numbers.Length), (array.IsCoded, array.Length));
        Assert.Equal(numbers, Enumerable.Range(0, array.Length).Select(k => array[k]));
    }

    [Theory]
    [InlineData(65_536, true)]
    [InlineData(65_537, false)]
    public void Two_bytes_hold_indices_below_65536(int limit, bool narrow)
    {
        var (array, copy) = (new IndexArray(3, limit), new IndexArray(5, limit));
        (array[0], array[1], array[2]) = (limit - 1, 0, 7);
        array.CopyTo(0, 2, copy, 3);
        Assert.Equal((narrow, limit - 1, 0, 7), (array.IsNarrow, array[0], array[1], array[2]));
        Assert.Equal((0, limit - 1, 0), (copy[2], copy[3], copy[4]));
    }

    [Fact]
    public void An_image_takes_three_bytes_an_entry()
    {
        var rows = FeatureRows<float>.From(new ImageTable(SyntheticDigits.Generate(20, seed: 2)), [.. Enumerable.Range(0, 20)]);
        Assert.True(rows.Values.IsCoded && rows.Features.IsNarrow && !rows.IsDense);
        Assert.Equal(rows.NonZeros, rows.Values.Codes.Length);
    }

    [Fact]
    public void Chosen_rows_are_those_of_the_table()
    {
        int[] chosen = [4, 0, 4, 11];
        foreach (int width in new[] { 40, 4 })
        {
            // With and without zeros, with few and with many different values.
            foreach (var value in new Func<int, double>[] { k => k % 5, k => 1 + (k % 5), k => Math.Max(0, Math.Sin(k)), k => 2 + Math.Sin(k) })
            {
                double[] numbers = [.. Enumerable.Range(0, 12 * width).Select(value)];
                var rows = FeatureRows<double>.From(new DenseTable(numbers, 12, width), [.. Enumerable.Range(0, 12)]);
                var selected = rows.Select(chosen);
                Assert.Equal((rows.IsDense, rows.Values.IsCoded, rows.FeatureCount), (selected.IsDense, selected.Values.IsCoded, selected.FeatureCount));
                Assert.Equal(numbers.All(v => v != 0) && width >= 4, rows.IsDense);
                for (int i = 0; i < chosen.Length; i++) Assert.Equal([.. numbers.Skip(chosen[i] * width).Take(width), 1], Full(selected, i));
            }
        }
    }

    [Fact]
    public void Exponentials_in_single_precision_are_good_to_two_units_of_the_last_place()
    {
        float[] scores = [.. Enumerable.Range(-60_000, 120_000).Select(k => k / 1000f)], exponentials = new float[scores.Length];
        Assert.True(SoftmaxRows<float>.TryExponentials(scores, exponentials));
        for (int k = 0; k < scores.Length; k++)
        {
            double exact = Math.Exp(scores[k]);
            Assert.Equal(exact, exponentials[k], 2 * Math.Pow(2, Math.Floor(Math.Log2(exact)) - 23));
        }

        foreach (float bad in new[] { 61f, -61f, float.NaN, float.PositiveInfinity })
        {
            scores[77] = bad;
            Assert.False(SoftmaxRows<float>.TryExponentials(scores, exponentials));
        }
    }

    private static double[] Full(FeatureRows<double> rows, int row)
    {
        var full = new double[rows.FeatureCount];
        foreach (var (j, value) in rows.Row(row)) full[j] = value;
        return full;
    }

    private static ValueArray<double> Written(ReadOnlySpan<double> numbers)
    {
        var writer = new ValueArray<double>.Writer(numbers.Length, coded: true);
        foreach (double number in numbers) writer.Add(number);
        return writer.ToArray();
    }
}
