namespace Bilevel;

/// <summary>A point with what can be said of it.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="Certificate">The certificate.</param>
/// <param name="Point">The point that it speaks of, block by block; some certificates move the point that they are given.</param>
public sealed record CertifiedPoint<V>(Certificate Certificate, IReadOnlyList<V> Point)
    where V : class, IVector<V>
{
    /// <summary>A whole feasible point whose upper value is better, where the search for signs came upon one: start there. Null where it did not.</summary>
    public IReadOnlyList<V>? Better { get; init; }

    /// <summary>The upper value at <see cref="Better"/>, read as <see cref="Certificate.UpperValue"/> is; NaN where there is none.</summary>
    public double BetterValue { get; init; } = double.NaN;
}

/// <summary>The independent check of an answer, for one problem class; implemented by the record of its settings.</summary>
public interface ICertifier
{
    /// <summary>Checks a point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The point, block by block; not changed.</param>
    /// <param name="tolerance">The tolerance.</param>
    /// <param name="penalty">The penalty parameter of the method; NaN for none.</param>
    /// <param name="quick">Whether only the verdict is wanted, as inside a stopping rule, and not the evidence that takes long.</param>
    CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V>;
}
