namespace Bilevel;

/// <summary>
/// The few in-place operations that every method needs of its variables. Methods are written once over this
/// interface; dense arrays and device tensors are implementations. Scalars are double whatever the storage.
/// </summary>
/// <typeparam name="V">The implementing type itself.</typeparam>
public interface IVector<V>
    where V : class, IVector<V>
{
    /// <summary>Number of components.</summary>
    int Length { get; }

    /// <summary>A new vector of the same length and storage, all components zero.</summary>
    V ZerosLike();

    /// <summary>this = source.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    void CopyFrom(V source);

    /// <summary>this = factor * this.</summary>
    void Scale(double factor);

    /// <summary>this = this + factor * direction.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    void AddScaled(double factor, V direction);

    /// <summary>The inner product with <paramref name="other"/>, accumulated in double.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    double Dot(V other);
}

/// <summary>
/// Componentwise operations, for the step rules that scale every coordinate on its own (Adam). A vector type
/// without them can be used with every other step rule.
/// </summary>
/// <typeparam name="V">The implementing type itself.</typeparam>
public interface ICoordinatewise<V>
    where V : class, IVector<V>
{
    /// <summary>this[i] = decay * this[i] + factor * a[i]^2.</summary>
    void DecayAndAddSquare(double decay, double factor, V a);

    /// <summary>this[i] = this[i] + factor * numerator[i] / (sqrt(scale * squares[i]) + offset).</summary>
    void AddScaledOverRoot(double factor, V numerator, double scale, V squares, double offset);
}

/// <summary>A vector whose components can be saved to bytes and read back exactly, as checkpoints need.</summary>
public interface IStorable
{
    /// <summary>A word for the storage, such as <c>float64</c>; a checkpoint of another storage is refused.</summary>
    string Storage { get; }

    /// <summary>Number of bytes that <see cref="Save"/> writes.</summary>
    long ByteCount { get; }

    /// <summary>Writes all components, little-endian, <see cref="ByteCount"/> bytes in all.</summary>
    void Save(Stream destination);

    /// <summary>Reads all components back, <see cref="ByteCount"/> bytes in all.</summary>
    /// <exception cref="EndOfStreamException">There are fewer.</exception>
    void Load(Stream source);
}

/// <summary>Derived operations on vectors.</summary>
public static class VectorExtensions
{
    /// <summary>The Euclidean norm; free of overflow only as far as the sum of squares is.</summary>
    public static double Norm<V>(this V vector)
        where V : class, IVector<V> => Math.Sqrt(vector.Dot(vector));

    /// <summary>A new vector with the same components.</summary>
    public static V Copy<V>(this V vector)
        where V : class, IVector<V>
    {
        var copy = vector.ZerosLike();
        copy.CopyFrom(vector);
        return copy;
    }

    /// <summary>Whether every component is finite (read from the sum of squares, so an overflow counts as not finite).</summary>
    public static bool IsFinite<V>(this V vector)
        where V : class, IVector<V> => double.IsFinite(vector.Dot(vector));
}

/// <summary>A vector whose components can be set one by one, as random probes need.</summary>
public interface IFillable
{
    /// <summary>Sets component i to <paramref name="component"/>(i).</summary>
    void Fill(Func<int, double> component);
}

/// <summary>A vector that can make others of any length with the same storage, as lifts need for multipliers and for blocks that are absent.</summary>
/// <typeparam name="V">The implementing type itself.</typeparam>
public interface IResizable<V>
    where V : class, IVector<V>
{
    /// <summary>A new vector of the given length, zero or more, all components zero.</summary>
    V Zeros(int length);
}
