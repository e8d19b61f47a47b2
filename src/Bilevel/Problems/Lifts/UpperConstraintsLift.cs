using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>Constraints of the upper level on (x1, y1): C_i &lt;= 0 for the inequalities, which come first, C_i = 0 for the equalities.</summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed record UpperConstraints<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Makes upper constraints.</summary>
    /// <param name="constraints">C over (x1, y1, multipliers), inequalities first.</param>
    public UpperConstraints(IConstraints<DenseVector<T>> constraints)
    {
        ArgumentNullException.ThrowIfNull(constraints);
        Constraints = constraints;
    }

    /// <summary>C over (x1, y1, multipliers), inequalities first.</summary>
    public IConstraints<DenseVector<T>> Constraints { get; init; }

    /// <summary>How many of the constraints, the last ones, are equalities.</summary>
    public int Equalities { get; init; }

    /// <summary>B, the bound on the multipliers: a penalty on the violation that must exceed the multipliers of the answer; it is doubled when it is touched.</summary>
    public double Bound { get; init; } = 10;

    /// <summary>The set of the multipliers of the inequalities: <see cref="MultiplierSet.Sum"/> or <see cref="MultiplierSet.Box"/>; that of the equalities is a ball.</summary>
    public MultiplierSet MultiplierSet { get; init; }

    internal IEnumerable<MultiplierSlice<T>> Multipliers()
    {
        if (Equalities < 0 || Equalities > Constraints.Count) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There are {Constraints.Count} upper constraints, of which {Equalities} cannot be equalities; give the equalities last and say how many they are."));
        if (MultiplierSet == MultiplierSet.Ball) throw new ArgumentException($"The multipliers of inequalities cannot be negative, so their set cannot be a ball; use {nameof(MultiplierSet.Sum)} or {nameof(MultiplierSet.Box)}.");
        if (Equalities < Constraints.Count) yield return MultiplierSlice<T>.Of(MultiplierSet, Constraints.Count - Equalities, Bound);
        if (Equalities > 0) yield return MultiplierSlice<T>.Of(MultiplierSet.Ball, Equalities, Bound);
    }
}

public static partial class Lift
{
    /// <summary>
    /// A problem with constraints added to its upper level that may involve y1, by an upper maximising block: f + x2' C
    /// with bounded multipliers in x2, behind the x2 that is there (f - x2' C where the leader maximises). As f and C need not
    /// be convex in (x1, y1), this is an exact penalty on the violation, which makes no sense below the multipliers of the answer.
    /// </summary>
    /// <param name="problem">The problem, with its <see cref="BilevelMinimaxProblem{V}.UpperSense"/> and X2 already set.</param>
    /// <param name="constraints">The constraints.</param>
    /// <param name="x2Length">Length of the problem's own x2.</param>
    /// <exception cref="ArgumentException">Something declared cannot be, or the problem has multipliers in x2 already.</exception>
    public static BilevelMinimaxProblem<DenseVector<T>> UpperConstraints<T>(BilevelMinimaxProblem<DenseVector<T>> problem, UpperConstraints<T> constraints, int x2Length = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(constraints);
        ArgumentOutOfRangeException.ThrowIfNegative(x2Length);
        if (problem.UpperMultipliers is not null) throw new ArgumentException("The problem has multipliers in x2 already; give all upper constraints at once.", nameof(problem));
        const int X1 = BilevelMinimaxProblem.X1, X2 = BilevelMinimaxProblem.X2, Y1 = BilevelMinimaxProblem.Y1, Y2 = BilevelMinimaxProblem.Y2;
        List<MultiplierSlice<T>> slices = x2Length > 0 ? [MultiplierSlice<T>.Variables(x2Length, Dense<T, DenseSet<T>>(problem.X2, "x2"))] : [];
        slices.AddRange(constraints.Multipliers());
        BlockSlice own = new(X2, 0, x2Length), added = new(X2, x2Length, constraints.Constraints.Count);
        var f = new ObjectiveTerm<T>(1, problem.Upper, X1, own, Y1, Y2);
        var multipliers = new DenseMultipliers<T>(slices)
        {
            Objective = new ComposedObjective<T>(f),
            Constraints = new ComposedObjective<T>(new ObjectiveTerm<T>(1, constraints.Constraints, X1, Y1, added)),
            Level = "upper",
        };
        var constants = problem.Constants;
        double? perBound = constraints.Constraints.GradientLipschitz is { } g ? multipliers.LargestNorm * g : null;
        return problem with
        {
            Upper = new ComposedObjective<T>(f, new ObjectiveTerm<T>(problem.UpperSense == Sense.Minimise ? 1 : -1, constraints.Constraints, X1, Y1, added)),
            X2 = multipliers.Set,
            UpperMultipliers = multipliers,
            Constants = constants with
            {
                UpperSmoothness = constants.UpperSmoothness + perBound is { } curvature && constraints.Constraints.Lipschitz is { } lipschitz
                    ? Lagrangian.Smoothness(curvature, lipschitz)
                    : null,
                UpperSmoothnessPerBound = constants.UpperSmoothnessPerBound + (perBound ?? 0),
            },
        };
    }

    // The term of a slice.
    private static TTerm Dense<T, TTerm>(IProximalTerm<DenseVector<T>> term, string block)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TTerm : DenseTerm<T> =>
        term as TTerm ?? (term is WholeSpace<DenseVector<T>>
            ? (TTerm)(DenseTerm<T>)new DenseWholeSpace<T>()
            : throw new ArgumentException($"The set of {block} becomes part of a product, whose parts are of type {typeof(TTerm).Name.Split('`')[0]}; it is {term}. Derive it from that type, or move it into the objective."));
}
