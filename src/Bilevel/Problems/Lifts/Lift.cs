namespace Bilevel;

/// <summary>The ways from a special problem class up to the bilevel minimax problem (bilevel minimax, section 2.7).</summary>
public static partial class Lift
{
    /// <summary>
    /// A bilevel problem as a bilevel minimax problem: x1 = x, z1 = y, and no maximising blocks. The penalty function
    /// becomes f(x, y) + lambda (g(x, y) - g(x, z)).
    /// </summary>
    /// <param name="problem">The problem.</param>
    /// <exception cref="ArgumentNullException">The problem is null.</exception>
    public static BilevelMinimaxProblem<V> Bilevel<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        var constants = problem.Constants;
        return new BilevelMinimaxProblem<V>(
            new SelectedBlocks<V>(problem.Upper, BilevelMinimaxProblem.X1, BilevelMinimaxProblem.Y1),
            new SelectedBlocks<V>(problem.Lower, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1))
        {
            Words = new LiftWords(("y1 and y2 leave", "y leaves"), ("x1", "x"), ("y1", "y"), ("z1", "y")),
            X1 = problem.UpperSet,
            Z1 = problem.LowerSet,
            Constants = new MinimaxConstants { LowerStrongConvexity = constants.LowerStrongConvexity },
        };
    }
}
