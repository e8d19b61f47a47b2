using System.Numerics;

namespace Bilevel;

/// <summary>One of several followers: a lower level of its own over (x1, z1, z2), independent of the others.</summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed record Follower<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>A follower whose lower level is a saddle problem.</summary>
    /// <param name="lower">g over the blocks (x1, z1, z2).</param>
    /// <param name="z1Length">Number of its variables z1, at least 1.</param>
    /// <param name="z2Length">Number of its opponent's variables z2; 0 for none.</param>
    public Follower(IObjective<DenseVector<T>> lower, int z1Length, int z2Length)
    {
        ArgumentNullException.ThrowIfNull(lower);
        ArgumentOutOfRangeException.ThrowIfLessThan(z1Length, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(z2Length);
        (Lower, Z1Length, Z2Length) = (lower, z1Length, z2Length);
    }

    /// <summary>A follower that minimises g over the blocks (x1, z1).</summary>
    /// <param name="lower">g over the blocks (x1, z1).</param>
    /// <param name="z1Length">Number of its variables z1, at least 1.</param>
    public Follower(IObjective<DenseVector<T>> lower, int z1Length)
        : this(new SelectedBlocks<DenseVector<T>>(lower, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1), z1Length, 0)
    {
    }

    /// <summary>A follower with constraints; its z2 holds their multipliers.</summary>
    /// <param name="lower">Its lower level.</param>
    /// <param name="z1Length">Number of its variables z1, at least 1.</param>
    public Follower(ConstrainedLowerLevel<T> lower, int z1Length)
        : this(lower?.Build()!, z1Length, lower?.Constraints.Count ?? 0)
    {
        ArgumentNullException.ThrowIfNull(lower);
        Multipliers = lower.Multipliers();
        Objective = new SelectedBlocks<DenseVector<T>>(lower.Objective, BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1);
        Constraints = lower.Constraints;
        Sense = lower.Sense;
        Z1 = lower.Set;
        Constants = lower.Constants(EuclideanNorm.Of<double>([.. Multipliers.Select(m => m.LargestNorm)]));
    }

    /// <summary>g over the blocks (x1, z1, z2).</summary>
    public IObjective<DenseVector<T>> Lower { get; }

    /// <summary>Number of the follower's variables z1.</summary>
    public int Z1Length { get; }

    /// <summary>Number of its opponent's variables z2, or of its constraints.</summary>
    public int Z2Length { get; }

    /// <summary>Whether the follower minimises g or maximises it.</summary>
    public Sense Sense { get; init; }

    /// <summary>The set of z1, or the term that the follower pays for it.</summary>
    public IProximalTerm<DenseVector<T>> Z1 { get; init; } = new DenseWholeSpace<T>();

    /// <summary>The set of z2, or the term that its opponent pays for it; not used where z2 holds multipliers.</summary>
    public IProximalTerm<DenseVector<T>> Z2 { get; init; } = new DenseWholeSpace<T>();

    /// <summary>What is known of g: the constants of the lower level.</summary>
    public MinimaxConstants Constants { get; init; } = new();

    internal IReadOnlyList<MultiplierSlice<T>>? Multipliers { get; }

    internal IObjective<DenseVector<T>>? Objective { get; }

    internal IObjective<DenseVector<T>>? Constraints { get; }
}

