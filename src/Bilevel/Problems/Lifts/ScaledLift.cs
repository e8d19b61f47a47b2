using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// A bilevel minimax problem in units of its own: f over <see cref="MinimaxUnits.Upper"/>, g over <see cref="MinimaxUnits.Lower"/>, x1, y1 and z1
/// over theirs, every constraint of the lower level over its row's. The multipliers follow: m_i c_i / g-unit = m'_i c'_i for
/// m'_i = m_i row_i / g-unit. The units are powers of two, so nothing is rounded, there or back.
/// </summary>
internal sealed class ScaledMinimaxProblem<V>
    where V : class, IVector<V>
{
    private readonly VectorUnit[] units, inverses;         // of the six blocks

    /// <param name="problem">The problem.</param>
    /// <param name="scales">Its units.</param>
    public ScaledMinimaxProblem(BilevelMinimaxProblem<V> problem, MinimaxUnits scales)
    {
        VectorUnit x1 = new(scales.X1), x2 = new(problem.UpperMultipliers is null ? 1 : scales.Upper), y1 = new(scales.Y1), z2 = new(1d);
        var multipliers = problem.LowerMultipliers;
        if (scales.Rows is { } rows) z2 = new([.. rows.Select(r => scales.Lower / r)]);
        units = [x1, x2, y1, z2, y1, z2];
        inverses = [.. units.Select(u => u.Inverse())];
        VectorUnit[] lower = [x1, y1, z2], upper = [x1, x2, y1, z2];
        IObjective<V> Lower(IObjective<V> of) => new ScaledObjective<V>(of, lower, scales.Lower);
        IObjective<V> Upper(IObjective<V> of) => new ScaledObjective<V>(of, upper, scales.Upper);
        Problem = problem with
        {
            Upper = Upper(problem.Upper),
            Lower = Lower(problem.Lower),
            X1 = ScaledTerm<V>.Of(problem.X1, scales.X1, scales.Upper),
            X2 = problem.UpperMultipliers is null ? ScaledTerm<V>.Of(problem.X2, 1, scales.Upper) : problem.X2,
            Z1 = ScaledTerm<V>.Of(problem.Z1, scales.Y1, scales.Lower),
            Z2 = multipliers is null ? ScaledTerm<V>.Of(problem.Z2, 1, scales.Lower) : problem.Z2,
            LowerMultipliers = multipliers is null ? null : Rescaled(multipliers, scales, Lower),
            UpperMultipliers = problem.UpperMultipliers is { } outer ? Rescaled(outer, scales with { Lower = scales.Upper, Rows = null }, Upper) : null,
            Constants = Constants(problem, scales),
        };
    }

    /// <summary>The problem in its units.</summary>
    public BilevelMinimaxProblem<V> Problem { get; }

    /// <summary>A point in units.</summary>
    public V[] Scale(IReadOnlyList<V> point) => Converted(point, inverses);

    /// <summary>A point in plain numbers.</summary>
    public V[] Restore(IReadOnlyList<V> point) => Converted(point, units);

    private static V[] Converted(IReadOnlyList<V> point, VectorUnit[] by)
    {
        var converted = point.CopyBlocks();
        for (int b = 0; b < BlockCount; b++)
        {
            if (converted[b].Length > 0) by[b].Multiply(converted[b]);
        }

        return converted;
    }

    // A bound B0 on the multipliers goes with the largest row, and so does B above it. A B with nothing behind it starts anew.
    private static Multipliers<V> Rescaled(Multipliers<V> multipliers, MinimaxUnits scales, Func<IObjective<V>, IObjective<V>> lower)
    {
        double most = (scales.Rows is { Length: > 0 } rows ? rows.Max() : 1) / scales.Lower;
        if (multipliers is DenseMultipliers<double> d) return (Multipliers<V>)(object)Dense(d);
        if (multipliers is DenseMultipliers<float> f) return (Multipliers<V>)(object)Dense(f);
        throw new NotSupportedException($"Multipliers of type {multipliers.GetType().Name} cannot be scaled.");

        DenseMultipliers<T> Dense<T>(DenseMultipliers<T> of)
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => new([.. of.Slices.Select(s => s.Kind is not { } kind ? s
                : s.OptimalBound is { } least ? MultiplierSlice<T>.Of(kind, s.Length, most * s.Bound, most * least)
                : MultiplierSlice<T>.Of(kind, s.Length, ConstrainedLowerLevel<T>.StartBound))])
            {
                Objective = (IObjective<DenseVector<T>>)lower((IObjective<V>)of.Objective),
                Constraints = (IObjective<DenseVector<T>>)lower((IObjective<V>)of.Constraints),
                Level = of.Level,
            };
    }

    // Moduli of convexity go with the squared unit of their block; joint smoothness of blocks in different units would be coarse.
    private static MinimaxConstants Constants(BilevelMinimaxProblem<V> problem, MinimaxUnits scales)
    {
        var own = problem.Constants;
        bool same = scales.X1 == scales.Y1 && scales.Rows is null && (scales.X1 == 1 || (problem.Z2.DiameterAt(1) == 0));
        return new MinimaxConstants
        {
            UpperSmoothness = same ? own.UpperSmoothness * scales.X1 * scales.X1 / scales.Upper : null,
            LowerSmoothness = same ? own.LowerSmoothness * scales.X1 * scales.X1 / scales.Lower : null,
            LowerStrongConvexity = own.LowerStrongConvexity * scales.Y1 * scales.Y1 / scales.Lower,
            LowerStrongConcavity = own.LowerStrongConcavity / scales.Lower,
        };
    }
}
