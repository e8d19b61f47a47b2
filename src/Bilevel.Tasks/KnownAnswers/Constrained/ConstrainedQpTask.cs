using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>The three cases of <see cref="ConstrainedQpTask"/>.</summary>
internal enum ConstrainedQpCase
{
    /// <summary>xb = 1, start 0: the constraint is active at the answer x = 1.5.</summary>
    A,

    /// <summary>xb = 3.5, start 3.8: the global answer x = 3.5, where the constraint is inactive.</summary>
    B,

    /// <summary>xb = 3.5, start 2: the local answer x = 2.75 on the other side of the kink at 3.</summary>
    C,
}

/// <summary>Settings of <see cref="ConstrainedQpTask"/>.</summary>
internal sealed record ConstrainedQpSettings
{
    /// <summary>Case a: the constraint is active at the answer; b: inactive; c: a local answer with a small multiplier.</summary>
    [Setting("Case a: the constraint is active at the answer; b: inactive; c: a local answer with a small multiplier.")]
    public ConstrainedQpCase Case { get; init; }

    /// <summary>The x that f prefers; auto takes that of the case.</summary>
    [Setting("The x that f prefers; auto takes that of the case.")]
    public double? Xb { get; init; }

    /// <summary>Start of x; auto takes that of the case.</summary>
    [Setting("Start of x; auto takes that of the case.", Min = 0, Max = 4)]
    public double? Start { get; init; }

    /// <summary>Bound B on the multiplier; 4.25 or less is not enough by the theory, and is doubled when it is touched.</summary>
    [Setting("Bound B on the multiplier; 4.25 or less is not enough by the theory, and is doubled when it is touched.", Min = 1e-6, Max = 1e6)]
    public double Bound { get; init; } = 5.25;

    /// <summary>The set of the multiplier, box or sum; they are the same for one constraint.</summary>
    [Setting("The set of the multiplier, box or sum; they are the same for one constraint.")]
    public MultiplierSet MultiplierSet { get; init; } = MultiplierSet.Box;
}

/// <summary>
/// The constrained quadratic program T3 (bilevel minimax, section 14): y minimises |z - (2, 1)|^2/2 over z_a + z_b &lt;= x
/// in [-5, 5]^2, and f = |y - (1, 1)|^2/2 + (x - xb)^2/4 over x in [0, 4].
/// </summary>
internal sealed class ConstrainedQpTask : TaskOf<ConstrainedQpSettings>
{
    /// <summary>B0 = 42.5/10: Slater's point (-5, -5) has the margin 10 at x = 0 and more elsewhere.</summary>
    public const double OptimalBound = 4.25;

    /// <summary>L_g, rounded up: the largest root of t^3 - t^2 - 3t + 1, the characteristic polynomial of the second derivatives of g on the plane that they act on.</summary>
    public const double LowerSmoothness = 2.1701;

    /// <inheritdoc/>
    public override string Name => "constrained-qp";

    /// <inheritdoc/>
    public override string Summary => "A follower with a constraint that the leader moves: projection onto a half-plane, multiplier known.";

