namespace Bilevel;

/// <summary>
/// Compares gradients with values where a run ended short of its aim: a gradient that is right at the start, where all are compared, may be wrong
/// further on, and then nothing else that could be said of the run matters.
/// </summary>
internal static class LastGradients
{
    // What is smaller than this share of a gradient does not make a run fail.
    private const double Share = 1e-3;

    // Values at a point so many times beyond the size of its start tell of rounding alone.
    private const double RanAway = 1e6;

    // Where a run turns back, what turns it lies ahead: so much further along its way.
    private const double Ahead = 0.3;

    /// <summary>Which gradient is wrong and by what numbers, in a sentence or two; null where none is seen to be.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Where the run began.</param>
    /// <param name="points">Points of the run, the most telling first.</param>
    public static string? Contradiction<V>(IProblem<V> problem, IReadOnlyList<V> start, params IReadOnlyList<V[]> points)
        where V : class, IVector<V>
    {
        foreach (var point in points.Where(p => IsSound(start, p)))
        {
            // A follower at its best leaves g_x and g_y at zero, or odd around it, where a wrong sign does not show.
            V[] beyond = Beyond(problem, start, point);
            V[] began = [.. start];
            if ((At(problem, point, began, "at the last point") ?? At(problem, Validator.Elsewhere(problem, point), began, "next to the last point")
                ?? At(problem, beyond, began, "a little beyond the last point") ?? At(problem, Validator.Elsewhere(problem, beyond), began, "a little beyond the last point")) is { } wrong) return wrong;
        }

        return null;
    }

    private static string? At<V>(IProblem<V> problem, V[] point, V[] start, string where)
        where V : class, IVector<V> =>
        Of("f", where, problem.Upper, problem.UpperPoint(point), problem.UpperPoint(start), [.. problem.UpperBlocks.Select(b => problem.Blocks[b])])
        ?? Of("g", where, problem.Lower, problem.LowerPoint(point), problem.LowerPoint(start), [.. problem.LowerBlocks.Select((b, i) => problem.Blocks[b] with { Name = problem.LowerBlockNames[i] })]);

    private static V[] Beyond<V>(IProblem<V> problem, IReadOnlyList<V> start, V[] point)
        where V : class, IVector<V>
    {
        var beyond = new V[point.Length];
        for (int b = 0; b < point.Length; b++)
        {
            beyond[b] = point[b].Copy();
            beyond[b].AddScaled(Ahead, point[b]);
            beyond[b].AddScaled(-Ahead, start[b]);
            problem.Blocks[b].Term.Project(beyond[b]);
        }

        return beyond;
    }

    private static string? Of<V>(string name, string where, IObjective<V> objective, V[] point, V[] start, IReadOnlyList<Block<V>> blocks)
        where V : class, IVector<V>
    {
        if (GradientFaults.At(objective, point, [.. blocks.Select(b => b.Term)], 2000, Share, start).Where(f => !f.IsUnseen).Cast<GradientFault?>().FirstOrDefault() is not { } fault) return null;
        string block = blocks[fault.Block].Name;
        return $"The gradient of {name} in {block} disagrees with its values {where}: {fault.Numbers}. It agreed at the start: look for a formula or a sign that is wrong elsewhere; CheckedObjective shows where.";
    }

    private static bool IsSound<V>(IReadOnlyList<V> start, V[] point)
        where V : class, IVector<V>
    {
        for (int b = 0; b < point.Length; b++)
        {
            if (!point[b].IsFinite() || point[b] is not IFillable || point[b].Norm() > RanAway * (1 + start[b].Norm())) return false;
        }

        return true;
    }
}
