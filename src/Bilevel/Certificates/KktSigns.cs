using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The signs of trouble of the full form, and what is reported of the point: both objectives with the lower level and x2
/// solved again, how far f may range over the saddle points of the lower level, and whether another x1 is better.
/// </summary>
internal sealed class KktSigns<V>
    where V : class, IVector<V>
{
    // A solve counts as one where it leaves this share of the tolerance; the leader moves so often over the saddle points.
    private const double Solved = 1e-2;
    private const int Moves = 8;

    // Curvature below this share of the largest is none that makes a saddle point unique.
    private const double Flat = 1e-3;

    private static readonly double[] Shares = [0.1, 0.5, 1, 0.25, 0.01];   // of the diameter of X1, at which other x1 are looked at

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

        var values = At(x1, near);
        if (double.IsFinite(values.Upper) && double.IsFinite(values.Lower)) Values = values;
        double apart = atPoint - values.Penalised;
        if (Math.Abs(apart) > tolerance)
            Signs.Add(FormattableString.Invariant($"f at the point is {(apart < 0 ? "better" : "worse")} by {Math.Abs(apart):G4}, more than epsilon, than F(x1), which has the lower level solved again: y1 and y2 leave the saddle point by what the gap allows; F(x1) is the value reported"));
        CompareSaddles(values);
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

    // The diameter, or a multiple of the size where there is none.
    private static double Reach(IProximalTerm<V> term, V centre, double times)
    {
        double diameter = term.DiameterAt(centre.Length), size = centre.Norm();
        return double.IsFinite(diameter) ? diameter : times * (size > 0 ? size : 1);
    }

    private MinimaxValues<V> At(V x, LowerSaddle<V> saddle) => MinimaxAnswer.At(problem, x, x2, saddle, tolerance, settings.SaddleSteps);

    // From afar, and pushed along the leader's downhill and uphill directions in y: where the saddle point is unique all solves end in it.
    private void CompareSaddles(MinimaxValues<V> near)
    {
        var steep = LargestCurvature(near.Saddle);
        LowerSaddle<V>? other = null;
        List<MinimaxValues<V>> all = [near];
        void Note(LowerSaddle<V> saddle)
        {
            if (!AreApart(near.Saddle, saddle, steep)) return;
            other ??= saddle;
            if (At(x1, saddle) is var values && double.IsFinite(values.Penalised)) all.Add(values);
        }

        Note(LowerSaddleSolver.Solve(problem, x1, Feasible(problem.Z1, y1, 1, 21), Feasible(problem.Z2, y2, 1, 22), target, settings.SaddleSteps));
        foreach (int side in new[] { 1, -1 })
        {
            if (Push(near, side, steep) is { } pushed) Note(pushed.Saddle);
        }

        if (other is null) return;
        MinimaxValues<V> best = all.MinBy(v => v.Penalised)!, worst = all.MaxBy(v => v.Penalised)!;
        Numbers.Add(new("optimistic_upper", best.Upper, "F at the saddle point of the lower level that is the best found for the leader"));
        Numbers.Add(new("pessimistic_upper", worst.Upper, "the same at the worst one found"));
        Signs.Add(FormattableString.Invariant($"the saddle point of the lower level seems not to be unique: two were found {Apart(near.Saddle, other):G3} apart with gaps of at most {near.Saddle.Gap:G3} and {other.Gap:G3}; the leader may choose among them, and F is {best.Upper:G6} at the best for the leader, {worst.Upper:G6} at the worst and {near.Upper:G6} at the nearest one, which is reported"));
    }

    // The leader's gradient steps in y, first along what of the gradient moves no gradient of g, each followed by a solve of the lower level from where it ends, and steps of twice the length along what that moved; the best (or worst) saddle point reached, null where none is left.
    private MinimaxValues<V>? Push(MinimaxValues<V> near, int side, double steep)
    {
        MinimaxValues<V>? reached = null;
        var current = near;
        double share = 1;
        V[] slopes = [y1.ZerosLike(), y2.ZerosLike()], last = [y1.ZerosLike(), y2.ZerosLike()];
        bool goesOn = false;
        for (int k = 0; k < Moves; k++)
        {
            V[] moved = [current.Saddle.Z1.Copy(), current.Saddle.Z2.Copy()];
            if (goesOn)
            {
                for (int i = 0; i < 2; i++) moved[i].AddScaled(2, last[i]);
            }
            else
            {
                new PreparedRequest<V>(problem.Upper, [[x1, current.X2, moved[0], moved[1]]], [new(Y1, 0, slopes[0]), new(Y2, 0, slopes[1])]).Evaluate();
                if (k == 0 && LowerKernel.Part(problem, x1, current.Saddle, slopes, steep, settings.Directions) is { } flat) slopes = flat;
                double norm = Math.Sqrt(slopes.Sum(s => s.Dot(s)));
                if (!(norm > 0) || !double.IsFinite(norm)) break;
                double length = share * Math.Max(y1.Length == 0 ? 0 : Reach(problem.Z1, y1, 1), y2.Length == 0 ? 0 : Reach(problem.Z2, y2, 1));
                for (int i = 0; i < 2; i++) moved[i].AddScaled(-side * problem.UpperSign * length / norm, slopes[i]);
            }

            if (y1.Length > 0) problem.Z1.Project(moved[0]);
            if (y2.Length > 0) problem.Z2.Project(moved[1]);
            var saddle = LowerSaddleSolver.Solve(problem, x1, moved[0], moved[1], target, settings.SaddleSteps);
            bool solved = saddle.Gap <= Solved * tolerance, apart = solved && AreApart(current.Saddle, saddle, steep);
            if (solved && !apart && !goesOn) break;
            if (apart && At(x1, saddle) is var there && side * (there.Penalised - current.Penalised) < 0)
            {
                last[0].CopyFrom(saddle.Z1);
                last[1].CopyFrom(saddle.Z2);
                last[0].AddScaled(-1, current.Saddle.Z1);
                last[1].AddScaled(-1, current.Saddle.Z2);
                (reached, current, goesOn) = (there, there, true);
                continue;
            }

            if (!goesOn) share /= 4;
            goesOn = false;
        }

        return reached;
    }

    // Under strong convexity and concavity by mu, each is within sqrt(2 gap/mu) of the saddle point; what they imply for mu, against the largest curvature there is.
    private bool AreApart(LowerSaddle<V> a, LowerSaddle<V> b, double steep)
    {
        double apart = Apart(a, b), gaps = Math.Sqrt(Math.Max(a.Gap, 0)) + Math.Sqrt(Math.Max(b.Gap, 0));
        if (!(Math.Max(a.Gap, b.Gap) <= tolerance) || !(apart > 1e-6 * (a.Z1.Norm() + a.Z2.Norm() + b.Z1.Norm() + b.Z2.Norm()))) return false;
        double curvature = problem.Constants.LowerSmoothness ?? Math.Max(steep, Curvature(a, b, apart));
        return curvature == 0 || 2 * gaps * gaps / (apart * apart) < Flat * curvature;
    }

    private static double Apart(LowerSaddle<V> a, LowerSaddle<V> b)
    {
        V d1 = a.Z1.Copy(), d2 = a.Z2.Copy();
        d1.AddScaled(-1, b.Z1);
        d2.AddScaled(-1, b.Z2);
        return Math.Sqrt(d1.Dot(d1) + d2.Dot(d2));
    }

    // The turn of the gradients between two points.
    private double Curvature(LowerSaddle<V> from, LowerSaddle<V> to, double apart)
    {
        V[] a = [y1.ZerosLike(), y2.ZerosLike()], b = [y1.ZerosLike(), y2.ZerosLike()];
        new PreparedRequest<V>(problem.Lower, [[x1, from.Z1, from.Z2], [x1, to.Z1, to.Z2]], [new(Lower.Z1, 0, a[0]), new(Lower.Z2, 0, a[1]), new(Lower.Z1, 1, b[0]), new(Lower.Z2, 1, b[1])]).Evaluate();
        for (int i = 0; i < 2; i++) a[i].AddScaled(-1, b[i]);
        return Math.Sqrt(a[0].Dot(a[0]) + a[1].Dot(a[1])) / apart;
    }

    private double LargestCurvature(LowerSaddle<V> at)
    {
        double largest = 0;
        for (ulong k = 0; k < 3; k++)
        {
            var elsewhere = new LowerSaddle<V>(Feasible(problem.Z1, y1, 0.1, 80 + k), Feasible(problem.Z2, y2, 0.1, 90 + k), 0);
            if (Apart(at, elsewhere) is > 0 and var apart && Curvature(at, elsewhere, apart) is var seen && double.IsFinite(seen)) largest = Math.Max(largest, seen);
        }

        return largest;
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
        foreach (double share in Shares)
        {
            int seen = 0;
            foreach (var (direction, side) in new[] { (downhill, 1), (downhill, -1), (random, 1), (random, -1) })
            {
                double length = share * whole, norm = direction.Norm();
                if (!(norm > 0)) continue;
                if (Try(side * length / norm, direction, length) is not { } found) continue;
                if (share == Shares[0] && (steepest is not { } most || Math.Abs(found.Change) / found.Distance > Math.Abs(most.Change) / most.Distance)) steepest = (found.Change, found.Distance);
                if (lowest is not { } least || found.Change < least.Change) lowest = found;
                if (++seen >= 2 && x1.Length == 1) break;
            }

            if (lowest is { } low && IsBetter(low.Change, low.Distance)) break;
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
        if (problem.UpperMultipliers is { } upper && KktCheck<V>.Violation(upper, [best.X1, best.Values.X2, z1, z2], X2, 0) > tolerance) return;
        Better = ([best.X1, best.Values.X2, z1, z2, z1.Copy(), z2.Copy()], best.Values.Upper);
        Signs.Add(FormattableString.Invariant($"F is better by {-best.Change:G3} at another x1, {best.Distance:G3} away, so x1 is not the global optimum; start there"));

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

    // By more than the tolerance says of either a slope or a value.
    private bool IsBetter(double change, double distance) => change < -tolerance * Math.Min(distance, 1);
}
