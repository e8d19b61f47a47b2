using System.Globalization;
using System.Numerics;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Constraints with every row multiplied by a positive factor (bilevel minimax, section 8.2): the same feasible points,
/// and multipliers divided by the factors. Linear constraints have <see cref="LinearConstraints{T}.Scaled"/>, which costs nothing later.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class ScaledConstraints<T> : IConstraints<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly IConstraints<DenseVector<T>> inner;
    private readonly double[] factors;
    private readonly double largest;
    private readonly ScratchVectors<T> scratch = new();
    private DenseVector<T>[] points = [];

    /// <summary>Scales constraints.</summary>
    /// <param name="inner">The constraints.</param>
    /// <param name="factors">One positive factor per constraint; copied.</param>
    /// <exception cref="ArgumentException">The number of factors is not that of the constraints, or a factor is not positive and finite.</exception>
    public ScaledConstraints(IConstraints<DenseVector<T>> inner, ReadOnlySpan<double> factors)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ScaledConstraints.Check(factors, inner.Count);
        (this.inner, this.factors) = (inner, factors.ToArray());
        foreach (double f in factors) largest = Math.Max(largest, f);
    }

    /// <inheritdoc/>
    public int Count => inner.Count;

    /// <inheritdoc/>
    public double? Lipschitz => largest * inner.Lipschitz;

    /// <inheritdoc/>
    public double? GradientLipschitz => largest * inner.GradientLipschitz;

    /// <inheritdoc/>
    public void Evaluate(in Request<DenseVector<T>> request)
    {
        scratch.ReturnAll();
        if (points.Length < request.Points.Length) points = new DenseVector<T>[request.Points.Length];
        request.Points.CopyTo(points);
        for (int i = Lower.Z2; i < request.Points.Length; i += request.Blocks)
        {
            points[i] = scratch.Rent(request.Points[i]);
            points[i].CopyFrom(request.Points[i]);
            Scale(points[i]);
        }

        inner.Evaluate(request.Rerouted(points.AsSpan(0, request.Points.Length), request.Blocks, request.Gradients, request.Values));
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == Lower.Z2) Scale(output.Result);
        }
    }

    private void Scale(DenseVector<T> vector)
    {
        if (vector.Length != factors.Length)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There are {factors.Length} constraints and {vector.Length} multipliers; there must be one multiplier per constraint."));
        for (int i = 0; i < factors.Length; i++) vector[i] *= T.CreateTruncating(factors[i]);
    }
}

internal static class ScaledConstraints
{
    public static void Check(ReadOnlySpan<double> factors, int count)
    {
        if (factors.Length != count) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There are {count} constraints and {factors.Length} factors; give one factor per constraint."), nameof(factors));
        foreach (double f in factors)
        {
            if (!(f > 0) || double.IsInfinity(f)) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"A factor of a constraint is {f}; factors must be positive and finite, or the constraint would change its meaning."), nameof(factors));
        }
    }
}
