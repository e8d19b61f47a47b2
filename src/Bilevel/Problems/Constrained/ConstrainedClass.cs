using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// What methods check that work on phi and c of a constrained lower level rather than on its saddle problem: that the lower
/// level's maximising block holds multipliers or is absent, and that f depends on x and y alone.
/// </summary>
internal static class ConstrainedClass
{
    /// <summary>What can be said without a start.</summary>
    public static IEnumerable<Finding> Check<V>(string method, BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        if (problem.UpperMultipliers is not null) yield return Refuse(method, "this one has constraints of the leader");
    }

    /// <summary>What only the lengths of the start and f there show.</summary>
    public static IEnumerable<Finding> AtStart<V>(string method, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        if (start[X2].Length > 0 && problem.UpperMultipliers is null) yield return Refuse(method, "this one has an adversary x2");
        if (start[Y2].Length == 0) yield break;
        if (problem.LowerMultipliers is null)
        {
            yield return Refuse(method, "the lower level of this one is a game, whose z2 holds no multipliers");
            yield break;
        }

        // Read at the start alone: an f that depends on the multipliers elsewhere only is not noticed.
        var ofMultipliers = start[Y2].ZerosLike();
        new PreparedRequest<V>(problem.Upper, [[start[X1], start[X2], start[Y1], start[Y2]]], [new(Y2, 0, ofMultipliers)]).Evaluate();
        if (ofMultipliers.Norm() > 0) yield return Refuse(method, "f of this one depends on the multipliers y2");
    }

    /// <summary>Whether there is a constrained follower declared strongly convex, and a leader in a set without adversary whose f sees no multipliers at the point.</summary>
    public static bool Suits<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V> => problem.LowerMultipliers is not null && problem.Constants.LowerStrongConvexity > 0 && point[Y2].Length > 0 && problem.X1 is IFeasibleSet<V>
        && !Check("", problem).Concat(AtStart("", problem, point)).Any(f => f.Severity == Severity.Error);

    private static Finding Refuse(string method, string what) =>
        new(Severity.Error, $"The method {method} is for problems whose f depends on x and y, and y minimises phi subject to c(x, y) <= 0; {what}.", "Use ogda, which solves every bilevel minimax problem.");
}
