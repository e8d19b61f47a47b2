namespace Bilevel;

/// <summary>
/// The method that suits the problem: quasi-newton for bilevel problems; for bilevel minimax problems the optimistic gradient
/// method, and the proximal-point method from its best point where that makes no more progress while the certificate
/// is still missing.
/// </summary>
public sealed record Auto : IMethod
{
    /// <inheritdoc/>
    public string Name => "auto";

    /// <summary>Accuracy that is aimed at.</summary>
    [Setting("Accuracy that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <inheritdoc/>
    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>
    {
        var choice = Choice(problem);
        var run = choice.Start(problem, start, seed);
        return problem is BilevelMinimaxProblem<V> minimax && Guaranteed.Suits(minimax, start)
            ? new FallbackRun<V>(run, best => Guaranteed.Start(minimax, best, seed), Tolerance)
            : run;
    }

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => Choice(problem).Validate(problem, start);

    /// <summary>The method that suits a problem, the one that begins.</summary>
    public IMethod Choice<V>(IProblem<V> problem)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> ? new Ogda { Tolerance = Tolerance } : new QuasiNewton { Tolerance = Tolerance };

    private ProximalPoint Guaranteed => new() { Tolerance = Tolerance };
}
