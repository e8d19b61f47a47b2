namespace Bilevel;

/// <summary>Looks around the point where a run ended short of its aim: where f or g is not finite near it, that is the likely cause.</summary>
internal static class Domain
{
    // How far is looked, in sizes of the block.
    private static readonly double[] Shares = [0, 1e-9, 1e-6, 1e-4, 1e-2, 0.1];

    /// <summary>What is not finite, where, and what can be done, in a sentence; null where all is finite.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Where the run began.</param>
    /// <param name="point">Where it ended, finite.</param>
    public static string? NotFinite<V>(IProblem<V> problem, IReadOnlyList<V> start, V[] point)
        where V : class, IVector<V>
    {
        (string Name, Func<V[], bool> IsFinite)[] objectives =
        [
            ("f", at => IsFiniteAt(problem.Upper, problem.UpperPoint(at))),
            ("g", at => IsFiniteAt(problem.Lower, problem.LowerPoint(at))),
        ];
        foreach (int b in new[] { 0, problem.FollowerBlock })
        {
            V way = point[b].Copy();
            way.AddScaled(-1, start[b]);
            double size = point[b].Norm(), length = way.Norm();
            if (!(length > 0)) continue;
            foreach (double share in Shares)
            {
                V[] at = [.. point];
                at[b] = point[b].Copy();
                at[b].AddScaled(share * Math.Max(size, length) / length, way);
                problem.Blocks[b].Term.Project(at[b]);
                foreach (var (name, isFinite) in objectives)
                {
                    if (isFinite(at)) continue;
                    string block = problem.Blocks[b].Name;
                    return
                        $"{name} or a gradient of it is not finite at {Said.Exactly(block, at[b])}{(share > 0 ? $", while the run stood at {Said.Exactly(block, point[b])}" : "")}: {(problem.Blocks[b].Term.IsWholeSpace ? $"give {block} a set on which it is finite, such as a Box," : $"give {block} a smaller set, on which it is finite,")} or start further inside.";
                }
            }
        }

        return null;
    }

    private static bool IsFiniteAt<V>(IObjective<V> objective, V[] point)
        where V : class, IVector<V>
    {
        V[] gradients = [.. point.Select(v => v.ZerosLike())];
        var request = new PreparedRequest<V>(objective, [point], [.. gradients.Select((g, b) => new Output<V>(b, 0, g))], values: true);
        request.Evaluate();
        return double.IsFinite(request.Values[0]) && gradients.All(g => g.IsFinite());
    }
}
