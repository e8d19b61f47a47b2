namespace Bilevel;

/// <summary>A block of variables of a problem: its symbol and what holds it.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="Name">The symbol, such as <c>x</c> or <c>z2</c>.</param>
/// <param name="Term">Its feasible set, or the proximal term that it pays.</param>
public sealed record Block<V>(string Name, IProximalTerm<V> Term)
    where V : class, IVector<V>;

/// <summary>
/// A problem class, as the driver sees it: named blocks of variables and an objective per level. What a problem of the
/// class means is known to its methods (<see cref="IMethod"/>) and its certificate (<see cref="ICertifier"/>).
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IProblem<V>
    where V : class, IVector<V>
{
    /// <summary>f, the upper objective, over the blocks <see cref="UpperBlocks"/>.</summary>
    IObjective<V> Upper { get; }

    /// <summary>g, the lower objective, over the blocks <see cref="LowerBlocks"/>.</summary>
    IObjective<V> Lower { get; }

    /// <summary>The blocks of a point, in order; the first is the leader's.</summary>
    IReadOnlyList<Block<V>> Blocks { get; }

    /// <summary>Which blocks of a point f is a function of, in its order.</summary>
    IReadOnlyList<int> UpperBlocks { get; }

    /// <summary>Which blocks of a point g is a function of, in its order, where it is read at the answer.</summary>
    IReadOnlyList<int> LowerBlocks { get; }

    /// <summary>Names of the blocks that g is a function of, where they are not those of the point (copies).</summary>
    IReadOnlyList<string> LowerBlockNames { get; }

    /// <summary>The index in a point of the follower's answer.</summary>
    int FollowerBlock { get; }

    /// <summary>The same problem with other objectives, for decorators.</summary>
    IProblem<V> With(IObjective<V> upper, IObjective<V> lower);

    /// <summary>The proximal terms that belong to the values of f and g at a point and are not part of the objectives.</summary>
    (double Upper, double Lower) TermsAt(IReadOnlyList<V> point);

    /// <summary>What is wrong with the problem at a feasible start, beyond shapes, sets and gradients.</summary>
    IEnumerable<Finding> Validate(IReadOnlyList<V> start);
}

/// <summary>A problem with a bound of our choosing (on multipliers, say) that may turn out too small.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public interface IEnlargeable<V> : IProblem<V>
    where V : class, IVector<V>
{
    /// <summary>Which bound the point touches, in a sentence; null when none.</summary>
    string? Touched(IReadOnlyList<V> point);

    /// <summary>What <see cref="Enlarged"/> takes once the bounds that a point touches are doubled too.</summary>
    /// <param name="enlargement">What is doubled already; 0 at first.</param>
    /// <param name="point">The point.</param>
    long Enlarge(long enlargement, IReadOnlyList<V> point);

    /// <summary>The problem with bounds doubled as <see cref="Enlarge"/> said; itself for 0.</summary>
    IProblem<V> Enlarged(long enlargement);
}

/// <summary>Derived operations on problems.</summary>
public static class ProblemExtensions
{
    /// <summary>The blocks of a point that f is a function of.</summary>
    public static V[] UpperPoint<V>(this IProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V> => [.. problem.UpperBlocks.Select(b => point[b])];

    /// <summary>The blocks of a point that g is a function of.</summary>
    public static V[] LowerPoint<V>(this IProblem<V> problem, IReadOnlyList<V> point)
        where V : class, IVector<V> => [.. problem.LowerBlocks.Select(b => point[b])];
}
