namespace Bilevel;

/// <summary>Reads the answer of a bilevel problem: f and g at (x, y*(x)).</summary>
internal static class BilevelAnswer
{
    /// <summary>Solves the lower level again at x and reads both objectives there.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable; not changed.</param>
    /// <param name="y">Start of the solve; not changed.</param>
    /// <param name="penalty">The penalty parameter of the method; NaN for none.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static Answer<V> Read<V>(BilevelProblem<V> problem, V x, V y, double penalty, double tolerance)
        where V : class, IVector<V>
    {
        double mu = problem.Constants.LowerStrongConvexity is { } declared && declared > 0 ? declared : 1;
        var lower = LowerLevelSolver.Solve(problem.Lower, x, y, problem.LowerSet, 1e-6 * tolerance * Math.Min(1, mu));
        var upper = new PreparedRequest<V>(problem.Upper, [[x, lower.Y]], [], values: true);
        upper.Evaluate();
        return new Answer<V>([x, lower.Y], upper.Values[0], lower.Value, []);
    }
}
