namespace Bilevel.Gauntlet;

/// <summary>A class of problems of the gauntlet.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Condition">The largest condition number of the lower level.</param>
/// <param name="Follower">What restricts the follower.</param>
/// <param name="RelativeTolerance">The tolerance over the measure at the start.</param>
public sealed record GauntletClass(string Name, double Condition, FollowerSet Follower, double RelativeTolerance)
{
    /// <summary>All classes.</summary>
    public static IReadOnlyList<GauntletClass> All { get; } =
    [
        new("smooth-1e4", 1e4, FollowerSet.None, 1e-4),
        new("smooth-1e6", 1e6, FollowerSet.None, 1e-4),
        new("boxes", 1e4, FollowerSet.Box, 1e-4),
        new("constraints", 1e4, FollowerSet.Rows, 1e-3),
    ];

    /// <summary>The class of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static GauntletClass Find(string name) => All.FirstOrDefault(c => c.Name == name)
        ?? throw new ArgumentException($"There is no class '{name}'. There are: {string.Join(", ", All.Select(c => c.Name))}.", nameof(name));
}

/// <summary>What restricts the follower.</summary>
public enum FollowerSet
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Bounds on every component of y.</summary>
    Box,

    /// <summary>Affine inequalities in x and y.</summary>
    Rows,
}

/// <summary>Which scales of a problem are drawn; the others are one.</summary>
public enum DrawnScales
{
    /// <summary>Those of f, g, x, y and the rows.</summary>
    All,

    /// <summary>Those of f, g and the rows.</summary>
    Functions,

    /// <summary>None.</summary>
    None,
}
