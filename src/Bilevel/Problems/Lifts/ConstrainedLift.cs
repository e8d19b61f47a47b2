using System.Globalization;
using System.Numerics;

namespace Bilevel;

public static partial class Lift
{
    /// <summary>
    /// A bilevel problem whose lower level has constraints, as a bilevel minimax problem by Lagrangian duality (bilevel minimax,
    /// section 8.1): g(x1, z1, z2) = phi(x1, z1) + z2' c(x1, z1) with bounded multipliers z2, so that y2 is the multiplier of
    /// the answer. A follower that maximises phi has g = phi - z2' c, which z2 minimises.
    /// </summary>
    /// <remarks>The sets of x1 and x2 and the constant L_f are set on the result, with <c>with</c>.</remarks>
    /// <param name="upper">f.</param>
    /// <param name="lower">The lower level.</param>
    /// <param name="upperBlocks">Which of x1, x2, y1, y2 (<see cref="BilevelMinimaxProblem"/>) f is a function of, in its order; none for x1, y1.</param>
    /// <exception cref="ArgumentException">Something declared cannot be; the message says what and what to do.</exception>
    public static BilevelMinimaxProblem<DenseVector<T>> ConstrainedLowerLevel<T>(IObjective<DenseVector<T>> upper, ConstrainedLowerLevel<T> lower, params IReadOnlyList<int> upperBlocks)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(lower);
        var multipliers = new DenseMultipliers<T>(lower.Multipliers())
        {
            Objective = new SelectedBlocks<DenseVector<T>>(lower.Objective, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1),
            Constraints = lower.Constraints,
        };
        return new BilevelMinimaxProblem<DenseVector<T>>(OverUpperBlocks(upper, upperBlocks), lower.Build())
        {
            Words = new LiftWords(
                ("y1", "y"), ("z1", "y"), ("y2", "the multipliers"), ("z2", "the multipliers"), (nameof(MinimaxConstants.LowerStrongConvexity), nameof(lower.StrongConvexity))),
            LowerSense = lower.Sense,
            Z1 = lower.Set,
            Z2 = multipliers.Set,
            LowerMultipliers = multipliers,
            Constants = lower.Constants(multipliers.LargestNorm),
        };
    }

    // f as a function of all four blocks.
    private static IObjective<V> OverUpperBlocks<V>(IObjective<V> upper, IReadOnlyList<int> blocks)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(upper);
        if (blocks.Count == 0) return new SelectedBlocks<V>(upper, BilevelMinimaxProblem.X1, BilevelMinimaxProblem.Y1);
        if (blocks.Any(b => b < 0 || b >= BilevelMinimaxProblem.UpperCount) || blocks.Distinct().Count() != blocks.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The upper objective can be a function of the blocks x1 = {BilevelMinimaxProblem.X1}, x2 = {BilevelMinimaxProblem.X2}, y1 = {BilevelMinimaxProblem.Y1} and y2 = {BilevelMinimaxProblem.Y2}, each once; it was given {string.Join(", ", blocks)}."), nameof(blocks));
        return blocks.SequenceEqual(Enumerable.Range(0, BilevelMinimaxProblem.UpperCount)) ? upper : new SelectedBlocks<V>(upper, [.. blocks]);
    }
}
