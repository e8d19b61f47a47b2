namespace Bilevel;

/// <summary>
/// The method that suits the problem: quasi-newton for bilevel problems; for bilevel minimax problems the optimistic gradient
/// method, and the proximal-point method from its best point where that makes no more progress while the certificate
/// is still missing. Where the lower level has constraints, is declared strongly convex, and f sees no multipliers, the quasi-Newton
/// method for those comes before both.
/// </summary>
public sealed record Auto : IMethod
{
    // How long the quasi-Newton method may go without progress, in its iterations, which cost hundreds of gradients.
    private const long QuasiNewtonPatience = 60;

    /// <inheritdoc/>
    public string Name => "auto";

    /// <summary>Accuracy that is aimed at.</summary>
    [Setting("Accuracy that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    private ConstrainedQuasiNewton QuasiNewton => new() { Tolerance = Tolerance };

    private Ogda Fast => new() { Tolerance = Tolerance };

    private ProximalPoint Guaranteed => new() { Tolerance = Tolerance };

    /// <inheritdoc/>
    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>
    {
        if (problem is not BilevelMinimaxProblem<V> minimax) return Choice(problem).Start(problem, start, seed);
        return QuasiNewton.Suits(minimax, start)
            ? new FallbackRun<V>(QuasiNewton.Start(minimax, start, seed), best => Saddle(minimax, best, seed), Tolerance, QuasiNewtonPatience)
            : Saddle(minimax, start, seed);
    }

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => Choice(problem).Validate(problem, start);

    /// <summary>The method that suits a problem of any start: of those for a lower level that is a game, the one that begins.</summary>
    public IMethod Choice<V>(IProblem<V> problem)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> ? Fast : new QuasiNewton { Tolerance = Tolerance };

    /// <summary>The method that begins on a problem from a start.</summary>
    internal IMethod Choice<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> minimax && QuasiNewton.Suits(minimax, start) ? QuasiNewton : Choice(problem);

    private IRun<V> Saddle<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>
    {
        var run = Fast.Start(problem, start, seed);
        return Guaranteed.Suits(problem, start) ? new FallbackRun<V>(run, best => Guaranteed.Start(problem, best, seed), Tolerance) : run;
    }
}
