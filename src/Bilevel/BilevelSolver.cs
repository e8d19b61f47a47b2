namespace Bilevel;

/// <summary>The short way: picks a method, runs it and certifies the answer.</summary>
public static class BilevelSolver
{
    // A quasi-Newton phase ends after so many iterations without progress, or in all.
    private const int MostInVain = 100, MostSteps = 5_000;

    /// <summary>Solves a bilevel problem with exact gradients and a strongly convex lower level: by <see cref="QuasiNewton"/>, and from where that ends without converging by its difference of second order and by F2BA+.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable; not changed.</param>
    /// <param name="y">Start of the lower variable; not changed.</param>
    /// <param name="tolerance">Tolerance for the norm of the hypergradient.</param>
    /// <param name="cancellation">Ends the run after the current iteration.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive and finite.</exception>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    public static Solution<V> Solve<V>(BilevelProblem<V> problem, V x, V y, double tolerance = 1e-3, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        CheckTolerance(tolerance);

        // Half of the tolerance is left for what the certificate cannot know exactly. Where one way to the answer ends, the next begins.
        double aim = tolerance / 2;
        var done = Stop.Residual(aim);
        List<Phase> phases =
        [
            new(new QuasiNewton { Tolerance = aim }, done | Stop.Stalled(MostInVain) | Stop.Iterations(MostSteps)),
            new(new QuasiNewton { Tolerance = aim, Order = 2 }, done | Stop.Stalled(MostInVain) | Stop.Iterations(2 * MostSteps)),
        ];

        // Where y is held by a set, F may have kinks, at which single steps of x end far from where the line searches did.
        if (problem.LowerSet.IsWholeSpace) phases.Add(new(new F2ba { Accelerated = true, Tolerance = aim }, done | Stop.Stalled() | Stop.Iterations(100_000)));
        return new Driver { CertifyAt = tolerance }.RunPhases(phases, problem, [x, y], seed: 0, cancellation);
    }

    /// <summary>Solves a bilevel minimax problem, also one lifted from a constrained lower level, with exact gradients.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The six blocks of the start (<see cref="BilevelMinimaxProblem.Start{V}(V, V, V, V)"/>); not changed.</param>
    /// <param name="tolerance">epsilon of the KKT conditions and of the gap of the lower level.</param>
    /// <param name="cancellation">Ends the run after the current iteration.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive and finite.</exception>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    public static Solution<V> Solve<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance = 1e-2, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        CheckTolerance(tolerance);
        var driver = new Driver { Stop = Stop.Certified(tolerance, every: 20) | Stop.Iterations(1_000_000), CertifyAt = tolerance };
        return driver.Run(new Auto { Tolerance = tolerance }, problem, start, seed: 0, cancellation);
    }

    private static void CheckTolerance(double tolerance)
    {
        if (!(tolerance > 0) || !double.IsFinite(tolerance)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "The tolerance must be positive and finite.");
    }
}
