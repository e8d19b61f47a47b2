namespace Bilevel;

/// <summary>An objective as a function of one of its blocks, the others held fixed, times a sign.</summary>
internal sealed class BlockFunction<V>
    where V : class, IVector<V>
{
    private readonly PreparedRequest<V> request;
    private readonly double sign;
    private readonly V place;

    /// <summary>Fixes the other blocks; they may be changed in place between evaluations.</summary>
    /// <param name="objective">The objective.</param>
    /// <param name="at">All its blocks; the one that varies gives only its length.</param>
    /// <param name="block">The block that varies.</param>
    /// <param name="sign">1, or -1 for the negative.</param>
    public BlockFunction(IObjective<V> objective, IReadOnlyList<V> at, int block, double sign)
    {
        this.sign = sign;
        (place, Gradient) = (at[block].ZerosLike(), at[block].ZerosLike());
        V[] point = [.. at];
        point[block] = place;
        request = new PreparedRequest<V>(objective, [point], [new(block, 0, Gradient)], values: true);
    }

    /// <summary>The gradient at the point last evaluated; overwritten by the next evaluation.</summary>
    public V Gradient { get; }

    /// <summary>The value and, in <see cref="Gradient"/>, the gradient at a point.</summary>
    public double Evaluate(V point)
    {
        place.CopyFrom(point);
        request.Evaluate();
        if (sign < 0) Gradient.Scale(-1);
        return sign * request.Values[0];
    }
}
