namespace Bilevel;

/// <summary>
/// Looks beyond the answer of a run that went far: where F, the follower solved again, goes on falling along the way that x took, F may have no
/// minimiser there. A run that converged gets a note, for F may only level off, as exp(-x) does.
/// </summary>
internal static class FallingLeader
{
    // Far is so many times the size of the start, or a length of the problem's own.
    private const double Far = 10;

    // Of the way, how far from the start f_x is looked at again.
    private const double Share = 1e-3;

    private const double Accuracy = 1e-6;

    // Looks beyond a point that converged, each twice as far as the last; and those that it takes to call F unbounded.
    private const int Looks = 3, ManyLooks = 30;

    /// <summary>What is to be noted of an answer that met its rule; null for nothing.</summary>
    public static string? Note<V>(IProblem<V> problem, V start, IReadOnlyList<V> point, double value, SaidUnits? said = null)
        where V : class, IVector<V> => Beyond(problem, start, point, value, Looks) is not { } far ? null : FormattableString.Invariant(
            $"F still falls along the way that {problem.Blocks[0].Name} took: it is {Said.Value(Upper(said) * value)} at {Said.Place(problem.Blocks[0].Name, First(said) * point[0].Norm())} and {Said.Value(Upper(said) * far.Value)} at {First(said) * far.Norm:G4}. It may level off without a minimiser.");

    /// <summary>Why a run that met no rule seems unbounded; null where it does not.</summary>
    public static string? Unbounded<V>(IProblem<V> problem, V start, IReadOnlyList<V> point, SaidUnits? said = null)
        where V : class, IVector<V>
    {
        if (!point.All(b => b.IsFinite()) || !IsFar(problem, start, point)) return null;
        double value = ValueAt(problem, point, point[0]).Value;
        return Beyond(problem, start, point, value, ManyLooks) is not { } far ? null : FormattableString.Invariant(
            $"The leader seems unbounded: F has no minimiser as far as was looked. It is {Said.Value(Upper(said) * value)} at {Said.Place(problem.Blocks[0].Name, First(said) * point[0].Norm())} and still falls at {First(said) * far.Norm:G3}, where it is {Upper(said) * far.Value:G4}. Add a term to f that grows with |{problem.Blocks[0].Name}|, or give it a bounded set.");
    }

    private static double Upper(SaidUnits? said) => said?.Upper ?? 1;

    private static double First(SaidUnits? said) => said?.First ?? 1;

    private static bool IsFar<V>(IProblem<V> problem, V start, IReadOnlyList<V> point)
        where V : class, IVector<V> => problem is (BilevelProblem<V> or BilevelMinimaxProblem<V>) && start.Length > 0 && !double.IsFinite(problem.Blocks[0].Term.DiameterAt(start.Length))
            && Way(start, point[0]) is var way && way.Norm() > Far * Math.Max(start.Norm(), Length(problem, start, way, point));

    // A length that belongs to the problem, whatever its units: over which f_x changes by its size at the start; 0 where it does not, or is zero.
    private static double Length<V>(IProblem<V> problem, V start, V way, IReadOnlyList<V> point)
        where V : class, IVector<V>
    {
        int block = Enumerable.Range(0, problem.UpperBlocks.Count).FirstOrDefault(k => problem.UpperBlocks[k] == 0, -1);
        if (block < 0) return 0;
        var place = start.Copy();
        V[] at = [.. problem.UpperBlocks.Select(b => b == 0 ? place : point[b])];
        V slope = start.ZerosLike(), change = start.ZerosLike();
        new PreparedRequest<V>(problem.Upper, [at], [new(block, 0, slope)]).Evaluate();
        place.AddScaled(Share, way);
        new PreparedRequest<V>(problem.Upper, [at], [new(block, 0, change)]).Evaluate();
        change.AddScaled(-1, slope);
        double length = Share * way.Norm() * slope.Norm() / change.Norm();
        return double.IsFinite(length) && change.Norm() > 1e3 * Precision.Of(start) * slope.Norm() ? length : 0;
    }

    private static (double Norm, double Value)? Beyond<V>(IProblem<V> problem, V start, IReadOnlyList<V> point, double value, int looks)
        where V : class, IVector<V>
    {
        if (!double.IsFinite(value) || !IsFar(problem, start, point)) return null;
        double sign = problem is BilevelMinimaxProblem<V> minimax ? minimax.UpperSign : 1, lowest = value, share = 0.25;
        V x = point[0], way = Way(start, x), place = x.Copy();
        var solved = point;
        for (int look = 0; look < looks; look++, share *= 2)
        {
            place.CopyFrom(x);
            place.AddScaled(share, way);
            problem.Blocks[0].Term.Project(place);
            if (!place.IsFinite()) return null;

            // The followers of one place are a good start for the next.
            (double here, solved) = ValueAt(problem, solved, place);

            // What rounding may do is no fall.
            if (!(sign * here < (sign * lowest) - (1e-9 * Math.Abs(lowest)))) return null;
            lowest = here;
            if (double.IsInfinity(here)) break;
        }

        return (place.Norm(), lowest);
    }

    // To an accuracy in units of what is solved again: g where it is a game, F otherwise.
    private static (double Value, IReadOnlyList<V> Point) ValueAt<V>(IProblem<V> problem, IReadOnlyList<V> point, V x)
        where V : class, IVector<V>
    {
        V[] at = [x, .. point.Skip(1)];
        (double upper, double lower) = new ValueReader<V>(problem, at).Read();
        double size = Math.Abs(problem is BilevelMinimaxProblem<V> ? lower : upper);
        var answer = Answers.Read(problem, at, double.NaN, double.IsFinite(size) && size > 0 ? Accuracy * size : Accuracy);
        return (double.IsNaN(answer.LowerValue) ? double.NaN : answer.UpperValue, answer.Point);
    }

    private static V Way<V>(V from, V to)
        where V : class, IVector<V>
    {
        var way = to.Copy();
        way.AddScaled(-1, from);
        return way;
    }
}
