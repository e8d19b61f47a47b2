namespace Bilevel;

/// <summary>
/// A bilevel problem: minimise f(x, y) over x in X and y, where y minimises g(x, .) over Y.
/// The hyperobjective is F(x) = f(x, y*(x)).
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <example>
/// x between 0 and 2, y not negative, and what is known of g and f: with it the answer can be proved.
/// <code>
/// static BilevelProblem&lt;DenseVector&lt;double&gt;&gt; Declared(IObjective&lt;DenseVector&lt;double&gt;&gt; upper, IObjective&lt;DenseVector&lt;double&gt;&gt; lower) =&gt; new(upper, lower)
/// {
///     UpperSet = new Box&lt;double&gt;(0, 2, length: 1),
///     LowerSet = new NonnegativeOrthant&lt;double&gt;(),
///     Constants = new ProblemConstants
///     {
///         LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1.5, LowerHessianLipschitz = 0,
///         UpperSmoothness = 2, UpperCoupling = 0,
///     },
/// };
/// </code>
/// </example>
public sealed record BilevelProblem<V> : IProblem<V>
    where V : class, IVector<V>
{
    /// <summary>Makes a problem of two objectives over the blocks (x, y).</summary>
    /// <param name="upper">f, the leader's objective.</param>
    /// <param name="lower">g, the follower's objective.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public BilevelProblem(IObjective<V> upper, IObjective<V> lower)
    {
        ArgumentNullException.ThrowIfNull(upper);
        ArgumentNullException.ThrowIfNull(lower);
        (Upper, Lower) = (upper, lower);
    }

    /// <summary>f, the upper (leader's) objective over the blocks (x, y).</summary>
    public IObjective<V> Upper { get; init; }

    /// <summary>g, the lower (follower's) objective over the blocks (x, y).</summary>
    public IObjective<V> Lower { get; init; }

    /// <summary>X, the feasible set of x.</summary>
    public IFeasibleSet<V> UpperSet { get; init; } = new WholeSpace<V>();

    /// <summary>Y, the feasible set of y; does not depend on x.</summary>
    public IFeasibleSet<V> LowerSet { get; init; } = new WholeSpace<V>();

    /// <summary>What is known of the problem for every x that a method may visit.</summary>
    public ProblemConstants Constants { get; init; } = new();

    /// <summary>
    /// What is known at one x, often far sharper than <see cref="Constants"/>; the certificate asks it, because it
    /// varies y alone. What it leaves null is taken from <see cref="Constants"/>.
    /// </summary>
    public Func<V, ProblemConstants>? ConstantsAt { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<Block<V>> Blocks => [new("x", UpperSet), new("y", LowerSet)];

    /// <inheritdoc/>
    public IReadOnlyList<int> UpperBlocks => [BilevelProblem.X, BilevelProblem.Y];

    /// <inheritdoc/>
    public IReadOnlyList<int> LowerBlocks => UpperBlocks;

    /// <inheritdoc/>
    public IReadOnlyList<string> LowerBlockNames => ["x", "y"];

    /// <inheritdoc/>
    public int FollowerBlock => BilevelProblem.Y;

    /// <inheritdoc/>
    public IProblem<V> With(IObjective<V> upper, IObjective<V> lower) => this with { Upper = upper, Lower = lower };

    /// <inheritdoc/>
    public (double Upper, double Lower) TermsAt(IReadOnlyList<V> point) => (0, 0);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate(IReadOnlyList<V> start)
    {
        foreach (var (name, value) in new[]
        {
            (nameof(Constants.LowerStrongConvexity), Constants.LowerStrongConvexity),
            (nameof(Constants.LowerSmoothness), Constants.LowerSmoothness),
            (nameof(Constants.LowerCoupling), Constants.LowerCoupling),
            (nameof(Constants.LowerHessianLipschitz), Constants.LowerHessianLipschitz),
            (nameof(Constants.LowerMixedHessianLipschitz), Constants.LowerMixedHessianLipschitz),
            (nameof(Constants.LowerThirdDerivativeLipschitz), Constants.LowerThirdDerivativeLipschitz),
            (nameof(Constants.LowerMixedThirdDerivativeLipschitz), Constants.LowerMixedThirdDerivativeLipschitz),
            (nameof(Constants.UpperSmoothness), Constants.UpperSmoothness),
            (nameof(Constants.UpperCoupling), Constants.UpperCoupling),
        })
        {
            if (Finding.OfConstant(name, value) is { } finding) yield return finding;
        }

        if (Constants.LowerStrongConvexity > Constants.LowerSmoothness)
            yield return new Finding(Severity.Error, "The declared strong convexity of the lower level exceeds its smoothness.", "One of the two constants is wrong: mu <= Lg1 always.");
    }
}

/// <summary>The order of the blocks of a <see cref="BilevelProblem{V}"/>.</summary>
public static class BilevelProblem
{
    /// <summary>Block of the upper variable x.</summary>
    public const int X = 0;

    /// <summary>Block of the lower variable y.</summary>
    public const int Y = 1;

    /// <summary>Number of blocks.</summary>
    public const int BlockCount = 2;
}

/// <summary>
/// Known constants of a problem, each null when unknown. They are what step sizes, stopping tolerances and the
/// hypergradient certificate are computed from (penalty methods, assumptions of F2SA and F2BA).
/// </summary>
public sealed record ProblemConstants
{
    /// <summary>mu: g(x, .) is mu-strongly convex.</summary>
    public double? LowerStrongConvexity { get; init; }

    /// <summary>Lg1: Lipschitz constant in y of the y-gradient of g, a bound on the norm of g_yy.</summary>
    public double? LowerSmoothness { get; init; }

    /// <summary>Lipschitz constant in y of the x-gradient of g, a bound on the norm of g_xy.</summary>
    public double? LowerCoupling { get; init; }

    /// <summary>Lg2: Lipschitz constant in y of g_yy, and of g_xy unless <see cref="LowerMixedHessianLipschitz"/> says more; 0 when both are constant in y.</summary>
    public double? LowerHessianLipschitz { get; init; }

    /// <summary>Lipschitz constant in y of g_xy, where it differs from <see cref="LowerHessianLipschitz"/>; null: that one holds for both.</summary>
    public double? LowerMixedHessianLipschitz { get; init; }

    /// <summary>
    /// Lg3: Lipschitz constant in y of the third derivative of g in y, a bound on the norm of the fourth. With it the certificate takes second derivatives from
    /// longer differences, which rounding disturbs less.
    /// </summary>
    public double? LowerThirdDerivativeLipschitz { get; init; }

    /// <summary>Lipschitz constant in y of g_xyy, a bound on the norm of g_xyyy, for the same use.</summary>
    public double? LowerMixedThirdDerivativeLipschitz { get; init; }

    /// <summary>Lf1: Lipschitz constant in y of the y-gradient of f, a bound on the norm of f_yy.</summary>
    public double? UpperSmoothness { get; init; }

    /// <summary>Lipschitz constant in y of the x-gradient of f, a bound on the norm of f_xy; 0 when x enters f apart from y.</summary>
    public double? UpperCoupling { get; init; }

    /// <summary>kappa: <see cref="LowerSmoothness"/> / <see cref="LowerStrongConvexity"/>.</summary>
    public double? ConditionNumber => LowerSmoothness / LowerStrongConvexity;

    /// <summary>These constants, with those of <paramref name="others"/> where one is unknown here.</summary>
    public ProblemConstants Or(ProblemConstants others) => new()
    {
        LowerStrongConvexity = LowerStrongConvexity ?? others.LowerStrongConvexity,
        LowerSmoothness = LowerSmoothness ?? others.LowerSmoothness,
        LowerCoupling = LowerCoupling ?? others.LowerCoupling,
        LowerHessianLipschitz = LowerHessianLipschitz ?? others.LowerHessianLipschitz,
        LowerMixedHessianLipschitz = LowerMixedHessianLipschitz ?? (LowerHessianLipschitz is null ? others.LowerMixedHessianLipschitz : null),
        LowerThirdDerivativeLipschitz = LowerThirdDerivativeLipschitz ?? others.LowerThirdDerivativeLipschitz,
        LowerMixedThirdDerivativeLipschitz = LowerMixedThirdDerivativeLipschitz ?? others.LowerMixedThirdDerivativeLipschitz,
        UpperSmoothness = UpperSmoothness ?? others.UpperSmoothness,
        UpperCoupling = UpperCoupling ?? others.UpperCoupling,
    };
}
