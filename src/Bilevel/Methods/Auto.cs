namespace Bilevel;

/// <summary>The method that suits the problem: F2BA+ for bilevel problems, the optimistic gradient method for bilevel minimax problems.</summary>
public sealed record Auto : IMethod
{
    /// <inheritdoc/>
    public string Name => "auto";

    /// <summary>Accuracy that is aimed at.</summary>
    [Setting("Accuracy that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <inheritdoc/>
    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => Choice(problem).Start(problem, start, seed);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => Choice(problem).Validate(problem, start);

    /// <summary>The method that suits a problem.</summary>
    public IMethod Choice<V>(IProblem<V> problem)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> ? new Ogda { Tolerance = Tolerance } : new F2ba { Accelerated = true, Tolerance = Tolerance };
}
