namespace Bilevel;

/// <summary>The short way: picks a method, runs it and certifies the answer.</summary>
/// <example>
/// A leader picks x, the follower answers with y = 1.5 x; the leader wants y near 1 and x small.
/// <code>
/// var upper = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(
///     value: (x, y) =&gt; Math.Pow(y[0] - 1, 2) + (0.25 * x[0] * x[0]),
///     gradientX: (x, y, result) =&gt; result[0] = 0.5 * x[0],
///     gradientY: (x, y, result) =&gt; result[0] = 2 * (y[0] - 1));
/// var lower = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(
///     value: (x, y) =&gt; 0.5 * Math.Pow(y[0] - (1.5 * x[0]), 2),
///     gradientX: (x, y, result) =&gt; result[0] = -1.5 * (y[0] - (1.5 * x[0])),
///     gradientY: (x, y, result) =&gt; result[0] = y[0] - (1.5 * x[0]));
/// var problem = new BilevelProblem&lt;DenseVector&lt;double&gt;&gt;(upper, lower);
///
/// var solution = BilevelSolver.Solve(problem, Vectors.Of(3), Vectors.Of(0), tolerance: 1e-6);
/// Console.WriteLine(solution.X[0]);     // 0.6
/// </code>
/// </example>
public static class BilevelSolver
{
    /// <summary>Solves a bilevel problem with exact gradients and a strongly convex lower level: by <see cref="QuasiNewton"/>, and from where that ends without converging by its difference of second order and by F2BA+, as <see cref="Auto"/> does.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable; not changed.</param>
    /// <param name="y">Start of the lower variable; not changed.</param>
    /// <param name="tolerance">Tolerance for the norm of the hypergradient.</param>
    /// <param name="limit">Ends the run before it has converged: <c>Stop.OracleCalls(100_000) | Stop.Time(TimeSpan.FromSeconds(10))</c>, for example, looked at after every iteration, the time also inside; null for generous limits alone.</param>
    /// <param name="cancellation">Ends the run after the current iteration, or inside it where it does not end at once; the answer is then the point before it.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive and finite.</exception>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Solution<V> Solve<V>(BilevelProblem<V> problem, V x, V y, double tolerance = 1e-3, StoppingRule? limit = null, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        CheckTolerance(tolerance);

        // Half of the tolerance is left for what the certificate cannot know exactly.
        double aim = tolerance / 2;
        var method = new Auto { Tolerance = aim };
        var stop = Stop.Residual(aim) | Auto.Phases(problem, aim)[^1].Stop;
        return new Driver { Stop = limit is null ? stop : stop | limit, CertifyAt = tolerance }.Run(method, problem, x, y, seed: 0, cancellation);
    }

    /// <summary>Solves a bilevel minimax problem, also one lifted from a constrained lower level, with exact gradients.</summary>
    /// <remarks>
    /// The problem is solved in units found at the start, where those are far from one: of f, g, x1, y1 and every constraint. The
    /// tolerance is that of the gradient in x1, in the problem's own numbers; all that is measured in other units (the rest of
    /// the KKT conditions, the gap, violations) is brought to the same share of its unit, at most 0.01. The certificate is that of the
    /// problem in these units, and names them; so are the residual and the penalty parameter.
    /// </remarks>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The six blocks of the start (<see cref="BilevelMinimaxProblem.Start{V}(V, V, V, V)"/>); not changed.</param>
    /// <param name="tolerance">epsilon of the KKT conditions and of the gap of the lower level.</param>
    /// <param name="limit">Ends the run before it has converged: <c>Stop.OracleCalls(100_000) | Stop.Time(TimeSpan.FromSeconds(10))</c>, for example, looked at after every iteration, the time also inside; null for generous limits alone.</param>
    /// <param name="cancellation">Ends the run after the current iteration, or inside it where it does not end at once; the answer is then the point before it.</param>
    /// <returns>The answer with its status and certificate; no exception where a limit is reached.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive and finite.</exception>
    /// <exception cref="InvalidProblemException">The validator refused the problem; the message says why.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Solution<V> Solve<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance = 1e-2, StoppingRule? limit = null, CancellationToken cancellation = default)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(start);
        CheckTolerance(tolerance);
        return ScaledSolve.Run(problem, start, tolerance, limit, cancellation);
    }

    private static void CheckTolerance(double tolerance)
    {
        if (!(tolerance > 0) || !double.IsFinite(tolerance)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "The tolerance must be positive and finite.");
    }
}
