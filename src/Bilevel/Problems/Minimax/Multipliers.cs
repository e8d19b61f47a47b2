namespace Bilevel;

/// <summary>What a maximising block means that holds Lagrange multipliers of constraints c &lt;= 0 or c = 0, bounded by a bound of our choosing.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public abstract class Multipliers<V>
    where V : class, IVector<V>
{
    /// <summary>The share of the bound from which on it counts as touched.</summary>
    public const double TouchedShare = 0.99;

    /// <summary>The set of the multipliers.</summary>
    public abstract IFeasibleSet<V> Set { get; }

    /// <summary>phi: the objective without its constraints, over the same blocks as the objective that has them (the last block is not used).</summary>
    public required IObjective<V> Objective { get; init; }

    /// <summary>The constraints: multiplier' c, over the same blocks; its gradient in the block of the multipliers is c.</summary>
    public required IObjective<V> Constraints { get; init; }

    /// <summary>B0, a bound that every optimal multiplier obeys (in the norm of the set); null when unknown.</summary>
    public double? OptimalBound { get; init; }

    /// <summary>B, the bound of the set; the largest where there are several.</summary>
    public abstract double Bound { get; }

    /// <summary>B - B0, what a gap of the lower level is divided by to bound the violation (bilevel minimax, section 8.3); the smallest where there are several, null when unknown.</summary>
    public virtual double? Margin => Bound - OptimalBound;

    /// <summary>Which bound the multipliers touch, in a sentence; null when none.</summary>
    public abstract string? Touched(V multipliers);

    /// <summary>How far constraint values are from being satisfied: the largest sum of multiplier * c over multipliers bounded by 1, 0 when all hold.</summary>
    public abstract double Violation(V values);

    /// <summary>The same with every bound doubled that many times.</summary>
    public abstract Multipliers<V> Doubled(int doublings);

    /// <summary>The largest size of multipliers of a set, in the norm of the set, and the most by which one exceeds what the declaration of B0 allows, as a ratio; 0 where B0 is unknown.</summary>
    internal virtual (double Size, double OverOptimal) Sizes(V multipliers)
    {
        double size = multipliers switch
        {
            DenseVector<double> dense => dense.ToDoubles().Select(Math.Abs).DefaultIfEmpty().Max(),
            DenseVector<float> dense => dense.ToDoubles().Select(Math.Abs).DefaultIfEmpty().Max(),
            _ => multipliers.Norm(),
        };
        return (size, OptimalBound is { } most ? size / most : 0);
    }
}
