namespace Bilevel;

/// <summary>What the methods for a constrained lower level say of a problem of any class.</summary>
internal static class ConstrainedMethods
{
    /// <summary>The method's own findings, and what only the lengths of the start and f there show.</summary>
    public static IEnumerable<Finding> Validate<V>(IBilevelMinimaxMethod method, IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => problem switch
        {
            BilevelMinimaxProblem<V> minimax => [.. ConstrainedClass.AtStart(method.Name, minimax, start), .. method.Validate(minimax)],
            BilevelProblem<V> bilevel => LiftedRun<V>.Validate(method, bilevel, start),
            _ => [MethodClass.Wrong(method.Name, "bilevel problems and those with a constrained lower level")],
        };
}
