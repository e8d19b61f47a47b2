// Limited-memory BFGS on the penalty function of a bilevel problem whose follower has constraints,
//   L_rho(x) = min over y1, y2 max over z1, z2 of f(x, y1) + rho (g(x, y1, z2) - g(x, z1, y2)),  g = phi + multipliers' c
// (bilevel minimax, sections 2.3 and 8; the value-function penalty is that of Shen, He, Wang, Lin, arXiv 2605.08006). As f sees no
// multipliers, the saddle problem falls apart into two constrained minimisations, y1 with multipliers z2 on f/rho + phi and z1 with
// multipliers y2 on phi, and by Danskin's theorem grad L_rho = f_x + rho (g_x(x, y1, z2) - g_x(x, z1, y2)). First derivatives only.
// Problem class: phi strongly convex in y, c convex (affine where equalities) in y, f of x and y alone, no adversary; x in a closed
// convex set; exact gradients.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// A quasi-Newton outer loop on the penalty function of a constrained follower: two warm-started lower solves by the method of
/// multipliers, a safeguarded step along the limited-memory BFGS direction, rho raised in stages. The residual is the norm of
/// a subgradient of the penalty function in all blocks.
/// </summary>
public sealed record ConstrainedQuasiNewton : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "constrained-quasi-newton";

    /// <summary>Accuracy epsilon that is aimed at.</summary>
    [Setting("Accuracy epsilon that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>Penalty parameter; auto raises it until the gap of the lower level and the estimated bias of the gradient are within the tolerance.</summary>
    [Setting("Penalty parameter; auto raises it until the gap of the lower level and the estimated bias of the gradient are within the tolerance.", Min = 1e-300)]
    public double? Rho { get; init; }

    /// <summary>First value of rho when it is raised in stages; auto takes 1/sqrt(tolerance), at least 10.</summary>
    [Setting("First value of rho when it is raised in stages; auto takes 1/sqrt(tolerance), at least 10.", Min = 1e-300)]
    public double? RhoStart { get; init; }

    /// <summary>Factor between the stages of rho.</summary>
    [Setting("Factor between the stages of rho.", Min = 1.01)]
    public double RhoFactor { get; init; } = 10;

    /// <summary>Number of steps that the approximation of the Hessian remembers, and no more (but 5) than 256 MiB hold.</summary>
    [Setting("Number of steps that the approximation of the Hessian remembers, and no more (but 5) than 256 MiB hold.", Min = 1, Max = 1000)]
    public int Memory { get; init; } = 20;

    /// <summary>Accuracy that the lower solves aim at, as a share of the residual.</summary>
    [Setting("Accuracy that the lower solves aim at, as a share of the residual.", Min = 1e-12, Max = 1)]
    public double InnerShare { get; init; } = 0.1;

    /// <summary>Most evaluations of a lower solve.</summary>
    [Setting("Most evaluations of a lower solve.", Min = 1)]
    public int InnerLimit { get; init; } = 2_000;

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in ConstrainedClass.Check(Name, problem)) yield return finding;
        if (RhoStart > Rho) yield return new Finding(Severity.Error, FormattableString.Invariant($"rho-start = {RhoStart:G4} is above rho = {Rho:G4}."), "Lower rho-start or leave it at auto.");
        if (problem.X1 is not IFeasibleSet<V>) yield return new Finding(Severity.Error, $"The method {Name} moves x1 in a set; {problem.X1} is a term and not a set.", "Move the term into the objective, or use ogda.");
    }

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) => ConstrainedMethods.Validate(this, problem, start);

    /// <inheritdoc/>
    public double NumbersKept<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(start);
        int x = start[X1].Length, y = start[Y1].Length, multipliers = start[Y2].Length;
        return (((2.0 * LimitedMemory<V>.Capacity(Memory, x)) + 10) * x) + (2 * ((2.0 * MultiplierFollower<V>.Pairs(y)) + 15) * y) + (30.0 * multipliers);
    }

    private sealed class Run<V> : MethodRun<V>, IRaisesPenalty
        where V : class, IVector<V>
    {
        // Armijo's and Wolfe's constants, and that of the approximate Wolfe conditions, which look at slopes where values drown.
        private const double Decrease = 1e-4, Flatness = 0.9, Overshoot = 0.8;

        private const int MostTrials = 25;

        // rho begins at 10 or above, and ends at 1/epsilon or above, where that is not beyond what the gap asks for in most problems.
        private const double FirstRho = 10, SmallRho = 1e4;

        // A stage of rho ends when the gradient has fallen to this share of its first norm; the last at this share of the tolerance.
        private const double StageShare = 0.1, LastShare = 0.5, NearShare = 1.5;

        // Values that differ by less than this share of their size do not decide; the first move of x is this long, relative to x.
        private const double ValueShare = 1e-9, FirstMove = 1e-2;

        // The least share of the residual that lower solves aim at, where a step fails and where all is done.
        private const double Sharpest = 1e-4, Polished = 1e-2;

        // The share of the tolerance that the bias may have; rho ends where rounding would be multiplied up to this share of it.
        private const double BiasShare = 0.5, RoundingShare = 1e-6;

        private readonly ConstrainedQuasiNewton settings;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly IFeasibleSet<V> set;
        private readonly V[] u;                                       // (x, -, y1, y2, z1, z2)
        private readonly V x, y1, y2, z1, z2;
        private readonly V h;                                         // the gradient of L_rho, less what the set of x takes of it
        private readonly V hBefore, direction, mapping;
        private readonly V[] before;                                  // u at the accepted point, while a step from it is tried
        private readonly FollowerPair<V> followers;                   // (z1, y2) on phi, (y1, z2) on f/rho + phi
        private readonly MinimaxPenalty<V> penalty;
        private readonly LimitedMemory<V> curvature;                  // H_k
        private double bias = double.NaN;                             // of h for that of the hyperobjective, once two rhos have been seen
        private double rho, value, gap, gradientNorm = double.NaN, stageGoal, gain;
        private bool hasMoved;                                        // since rho was raised
        private double sharpness = 1;                                 // falls when a step fails, since the lower solves may be to blame

        public Run(ConstrainedQuasiNewton settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        {
            (this.settings, this.problem, set) = (settings, problem, (IFeasibleSet<V>)problem.X1);
            u = start.CopyBlocks();
            before = u.CopyBlocks();
            (x, y1, y2, z1, z2) = (u[X1], u[Y1], u[Y2], u[Z1], u[Z2]);
            (h, hBefore, direction, mapping) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
            rho = settings.RhoStart ?? Math.Min(settings.Rho ?? double.PositiveInfinity, Math.Max(FirstRho, Math.Sqrt(1 / settings.Tolerance)));
            followers = new FollowerPair<V>(problem, u, rho);
            penalty = new MinimaxPenalty<V>(problem, u, values: true);
            curvature = new LimitedMemory<V>(x, LimitedMemory<V>.Capacity(settings.Memory, x.Length));
        }

        public override double Penalty => rho;

        public override ReadOnlySpan<V> Point => u;

        public bool CanRaise => settings.Rho is null && rho < MostRho;

        public void Raise(double factor)
        {
            RaiseRho(factor);
            MeasureResidual();
        }

        private double MostRho => settings.Rho ?? Math.Max(1 / settings.Tolerance, RoundingShare * settings.Tolerance / Precision.Of(x));

        public override void Step()
        {
            if (double.IsNaN(gradientNorm)) Begin();
            else if (gradientNorm <= Math.Max(LastShare * settings.Tolerance, stageGoal) && Missing() > 1) RaiseRho(settings.RhoFactor);
            else if (Residual <= LastShare * settings.Tolerance) Polish();
            else Move();
            MeasureResidual();
            while (Residual <= NearShare * settings.Tolerance && Missing() > 1)
            {
                RaiseRho(settings.RhoFactor);
                MeasureResidual();
            }
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(u);
            archive.Transfer(h);
            archive.Transfer(ref rho);
            archive.Transfer(ref value);
            archive.Transfer(ref gap);
            archive.Transfer(ref gradientNorm);
            archive.Transfer(ref stageGoal);
            archive.Transfer(ref gain);
            archive.Transfer(ref sharpness);
            archive.Transfer(ref bias);
            archive.Transfer(ref hasMoved);
            curvature.Transfer(archive);
            followers.Transfer(archive, rho);
        }

        private void Begin()
        {
            Evaluate();
            stageGoal = StageShare * gradientNorm;
        }

        // How many times larger than allowed the gap of the lower level is, or what rho leaves of bias in the gradient: both fall like
        // 1/rho or faster. The bias is known where rho was raised and x has not moved since; at a kink of the hyperobjective it stays
        // large, x is what is biased, and rho rises to its last.
        private double Missing()
        {
            if (settings.Rho is { } given) return rho < given ? 2 : 0;
            if (rho >= MostRho) return 0;
            if (rho < Math.Min(1 / settings.Tolerance, SmallRho)) return double.PositiveInfinity;
            if (double.IsNaN(bias) || hasMoved) return double.PositiveInfinity;
            return Math.Max(gap / settings.Tolerance, bias / (BiasShare * settings.Tolerance));
        }

        // A run that goes on all the same may miss what sharper lower solves mend.
        private void Polish()
        {
            if (sharpness <= Polished) return;
            sharpness /= 2;
            Evaluate();
        }

        // The gradient differs from that of the hyperobjective by an amount of first order in 1/rho.
        private void RaiseRho(double most)
        {
            double factor = Math.Min(most, MostRho / rho);
            rho *= factor;
            followers.MoveTo(rho, factor);
            sharpness = 1;
            hBefore.CopyFrom(h);
            Evaluate();
            hBefore.AddScaled(-1, h);
            bias = hBefore.Norm() / (factor - 1);
            hasMoved = false;
            stageGoal = Math.Max(bias, StageShare * gradientNorm);
        }

        // x_{k+1} = P(x_k + t d), d = -H_k h, by Wolfe's conditions, exact or approximate
        private void Move()
        {
            before.CopyFrom(u);
            hBefore.CopyFrom(h);
            double valueBefore = value, low = 0, high = double.PositiveInfinity, t = 1;
            double slope = PlaceDirection(), lowSlope = slope;
            bool isFree = set.IsWholeSpace, isFirst = curvature.IsEmpty;
            for (int trial = 0; trial < MostTrials && slope < 0; trial++)
            {
                x.CopyFrom(before[X1]);
                x.AddScaled(t, direction);
                Evaluate();
                double here = h.Dot(direction), noise = ValueShare * Math.Abs(valueBefore);
                bool isFinite = double.IsFinite(gradientNorm) && double.IsFinite(value);
                bool isLower = isFinite && (value <= valueBefore + (Decrease * t * slope) || (value <= valueBefore + noise && here <= -Overshoot * slope));
                if (isLower && (here >= Flatness * slope || !isFree))
                {
                    curvature.Add(before[X1], x, hBefore, h);
                    hasMoved = true;
                    return;
                }

                if (isLower)
                {
                    double secant = t * lowSlope / (lowSlope - here);
                    (low, lowSlope) = (t, here);
                    t = !double.IsPositiveInfinity(high) ? (low + high) / 2 : secant > 2 * t ? Math.Min(secant, (isFirst ? 1e6 : 10) * t) : 3 * t;
                    continue;
                }

                high = t;
                double inside = isFinite && here > 0 ? low + ((t - low) * lowSlope / (lowSlope - here)) : low + (0.1 * (high - low));
                t = Math.Clamp(inside, low + (0.05 * (high - low)), high - (0.1 * (high - low)));
            }

            if (low > 0)
            {
                x.CopyFrom(before[X1]);
                x.AddScaled(low, direction);
                Evaluate();
                curvature.Add(before[X1], x, hBefore, h);
                hasMoved = true;
                return;
            }

            // No step lowers the value: back to where it began, with sharper lower solves and nothing learned.
            u.CopyFrom(before);
            curvature.Clear();
            sharpness = Math.Max(sharpness / 10, Sharpest);
            Evaluate();
        }

        // d, and h.d, which is negative unless h is zero
        private double PlaceDirection()
        {
            curvature.Apply(h, direction);
            double slope = Place();
            if (slope < 0 && -slope >= 1e-10 * h.Norm() * direction.Norm() && !curvature.IsEmpty) return slope;
            curvature.Clear();
            direction.CopyFrom(h);
            double norm = h.Norm();
            if (norm > 0) direction.Scale(FirstMove * (1 + x.Norm()) / norm);
            return Place();
        }

        // d <- P(x - d) - x, and h.d
        private double Place()
        {
            direction.Scale(-1);
            direction.AddScaled(1, x);
            set.Project(direction);
            direction.AddScaled(-1, x);
            return h.Dot(direction);
        }

        // (z1, y2), (y1, z2) -> the two lower solutions at x, and h there
        private void Evaluate()
        {
            double aim;
            do
            {
                aim = Aim;
                followers.Solve(aim / rho, settings.InnerLimit);
                penalty.Evaluate(rho);
                double terms = problem.Z1.Value(y1) - problem.Z1.Value(z1);
                value = penalty.Value(rho) + (rho * terms);
                gap = penalty.Difference + terms;
                h.CopyFrom(penalty.Rows[X1]);
                Reduce();
                gradientNorm = h.Norm();
                if (followers.UpperSlope > 0) gain = Math.Max(gain, penalty.Rows[X1].Norm() / followers.UpperSlope);
            }
            while (double.IsFinite(gradientNorm) && Aim < aim / 4);
        }

        // rho times the residual of the lower solves that leaves a small share in the gradient: forces f_y in y1 leave the gradient
        // itself there, so residuals leave about as much for their size.
        private double Aim
        {
            get
            {
                double goal = double.IsNaN(gradientNorm) ? double.PositiveInfinity : gradientNorm;
                double least = LastShare * settings.Tolerance / 2;
                goal = double.IsInfinity(goal) ? Math.Max(least, rho * 1e-6) : Math.Max(goal, settings.Tolerance);
                return sharpness * settings.InnerShare * goal / Math.Max(1, gain);
            }
        }

        // h <- (x - P(x - t h)) / t for a short t: the part of the gradient that the set lets through.
        private void Reduce()
        {
            if (set.IsWholeSpace) return;
            double t = 1 / (3 * rho * Math.Max(followers.Smoothness, 1e-300));
            mapping.CopyFrom(x);
            mapping.AddScaled(-t, h);
            set.Project(mapping);
            h.CopyFrom(x);
            h.AddScaled(-1, mapping);
            h.Scale(1 / t);
        }

        private void MeasureResidual()
        {
            Residual = Math.Sqrt((gradientNorm * gradientNorm) + (rho * rho * followers.SquaredResidual));
        }
    }
}
