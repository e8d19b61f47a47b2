using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Constraints c(x, z) &lt;= 0 or c(x, z) = 0 as an objective: multipliers' c(x, z) over the blocks (x, z, multipliers)
/// of <see cref="Lower"/> (bilevel minimax, section 8.1). It is linear in the multipliers, and its gradient in them is
/// c; its gradients in x and z are the transposed Jacobians of c times the multipliers.
/// </summary>
/// <remarks>Convexity cannot be checked from values: inequality constraints must be convex in z, equality constraints affine in z.</remarks>
/// <typeparam name="V">Vector type.</typeparam>
public interface IConstraints<V> : IObjective<V>
    where V : class, IVector<V>
{
    /// <summary>Number of constraints, the length of the block of multipliers.</summary>
    int Count { get; }

    /// <summary>L_c: Lipschitz constant of c jointly in (x, z) where they are used; null when unknown.</summary>
    double? Lipschitz { get; }

    /// <summary>L_grad(c): the gradient of multipliers' c in (x, z) is Lipschitz with this constant times the norm of the multipliers; 0 for affine constraints, null when unknown.</summary>
    double? GradientLipschitz { get; }
}

/// <summary>The base class for users: write c and the products of its transposed Jacobians with a vector of multipliers, at one point.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="count">Number of constraints, at least 1.</param>
public abstract class PointConstraints<V>(int count) : PointObjective<V>, IConstraints<V>
    where V : class, IVector<V>
{
    private V? values;

    /// <inheritdoc/>
    public int Count { get; } = count > 0 ? count : throw new ArgumentOutOfRangeException(nameof(count), count, "The number of constraints must be positive.");

    /// <inheritdoc/>
    public double? Lipschitz { get; init; }

    /// <inheritdoc/>
    public double? GradientLipschitz { get; init; }

    /// <summary>Writes c(x, z) into <paramref name="result"/>.</summary>
    /// <param name="x">The upper variables.</param>
    /// <param name="z">The lower variables.</param>
    /// <param name="result">Receives one number per constraint (overwrite it).</param>
    protected abstract void Values(V x, V z, V result);

    /// <summary>Writes the transposed Jacobian of c in one block, times the multipliers, into <paramref name="result"/>.</summary>
    /// <param name="x">The upper variables.</param>
    /// <param name="z">The lower variables.</param>
    /// <param name="multipliers">One number per constraint, of any sign.</param>
    /// <param name="block"><see cref="Lower.X1"/> or <see cref="Lower.Z1"/>.</param>
    /// <param name="result">Receives the product (overwrite it).</param>
    protected abstract void TransposedTimes(V x, V z, V multipliers, int block, V result);

    /// <inheritdoc/>
    protected sealed override double Value(ReadOnlySpan<V> point, Sample sample)
    {
        var multipliers = Multipliers(point);
        if (values?.Length != multipliers.Length) values = multipliers.ZerosLike();
        Values(point[Lower.X1], point[Lower.Z1], values);
        return multipliers.Dot(values);
    }

    /// <inheritdoc/>
    protected sealed override void Gradient(ReadOnlySpan<V> point, int block, Sample sample, V result)
    {
        var multipliers = Multipliers(point);
        if (block == Lower.Z2) Values(point[Lower.X1], point[Lower.Z1], result);
        else TransposedTimes(point[Lower.X1], point[Lower.Z1], multipliers, block, result);
    }

    private V Multipliers(ReadOnlySpan<V> point) => point[Lower.Z2].Length == Count
        ? point[Lower.Z2]
        : throw new ArgumentException(FormattableString.Invariant($"There are {Count} constraints and {point[Lower.Z2].Length} multipliers; there must be one multiplier per constraint."));
}
