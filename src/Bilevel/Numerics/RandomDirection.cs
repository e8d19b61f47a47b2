namespace Bilevel;

/// <summary>A direction with random components, where the vector type lets them be set.</summary>
internal static class RandomDirection
{
    public static void Fill<V>(V vector, ulong key)
        where V : class, IVector<V>
    {
        if (vector is not IFillable fillable)
            throw new NotSupportedException($"Vectors of type {typeof(V).Name} cannot be filled with random numbers: implement {nameof(IFillable)}, or declare the constants of the problem.");
        fillable.Fill(i => RandomBits.Normal(key, (ulong)i));
    }
}
