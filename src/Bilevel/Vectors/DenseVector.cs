using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Bilevel;

/// <summary>A dense vector of double or float components.</summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// <code>
/// var a = new DenseVector&lt;double&gt;(1, 2, 3);
/// var b = new DenseVector&lt;double&gt;(3);         // three zeros
/// b.AddScaled(2, a);                          // (2, 4, 6)
/// b[0] = 5;
/// Console.WriteLine(b.Dot(a));                // 31
/// </code>
/// </example>
public sealed class DenseVector<T> : IVector<DenseVector<T>>, ICoordinatewise<DenseVector<T>>, IStorable, IFillable, IResizable<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Below this length a plain loop beats the call into the vectorised primitives.
    private const int ShortLength = 8;

    // Components that are saved at once.
    private const int PieceLength = 1 << 20;

    private readonly T[] components;

    /// <summary>A vector of <paramref name="length"/> zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public DenseVector(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        LargeArrays.Expect((long)length * Unsafe.SizeOf<T>());
        components = new T[length];
    }

    /// <summary>A vector on the given array, which is used as it is and not copied.</summary>
    /// <exception cref="ArgumentNullException">The array is null.</exception>
    public DenseVector(params T[] components)
    {
        ArgumentNullException.ThrowIfNull(components);
        this.components = components;
    }

    /// <inheritdoc/>
    public int Length => components.Length;

    /// <summary>The components, to read and write.</summary>
    public Span<T> Span => components;

    /// <summary>Component <paramref name="index"/>, from 0.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such component.</exception>
    public ref T this[int index] => ref components[index];

    /// <inheritdoc/>
    public DenseVector<T> ZerosLike() => new(components.Length);

    /// <inheritdoc/>
    public DenseVector<T> Zeros(int length) => new(length);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vectors differ in length.</exception>
    public void CopyFrom(DenseVector<T> source)
    {
        CheckLength(source);
        source.components.AsSpan().CopyTo(components);
    }

    /// <inheritdoc/>
    public void Scale(double factor)
    {
        var s = T.CreateTruncating(factor);
        if (components.Length < ShortLength)
        {
            for (int i = 0; i < components.Length; i++) components[i] *= s;
            return;
        }

        TensorPrimitives.Multiply(components, s, components);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vectors differ in length.</exception>
    public void AddScaled(double factor, DenseVector<T> direction)
    {
        CheckLength(direction);
        var s = T.CreateTruncating(factor);
        var from = direction.components;
        if (components.Length < ShortLength)
        {
            for (int i = 0; i < components.Length && i < from.Length; i++) components[i] += s * from[i];
            return;
        }

        TensorPrimitives.MultiplyAdd(from, s, components, components);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vectors differ in length.</exception>
    public double Dot(DenseVector<T> other)
    {
        CheckLength(other);
        var right = other.components;
        if (components.Length < ShortLength)
        {
            double sum = 0;
            for (int i = 0; i < components.Length && i < right.Length; i++) sum += double.CreateTruncating(components[i]) * double.CreateTruncating(right[i]);
            return sum;
        }

        if (typeof(T) == typeof(double))
            return TensorPrimitives.Dot(MemoryMarshal.Cast<T, double>(components.AsSpan()), MemoryMarshal.Cast<T, double>(right.AsSpan()));
        return WideDot(components, right);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vectors differ in length.</exception>
    public void DecayAndAddSquare(double decay, double factor, DenseVector<T> a)
    {
        CheckLength(a);
        var (d, s, from) = (T.CreateTruncating(decay), T.CreateTruncating(factor), a.components);
        for (int i = 0; i < components.Length && i < from.Length; i++) components[i] = d * components[i] + s * from[i] * from[i];
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vectors differ in length.</exception>
    public void AddScaledOverRoot(double factor, DenseVector<T> numerator, double scale, DenseVector<T> squares, double offset)
    {
        CheckLength(numerator);
        CheckLength(squares);
        var (f, s, o) = (T.CreateTruncating(factor), T.CreateTruncating(scale), T.CreateTruncating(offset));
        var (top, bottom) = (numerator.components, squares.components);
        for (int i = 0; i < components.Length; i++) components[i] += f * top[i] / (T.Sqrt(s * bottom[i]) + o);
    }

    /// <inheritdoc/>
    public string Storage => typeof(T) == typeof(double) ? "float64" : typeof(T) == typeof(float) ? "float32" : typeof(T).Name;

    /// <inheritdoc/>
    public long ByteCount => (long)components.Length * Unsafe.SizeOf<T>();

    /// <inheritdoc/>
    public void Save(Stream destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        for (long i = 0; i < components.Length; i += PieceLength) destination.Write(MemoryMarshal.AsBytes(Piece(i)));
    }

    /// <inheritdoc/>
    public void Load(Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        for (long i = 0; i < components.Length; i += PieceLength) source.ReadExactly(MemoryMarshal.AsBytes(Piece(i)));
    }

    // A span of bytes reaches 2 GiB at most.
    private Span<T> Piece(long first) => components.AsSpan((int)first, (int)Math.Min(PieceLength, components.Length - first));

    /// <inheritdoc/>
    public void Fill(Func<int, double> component)
    {
        for (int i = 0; i < components.Length; i++) components[i] = T.CreateTruncating(component(i));
    }

    /// <summary>The components as an array of double.</summary>
    public double[] ToDoubles() => Array.ConvertAll(components, double.CreateTruncating);

    /// <summary>The components, separated by commas, with at most eight of them spelled out.</summary>
    public override string ToString()
    {
        var shown = components.Take(8).Select(c => c.ToString("G6", System.Globalization.CultureInfo.InvariantCulture));
        return $"[{string.Join(", ", shown)}{(components.Length > 8 ? ", ..." : "")}]";
    }

    // Sums of float products are taken in double: a penalty method subtracts nearly equal numbers, and its
    // residual is such a sum.
    private static double WideDot(T[] left, T[] right)
    {
        int i = 0;
        double sum = 0;
        if (typeof(T) == typeof(float))
        {
            ref float l = ref Unsafe.As<T, float>(ref MemoryMarshal.GetArrayDataReference(left)), r = ref Unsafe.As<T, float>(ref MemoryMarshal.GetArrayDataReference(right));
            Vector256<double> s0 = default, s1 = default, s2 = default, s3 = default;
            for (; i + 16 <= left.Length; i += 16)
            {
                var (l0, l1) = Vector256.Widen(Vector256.LoadUnsafe(ref l, (nuint)i));
                var (l2, l3) = Vector256.Widen(Vector256.LoadUnsafe(ref l, (nuint)i + 8));
                var (r0, r1) = Vector256.Widen(Vector256.LoadUnsafe(ref r, (nuint)i));
                var (r2, r3) = Vector256.Widen(Vector256.LoadUnsafe(ref r, (nuint)i + 8));
                s0 += l0 * r0;
                s1 += l1 * r1;
                s2 += l2 * r2;
                s3 += l3 * r3;
            }

            sum = Vector256.Sum(s0 + s1 + (s2 + s3));
        }

        for (; i < left.Length; i++) sum += double.CreateTruncating(left[i]) * double.CreateTruncating(right[i]);
        return sum;
    }

    private void CheckLength(DenseVector<T> other)
    {
        if (other.components.Length != components.Length) ThrowLength(components.Length, other.components.Length);
    }

    private static void ThrowLength(int expected, int actual) =>
        throw new ArgumentException($"A vector of {expected} components met one of {actual}.");
}

/// <summary>Short spellings for dense vectors.</summary>
public static class Vectors
{
    /// <summary>A dense double vector of the given components (copied).</summary>
    public static DenseVector<double> Of(params ReadOnlySpan<double> components) => new(components.ToArray());

    /// <summary>A dense double vector of <paramref name="length"/> zeros.</summary>
    public static DenseVector<double> Zeros(int length) => new(length);
}
