// Limited-memory BFGS on the penalty function L_lambda*(x) = min_y [ f(x, y) + lambda (g(x, y) - min_z g(x, z)) ] of F2BA
// (Chen, Ma, Zhang: JMLR 26(109), 2025), whose gradient is f_x(x, y) + lambda (g_x(x, y) - g_x(x, z)) and whose smoothness
// does not grow with lambda (penalty methods, section 2.2). First derivatives only.
// Of order 2 it is the mean of this and its mirror image, the two-sided difference of F2SA-p (Chen, Li, Chayti, Zhang: ICLR 2026; penalty methods, section 13).
// Problem class: g(x, .) strongly convex, f and g smooth; x and y in closed convex sets; exact gradients.
namespace Bilevel;

/// <summary>
/// A quasi-Newton outer loop on the penalty function: accurate warm-started lower solves, a safeguarded step along the
/// limited-memory BFGS direction, lambda raised in stages. The residual is |h| plus the estimated penalty bias. A run whose given lambda
/// has a bias above the tolerance ends where |h| is within it, and says so.
/// </summary>
public sealed partial record QuasiNewton : IBilevelMethod
{
    private const int DefaultMemory = 20, LargestMemory = 100;

    // What is kept besides the pairs, of the length of x, and of that of y for each follower.
    private const int LeaderVectors = 10, FollowerVectors = 15;

    /// <inheritdoc/>
    public string Name => "quasi-newton";

    /// <summary>Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.</summary>
    [Setting("Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.", Min = 1e-12)]
    public double? Lambda { get; init; }

    /// <summary>First value of lambda when it is raised in stages; auto takes 10 Lf1/Lg1, or lambda itself where that is given.</summary>
    [Setting("First value of lambda when it is raised in stages; auto takes 10 Lf1/Lg1, or lambda itself where that is given.", Min = 1e-12)]
    public double? LambdaStart { get; init; }

    /// <summary>Factor between the stages of lambda.</summary>
    [Setting("Factor between the stages of lambda.", Min = 1.01)]
    public double LambdaFactor { get; init; } = 10;

    /// <summary>Order of the difference in 1/lambda: 1 has a bias of order 1/lambda, 2 one of its square for one more inner solve.</summary>
    [Setting("Order of the difference in 1/lambda: 1 has a bias of order 1/lambda, 2 one of its square for one more inner solve.", Min = 1, Max = 2)]
    public int Order { get; init; } = 1;

