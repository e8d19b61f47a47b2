namespace Bilevel;

/// <summary>
/// Looks for a follower or a leader without a minimiser: along the last moves, the slope of g (or F itself) must go on
/// falling however far one looks. A problem whose minimiser is merely far away turns up on the way.
/// </summary>
internal sealed class Boundlessness<V>
    where V : class, IVector<V>
{
    // So many times beyond the size of its start a block is worth a look along its way.
    private const double Suspicious = 1e3;

    // So many times below the size of its first value f is worth a look: exp overflows before x has gone far.
    private const double Deep = 1e6;

    // A leader that ended without converging this far from its start is looked at once more.
    private const double Far = 10;

    // How far F is looked at, in doublings of the first length.
    private const int ValueDoublings = 30;

    // A leader so many times beyond the size of its start has run away.
    private const double RanAway = 1e6;

    private readonly BilevelProblem<V>? problem;
    private readonly V[] start;
    private readonly V[] before;            // the point recorded last
    private readonly double[] limits;       // norms beyond which the next look is due
    private double deepest = double.NaN;    // f below which it is

    /// <summary>Begins to watch a run from its start.</summary>
    public Boundlessness(IProblem<V> problem, IReadOnlyList<V> start)
    {
        this.problem = problem as BilevelProblem<V>;
        this.start = [.. start.Select(v => v.Copy())];
        before = [.. start.Select(v => v.Copy())];
        limits = [.. start.Select(v => Suspicious * (1 + v.Norm()))];
    }

    /// <summary>Looks at a recorded point: at the follower where it has grown much.</summary>
    public string? Follower(ReadOnlySpan<V> point)
    {
        if (problem is null || !IsDue(point, BilevelProblem.Y)) return null;
        return FollowerAt(point);
    }

    /// <summary>Looks at a recorded point: at the leader where it has grown much, or f has fallen much; the point is the one before for the next.</summary>
    /// <param name="point">The point.</param>
    /// <param name="value">f there.</param>
    public string? Leader(ReadOnlySpan<V> point, double value)
    {
        if (problem is null) return null;
        bool isDeep = value < deepest;
        if (isDeep || double.IsNaN(deepest)) deepest = -Deep * (1 + Math.Abs(value));
        string? found = IsDue(point, BilevelProblem.X) || isDeep ? LeaderAt(point) : null;
        for (int b = 0; b < before.Length; b++) before[b].CopyFrom(point[b]);
        return found;
    }

    /// <summary>Looks at the point where a run ended.</summary>
    /// <param name="point">The point.</param>
    /// <param name="converged">Whether it ended by a rule that means convergence.</param>
    public string? AtEnd(ReadOnlySpan<V> point, bool converged)
    {
        if (problem is null) return null;
        if (FollowerAt(point) is { } follower) return follower;
        bool far = !converged && Moved(point[BilevelProblem.X], start[BilevelProblem.X]).Norm() > Far * (1 + start[BilevelProblem.X].Norm());
        if (far) return LeaderAt(point);

        // A run that could take no step from its start may have broken down at once, on the way to where F is lower.
        V x = point[BilevelProblem.X], way = x.ZerosLike(), back = x.ZerosLike();
        if (converged || x is not IFillable || Moved(x, start[BilevelProblem.X]).Norm() > 1e-12 * x.Norm()) return null;
        RandomDirection.Fill(way, 29);
        back.AddScaled(-1, way);
        return LeaderAt(point, way, back);
    }

    /// <summary>Saves or loads what the next looks depend on.</summary>
    public void Transfer(IArchive<V> archive)
    {
        foreach (var block in before) archive.Transfer(block);
        for (int b = 0; b < limits.Length; b++) archive.Transfer(ref limits[b]);
        archive.Transfer(ref deepest);
    }

    private bool IsDue(ReadOnlySpan<V> point, int block)
    {
        double norm = point[block].Norm();
        if (!(norm > limits[block])) return false;
        limits[block] = Suspicious * norm;
        return true;
    }

    private string? FollowerAt(ReadOnlySpan<V> point)
    {
        V x = point[BilevelProblem.X], y = point[BilevelProblem.Y];
        if (y.Length == 0 || !x.IsFinite() || !y.IsFinite() || double.IsFinite(problem!.LowerSet.DiameterAt(y.Length))) return null;

        // A strongly convex g has a minimiser; and a leader that ran away leaves numbers that tell nothing of g.
        if (problem.Constants.LowerStrongConvexity > 0) return null;
        if (x.Norm() > RanAway * (1 + start[BilevelProblem.X].Norm())) x = start[BilevelProblem.X];
        var g = new BlockFunction<V>(problem.Lower, [x, y], BilevelProblem.Y, 1);
        double value = g.Evaluate(y);
        V descent = g.Gradient.Copy(), move = Moved(y, before[BilevelProblem.Y]), way = Moved(y, start[BilevelProblem.Y]);
        descent.Scale(-1);
        foreach (var direction in new[] { way, y, move, descent })
        {
            if (Ray.FallsForEver(g, problem.LowerSet, y, direction) is not { } far) continue;
            return Words(far, "");
        }

        // So far away that slopes are below what numbers tell: they died out on the way there.
        V began = start[BilevelProblem.Y];
        return way.Norm() > Far * (1 + began.Norm()) && Ray.FallsForEver(g, problem.LowerSet, began, way) is { } last ? Words(last, ", beyond which the numbers do not tell") : null;

        string Words((double Norm, double Value) far, string beyond) => FormattableString.Invariant(
            $"The follower seems unbounded: g has no minimiser in y at this x as far as was looked. It is {Said.Value(value)} at {Said.Place("y", y.Norm())}{Said.Move(move.Norm())} and still falls at |y| = {far.Norm:G3}, where it is {far.Value:G4}{beyond}. Add a term to g that grows with |y|, or give y a bounded set.");
    }

    private string? LeaderAt(ReadOnlySpan<V> point) => LeaderAt(point, Moved(point[BilevelProblem.X], start[BilevelProblem.X]), Moved(point[BilevelProblem.X], before[BilevelProblem.X]));

    private string? LeaderAt(ReadOnlySpan<V> point, params ReadOnlySpan<V> directions)
    {
        V x = point[BilevelProblem.X], y = point[BilevelProblem.Y];
        if (x.Length == 0 || !x.IsFinite() || !y.IsFinite() || double.IsFinite(problem!.UpperSet.DiameterAt(x.Length))) return null;
        V move = Moved(x, before[BilevelProblem.X]);
        double value = HyperobjectiveAt(x, y).Value;
        foreach (var direction in directions)
        {
            double length = direction.Norm(), reach = Math.Max(1, x.Norm()) / 8, lowest = value;
            if (!(length > 0) || !double.IsFinite(length) || !double.IsFinite(value)) continue;
            var place = x.Copy();
            if (StopsFalling()) continue;
            int j = 0;
            for (; j <= ValueDoublings; j++)
            {
                Place(j);
                double here = HyperobjectiveAt(place, y).Value;
                if (!Falls(lowest, here)) break;
                lowest = here;
                if (double.IsNegativeInfinity(here)) j = ValueDoublings;
            }

            if (j <= ValueDoublings) continue;
            return FormattableString.Invariant($"The leader seems unbounded: F has no minimiser as far as was looked. It is {Said.Value(value)} at {Said.Place("x", x.Norm())}{Said.Move(move.Norm())} and still falls at |x| = {place.Norm():G3}, where it is {lowest:G4}. Add a term to f that grows with |x|, or give x a bounded set.");

            void Place(int doublings)
            {
                place.CopyFrom(x);
                place.AddScaled(Math.ScaleB(reach, doublings) / length, direction);
                problem.UpperSet.Project(place);
            }

            // Every look solves the lower level, so the places that settle most cases come first: F that rises shows it nearby, F that levels off at the far end.
            bool StopsFalling()
            {
                Place(0);
                double nearby = HyperobjectiveAt(place, y).Value;
                if (!Falls(value, nearby)) return true;
                Place(ValueDoublings);
                var (last, follower) = HyperobjectiveAt(place, y);
                if (!double.IsFinite(last)) return false;
                if (!Falls(nearby, last)) return true;
                Place(ValueDoublings - 1);
                double before = HyperobjectiveAt(place, follower).Value;
                return double.IsFinite(before) && !Falls(before, last);
            }
        }

        return null;
    }

    // What rounding may do is no fall.
    private static bool Falls(double from, double to) => to < from - (1e-9 * Math.Abs(from));

    private (double Value, V Follower) HyperobjectiveAt(V x, V y)
    {
        try
        {
            var answer = Answers.Read(problem!, [x, y], double.NaN, 1e-3);
            return (double.IsNaN(answer.UpperValue) || double.IsNaN(answer.LowerValue) ? double.PositiveInfinity : answer.UpperValue, answer.Point[BilevelProblem.Y]);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or OperationCanceledException))
        {
            // An objective may throw so far beyond where the run went.
            return (double.PositiveInfinity, y);
        }
    }

    private static V Moved(V to, V from)
    {
        var move = to.Copy();
        move.AddScaled(-1, from);
        return move;
    }
}
