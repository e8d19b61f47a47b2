namespace Bilevel;

/// <summary>What is reported of an answer: the user's own f and g, read with the lower level solved again.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="Point">The point, block by block; the follower's answer as solved again where that is unique or chosen for the leader.</param>
/// <param name="UpperValue">F, the leader's objective with the follower (and the upper opponent) at its best answer; without the multipliers of a lift.</param>
/// <param name="LowerValue">The follower's objective there, without the multipliers of a lift.</param>
/// <param name="Notes">What a reader of these numbers should know, each a sentence.</param>
internal sealed record Answer<V>(IReadOnlyList<V> Point, double UpperValue, double LowerValue, IReadOnlyList<string> Notes)
    where V : class, IVector<V>
{
    /// <summary>Whether the values were read with the follower solved again.</summary>
    public bool SolvedAgain { get; init; } = true;
}

/// <summary>Reads answers, for the problem classes of this library.</summary>
internal static class Answers
{
    /// <summary>The answer at a point; the values at the point itself where the class is a user's own.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The point, block by block; not changed.</param>
    /// <param name="penalty">The penalty parameter of the method; NaN for none.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    public static Answer<V> Read<V>(IProblem<V> problem, IReadOnlyList<V> point, double penalty, double tolerance)
        where V : class, IVector<V>
    {
        switch (problem)
        {
            case BilevelProblem<V> bilevel:
                return BilevelAnswer.Read(bilevel, point[BilevelProblem.X], point[BilevelProblem.Y], penalty, tolerance);
            case BilevelMinimaxProblem<V> minimax:
                return MinimaxAnswer.Read(minimax, point, tolerance);
            default:
                var (upper, lower) = new ValueReader<V>(problem, [.. point]).Read();
                return new Answer<V>(point, upper, lower, []) { SolvedAgain = false };
        }
    }
}
