using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// A lower level with convex constraints (bilevel minimax, section 8): z1 minimises phi(x1, z1) over its set subject to
/// c_i(x1, z1) &lt;= 0 for the inequalities, which come first, and c_i(x1, z1) = 0 for the equalities. phi and the
/// inequalities must be convex in z1 for every x1 (phi concave where the follower maximises), the equalities affine in
/// z1: neither can be detected from values.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <example>
/// A follower that minimises (y - 2)^2/2 subject to y &lt;= x; the leader minimises (y - 1)^2/2, so that x = y = 1.
/// <code>
/// var follower = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(
///     value: (x, z) =&gt; Math.Pow(z[0] - 2, 2) / 2,
///     gradientX: (x, z, result) =&gt; result[0] = 0,
///     gradientY: (x, z, result) =&gt; result[0] = z[0] - 2);
/// var leader = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(
///     value: (x, y) =&gt; Math.Pow(y[0] - 1, 2) / 2,
///     gradientX: (x, y, result) =&gt; result[0] = 0,
///     gradientY: (x, y, result) =&gt; result[0] = y[0] - 1);
/// var lower = new ConstrainedLowerLevel&lt;double&gt;(follower, new LinearConstraints&lt;double&gt;([-1], [1], [0]))     // -x + z &lt;= 0
/// {
///     Set = new Box&lt;double&gt;(-5, 5, length: 1),
/// };
/// var problem = Lift.ConstrainedLowerLevel(leader, lower) with { X1 = new Box&lt;double&gt;(-4, 4, length: 1) };
/// var start = BilevelMinimaxProblem.Start(x1: Vectors.Of(0), y1: Vectors.Of(0), y2: Vectors.Of(0));
/// Console.WriteLine(BilevelSolver.Solve(problem, start, tolerance: 1e-3).X[0]);     // 1
/// </code>
/// </example>
public sealed record ConstrainedLowerLevel<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>B where nothing is known of the multipliers; the driver doubles it when it is touched.</summary>
    public const double StartBound = 10;

    /// <summary>Makes a constrained lower level.</summary>
    /// <param name="objective">phi over the blocks (x1, z1).</param>
    /// <param name="constraints">The constraints, inequalities first.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public ConstrainedLowerLevel(IObjective<DenseVector<T>> objective, IConstraints<DenseVector<T>> constraints)
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentNullException.ThrowIfNull(constraints);
        (Objective, Constraints) = (objective, constraints);
    }

    /// <summary>phi, the objective over the blocks (x1, z1).</summary>
    public IObjective<DenseVector<T>> Objective { get; init; }

    /// <summary>The constraints, inequalities first.</summary>
    public IConstraints<DenseVector<T>> Constraints { get; init; }

    /// <summary>How many of the constraints, the last ones, are equalities; the others are inequalities.</summary>
    public int Equalities { get; init; }

    /// <summary>Number of inequalities.</summary>
    public int Inequalities => Constraints.Count - Equalities;

    /// <summary>Whether the follower minimises phi or maximises it; the constraints mean the same either way.</summary>
    public Sense Sense { get; init; }

    /// <summary>The set of z1, or the term that the follower pays for it; does not depend on x1.</summary>
    public IProximalTerm<DenseVector<T>> Set { get; init; } = new WholeSpace<DenseVector<T>>();

    /// <summary>
    /// S: for each x1 that can be visited some point of the set satisfies every inequality c_i &lt;= -S (Slater's
    /// condition); null when unknown. With <see cref="ObjectiveRange"/> it gives B0.
    /// </summary>
    public double? SlaterMargin { get; init; }

    /// <summary>max over x1 of phi(x1, zS(x1)) - min phi(x1, .), with zS Slater's point; where the follower maximises, of the difference the other way round. Null when unknown.</summary>
    public double? ObjectiveRange { get; init; }

    /// <summary>B0, where it is known directly: a bound on the sum of the optimal multipliers of the inequalities, or on the largest of them for the box.</summary>
    public double? OptimalBound { get; init; }

    /// <summary>B, the bound on the multipliers of the inequalities; null for <see cref="Lagrangian.BoundAbove"/> of B0, or <see cref="StartBound"/> where B0 is unknown.</summary>
    public double? Bound { get; init; }

    /// <summary>The set of the multipliers of the inequalities: <see cref="MultiplierSet.Sum"/> or <see cref="MultiplierSet.Box"/>.</summary>
    public MultiplierSet MultiplierSet { get; init; }

    /// <summary>A bound on the norm of the optimal multipliers of the equalities (<see cref="Lagrangian.EqualityBound"/>); null when unknown.</summary>
    public double? EqualityOptimalBound { get; init; }

    /// <summary>The radius of the ball of the multipliers of the equalities; null as for <see cref="Bound"/>.</summary>
    public double? EqualityBound { get; init; }

    /// <summary>L_grad(phi): Lipschitz constant of the gradient of phi in (x1, z1); null when unknown.</summary>
    public double? Smoothness { get; init; }

    /// <summary>Modulus of strong convexity of phi in z1 (strong concavity where the follower maximises); null when unknown.</summary>
    public double? StrongConvexity { get; init; }

    /// <summary>What z2 means: the multipliers and their sets.</summary>
    /// <exception cref="ArgumentException">Something declared cannot be; the message says what and what to do.</exception>
    internal IReadOnlyList<MultiplierSlice<T>> Multipliers()
    {
        if (Equalities < 0) throw new ArgumentException(Invariant($"The number of equalities is {Equalities}; it cannot be negative."));
        if (Inequalities < 0) throw new ArgumentException(Invariant($"There are {Constraints.Count} constraints, of which {Equalities} cannot be equalities; give the equalities last and say how many they are."));
        if (MultiplierSet == MultiplierSet.Ball) throw new ArgumentException($"The multipliers of inequalities cannot be negative, so their set cannot be a ball; use {nameof(MultiplierSet.Sum)} or {nameof(MultiplierSet.Box)}.");
        if (SlaterMargin is { } margin && !(margin > 0))
            throw new ArgumentException(Invariant($"Slater's margin is {margin}, not positive: for every x1 some point of the set must satisfy all inequalities with room to spare, or the multipliers are not bounded. Restrict x1, relax the constraints, or state equalities as equalities."));
        var slices = new List<MultiplierSlice<T>>();
        if (Inequalities > 0)
        {
            double? known = OptimalBound ?? (SlaterMargin is { } s && ObjectiveRange is { } range ? Lagrangian.SlaterBound(range, s) : null);
            slices.Add(MultiplierSlice<T>.Of(MultiplierSet, Inequalities, Choose(Bound, known, nameof(Bound)), known));
        }

        if (Equalities > 0) slices.Add(MultiplierSlice<T>.Of(MultiplierSet.Ball, Equalities, Choose(EqualityBound, EqualityOptimalBound, nameof(EqualityBound)), EqualityOptimalBound));
        return slices;
    }

    /// <summary>phi + sign multipliers' c over the blocks (x1, z1, z2); what the follower minimises is raised by a violation, what it maximises lowered.</summary>
    internal IObjective<DenseVector<T>> Build() => new ComposedObjective<T>(
        new ObjectiveTerm<T>(1, Objective, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1),
        new ObjectiveTerm<T>(Sense == Sense.Minimise ? 1 : -1, Constraints, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1, BilevelMinimaxProblem.Lower.Z2));

    internal MinimaxConstants Constants(double largestNorm)
    {
        double? perBound = Constraints.GradientLipschitz is { } g ? largestNorm * g : null;
        return new MinimaxConstants
        {
            LowerSmoothness = Smoothness + perBound is { } curvature && Constraints.Lipschitz is { } lipschitz ? Lagrangian.Smoothness(curvature, lipschitz) : null,
            LowerSmoothnessPerBound = perBound ?? 0,
            LowerStrongConvexity = StrongConvexity,
        };
    }

    private static double Choose(double? bound, double? optimal, string name)
    {
        if (optimal is { } b0 && (!(b0 >= 0) || double.IsInfinity(b0))) throw new ArgumentException(Invariant($"The bound B0 on optimal multipliers is {b0}; it must be finite and not negative. Leave it null when it is unknown."));
        if (bound is { } b && (!(b > 0) || double.IsInfinity(b))) throw new ArgumentException(Invariant($"{name} is {b}; a bound on multipliers must be positive and finite. Leave it null for a bound that fits."));
        if (bound <= optimal) throw new ArgumentException(Invariant($"{name} is {bound}, not above B0 = {optimal}: a small gap would not imply a small violation. Take B0 + 1, or leave it null."));
        return bound ?? (optimal is { } known ? Lagrangian.BoundAbove(known) : StartBound);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
