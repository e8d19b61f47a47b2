namespace Bilevel;

/// <summary>Points next to one, and the follower's answers there, for those who look around where a run ended.</summary>
internal static class Nearby
{
    // Steps of each solve.
    private const int Steps = 300;

    // An answer is known where the gradient mapping is this many roundings of what the gradient is a size of y away.
    private const double Roundings = 1e3;

    /// <summary>The follower solved at x, as far as a few steps lead.</summary>
    public static LowerSolution<V> Solve<V>(BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V> => LowerLevelSolver.Solve(problem.Lower, x, y, problem.LowerSet, Accuracy(problem, x, y), Steps);

    /// <summary>The follower's answer at x; null where it could not be solved so far, which tells nothing.</summary>
    public static V? Answer<V>(BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V> => Solve(problem, x, y) is var solved && solved.GradientNorm <= Accuracy(problem, x, y) ? solved.Y : null;

    private static double Accuracy<V>(BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V>
    {
        V gradient = y.ZerosLike(), away = y.ZerosLike();
        RandomDirection.Fill(away, 37);
        away.Scale(SizeOf(y) / away.Norm());
        away.AddScaled(1, y);
        problem.LowerSet.Project(away);
        new PreparedRequest<V>(problem.Lower, [[x, away]], [new(BilevelProblem.Y, 0, gradient)]).Evaluate();
        return Roundings * Precision.Of(y) * gradient.Norm();
    }

    /// <summary>The point of the leader's set next to where a way of that length leads.</summary>
    public static V Moved<V>(BilevelProblem<V> problem, V from, V direction, double by)
        where V : class, IVector<V>
    {
        var moved = from.Copy();
        moved.AddScaled(by / direction.Norm(), direction);
        problem.UpperSet.Project(moved);
        return moved;
    }

    /// <summary>(1 - share) from + share to.</summary>
    public static V Between<V>(V from, V to, double share)
        where V : class, IVector<V>
    {
        var between = from.Copy();
        between.Scale(1 - share);
        between.AddScaled(share, to);
        return between;
    }

    /// <summary>|one - other|.</summary>
    public static double Distance<V>(V one, V other)
        where V : class, IVector<V>
    {
        var between = one.Copy();
        between.AddScaled(-1, other);
        return between.Norm();
    }

    /// <summary>Random directions; one is enough on a line.</summary>
    public static IEnumerable<V> Directions<V>(V x, int count)
        where V : class, IVector<V>
    {
        for (int d = 0; d < Math.Min(count, x.Length); d++)
        {
            var random = x.ZerosLike();
            RandomDirection.Fill(random, RandomBits.At(23, (ulong)d));
            yield return random;
        }
    }

    /// <summary>The size of x, by which ways are measured.</summary>
    public static double SizeOf<V>(V x)
        where V : class, IVector<V> => GradientFaults.SizeOf(x);
}
