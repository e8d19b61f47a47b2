namespace Bilevel;

/// <summary>The short way: picks a method, runs it and certifies the answer.</summary>
public static class BilevelSolver
{
    /// <summary>Solves a bilevel problem with exact gradients and a strongly convex lower level.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable; not changed.</param>
    /// <param name="y">Start of the lower variable; not changed.</param>
    /// <param name="tolerance">Tolerance for the norm of the hypergradient.</param>
    /// <param name="cancellation">Ends the run after the current iteration.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    public static Solution<V> Solve<V>(BilevelProblem<V> problem, V x, V y, double tolerance = 1e-3, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        // Half of the tolerance is left for what the certificate cannot know exactly.
        var method = new F2ba { Accelerated = true, Tolerance = tolerance / 2 };
        var driver = new Driver { Stop = Stop.Residual(tolerance / 2) | Stop.Stalled() | Stop.Iterations(100_000), CertifyAt = tolerance };
        return driver.Run(method, problem, x, y, seed: 0, cancellation);
    }

    /// <summary>Solves a bilevel minimax problem, also one lifted from a constrained lower level, with exact gradients.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The six blocks of the start (<see cref="BilevelMinimaxProblem.Start{V}(V, V, V, V)"/>); not changed.</param>
    /// <param name="tolerance">epsilon of the KKT conditions and of the gap of the lower level.</param>
    /// <param name="cancellation">Ends the run after the current iteration.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    public static Solution<V> Solve<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance = 1e-2, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        var driver = new Driver { Stop = Stop.Certified(tolerance, every: 20) | Stop.Iterations(1_000_000), CertifyAt = tolerance };
        return driver.Run(new Auto { Tolerance = tolerance }, problem, start, seed: 0, cancellation);
    }
}
