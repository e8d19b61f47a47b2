using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Looks for other saddle points of the lower level at one x1 than the nearest one, the best and the worst of them for the leader. A search: what it
/// finds are saddle points, what it does not find may be there.
/// </summary>
internal sealed class OtherSaddles<V>
    where V : class, IVector<V>
{
    // A solve counts as one where it leaves this share of the tolerance; the leader moves so often over the saddle points.
    private const double Solved = 1e-2;
    private const int Moves = 8;

    // The first of them, which is the longest, goes on for so many times the steps where they did not solve.
    private const int More = 4;

    // Curvature below this share of the largest is none that makes a saddle point unique; the second where a solve was not finished.
    private const double Flat = 1e-3, Flattest = 1e-6;

    // What the leader's part in g is divided by, and how often; a unique saddle point comes nearer by as much, others by less than this.
    private const double Growth = 30, Nearer = 0.3;
    private const int Raises = 5;

    // What a point that is drawn to may leave of the tolerance: at an x1 that is off by a little, the follower's other best answers lose a little.
    private const double Allowed = 0.1;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly V x1, x2, y1, y2;
    private readonly double tolerance, target;
    private readonly int steps, directions;

    /// <param name="problem">The problem.</param>
    /// <param name="x1">The upper minimiser, fixed.</param>
    /// <param name="x2">Where to start x2 from.</param>
    /// <param name="y1">A point of the follower's block, for sizes and starts.</param>
    /// <param name="y2">The same of its opponent's.</param>
    /// <param name="tolerance">Accuracy that matters.</param>
    /// <param name="target">Gap at which a solve stops.</param>
    /// <param name="steps">Most steps of a solve.</param>
    /// <param name="directions">Most steps of the search for flat directions.</param>
    public OtherSaddles(BilevelMinimaxProblem<V> problem, V x1, V x2, V y1, V y2, double tolerance, double target, int steps, int directions)
    {
        (this.problem, this.x1, this.x2, this.y1, this.y2) = (problem, x1, x2, y1, y2);
        (this.tolerance, this.target, this.steps, this.directions) = (tolerance, target, steps, directions);
    }

    /// <summary>Whether declared moduli leave one answer of the lower level, as far as f can see: multipliers may be many.</summary>
    public static bool IsDeclaredUnique(BilevelMinimaxProblem<V> problem, V y1, V y2) =>
        (y1.Length == 0 || problem.Constants.LowerStrongConvexity > 0) && (y2.Length == 0 || problem.LowerMultipliers is not null || problem.Constants.LowerStrongConcavity > 0);

    /// <summary>The best and the worst for the leader of the saddle points found, and one that is apart from the nearest; null where that seems to be the only one.</summary>
    /// <param name="near">The nearest saddle point.</param>
    public (MinimaxValues<V> Best, MinimaxValues<V> Worst, LowerSaddle<V> Other)? Compare(MinimaxValues<V> near)
    {
        double steep = LargestCurvature(near.Saddle);
        LowerSaddle<V>? other = null;
        List<MinimaxValues<V>> all = [near];
        void Note(LowerSaddle<V> saddle)
        {
            if (!AreApart(near.Saddle, saddle, steep)) return;
            other ??= saddle;
            if (At(saddle) is var values && double.IsFinite(values.Penalised)) all.Add(values);
        }

        // Where it is declared that there is no other, a short search for one.
        bool unique = IsDeclaredUnique(problem, y1, y2);

        // From afar, and drawn and pushed along the leader's downhill and uphill directions in y: where the saddle point is unique all solves end in it.
        Note(Solve(KktSigns<V>.Feasible(problem.Z1, y1, 1, 21), KktSigns<V>.Feasible(problem.Z2, y2, 1, 22)));
        foreach (int side in new[] { 1, -1 })
        {
            var drawn = unique ? null : Draw(near, side, steep);
            if (drawn is not null) Note(drawn.Saddle);
            if (Push(drawn ?? near, side, steep, unique ? 1 : More) is { } pushed) Note(pushed.Saddle);
        }

        return other is null ? null : (all.MinBy(v => v.Penalised)!, all.MaxBy(v => v.Penalised)!, other);
    }

    /// <summary>The best saddle point for the leader that is drawn to, where it is apart from the nearest one and better; null otherwise.</summary>
    public MinimaxValues<V>? Best(MinimaxValues<V> near)
    {
        double steep = LargestCurvature(near.Saddle);
        return Draw(near, 1, steep) is { } drawn && AreApart(near.Saddle, drawn.Saddle, steep) ? drawn : null;
    }

    /// <summary>How far two saddle points are apart.</summary>
    public static double Apart(LowerSaddle<V> a, LowerSaddle<V> b)
    {
        V d1 = a.Z1.Copy(), d2 = a.Z2.Copy();
        d1.AddScaled(-1, b.Z1);
        d2.AddScaled(-1, b.Z2);
        return Math.Sqrt(d1.Dot(d1) + d2.Dot(d2));
    }

    private MinimaxValues<V> At(LowerSaddle<V> saddle) => MinimaxAnswer.At(problem, x1, x2, saddle, tolerance, steps);

    private LowerSaddle<V> Solve(V start1, V start2) => LowerSaddleSolver.Solve(problem, x1, start1, start2, target, steps);

    // Saddle points of g + w f, in which both players of the lower level lean to the leader's side (or against it), for w that falls: they tend to the best (or worst) saddle point of g.
    private MinimaxValues<V>? Draw(MinimaxValues<V> near, int side, double steep)
    {
        V[] slopes = Slopes(near), forces = [y1.ZerosLike(), y2.ZerosLike()];
        new PreparedRequest<V>(problem.Lower, [[x1, near.Saddle.Z1, near.Saddle.Z2]], [new(Lower.Z1, 0, forces[0]), new(Lower.Z2, 0, forces[1])]).Evaluate();
        double reach = Reach(), slope = Norm(slopes), weight = Math.Max(steep * reach, Norm(forces)) / slope;
        if (!(weight > 0) || !double.IsFinite(weight)) return null;
        V z1 = near.Saddle.Z1, z2 = near.Saddle.Z2;
        double before = double.NaN, roughlyBefore = double.NaN;
        double Gain(MinimaxValues<V>? values) => values is null ? double.NegativeInfinity : side * (near.Penalised - values.Penalised);
        for (int raise = 0; raise < Raises; raise++)
        {
            weight /= Growth;
            var leaning = new LeaningObjective<V>(problem.Lower, problem.Upper, near.X2, side * weight * problem.UpperSign * problem.LowerSign, y1.Length > 0);
            double wanted = Solved * Math.Min(Math.Min(tolerance, weight * tolerance), weight * slope * reach);
            var leaned = LowerSaddleSolver.Solve(problem with { Lower = leaning }, x1, z1, z2, wanted, steps, reach);
            (z1, z2) = (leaned.Z1, leaned.Z2);
            double distance = Apart(near.Saddle, leaned);
            if (!(distance > 0) || !double.IsFinite(distance) || distance <= Nearer * before) return null;
            before = distance;

            // Solved from there, or as they stand where they lose little enough. A player whom f does not see stays where it was: parts of saddle points can be exchanged.
            V first = slopes[0].Norm() > 0 ? z1 : near.Saddle.Z1, second = slopes[1].Norm() > 0 ? z2 : near.Saddle.Z2;
            var solved = LowerSaddleSolver.Solve(problem, x1, first, second, Solved * tolerance, steps, reach);
            double gap = LowerSaddleSolver.Gap(problem, x1, first, second, Allowed * tolerance, steps);
            var exact = solved.Gap <= Solved * tolerance && Apart(solved, near.Saddle) > Nearer * distance ? At(solved) : null;
            var drawn = gap <= Allowed * tolerance ? At(new LowerSaddle<V>(first, second, gap)) : null;
            double gain = Gain(exact), roughly = Gain(drawn);
            if (gain > Solved * tolerance && !(roughly > 2 * gain)) return exact;
            if (roughly > Solved * tolerance && Math.Abs(roughly - roughlyBefore) <= Allowed * tolerance) return drawn;
            roughlyBefore = roughly;
        }

        return null;
    }

    // The leader's gradient steps in y, first along what of the gradient moves no gradient of g, each followed by a solve of the lower level from where it ends, and steps of twice the length along what that moved; the best (or worst) saddle point reached, null where none is left.
    private MinimaxValues<V>? Push(MinimaxValues<V> near, int side, double steep, int more)
    {
        MinimaxValues<V>? reached = null;
        var current = near;
        double share = 1;
        V[] last = [y1.ZerosLike(), y2.ZerosLike()];
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
                V[] slopes = Slopes(current);
                if (k == 0 && LowerKernel.Part(problem, x1, current.Saddle, slopes, steep, directions) is { } flat) slopes = flat;
                double norm = Norm(slopes);
                if (!(norm > 0) || !double.IsFinite(norm)) break;
                for (int i = 0; i < 2; i++) moved[i].AddScaled(-side * problem.UpperSign * share * Reach() / norm, slopes[i]);
            }

            if (y1.Length > 0) problem.Z1.Project(moved[0]);
            if (y2.Length > 0) problem.Z2.Project(moved[1]);
            var saddle = Solve(moved[0], moved[1]);
            if (k == 0 && more > 1 && saddle.Gap > Solved * tolerance) saddle = LowerSaddleSolver.Solve(problem, x1, saddle.Z1, saddle.Z2, Solved * tolerance, more * steps);
            bool solved = saddle.Gap <= Solved * tolerance, apart = AreApart(current.Saddle, saddle, steep, solved ? Flat : Flattest);
            if (solved && !apart && !goesOn) break;
            if (apart && At(saddle) is var there && side * (there.Penalised - current.Penalised) < 0)
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

    // f_y1 and f_y2.
    private V[] Slopes(MinimaxValues<V> at)
    {
        V[] slopes = [y1.ZerosLike(), y2.ZerosLike()];
        new PreparedRequest<V>(problem.Upper, [[x1, at.X2, at.Saddle.Z1, at.Saddle.Z2]], [new(Y1, 0, slopes[0]), new(Y2, 0, slopes[1])]).Evaluate();
        return slopes;
    }

    private double Reach() => Math.Max(y1.Length == 0 ? 0 : KktSigns<V>.Reach(problem.Z1, y1, 1), y2.Length == 0 ? 0 : KktSigns<V>.Reach(problem.Z2, y2, 1));

    private static double Norm(V[] blocks) => Math.Sqrt(blocks.Sum(b => b.Dot(b)));

    // Under strong convexity and concavity by mu, each is within sqrt(2 gap/mu) of the saddle point; what they imply for mu, against the largest curvature there is.
    private bool AreApart(LowerSaddle<V> a, LowerSaddle<V> b, double steep, double flat = Flat)
    {
        double apart = Apart(a, b), gaps = Math.Sqrt(Math.Max(a.Gap, 0)) + Math.Sqrt(Math.Max(b.Gap, 0));
        if (!(Math.Max(a.Gap, b.Gap) <= tolerance) || !(apart > 1e-6 * (a.Z1.Norm() + a.Z2.Norm() + b.Z1.Norm() + b.Z2.Norm()))) return false;
        double curvature = problem.Constants.LowerSmoothness ?? Math.Max(steep, Curvature(a, b, apart));
        return curvature == 0 || 2 * gaps * gaps / (apart * apart) < flat * curvature;
    }

    // The turn of the gradients between two points.
    private double Curvature(LowerSaddle<V> from, LowerSaddle<V> to, double apart)
    {
        V[] a = [y1.ZerosLike(), y2.ZerosLike()], b = [y1.ZerosLike(), y2.ZerosLike()];
        new PreparedRequest<V>(problem.Lower, [[x1, from.Z1, from.Z2], [x1, to.Z1, to.Z2]], [new(Lower.Z1, 0, a[0]), new(Lower.Z2, 0, a[1]), new(Lower.Z1, 1, b[0]), new(Lower.Z2, 1, b[1])]).Evaluate();
        for (int i = 0; i < 2; i++) a[i].AddScaled(-1, b[i]);
        return Norm(a) / apart;
    }

    private double LargestCurvature(LowerSaddle<V> at)
    {
        double largest = 0;
        for (ulong k = 0; k < 3; k++)
        {
            var elsewhere = new LowerSaddle<V>(KktSigns<V>.Feasible(problem.Z1, y1, 0.1, 80 + k), KktSigns<V>.Feasible(problem.Z2, y2, 0.1, 90 + k), 0);
            if (Apart(at, elsewhere) is > 0 and var apart && Curvature(at, elsewhere, apart) is var seen && double.IsFinite(seen)) largest = Math.Max(largest, seen);
        }

        return largest;
    }
}
