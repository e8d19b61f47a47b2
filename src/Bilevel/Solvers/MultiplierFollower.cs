using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// A copy (y, m) of a constrained follower and its multipliers, which solves min over y in Y of sigma f(x, y) + phi(x, y) subject to
/// its constraints at a fixed x (sigma = 1/rho, or 0 for phi alone). The method of multipliers: m moves to the maximiser of
/// m'c - |m - m_k|^2 / (2 mu) over its bounded set, and y minimises what that leaves, which is smooth, by limited-memory
/// BFGS. A set or term of y is held by multipliers of its own in the same way. What is learned of the curvature is kept
/// from one x to the next.
/// </summary>
internal sealed class MultiplierFollower<V>
    where V : class, IVector<V>
{
    private const int Memory = 30;

    // mu is this multiple of what makes the constraints as stiff as phi; it grows where a round leaves more than a share of the violation.
    private const double Stiffness = 10, MoreStiffness = 5, Slow = 0.25;

    private const int MostGrowths = 4;

    // mu ends at this multiple of where it began, and rounds where they gain nothing for a while: what is left is rounding.
    private const double MostStiffness = 500;

    private const int RoundsInVain = 4;

    // A round aims at this share of the gradient that it begins with.
    private const double RoundShare = 0.1;

    // A step is taken when the derivative along it has shrunk to this share; on a convex function that is enough.
    private const double SlopeShare = 0.5;

    // Rounding ends all progress: give up a round when the gradient has not shrunk for this many evaluations, or a step is not found in so many.
    private const int Patience = 100, MostTrials = 40;

    // The first step of all is found from one so short, relative to y.
    private const double ProbeLength = 1e-4;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly double upperSign, lowerSign;
    private readonly bool isFree;                      // whether y has no set and no term
    private readonly V y, m;                           // the answer, in their sets
    private readonly V free;                           // y before it is held in its set
    private readonly V centre, estimate;               // m_k and argmax over m of m'c - |m - m_k|^2 / (2 mu)
    private readonly V pull, pullNext, held;           // the multipliers p_k of Y, p_k + nu (y - held), and held = prox(y + p_k/nu)
    private readonly V trial, gradient, trialGradient, upperGradient, direction, best, c, spareY, spareM;
    private readonly PreparedRequest<V> lower;         // g_y at (x, trial, estimate)
    private readonly PreparedRequest<V>? constraints, upper;
    /// <summary>The number of pairs that are kept of a y of that length.</summary>
    public static int Pairs(int length) => LimitedMemory<V>.Capacity(Memory, length);

    private readonly LimitedMemory<V> curvature;
    private double mu = double.NaN, nu = double.NaN;
    private double smoothness = double.NaN, force = 1;     // the curvature of phi, and its force where y moves so far that c changes by one
    private int left;

    /// <param name="problem">A problem whose lower level is linear in z2, and whose f is no function of x2 and y2.</param>
    /// <param name="x">The upper variable that the copy answers to.</param>
    /// <param name="x2">A vector for the absent x2.</param>
    /// <param name="y">The copy, changed in place.</param>
    /// <param name="m">Its multipliers, changed in place.</param>
    /// <param name="sigma">sigma; may be changed between solves, except to or from 0.</param>
    public MultiplierFollower(BilevelMinimaxProblem<V> problem, V x, V x2, V y, V m, double sigma)
    {
        (this.problem, this.y, this.m, Sigma) = (problem, y, m, sigma);
        (upperSign, lowerSign) = (problem.UpperSign, problem.LowerSign);
        isFree = problem.Z1 is IFeasibleSet<V> { IsWholeSpace: true };
        (centre, estimate, c, spareM, spareY) = (m.Copy(), m.Copy(), m.ZerosLike(), m.ZerosLike(), y.ZerosLike());
        (free, pull, pullNext, held) = (y.Copy(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        (trial, gradient, trialGradient, upperGradient, direction, best) = (y.Copy(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        V[] at = [x, trial, estimate];
        lower = new(problem.Lower, [at], [new(Lower.Z1, 0, trialGradient)]);
        if (m.Length > 0) constraints = new(problem.Lower, [at], [new(Lower.Z2, 0, c)]);
        if (sigma > 0) upper = new(problem.Upper, [[x, x2, trial, estimate]], [new(Y1, 0, upperGradient)]);
        curvature = new LimitedMemory<V>(y, Pairs(y.Length));
    }

    /// <summary>sigma.</summary>
    public double Sigma { get; set; }

    /// <summary>Norm of f_y at the last point that was asked for; NaN where sigma is 0 or nothing was asked yet.</summary>
    public double UpperSlope { get; private set; } = double.NaN;

    /// <summary>The norm of a subgradient of the saddle function at the answer, in y and m together.</summary>
    public double Residual { get; private set; } = double.NaN;

    /// <summary>An estimate of the curvature of sigma f + phi in y; NaN before the first solve.</summary>
    public double Smoothness => smoothness;

    /// <summary>Solves until the residual is small enough, or the limit is reached, or rounding ends all progress.</summary>
    /// <param name="tolerance">The residual aimed at.</param>
    /// <param name="limit">Most evaluations.</param>
    public void Solve(double tolerance, int limit)
    {
        if (double.IsNaN(mu)) Prepare();
        problem.Z2.Project(m);
        if (isFree) free.CopyFrom(y);
        centre.CopyFrom(m);
        left = limit;
        double before = double.PositiveInfinity, least = double.PositiveInfinity;
        for (int growths = 0, inVain = 0; ; inVain++)
        {
            double slope = Minimise(tolerance);
            double violation = Distance(estimate, centre, spareM) / mu, apart = isFree ? 0 : Distance(pullNext, pull, spareY);
            double residual = Math.Sqrt((slope * slope) + (violation * violation) + (apart * apart));
            if (residual < least || double.IsNaN(residual))
            {
                if (residual < 0.9 * least) inVain = 0;
                Residual = least = residual;
                m.CopyFrom(estimate);
                y.CopyFrom(isFree ? free : held);
            }

            if (!(residual > tolerance) || left <= 0 || !double.IsFinite(residual) || inVain >= RoundsInVain) return;

            // Multipliers that hardly move while the violation stays, with y solved for, are held back too much.
            double worst = Math.Max(force * violation, apart);
            if (worst > Slow * before && worst > slope && worst > force * tolerance / 2 && growths < MostGrowths && nu < MostStiffness * Stiffness * smoothness)
            {
                growths++;
                mu *= MoreStiffness;
                nu *= MoreStiffness;
                curvature.Clear();
            }

            before = worst;
            centre.CopyFrom(estimate);
            pull.CopyFrom(pullNext);
        }
    }

    /// <summary>Saves or loads what the next solve depends on besides y and m.</summary>
    public void Transfer(IArchive<V> archive)
    {
        curvature.Transfer(archive);
        archive.Transfer(free);
        archive.Transfer(pull);
        archive.Transfer(ref mu);
        archive.Transfer(ref nu);
        archive.Transfer(ref smoothness);
        archive.Transfer(ref force);
        (double slope, double residual) = (UpperSlope, Residual);
        archive.Transfer(ref slope);
        archive.Transfer(ref residual);
        (UpperSlope, Residual) = (slope, residual);
    }

    // Minimises over y from free, for the centres as they are; the norm of the gradient there.
    private double Minimise(double tolerance)
    {
        trial.CopyFrom(free);
        Evaluate();
        gradient.CopyFrom(trialGradient);
        double norm = gradient.Norm(), least = norm, goal = Math.Max(tolerance / 2, RoundShare * norm);
        best.CopyFrom(free);
        for (int since = 0; norm > goal && left > 0 && since < Patience && double.IsFinite(norm);)
        {
            int began = left;
            if (!Step()) break;
            since += began - left;
            norm = gradient.Norm();
            if (norm < 0.999 * least) since = 0;
            if (!(norm < least)) continue;
            least = norm;
            best.CopyFrom(free);
        }

        if (norm <= least) return norm;
        free.CopyFrom(best);
        trial.CopyFrom(best);
        Evaluate();
        gradient.CopyFrom(trialGradient);
        return gradient.Norm();
    }

    // One step y = y - t H gradient; false where no t is found.
    private bool Step()
    {
        curvature.Apply(gradient, direction);
        double slope = -gradient.Dot(direction);
        if (!(slope < 0) || !double.IsFinite(slope))
        {
            curvature.Clear();
            direction.CopyFrom(gradient);
            slope = -gradient.Dot(gradient);
        }

        direction.Scale(-1);
        bool isFirst = curvature.IsEmpty;
        double low = 0, lowSlope = slope, high = double.PositiveInfinity, highSlope = double.NaN;
        double t = isFirst ? ProbeLength * (1 + free.Norm()) / direction.Norm() : 1;
        for (int trials = 1; ; trials++)
        {
            trial.CopyFrom(free);
            trial.AddScaled(t, direction);
            Evaluate();
            double here = trialGradient.Dot(direction);
            bool isFinite = double.IsFinite(here) && trialGradient.IsFinite();
            if (isFinite && Math.Abs(here) <= SlopeShare * Math.Abs(slope)) break;
            if (isFinite && here < 0)
            {
                (low, lowSlope) = (t, here);
            }
            else
            {
                (high, highSlope) = (t, isFinite ? here : double.NaN);
            }

            if (trials == MostTrials || left <= 0 || high - low <= 1e-9 * high)
            {
                if (!isFinite || here > 0) return false;
                break;
            }

            if (double.IsPositiveInfinity(high))
            {
                double secant = t * slope / (slope - here);
                t = secant > 2 * t ? Math.Min(secant, (isFirst ? 1e8 : 10) * t) : 2 * t;
                isFirst = false;
            }
            else if (double.IsNaN(highSlope))
            {
                t = low + (0.1 * (high - low));
            }
            else
            {
                double margin = 0.1 * (high - low), secant = low + ((high - low) * (-lowSlope / (highSlope - lowSlope)));
                t = secant > low + margin && secant < high - margin ? secant : (low + high) / 2;
            }
        }

        curvature.Add(free, trial, gradient, trialGradient);
        free.CopyFrom(trial);
        gradient.CopyFrom(trialGradient);
        return true;
    }

    // The gradient at trial, with the multipliers that belong to it.
    private void Evaluate()
    {
        left--;
        if (constraints is not null)
        {
            constraints.Evaluate();
            estimate.CopyFrom(centre);
            estimate.AddScaled(lowerSign * mu, c);
            problem.Z2.Project(estimate);
        }

        lower.Evaluate();
        trialGradient.Scale(lowerSign);
        if (upper is not null)
        {
            upper.Evaluate();
            UpperSlope = upperGradient.Norm();
            trialGradient.AddScaled(upperSign * Sigma, upperGradient);
        }

        if (isFree) return;
        held.CopyFrom(trial);
        held.AddScaled(1 / nu, pull);
        pullNext.CopyFrom(held);
        problem.Z1.Prox(held, 1 / nu);
        pullNext.AddScaled(-1, held);
        pullNext.Scale(nu);
        trialGradient.AddScaled(1, pullNext);
    }

    // mu and nu from the curvature of phi and the slopes of c along A'a, the force of some multipliers a.
    private void Prepare()
    {
        (mu, nu, smoothness) = (0, 1, 1);
        if (m.Length > 0 && estimate is IFillable)
        {
            RandomDirection.Fill(estimate, key: 3);
        }

        var push = direction;
        V atCentre = estimate.Copy(), one = y.ZerosLike(), values = m.ZerosLike();
        free.CopyFrom(y);
        trial.CopyFrom(free);
        lower.Evaluate();
        push.CopyFrom(trialGradient);
        estimate.Scale(0);
        lower.Evaluate();
        one.CopyFrom(trialGradient);
        if (m.Length > 0) push.AddScaled(-1, one);
        if (!(push.Norm() > 0) && push is IFillable) RandomDirection.Fill(push, key: 4);
        double norm = push.Norm();
        if (!(norm > 0) || !double.IsFinite(norm)) return;
        double h = ProbeLength * (1 + y.Norm()) / norm;
        constraints?.Evaluate();
        values.CopyFrom(c);
        trial.AddScaled(h, push);
        lower.Evaluate();
        constraints?.Evaluate();
        double curve = Distance(trialGradient, one, spareY) / (h * norm), slope = Distance(c, values, spareM) / (h * norm);
        if (curve > 0 && double.IsFinite(curve)) smoothness = curve;
        mu = slope > 0 && double.IsFinite(slope) ? Stiffness * smoothness / (slope * slope) : Stiffness * smoothness;
        nu = Stiffness * smoothness;
        force = slope > 0 && double.IsFinite(slope) ? smoothness / slope : smoothness;
        estimate.CopyFrom(atCentre);
    }

    private static double Distance(V to, V from, V scratch)
    {
        scratch.CopyFrom(to);
        scratch.AddScaled(-1, from);
        return scratch.Norm();
    }
}
