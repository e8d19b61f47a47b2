namespace Bilevel.Tasks;

/// <summary>What is known of a problem, in closed form or to printed digits.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed record KnownAnswer<V>
    where V : class, IVector<V>
{
    /// <summary>F*, the optimal (or best local) upper value; null when unknown.</summary>
    public double? UpperValue { get; init; }

    /// <summary>x*, where it is unique; null otherwise.</summary>
    public V? X { get; init; }

    /// <summary>How exactly the numbers above are known.</summary>
    public double Accuracy { get; init; } = 1e-9;

    /// <summary>y*(x), when it has a closed form.</summary>
    public Func<V, V>? LowerSolution { get; init; }

    /// <summary>F(x), when it has a closed form.</summary>
    public Func<V, double>? Hyperobjective { get; init; }

    /// <summary>grad F(x), when it has a closed form.</summary>
    public Func<V, V>? Hypergradient { get; init; }

    /// <summary>grad L_lambda*(x), when it has a closed form.</summary>
    public Func<V, double, V>? PenaltyHypergradient { get; init; }

    /// <summary>A saddle point (z1, z2) of the lower level at x1, when it has a closed form.</summary>
    public Func<V, (V Z1, V Z2)>? Saddle { get; init; }

    /// <summary>The primal-dual gap of the lower level at (x1; y1, y2), when it has a closed form.</summary>
    public Func<V, V, V, double>? Gap { get; init; }
}
