using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The signs of trouble of the full form, and what is reported of the point: both objectives with the lower level and x2
/// solved again, how far f may range over the saddle points of the lower level, and whether another x1 is better.
/// </summary>
internal sealed class KktSigns<V>
    where V : class, IVector<V>
{
    // A solve of the lower level at another x1 leaves this share of the tolerance.
    private const double Solved = 1e-2;

    private static readonly double[] Shares = [0.1, 0.5, 1, 0.25, 0.01];   // of the diameter of X1, at which other x1 are looked at

    private const int Halvings = 10;

    private readonly KktCertificate settings;
    private readonly BilevelMinimaxProblem<V> problem;
    private readonly KktResiduals<V> kkt;
    private readonly double tolerance, target;
    private readonly V x1, x2, y1, y2;

    public KktSigns(KktCertificate settings, BilevelMinimaxProblem<V> problem, KktResiduals<V> kkt, double tolerance)
    {
        (this.settings, this.problem, this.kkt, this.tolerance) = (settings, problem, kkt, tolerance);
        (x1, x2, y1, y2) = (kkt.Point[X1], kkt.Point[X2], kkt.Point[Y1], kkt.Point[Y2]);
        target = 1e-4 * Math.Min(tolerance, 1e-2 * Math.Max(1e-300, Math.Abs(kkt.LowerValue) + Math.Max(kkt.GapBound, 0)));
    }

    public List<string> Signs { get; } = [];

    public List<NamedNumber> Numbers { get; } = [];

    /// <summary>F(x1) and g there; null where the lower level could not be solved again.</summary>
    public MinimaxValues<V>? Values { get; private set; }

    /// <summary>A whole point with a better upper value; null for none.</summary>
    public (V[] Point, double Value)? Better { get; private set; }

    /// <summary>By how much f at the point is better than F(x1); NaN where F(x1) is not known.</summary>
    public double Lead { get; private set; } = double.NaN;

    /// <summary>Looks.</summary>
    /// <param name="atPoint">f at the point with x2 solved again, and with its multipliers; less is better.</param>
    /// <param name="isKkt">Whether the point is an epsilon-KKT point.</param>
    public void Look(double atPoint, bool isKkt)
    {
        if (x1 is not IFillable) return;
        var near = LowerSaddleSolver.Solve(problem, x1, y1, y2, Math.Min(target, MinimaxAnswer.Target(tolerance, kkt.LowerValue)), 2 * settings.SaddleSteps);
        if (!(near.Gap <= tolerance))
        {
            Signs.Add(FormattableString.Invariant($"solving the lower level again left a gap of {near.Gap:G3}, above the tolerance, so F(x1) is not known: f and g are those at the point"));
            return;
        }

        var values = CompareSaddles(At(x1, near));
        if (double.IsFinite(values.Upper) && double.IsFinite(values.Lower)) Values = values;
        double apart = atPoint - values.Penalised;
        Lead = -apart;
        if (Math.Abs(apart) > tolerance)
            Signs.Add(FormattableString.Invariant($"f at the point is {(apart < 0 ? "better" : "worse")} by {Math.Abs(apart):G4}, more than epsilon, than F(x1), which has the lower level solved again: y1 and y2 leave the saddle point by what the gap allows; F(x1) is the value reported"));
        if (isKkt) MoveX1(values);
    }

    /// <summary>A feasible point, at a share of the diameter from a centre in a random direction.</summary>
    public static V Feasible(IProximalTerm<V> term, V centre, double share, ulong key)
    {
        var point = centre.ZerosLike();
        if (centre.Length == 0) return point;
        if (point is IFillable)
        {
            RandomDirection.Fill(point, key);
            point.Scale(share * Reach(term, centre, 10) / Math.Sqrt(point.Length));
        }

        point.AddScaled(1, centre);
        term.Project(point);
        return point;
    }

    /// <summary>The diameter, or a multiple of the size where there is none.</summary>
    public static double Reach(IProximalTerm<V> term, V centre, double times)
    {
        double diameter = term.DiameterAt(centre.Length), size = centre.Norm();
        return double.IsFinite(diameter) ? diameter : times * (size > 0 ? size : 1);
    }

    private MinimaxValues<V> At(V x, LowerSaddle<V> saddle) => MinimaxAnswer.At(problem, x, x2, saddle, tolerance, settings.SaddleSteps);

    // The values of the best saddle point for the leader, which is near where it is unique.
    private MinimaxValues<V> CompareSaddles(MinimaxValues<V> near)
    {
        var saddles = new OtherSaddles<V>(problem, x1, x2, y1, y2, tolerance, target, settings.SaddleSteps, settings.Directions);
        if (saddles.Compare(near) is not { } found) return near;
        Numbers.Add(new("optimistic_upper", found.Best.Upper, "F at the saddle point of the lower level that is the best found for the leader"));
        Numbers.Add(new("pessimistic_upper", found.Worst.Upper, "the same at the worst one found"));
        Signs.Add(FormattableString.Invariant($"the saddle point of the lower level seems not to be unique: two were found {OtherSaddles<V>.Apart(near.Saddle, found.Other):G3} apart with gaps of at most {near.Saddle.Gap:G3} and {found.Other.Gap:G3}; the leader may choose among them, and F is {found.Best.Upper:G6} at the best for the leader, which is reported, {found.Worst.Upper:G6} at the worst and {near.Upper:G6} at the nearest one"));
        return found.Best;
    }

    // F with the lower level solved again at other points of X1: near ones first; farther and nearer ones where those show nothing better.
    private void MoveX1(MinimaxValues<V> here)
    {
        double whole = x1.Length == 0 ? 0 : Reach(problem.X1, x1, 1);
        if (!(whole > 0)) return;
        var downhill = kkt.DirectionX1();
        var random = x1.ZerosLike();
        RandomDirection.Fill(random, 31);
        (double Change, double Distance)? steepest = null;
        (double Change, double Distance, V X1, MinimaxValues<V> Values)? lowest = null;
        (V Direction, int Side)[] rays = [(downhill, 1), (downhill, -1), (random, 1), (random, -1)];
        var looks = new List<(int Ray, double Length, double Change)>();
        foreach (double share in Shares)
        {
            int seen = 0;
            for (int ray = 0; ray < rays.Length; ray++)
            {
                var (direction, side) = rays[ray];
                double length = share * whole, norm = direction.Norm();
                if (!(norm > 0)) continue;
                if (Try(side * length / norm, direction, length) is not { } found) continue;
                looks.Add((ray, length, found.Change));
                if (share == Shares[0] && (steepest is not { } most || Math.Abs(found.Change) / found.Distance > Math.Abs(most.Change) / most.Distance)) steepest = (found.Change, found.Distance);
                if (lowest is not { } least || found.Change < least.Change) lowest = found;
                if (++seen >= 2 && x1.Length == 1) break;
            }

            if (lowest is { } low && IsBetter(low.Change, low.Distance)) break;
        }

        // Where F rises along a ray and falls again there is another valley, whose bottom the looks may have missed.
        if (lowest is not { } sofar || !IsBetter(sofar.Change, sofar.Distance))
        {
            foreach (var (ray, near, at, far) in Valleys(looks))
            {
                if (Bottom(rays[ray], near, at, far) is { } bottom && !(bottom.Change >= lowest!.Value.Change)) lowest = bottom;
            }
        }

        if (steepest is { } slope && Math.Abs(slope.Change) < tolerance * slope.Distance)
            Signs.Add(FormattableString.Invariant($"the upper level is flat: F changes by {Math.Abs(slope.Change):G3} at most where x1 moves by {slope.Distance:G3}, less than epsilon times the distance, so x1 may be far from an optimum although the point is epsilon-KKT; take a smaller tolerance"));
        if (lowest is not { } best || !IsBetter(best.Change, best.Distance)) return;

        // Further the same way, as long as it is better still.
        for (int k = 0; k < 4; k++)
        {
            var along = best.X1.Copy();
            along.AddScaled(-1, x1);
            if (Try(2, along, best.Distance) is not { } next || !(next.Change < best.Change)) break;
            best = next;
        }

        // What is handed over is solved as closely as the answer itself.
        var saddle = LowerSaddleSolver.Solve(problem, best.X1, best.Values.Saddle.Z1, best.Values.Saddle.Z2, Math.Min(target, MinimaxAnswer.Target(tolerance, kkt.LowerValue)), 2 * settings.SaddleSteps);
        var exact = At(best.X1, saddle);
        double better = exact.Penalised - here.Penalised;
        if (!(saddle.Gap <= tolerance) || !IsBetter(better, best.Distance)) return;
        best = (better, best.Distance, best.X1, exact);
        V z1 = saddle.Z1, z2 = saddle.Z2;

        // A multiplier at its bound leaves the follower beyond its constraints: that is no answer of the follower's.
        if (problem.LowerMultipliers is { } lower && KktCheck<V>.Violation(lower, [best.X1, z1, z2], Lower.Z2, 0) > tolerance) return;
        if (problem.UpperMultipliers is { } upper && KktCheck<V>.Violation(upper, [best.X1, best.Values.X2, z1, z2], X2, 0) > tolerance) return;
        Better = ([best.X1, best.Values.X2, z1, z2, z1.Copy(), z2.Copy()], best.Values.Upper);
        Signs.Add(FormattableString.Invariant($"F is better by {-best.Change:G3} at another x1, {best.Distance:G3} away, so x1 is not the global optimum; start there"));

        // Between two looks that are higher than one between them, by halves of the larger side.
        (double Change, double Distance, V X1, MinimaxValues<V> Values)? Bottom((V Direction, int Side) ray, double near, double at, double far)
        {
            (double Change, double Distance, V X1, MinimaxValues<V> Values)? best = null;
            double norm = ray.Direction.Norm();
            for (int k = 0; k < Halvings; k++)
            {
                double length = far - at > at - near ? (at + far) / 2 : (near + at) / 2;
                if (Try(ray.Side * length / norm, ray.Direction, length) is not { } found) return best;
                best ??= Try(ray.Side * at / norm, ray.Direction, at);
                bool lower = best is { } least && found.Change < least.Change;
                if (lower) (near, at, far, best) = length > at ? (at, length, far, found) : (near, length, at, found);
                else if (length > at) far = length;
                else near = length;
            }

            return best;
        }

        (double Change, double Distance, V X1, MinimaxValues<V> Values)? Try(double times, V direction, double length)
        {
            var there = x1.Copy();
            there.AddScaled(times, direction);
            problem.X1.Project(there);
            var moved = there.Copy();
            moved.AddScaled(-1, x1);
            double distance = moved.Norm();
            if (!(distance > 1e-3 * length)) return null;
            var solved = LowerSaddleSolver.Solve(problem, there, here.Saddle.Z1, here.Saddle.Z2, Solved * tolerance, settings.SaddleSteps);
            if (!(solved.Gap <= tolerance)) return null;
            var values = At(there, solved);
            double change = values.Penalised - here.Penalised;
            return double.IsFinite(change) ? (change, distance, there, values) : null;
        }
    }

    // The looks along a ray that are lower than one nearer to the point, with their neighbours.
    private static IEnumerable<(int Ray, double Near, double At, double Far)> Valleys(List<(int Ray, double Length, double Change)> looks)
    {
        foreach (var ray in looks.GroupBy(l => l.Ray))
        {
            var along = ray.OrderBy(l => l.Length).ToList();
            for (int i = 1; i < along.Count; i++)
            {
                bool falls = along[i].Change < along[i - 1].Change && along.Take(i).Any(l => l.Change > 0), turns = i + 1 == along.Count || along[i + 1].Change >= along[i].Change;
                if (falls && turns) yield return (ray.Key, along[i - 1].Length, along[i].Length, i + 1 < along.Count ? along[i + 1].Length : along[i].Length);
            }
        }
    }

    // By more than the tolerance says of either a slope or a value.
    private bool IsBetter(double change, double distance) => change < -tolerance * Math.Min(distance, 1);
}
