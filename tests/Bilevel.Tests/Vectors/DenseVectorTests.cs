using System.Globalization;
using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

public sealed class DenseDoubleVectorTests : DenseVectorTests<double>
{
    protected override double Unit => 2.3e-16;
}

public sealed class DenseFloatVectorTests : DenseVectorTests<float>
{
    protected override double Unit => 1.2e-7;

    [Fact]
    public void The_inner_product_is_accumulated_in_double()
    {
        // 1 + 2^-30 + ... + 2^-30: in float every small term would be lost.
        foreach (int length in new[] { 3, 7, 8, 9, 64, 1001 })
        {
            var (a, b) = (new DenseVector<float>(length), new DenseVector<float>(length));
            a.Fill(i => i == 0 ? 1 : 1.0 / (1 << 15));
            b.Fill(i => i == 0 ? 1 : 1.0 / (1 << 15));
            Assert.Equal(1 + ((length - 1) * Math.Pow(2, -30)), a.Dot(b));
        }
    }

    [Fact]
    public void A_large_inner_product_does_not_overflow_float()
    {
        var a = new DenseVector<float>(20);
        a.Fill(_ => 1e30);
        Assert.Equal(20e60, a.Dot(a), 1e55);
        Assert.True(a.IsFinite());
    }
}

/// <summary>The operations against plain loops in double.</summary>
public abstract class DenseVectorTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Iterations = 300;

    protected abstract double Unit { get; }

    private static readonly Gen<(double[] A, double[] B, double[] C, double Factor)> Cases =
        Gen.Int[0, 200].SelectMany(n => Gen.Select(Numbers(n), Numbers(n), Numbers(n), Gen.Double[-3, 3]));

    private static Gen<double[]> Numbers(int length) => Gen.Double[-10, 10].Select(v => double.CreateTruncating(T.CreateTruncating(v))).Array[length];

    private static DenseVector<T> Vector(double[] numbers) => new(Array.ConvertAll(numbers, T.CreateTruncating));

    private void AssertNear(IEnumerable<double> expected, DenseVector<T> actual, double size = 100) =>
        Assert.All(expected.Zip(actual.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 4 * Unit * size));

    [Fact]
    public void Copying() => Cases.Sample(
        (a, b, _, _) =>
        {
            var vector = Vector(b);
            vector.CopyFrom(Vector(a));
            Assert.Equal(a, vector.ToDoubles());
            var copy = vector.Copy();
            vector.Scale(0);
            Assert.Equal(a, copy.ToDoubles());
        },
        iter: Iterations, seed: "0000000000000");

    [Fact]
    public void Scaling() => Cases.Sample(
        (a, _, _, factor) =>
        {
            var vector = Vector(a);
            vector.Scale(factor);
            AssertNear(a.Select(v => v * factor), vector);
        },
        iter: Iterations, seed: "0000000000001");

    [Fact]
    public void Adding_a_multiple() => Cases.Sample(
        (a, b, _, factor) =>
        {
            var (vector, direction) = (Vector(a), Vector(b));
            vector.AddScaled(factor, direction);
            AssertNear(a.Zip(b, (u, v) => u + (factor * v)), vector);
            Assert.Equal(b, direction.ToDoubles());
            direction.AddScaled(-1, direction);
            Assert.All(direction.ToDoubles(), v => Assert.Equal(0, v));
        },
        iter: Iterations, seed: "0000000000002");

    [Fact]
    public void Inner_product_and_norm() => Cases.Sample(
        (a, b, _, _) =>
        {
            // Products of components are exact in double or nearly so: the error is that of a double sum, for float too.
            double expected = 0;
            for (int i = 0; i < a.Length; i++) expected += a[i] * b[i];
            Assert.Equal(expected, Vector(a).Dot(Vector(b)), 2.3e-16 * 100 * (a.Length + 1));
            Assert.Equal(Math.Sqrt(a.Sum(v => v * v)), Vector(a).Norm(), 2.3e-16 * 200 * (a.Length + 1));
        },
        iter: Iterations, seed: "0000000000003");

    [Fact]
    public void Coordinatewise_operations() => Cases.Sample(
        (a, b, c, factor) =>
        {
            var squares = Vector(a);
            squares.DecayAndAddSquare(0.9, 0.1, Vector(b));
            AssertNear(a.Zip(b, (u, v) => (0.9 * u) + (0.1 * v * v)), squares);
            var moved = Vector(a);
            moved.AddScaledOverRoot(factor, Vector(b), 2, Vector(Array.ConvertAll(c, Math.Abs)), 0.5);
            AssertNear(a.Select((u, i) => u + (factor * b[i] / (Math.Sqrt(2 * Math.Abs(c[i])) + 0.5))), moved);
        },
        iter: Iterations, seed: "0000000000004");

    [Fact]
    public void Bytes_round_trip() => Cases.Sample(
        (a, _, _, _) =>
        {
            IStorable saved = Vector(a), loaded = new DenseVector<T>(a.Length);
            using var bytes = new MemoryStream();
            saved.Save(bytes);
            Assert.Equal(saved.ByteCount, bytes.Length);
            bytes.Position = 0;
            loaded.Load(bytes);
            Assert.Equal(a.Length * (typeof(T) == typeof(double) ? 8 : 4), saved.ByteCount);
            Assert.Equal(a, ((DenseVector<T>)loaded).ToDoubles());
        },
        iter: Iterations, seed: "0000000000005");

    [Fact]
    public void Odd_numbers_keep_their_bits()
    {
        T[] odd = [T.NaN, T.NegativeInfinity, T.NegativeZero, T.Epsilon];
        var loaded = new DenseVector<T>(4);
        using MemoryStream bytes = new(), again = new();
        new DenseVector<T>(odd).Save(bytes);
        bytes.Position = 0;
        loaded.Load(bytes);
        loaded.Save(again);
        Assert.Equal(bytes.ToArray(), again.ToArray());
        Assert.False(loaded.IsFinite());
    }

    [Fact]
    public void Lengths_that_differ_are_refused()
    {
        foreach (var (n, m) in new[] { (0, 1), (3, 2), (2, 3), (100, 101), (9, 3) })
        {
            DenseVector<T> a = new(n), b = new(m), same = new(n);
            string message = FormattableString.Invariant($"A vector of {n} components met one of {m}.");
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.CopyFrom(b)).Message);
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.AddScaled(1, b)).Message);
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.Dot(b)).Message);
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.DecayAndAddSquare(1, 1, b)).Message);
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.AddScaledOverRoot(1, b, 1, same, 1)).Message);
            Assert.Equal(message, Assert.Throws<ArgumentException>(() => a.AddScaledOverRoot(1, same, 1, b, 1)).Message);
        }
    }

    [Fact]
    public void Making_and_showing()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DenseVector<T>(-1));
        T[] array = [T.One, T.Zero];
        var vector = new DenseVector<T>(array);
        vector[1] = T.One;
        Assert.Equal(T.One, array[1]);
        Assert.Equal(2, vector.Length);
        Assert.Equal(2, vector.ZerosLike().Length);
        Assert.Equal(typeof(T) == typeof(double) ? "float64" : "float32", vector.Storage);
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
        try
        {
            vector.Fill(i => i + 0.5);
            Assert.Equal("[0.5, 1.5]", vector.ToString());
            Assert.Equal("[0, 0, 0, 0, 0, 0, 0, 0, ...]", new DenseVector<T>(9).ToString());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
