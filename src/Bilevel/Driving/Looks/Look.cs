namespace Bilevel;

/// <summary>Looks around where a run ended: what they find is worth a part of what the run has cost, and never the answer that it has.</summary>
internal static class Look
{
    // A look may ask for this share of the gradients that the run asked for, and for so many more.
    private const double Share = 0.25;
    private const long Least = 2_000;

    /// <summary>What a look finds; null where it would cost too much, or goes where an objective throws.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="spent">Gradients that the run asked for.</param>
    /// <param name="look">The look.</param>
    public static string? Around<V>(IProblem<V> problem, long spent, Func<IProblem<V>, string?> look)
        where V : class, IVector<V>
    {
        var budget = new OracleBudget(Least + (long)(Share * spent));
        try
        {
            return look(problem.With(new BudgetedObjective<V>(problem.Upper, budget), new BudgetedObjective<V>(problem.Lower, budget)));
        }
        catch (Exception e) when (e is not (OutOfMemoryException or OperationCanceledException))
        {
            return null;
        }
    }
}