    /// <inheritdoc/>
    public override TaskInstance Create(ConstrainedQpSettings settings, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.MultiplierSet == MultiplierSet.Ball) throw new SettingException("The setting 'multiplier-set' does not take 'ball' here: the multiplier of an inequality cannot be negative. Take box or sum.");
        return Instance(settings);
    }

    /// <summary>The problem of those settings.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance(ConstrainedQpSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        double xb = settings.Xb ?? (settings.Case == ConstrainedQpCase.A ? 1 : 3.5);
        double start = settings.Start ?? settings.Case switch { ConstrainedQpCase.A => 0, ConstrainedQpCase.B => 3.8, _ => 2 };
        bool enough = settings.Bound > OptimalBound;
        var lower = new ConstrainedLowerLevel<double>(new Lower(), new LinearConstraints<double>([-1], [1, 1], [0]))
        {
            Set = new Box<double>(-5, 5, 2),
            SlaterMargin = enough ? 10 : null,
            ObjectiveRange = enough ? 10 * OptimalBound : null,
            Bound = settings.Bound,
            MultiplierSet = settings.MultiplierSet,
            Smoothness = 1,
            StrongConvexity = 1,
        };
        var lifted = Lift.ConstrainedLowerLevel(new Upper(xb), lower);
        var problem = lifted with
        {
            X1 = new Box<double>(0, 4, 1),
            Constants = lifted.Constants with { UpperSmoothness = 1, LowerSmoothness = LowerSmoothness },
        };
        double best = Solution(xb, start);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = Hyperobjective(best, xb),
            Accuracy = 1e-12,
            LowerSolution = x => LowerSolution(x[0]).Y,
            Hyperobjective = x => Hyperobjective(x[0], xb),
            Hypergradient = x => Vectors.Of(((x[0] - xb) / 2) + (x[0] < 3 ? (x[0] - 2) / 2 : 0)),
            Saddle = x => LowerSolution(x[0]),
            Gap = (x, y, multiplier) => Gap(x[0], y, multiplier[0], settings.Bound),
        };
        var (y, lambda) = LowerSolution(start);
        return new MinimaxInstance<DenseVector<double>>(problem, BilevelMinimaxProblem.Start(Vectors.Of(start), y, lambda))
        {
            Components = v => v.ToDoubles(),
            Answer = answer,
            Evaluate = Report(answer),
            Tolerance = 0.01,
            Iterations = 1_000_000,
            Presets = [new Ogda { Tolerance = 0.01 }],
            Notes =
            [
                "The answer is known in closed form, with its multiplier.",
                .. enough ? Array.Empty<string>() : [FormattableString.Invariant($"The bound {settings.Bound:G6} on the multiplier is not above B0 = {OptimalBound}: where it is touched, it is doubled and the run goes on from there.")],
            ],
        };
    }

    /// <summary>F(x) = f(x, y(x)); it has a kink at x = 3.</summary>
    /// <param name="x">x.</param>
    /// <param name="xb">The x that f prefers.</param>
    public static double Hyperobjective(double x, double xb)
    {
        double active = Math.Min(x, 3);
        return ((((active - 1) * (active - 1)) + ((active - 3) * (active - 3))) / 8) + ((x - xb) * (x - xb) / 4);
    }

    /// <summary>y(x) and its multiplier.</summary>
    /// <param name="x">x.</param>
    public static (DenseVector<double> Y, DenseVector<double> Multiplier) LowerSolution(double x)
    {
        double active = Math.Min(x, 3);
        return (Vectors.Of((active + 1) / 2, (active - 1) / 2), Vectors.Of((3 - active) / 2));
    }

    /// <summary>The primal-dual gap of the lower level where the multiplier is held to [0, bound].</summary>
    /// <param name="x">x.</param>
    /// <param name="y">y1, in its box.</param>
    /// <param name="multiplier">y2, in its interval.</param>
    /// <param name="bound">B.</param>
    public static double Gap(double x, DenseVector<double> y, double multiplier, double bound)
    {
        static double Phi(double a, double b) => (((a - 2) * (a - 2)) + ((b - 1) * (b - 1))) / 2;
        double primal = Phi(y[0], y[1]) + (bound * Math.Max(0, y[0] + y[1] - x));
        double a = Math.Clamp(2 - multiplier, -5, 5), b = Math.Clamp(1 - multiplier, -5, 5);
        return primal - (Phi(a, b) + (multiplier * (a + b - x)));
    }

    // The minimum downhill of the start: F is convex on either side of the kink at 3, which is a maximum for xb in (3, 4).
    private static double Solution(double xb, double start)
    {
        double left = Math.Clamp((2 + xb) / 2, 0, 3), right = Math.Clamp(xb, 3, 4);
        return right > 3 && (start > 3 || left == 3) ? right : left;
    }

    private static Func<Solution<DenseVector<double>>, TaskOutcome> Report(KnownAnswer<DenseVector<double>> answer)
    {
        var known = KnownOutcome.Of(answer);
        return solution =>
        {
            var (x, y, multiplier) = (solution.Point[X1], solution.Point[Y1], solution.Point[Y2]);
            return known(solution) with
            {
                Metrics =
                [
                    .. known(solution).Metrics,
                    new("lower_gap", answer.Gap!(x, y, multiplier), "primal-dual gap of the lower level at (y1, y2), in closed form"),
                    new("violation", Math.Max(0, y[0] + y[1] - x[0]), "how far y1 breaks the constraint"),
                    new("multiplier_error", multiplier[0] - LowerSolution(x[0]).Multiplier[0], "y2 less the multiplier of y(x)"),
                ],
            };
        };
    }

    private sealed class Upper(double xb) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double a = point[1][0] - 1, b = point[1][1] - 1, apart = point[0][0] - xb;
            return (((a * a) + (b * b)) / 2) + (apart * apart / 4);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == BilevelProblem.X) result[0] = (point[0][0] - xb) / 2;
            else (result[0], result[1]) = (point[1][0] - 1, point[1][1] - 1);
        }
    }

    private sealed class Lower : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double a = point[1][0] - 2, b = point[1][1] - 1;
            return ((a * a) + (b * b)) / 2;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == BilevelProblem.X) result[0] = 0;
            else (result[0], result[1]) = (point[1][0] - 2, point[1][1] - 1);
        }
    }
}
