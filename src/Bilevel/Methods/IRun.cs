namespace Bilevel;

/// <summary>
/// A method at work: its state, stepped in place from outside. A run never loops to the end, counts, times, logs,
/// stops or saves; the driver does, for every method.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IRun<V>
    where V : class, IVector<V>
{
    /// <summary>One outer iteration, in place.</summary>
    void Step();

    /// <summary>The method's own measure of being done: the norm of its estimate of the hypergradient (of the gradient mapping where x is constrained), with the bias that it knows of; for a bilevel minimax problem the norm of an element of the subdifferential of the penalty function.</summary>
    double Residual { get; }

    /// <summary>The norm of the method's own estimate of the hypergradient, before any error bound, where it tells the two apart.</summary>
    double Estimate => Residual;

    /// <summary>What keeps the residual above a tolerance, for a run that ends by its limit; null where there is nothing to add.</summary>
    string? Remark => null;

    /// <summary>
    /// How and why the run has come to rest at a point that is not within a tolerance, and what to change: the point is stationary for
    /// the method's own function to that tolerance, and the bias of a penalty parameter that was given is above it (not within the
    /// tolerance), or what rounding leaves of the error bounds is (stalled). Null where the run may come nearer yet.
    /// </summary>
    /// <param name="tolerance">The tolerance of the residual.</param>
    (SolveStatus Status, string Reason)? Settled(double tolerance) => null;

    /// <summary>What to change after a breakdown, by names of settings that the method has; null: see <see cref="IMethod.Remedy"/>.</summary>
    string? Advice => null;

    /// <summary>The penalty parameter in force, lambda or rho; NaN for a method without one.</summary>
    double Penalty { get; }

    /// <summary>The current answer, block by block; for a bilevel problem x and the copy of y that has seen the lower level alone. The vectors stay the same objects, changed in place.</summary>
    ReadOnlySpan<V> Point { get; }

    /// <summary>Saves or loads all that the rest of the run depends on.</summary>
    void Transfer(IArchive<V> archive);
}
