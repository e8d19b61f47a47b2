namespace Bilevel;

/// <summary>Several starts for one problem, for functions with more than one local optimum or a flat region.</summary>
public static class Starts
{
    // Radii of the spread, in sizes of the start.
    private static readonly double[] Radii = [1, 0.3, 3, 10];

    /// <summary>A start and others around it, inside the sets: the same ones for the same seed.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The first start, block by block; not changed.</param>
    /// <param name="count">Number of starts, the first included.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <returns>The starts; the leader's block is drawn anew in each but the first, and in a bilevel problem the follower's too.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of starts is less than 1.</exception>
    /// <exception cref="InvalidProblemException">Vectors of this type cannot be filled, which drawing starts needs.</exception>
    public static IReadOnlyList<IReadOnlyList<V>> Around<V>(IProblem<V> problem, IReadOnlyList<V> start, int count, ulong seed = 0)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        List<IReadOnlyList<V>> starts = [[.. start.Select(v => v.Copy())]];
        for (int k = 1; k < count; k++)
        {
            V[] other = [.. start.Select(v => v.Copy())];
            int drawn = problem is BilevelProblem<V> ? BilevelProblem.BlockCount : 1;
            for (int b = 0; b < drawn; b++)
            {
                if (other[b] is not IFillable fillable) throw new InvalidProblemException([new Finding(Severity.Error, $"Vectors of type {typeof(V).Name} cannot be filled, which drawing starts needs.", $"Implement {nameof(IFillable)}, or hand over the starts yourself.")]);
                ulong key = RandomBits.At(RandomBits.At(seed, (ulong)k), (ulong)b);
                double size = Radii[(k - 1) % Radii.Length] * Math.Max(1, start[b].Norm() / Math.Sqrt(Math.Max(1, start[b].Length)));
                fillable.Fill(i => size * RandomBits.Normal(key, (ulong)i));
                other[b].AddScaled(1, start[b]);
                problem.Blocks[b].Term.Project(other[b]);
            }

            starts.Add(other);
        }

        return starts;
    }

    /// <summary>Solutions in the order in which to believe them: certified ones first, then those within the tolerance, each by F; a broken run last.</summary>
    /// <param name="problem">The problem that they are solutions of.</param>
    /// <param name="solutions">The solutions, each with its <see cref="Solution{V}.StartIndex"/>.</param>
    public static IReadOnlyList<Solution<V>> Ranked<V>(IProblem<V> problem, IEnumerable<Solution<V>> solutions)
        where V : class, IVector<V>
    {
        double sign = problem is BilevelMinimaxProblem<V> minimax ? minimax.UpperSign : 1;
        return [.. solutions.OrderBy(Rank).ThenBy(s => double.IsNaN(s.UpperValue) ? double.PositiveInfinity : sign * s.UpperValue).ThenBy(s => s.StartIndex)];
    }

    private static int Rank<V>(Solution<V> solution)
        where V : class, IVector<V> => (solution.Certificate?.Verdict, solution.Status) switch
        {
            (_, SolveStatus.Diverged or SolveStatus.Unbounded) => 4,
            (Verdict.Certified, SolveStatus.Converged) => 0,
            (_, SolveStatus.Converged) => 1,
            (_, SolveStatus.Cancelled) => 3,
            _ => 2,
        };
}