public static partial class Lift
{
    /// <summary>
    /// Several independent followers as one lower level whose variables are theirs laid end to end: g(x1, z1, z2) is the
    /// sum of g_i(x1, z1_i, z2_i), so its saddle points are theirs side by side and its gap is the sum of their gaps.
    /// </summary>
    /// <remarks>Where some followers minimise and others maximise, g is the sum of their objectives with the sign that makes all minimise.</remarks>
    /// <param name="upper">f, whose y1 and y2 hold the answers of all followers, one after the other.</param>
    /// <param name="followers">The followers.</param>
    /// <param name="upperBlocks">Which of x1, x2, y1, y2 f is a function of, in its order; none for x1, y1.</param>
    /// <exception cref="ArgumentException">There is no follower, or something declared cannot be.</exception>
    public static BilevelMinimaxProblem<DenseVector<T>> Followers<T>(IObjective<DenseVector<T>> upper, IReadOnlyList<Follower<T>> followers, params IReadOnlyList<int> upperBlocks)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(followers);
        if (followers.Count == 0) throw new ArgumentException("There is no follower; give one or more.", nameof(followers));
        const int X1 = BilevelMinimaxProblem.Lower.X1, Z1 = BilevelMinimaxProblem.Lower.Z1, Z2 = BilevelMinimaxProblem.Lower.Z2;
        var sense = followers.All(f => f.Sense == Sense.Maximise) ? Sense.Maximise : Sense.Minimise;
        List<ObjectiveTerm<T>> lower = [], objectives = [], constraints = [];
        List<(int, DenseTerm<T>)> terms1 = [], terms2 = [];
        List<MultiplierSlice<T>> slices = [];
        bool someMultipliers = followers.Any(f => f.Multipliers is not null);
        int offset1 = 0, offset2 = 0;
        foreach (var follower in followers)
        {
            double sign = follower.Sense == sense ? 1 : -1;
            BlockSlice[] blocks = [X1, new(Z1, offset1, follower.Z1Length), new(Z2, offset2, follower.Z2Length)];
            lower.Add(new(sign, follower.Lower, blocks));
            objectives.Add(new(sign, follower.Objective ?? follower.Lower, blocks));
            if (follower.Constraints is { } c) constraints.Add(new(1, c, blocks));
            terms1.Add((follower.Z1Length, Dense<T, DenseTerm<T>>(follower.Z1, "a follower's z1")));
            if (follower.Multipliers is { } multipliers) slices.AddRange(multipliers);
            else if (follower.Z2Length > 0 && someMultipliers) slices.Add(MultiplierSlice<T>.Variables(follower.Z2Length, Dense<T, DenseSet<T>>(follower.Z2, "a follower's z2, beside multipliers,")));
            else if (follower.Z2Length > 0) terms2.Add((follower.Z2Length, Dense<T, DenseTerm<T>>(follower.Z2, "a follower's z2")));
            (offset1, offset2) = (offset1 + follower.Z1Length, offset2 + follower.Z2Length);
        }

        var problem = new BilevelMinimaxProblem<DenseVector<T>>(OverUpperBlocks(upper, upperBlocks), new ComposedObjective<T>(lower))
        {
            LowerSense = sense,
            Z1 = Product(terms1),
            Z2 = Product(terms2),
            Constants = Together(followers),
        };
        if (!someMultipliers) return problem;
        var all = new DenseMultipliers<T>(slices) { Objective = new ComposedObjective<T>(objectives), Constraints = new ComposedObjective<T>(constraints) };
        return problem with { LowerMultipliers = all, Z2 = all.Set };
    }

    /// <summary>Vectors laid end to end, as the blocks of several followers are.</summary>
    public static DenseVector<T> Concatenate<T>(params IReadOnlyList<DenseVector<T>> vectors)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new([.. vectors.SelectMany(v => v.Span.ToArray())]);

    private static DenseTerm<T> Product<T>(List<(int Length, DenseTerm<T> Term)> terms)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        terms.Count == 0 ? new DenseWholeSpace<T>()
        : terms.TrueForAll(t => t.Term is DenseSet<T>) ? new ProductSet<T>([.. terms.Select(t => (t.Length, (DenseSet<T>)t.Term))])
        : new ProductTerm<T>([.. terms]);

    // The x1-gradients add up, so the Lipschitz constants do; all share the least of the moduli.
    private static MinimaxConstants Together<T>(IReadOnlyList<Follower<T>> followers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double? smoothness = 0;
        foreach (var follower in followers) smoothness += follower.Constants.LowerSmoothness;
        return new MinimaxConstants
        {
            LowerSmoothness = smoothness,
            LowerSmoothnessPerBound = followers.Sum(f => f.Constants.LowerSmoothnessPerBound),
            LowerStrongConvexity = Least(followers.Select(f => f.Constants.LowerStrongConvexity)),
            LowerStrongConcavity = Least(followers.Where(f => f.Z2Length > 0).Select(f => f.Constants.LowerStrongConcavity)),
        };
    }

    private static double? Least(IEnumerable<double?> moduli) => moduli.Any(m => m is null) ? null : moduli.Min();
}
