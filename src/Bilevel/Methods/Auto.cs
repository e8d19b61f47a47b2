namespace Bilevel;

/// <summary>
/// The method that suits the problem: quasi-newton for bilevel problems, and from where that makes no more progress its difference
/// of second order and f2ba-plus; for bilevel minimax problems the optimistic gradient
/// method, and the proximal-point method from its best point where that makes no more progress while the certificate
/// is still missing. Where the lower level has constraints, is declared strongly convex, and f sees no multipliers, the quasi-Newton
/// method for those comes before both.
/// </summary>
public sealed record Auto : IMethod
{
    // How long the quasi-Newton method may go without progress, in its iterations, which cost hundreds of gradients.
    private const long QuasiNewtonPatience = 60;

    // A quasi-Newton phase of a bilevel problem ends after so many iterations without progress, or in all.
    private const int MostInVain = 100, MostSteps = 5_000;

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
        if (problem is BilevelProblem<V> bilevel) return new PhasedRun<V>(Phases(bilevel, Tolerance), problem, start, seed);
        if (problem is not BilevelMinimaxProblem<V> minimax) return Choice(problem).Start(problem, start, seed);
        return ConstrainedClass.Suits(minimax, start)
            ? new FallbackRun<V>(QuasiNewton.Start(minimax, start, seed), best => Saddle(minimax, best, seed), Tolerance, QuasiNewtonPatience)
            : Saddle(minimax, start, seed);
    }

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => problem is BilevelProblem<V> bilevel
            ? Phases(bilevel, Tolerance).SelectMany(p => p.Method.Validate(problem, start)).Distinct()
            : Choice(problem).Validate(problem, start);

    /// <inheritdoc/>
    public double NumbersKept<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => Choice(problem, start).NumbersKept(problem, start);

    /// <summary>The method that suits a problem of any start: of those for a lower level that is a game, the one that begins.</summary>
    public IMethod Choice<V>(IProblem<V> problem)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> ? Fast : new QuasiNewton { Tolerance = Tolerance };

    /// <summary>The method that begins on a problem from a start.</summary>
    internal IMethod Choice<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => problem is BilevelMinimaxProblem<V> minimax && ConstrainedClass.Suits(minimax, start) ? QuasiNewton : Choice(problem);

    /// <summary>The ways to the answer of a bilevel problem, one after the other, and the rule that ends each; that of the last is for the caller to ask.</summary>
    internal static IReadOnlyList<Phase> Phases<V>(BilevelProblem<V> problem, double aim)
        where V : class, IVector<V>
    {
        List<Phase> phases =
        [
            new(new QuasiNewton { Tolerance = aim }, Stop.Stalled(MostInVain) | Stop.Iterations(MostSteps)),
            new(new QuasiNewton { Tolerance = aim, Order = 2 }, Stop.Stalled(MostInVain) | Stop.Iterations(2 * MostSteps)),
        ];

        // Where y is held by a set, F may have kinks, at which single steps of x end far from where the line searches did.
        if (problem.LowerSet.IsWholeSpace) phases.Add(new(new F2ba { Accelerated = true, Tolerance = aim }, Stop.Stalled() | Stop.Iterations(100_000)));
        return phases;
    }

    private IRun<V> Saddle<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>
    {
        var run = Fast.Start(problem, start, seed);
        return Guaranteed.Suits(problem, start) ? new FallbackRun<V>(run, best => Guaranteed.Start(problem, best, seed), Tolerance) : run;
    }
}