    /// <summary>Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.</summary>
    [Setting("Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Number of steps that the approximation of the Hessian remembers; auto takes 20, or the number of components of x where that is 21 to 100, and no more (but 5) than 256 MiB hold.</summary>
    [Setting("Number of steps that the approximation of the Hessian remembers; auto takes 20, or the number of components of x where that is 21 to 100, and no more (but 5) than 256 MiB hold.", Min = 1, Max = 1000)]
    public int? Memory { get; init; }

    /// <summary>Length of the first move of x; auto takes the norm of x, or 1 where that is zero.</summary>
    [Setting("Length of the first move of x; auto takes the norm of x, or 1 where that is zero.", Min = 1e-300)]
    public double? FirstMove { get; init; }

    /// <summary>Accuracy of the hypergradient that the inner solves aim at, as a share of the residual.</summary>
    [Setting("Accuracy of the hypergradient that the inner solves aim at, as a share of the residual.", Min = 1e-12, Max = 1)]
    public double InnerShare { get; init; } = 0.1;

    /// <summary>Most evaluations of an inner solve.</summary>
    [Setting("Most evaluations of an inner solve.", Min = 1)]
    public int InnerLimit { get; init; } = 2_000;

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy());

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda ?? double.PositiveInfinity)) yield return finding;
        if (LambdaStart > Lambda) yield return new Finding(Severity.Error, "lambda-start is above lambda.", "Lower lambda-start or leave it at auto.");
        if (problem.Constants.LowerStrongConvexity <= 0) yield return new Finding(Severity.Error, "The lower level is declared with a strong convexity of zero; the method needs it positive.", "Add a small multiple of |y|^2 to g.");
    }

    /// <inheritdoc/>
    public double NumbersKept<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        ArgumentNullException.ThrowIfNull(start);
        int x = start[BilevelProblem.X].Length, y = start[BilevelProblem.Y].Length;
        return (((2.0 * Pairs<V>(x)) + LeaderVectors) * x) + ((Order + 1) * ((2.0 * QuasiNewtonFollower<V>.Pairs(y)) + FollowerVectors) * y);
    }

    private int Pairs<V>(int length)
        where V : class, IVector<V> => Memory ?? LimitedMemory<V>.Capacity(length is > DefaultMemory and <= LargestMemory ? length : DefaultMemory, length);

    private sealed partial class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        // Armijo's and Wolfe's constants, and the share of the slope that Armijo's turns into where rounding hides values.
        private const double Decrease = 1e-4, Flatness = 0.9, SteepestRise = 0.8;

        private const int MostTrials = 40, MostFailures = 4;

        private const double SharpestShare = 1e-4;

        private const double MostGrowth = 100;

        private readonly QuasiNewton settings;
        private readonly BilevelProblem<V> problem;
        private readonly V x, y, z;
        private readonly V[] point;                            // x_k and z -> y*(x_k)
        private readonly PenaltyDifference<V> difference;      // of L_lambda*, or of its symmetric form: value and gradient h at x_k
        private readonly V before, hBefore, yBefore, zBefore;  // the accepted point, while a step from it is tried
        private readonly V direction;
        private readonly GradientMapping<V> mapping;
        private readonly LimitedMemory<V> curvature;           // H_k
        private LocalConstants constants;                      // where lambda is chosen by the method
        private double stageGoal = double.PositiveInfinity;
        private double bias = double.NaN, biasBefore = double.PositiveInfinity, normAtBias;
        private double sharpness = 1;                          // falls when a step fails, since the inner solves may be to blame
        private long stagesInVain;
        private bool isLast, hasMoved, isStuck;                // lambda is not raised further; x moved since the bias was estimated; no step is left
        private double lastMove;                               // length of the last step that was taken
        private long failures;                                 // steps in a row that failed

        public Run(QuasiNewton settings, BilevelProblem<V> problem, V x, V y)
        {
            (this.settings, this.problem, this.x, this.y) = (settings, problem, x, y);
            if (settings.Lambda is null) constants = LocalConstants.Of(problem.ConstantsAt is { } at ? problem with { Constants = at(x).Or(problem.Constants) } : problem, x, y, couplings: false);
            double ratio = constants.UpperSmoothness / constants.LowerSmoothness;
            double lambda = settings.LambdaStart ?? settings.Lambda ?? 10 * (ratio > 0 && double.IsFinite(ratio) ? ratio : 1);
            isLast = lambda == settings.Lambda;
            z = y.Copy();
            point = [x, z];
            (before, hBefore, direction) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
            mapping = new GradientMapping<V>(x, problem.UpperSet);
            (yBefore, zBefore) = (y.ZerosLike(), y.ZerosLike());
            difference = new PenaltyDifference<V>(problem, x, y, z, lambda, settings.Order, settings.InnerLimit, Measure);
            curvature = new LimitedMemory<V>(x, settings.Pairs<V>(x.Length));
        }

        public override double Estimate => difference.GradientNorm;

        public override double Penalty => difference.Lambda;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            if (double.IsNaN(Residual)) Begin();
            else if (isStuck || IsAtRest) return;   // nothing is left to gain
            else if (IsStageDone) RaiseLambda();
            else Move();
            if (NeedsGivenBias) MeasureGivenBias();
            Residual = difference.GradientNorm + difference.Error + Bias;
        }

        public override (SolveStatus Status, string Reason)? Settled(double tolerance) =>
            settings.Lambda is not null && isLast && IsStationary && bias > tolerance && difference.GradientNorm <= tolerance
                ? GivenLambda.Settled(difference.Lambda, difference.GradientNorm, bias, tolerance, "lambda", chosen: true, settings.Order)
            : isStuck ? (SolveStatus.Stalled, FormattableString.Invariant($"No step lowers the penalty function at lambda = {difference.Lambda:G4} any more, although the norm of its gradient is {difference.GradientNorm:G3}: rounding or a kink of F ends the progress."))
            : IsAtRest ? (SolveStatus.Stalled, FormattableString.Invariant($"Rounding keeps lambda from rising beyond {difference.Lambda:G4}: the penalty function is stationary there, but its bias is about {bias:G3}. Ask for a tolerance above that."))
            : null;

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(x);
            archive.Transfer(y);
            archive.Transfer(z);
            archive.Transfer(ref stageGoal);
            archive.Transfer(ref bias);
            archive.Transfer(ref biasBefore);
            archive.Transfer(ref normAtBias);
            archive.Transfer(ref sharpness);
            archive.Transfer(ref stagesInVain);
            archive.Transfer(ref isLast);
            archive.Transfer(ref hasMoved);
            archive.Transfer(ref isStuck);
            archive.Transfer(ref lastMove);
            archive.Transfer(ref failures);
            LocalConstants.Transfer(archive, ref constants);
            curvature.Transfer(archive);
            difference.Transfer(archive);
        }

        private bool IsStationary => difference.IsSound && difference.GradientNorm <= settings.Tolerance;

        private bool IsAtRest => isLast && bias > settings.Tolerance && difference.GradientNorm <= settings.Tolerance;

        private double InnerShare => sharpness * settings.InnerShare;

        private void Begin()
        {
            difference.Evaluate(InnerShare, settings.Tolerance);
            if ((settings.Lambda ?? settings.LambdaStart) is not null) stageGoal = FirstStageShare * difference.GradientNorm;
        }

        // x_{k+1} = x_k + t d, d = -H_k h, by Armijo's and Wolfe's conditions
        private void Move()
        {
            before.CopyFrom(x);
            Remember();
            double value = difference.Value, noise = difference.ValueNoise;
            bool wasSolved = difference.IsSolved(settings.Tolerance);
            double slope = PlaceDirection();
            double low = 0, lowSlope = slope, high = double.PositiveInfinity, t = 1, shortest = Precision.Of(x) * x.Norm() / direction.Norm();
            for (int trial = 0; trial < MostTrials && slope < 0 && high > shortest; trial++)
            {
                x.CopyFrom(before);
                x.AddScaled(t, direction);
                difference.Evaluate(InnerShare, settings.Tolerance);

                // A trial whose follower fails where this one's did not is too far.
                bool isUsable = difference.IsSound && (!wasSolved || difference.IsSolved(settings.Tolerance));
                double here = isUsable ? difference.Gradient.Dot(direction) : double.NaN, rise = difference.Value - value;
                noise = Math.Max(noise, isUsable ? difference.ValueNoise : 0);
                bool isLower = isUsable && (rise <= Decrease * t * slope || (rise <= noise && here <= -SteepestRise * slope));
                if (!isLower) high = t;
                else if (here < Flatness * slope && problem.UpperSet.IsWholeSpace) (low, lowSlope) = (t, here);
                else
                {
                    Accept();
                    return;
                }

                // A follower that failed leaves no start for the next.
                if (!isUsable) Restore();
                if (double.IsPositiveInfinity(high)) t = Math.Clamp(here > slope ? t * slope / (slope - here) : 0, 3 * t, MostGrowth * t);
                else t = Between(low, lowSlope, high, here, rise);
            }

            if (low > 0)
            {
                x.CopyFrom(before);
                x.AddScaled(low, direction);
                difference.Evaluate(InnerShare, settings.Tolerance);
                Accept();
                return;
            }

            // No step lowers the value: back to where it began, with sharper inner solves and nothing learned.
            x.CopyFrom(before);
            Restore();
            curvature.Clear();
            sharpness = Math.Max(sharpness / 10, SharpestShare);
            difference.Evaluate(InnerShare, settings.Tolerance);

            // Where sharper solves do not help, the function may: one of a larger lambda. Otherwise nothing is left to try.
            if (++failures < MostFailures) return;
            failures = 0;
            if (settings.Lambda is null && !isLast) RaiseLambda();
            else isStuck = true;

            void Accept()
            {
                curvature.Add(before, x, hBefore, difference.Gradient);
                before.AddScaled(-1, x);
                lastMove = before.Norm();
                hasMoved = true;
                failures = 0;
                if (settings.Lambda is not null) bias = double.NaN;
            }
        }

        // h and the followers at x_k, to come back to and to compare with
        private void Remember()
        {
            hBefore.CopyFrom(difference.Gradient);
            yBefore.CopyFrom(y);
            zBefore.CopyFrom(z);
        }

        private void Restore()
        {
            y.CopyFrom(yBefore);
            z.CopyFrom(zBefore);
        }

        // A length between two: by the parabola through what is known where low is the start, else in the middle; far below a failure.
        private static double Between(double low, double lowSlope, double high, double here, double rise)
        {
            double width = high - low;
            if (double.IsNaN(here)) return low + (0.1 * width);
            double curved = rise - (lowSlope * high);
            return low == 0 && curved > 0 ? Math.Clamp(-lowSlope * high * high / (2 * curved), 1e-3 * high, 0.5 * high) : (low + high) / 2;
        }

        // d, and h.d, which is negative unless h is zero
        private double PlaceDirection()
        {
            var h = difference.Gradient;
            bool isFree = problem.UpperSet.IsWholeSpace;
            curvature.Apply(h, direction);
            if (curvature.IsEmpty) direction.Scale(FirstMove / Math.Max(h.Norm(), double.Epsilon));
            direction.Scale(-1);
            if (!isFree) Project(direction);
            double slope = h.Dot(direction);
            if (slope < 0 && -slope >= 1e-8 * h.Norm() * direction.Norm()) return slope;

            // Projection may spoil the direction; that of the plain gradient it cannot.
            direction.CopyFrom(h);
            direction.Scale(-FirstMove / Math.Max(h.Norm(), double.Epsilon));
            if (!isFree) Project(direction);
            return h.Dot(direction);
        }

        private double FirstMove
        {
            get
            {
                double size = x.Norm();
                return lastMove > 0 ? lastMove : settings.FirstMove ?? (size > 0 ? size : 1);
            }
        }

        // d <- Proj(x + d) - x
        private void Project(V move)
        {
            move.AddScaled(1, x);
            problem.UpperSet.Project(move);
            move.AddScaled(-1, x);
        }

        // |h|, or where x is constrained the norm of the gradient mapping
        private double Measure(V h) => mapping.Norm(h, 1);
    }
}
