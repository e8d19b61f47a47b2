namespace Bilevel;

/// <summary>Which way a level goes.</summary>
public enum Sense
{
    /// <summary>The player of the level minimises; its opponent maximises.</summary>
    Minimise,

    /// <summary>The player of the level maximises; its opponent minimises.</summary>
    Maximise,
}

/// <summary>What is assumed of the lower level in its own variables.</summary>
public enum LowerShape
{
    /// <summary>g is convex in z1 and concave in z2 (the other way round where the level maximises), for every x1.</summary>
    ConvexConcave,

    /// <summary>Nothing: methods may be tried, and no answer is certified.</summary>
    General,
}

/// <summary>
/// A bilevel minimax problem (bilevel minimax, section 1.1): minimise over x1, y1, y2 the maximum over x2 of
/// f(x1, x2, y1, y2), where (y1, y2) is a saddle point of min over z1, max over z2 of g(x1, z1, z2). A block that is
/// absent has length 0.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <example>
/// The leader x1 plays against x2 for (x1 - y1)^2/2 + x1 x2 - x2^2/2; below, z1 and z2 play for z1^2/2 + z1 z2 - z2^2/2 - x1 z1, whose saddle is z1 = z2 = x1/2.
/// <code>
/// var upper = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(                  // over (x1, x2, y1, y2)
///     p =&gt; (Math.Pow(p[0][0] - p[2][0], 2) / 2) + (p[0][0] * p[1][0]) - (p[1][0] * p[1][0] / 2),
///     (p, result) =&gt; result[0] = p[0][0] - p[2][0] + p[1][0],
///     (p, result) =&gt; result[0] = p[0][0] - p[1][0],
///     (p, result) =&gt; result[0] = p[2][0] - p[0][0],
///     (p, result) =&gt; result[0] = 0);
/// var lower = new FunctionObjective&lt;DenseVector&lt;double&gt;&gt;(                  // over (x1, z1, z2)
///     p =&gt; (p[1][0] * p[1][0] / 2) + (p[1][0] * p[2][0]) - (p[2][0] * p[2][0] / 2) - (p[0][0] * p[1][0]),
///     (p, result) =&gt; result[0] = -p[1][0],
///     (p, result) =&gt; result[0] = p[1][0] + p[2][0] - p[0][0],
///     (p, result) =&gt; result[0] = p[1][0] - p[2][0]);
/// var box = new Box&lt;double&gt;(-5, 5, length: 1);
/// var problem = new BilevelMinimaxProblem&lt;DenseVector&lt;double&gt;&gt;(upper, lower) { X1 = box, X2 = box, Z1 = box, Z2 = box };
/// var start = BilevelMinimaxProblem.Start(x1: Vectors.Of(1), x2: Vectors.Of(0), y1: Vectors.Of(0), y2: Vectors.Of(0));
/// Console.WriteLine(BilevelSolver.Solve(problem, start, tolerance: 1e-4)["x1"][0]);     // 0
/// </code>
/// </example>
public sealed record BilevelMinimaxProblem<V> : IEnlargeable<V>
    where V : class, IVector<V>
{
    /// <summary>Makes a problem of two objectives.</summary>
    /// <param name="upper">f over the blocks (x1, x2, y1, y2).</param>
    /// <param name="lower">g over the blocks (x1, z1, z2).</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public BilevelMinimaxProblem(IObjective<V> upper, IObjective<V> lower)
    {
        ArgumentNullException.ThrowIfNull(upper);
        ArgumentNullException.ThrowIfNull(lower);
        (Upper, Lower) = (upper, lower);
    }

    /// <summary>f, the upper objective over the blocks (x1, x2, y1, y2), without its proximal terms.</summary>
    public IObjective<V> Upper { get; init; }

    /// <summary>g, the lower objective over the blocks (x1, z1, z2), without its proximal terms.</summary>
    public IObjective<V> Lower { get; init; }

    /// <summary>Whether the leader (x1, y1, y2) minimises f against x2, or maximises it. To be set before <see cref="Lift.UpperConstraints{T}"/>, which takes the sign of the constraints from it.</summary>
    public Sense UpperSense { get; init; }

    /// <summary>Whether z1 minimises g against z2, or maximises it. Where z2 holds multipliers the lift has set it (<see cref="ConstrainedLowerLevel{T}.Sense"/>); changed here, the constraints would be turned around.</summary>
    public Sense LowerSense { get; init; }

    /// <summary>The set of x1, or the term that the leader pays for it.</summary>
    public IProximalTerm<V> X1 { get; init; } = new WholeSpace<V>();

    /// <summary>The set of x2, or the term that the upper opponent pays for it.</summary>
    public IProximalTerm<V> X2
    {
        get => UpperMultipliers?.Set ?? field;
        init;
    } = new WholeSpace<V>();

    /// <summary>The set of y1 and z1, or the term that the follower pays for it.</summary>
    public IProximalTerm<V> Z1 { get; init; } = new WholeSpace<V>();

    /// <summary>The set of y2 and z2, or the term that the lower opponent pays for it; that of <see cref="LowerMultipliers"/> where there are any.</summary>
    public IProximalTerm<V> Z2
    {
        get => LowerMultipliers?.Set ?? field;
        init;
    } = new WholeSpace<V>();

    /// <summary>What is known of the problem.</summary>
    public MinimaxConstants Constants { get; init; } = new();

    /// <summary>What is assumed of g in z1 and z2.</summary>
    public LowerShape Shape { get; init; }

    /// <summary>What z2 means where it holds Lagrange multipliers of the lower level's constraints; null where it does not.</summary>
    public Multipliers<V>? LowerMultipliers { get; init; }

    /// <summary>What x2 means where it holds Lagrange multipliers of the upper level's constraints; null where it does not.</summary>
    public Multipliers<V>? UpperMultipliers { get; init; }

    /// <summary>How sentences name what a lift was made of.</summary>
    internal LiftWords Words { get; init; } = LiftWords.None;

    /// <inheritdoc/>
    public IReadOnlyList<Block<V>> Blocks => [new("x1", X1), new("x2", X2), new("y1", Z1), new("y2", Z2), new("z1", Z1), new("z2", Z2)];

    /// <inheritdoc/>
    public IReadOnlyList<int> UpperBlocks => [BilevelMinimaxProblem.X1, BilevelMinimaxProblem.X2, BilevelMinimaxProblem.Y1, BilevelMinimaxProblem.Y2];

    /// <inheritdoc/>
    public IReadOnlyList<int> LowerBlocks => [BilevelMinimaxProblem.X1, BilevelMinimaxProblem.Y1, BilevelMinimaxProblem.Y2];

    /// <inheritdoc/>
    public IReadOnlyList<string> LowerBlockNames => ["x1", "z1", "z2"];

    /// <inheritdoc/>
    public int FollowerBlock => BilevelMinimaxProblem.Y1;

    /// <summary>1 where the leader minimises, -1 where it maximises.</summary>
    internal double UpperSign => UpperSense == Sense.Minimise ? 1 : -1;

    /// <summary>1 where the follower minimises, -1 where it maximises.</summary>
    internal double LowerSign => LowerSense == Sense.Minimise ? 1 : -1;

    /// <summary>D = sqrt(D_X2^2 + D_Z1^2 + D_Z2^2) (section 1.4), the diameter of what v = (x2, z1, z2) ranges over; infinite where a set has no bounds.</summary>
    /// <param name="point">The six blocks, for their lengths.</param>
    internal double MaximiserDiameter(IReadOnlyList<V> point)
    {
        double square = 0;
        foreach (int b in new[] { BilevelMinimaxProblem.X2, BilevelMinimaxProblem.Z1, BilevelMinimaxProblem.Z2 })
        {
            double own = point[b].Length == 0 ? 0 : Blocks[b].Term.DiameterAt(point[b].Length);
            square += own * own;
        }

        return Math.Sqrt(square);
    }

    /// <inheritdoc/>
    public IProblem<V> With(IObjective<V> upper, IObjective<V> lower) => this with { Upper = upper, Lower = lower };

    /// <inheritdoc/>
    public (double Upper, double Lower) TermsAt(IReadOnlyList<V> point) => (
        UpperSign * (X1.Value(point[BilevelMinimaxProblem.X1]) - X2.Value(point[BilevelMinimaxProblem.X2])),
        LowerSign * (Z1.Value(point[BilevelMinimaxProblem.Y1]) - Z2.Value(point[BilevelMinimaxProblem.Y2])));

    /// <inheritdoc/>
    public string? Touched(IReadOnlyList<V> point) => TouchedLower(point) ?? TouchedUpper(point);

    /// <inheritdoc/>
    public long Enlarge(long enlargement, IReadOnlyList<V> point) =>
        enlargement + (TouchedLower(point) is null ? 0 : OnceLower) + (TouchedUpper(point) is null ? 0 : OnceUpper);

    /// <inheritdoc/>
    public IProblem<V> Enlarged(long enlargement)
    {
        int lower = (int)(enlargement % OnceUpper), upper = (int)(enlargement / OnceUpper);
        return enlargement == 0 ? this : this with
        {
            Constants = Constants.Enlarged(lower, upper),
            LowerMultipliers = LowerMultipliers?.Doubled(lower),
            UpperMultipliers = UpperMultipliers?.Doubled(upper),
        };
    }

    // The doublings of the lower level's bounds are counted in the low bits, those of the upper level's above.
    private const long OnceLower = 1, OnceUpper = 1 << 16;

    private string? TouchedLower(IReadOnlyList<V> point) => LowerMultipliers?.Touched(point[BilevelMinimaxProblem.Y2]) ?? LowerMultipliers?.Touched(point[BilevelMinimaxProblem.Z2]);

    private string? TouchedUpper(IReadOnlyList<V> point) => UpperMultipliers?.Touched(point[BilevelMinimaxProblem.X2]);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate(IReadOnlyList<V> start)
    {
        if ((CopiesDiffer(start, BilevelMinimaxProblem.Y1, BilevelMinimaxProblem.Z1) ?? CopiesDiffer(start, BilevelMinimaxProblem.Y2, BilevelMinimaxProblem.Z2)) is { } differ)
        {
            yield return differ;
            yield break;
        }

        foreach (var finding in Constants.Validate()) yield return finding;
        foreach (var (level, multipliers) in new[] { ("lower", LowerMultipliers), ("upper", UpperMultipliers) })
        {
            if (multipliers?.Margin <= 0)
                yield return new Finding(Severity.Error, FormattableString.Invariant($"A bound on the multipliers of the {level} level's constraints is not above B0 (the bounds are at most {multipliers.Bound:G6}, B0 at most {multipliers.OptimalBound:G6}), so a small gap would not imply a small violation."), "Take B0 + 1, or leave B0 out where it is not known.");
        }

        if (Shape != LowerShape.ConvexConcave) yield break;
        foreach (var (name, term, length, modulus, constant) in new[]
        {
            ("z1", Z1, start[BilevelMinimaxProblem.Z1].Length, Constants.LowerStrongConvexity, nameof(MinimaxConstants.LowerStrongConvexity)),
            ("z2", Z2, start[BilevelMinimaxProblem.Z2].Length, Constants.LowerStrongConcavity, nameof(MinimaxConstants.LowerStrongConcavity)),
        })
        {
            if (MinimaxAssumptions.Unbounded(term, length, modulus))
                yield return new Finding(Severity.Warning, Words.In($"The block {name} has no bounds and no {constant} is declared, so no answer can be certified."), Words.In($"The run goes on; give {name} a bounded set, or declare the constant."));
        }

        if (MinimaxAssumptions.Contradiction(this, start, ProbedDirections, thorough: false) is { } broken)
            yield return new Finding(Severity.Error, $"At the start {broken.Sentence}.", broken.Remedy);
    }

    private Finding? CopiesDiffer(IReadOnlyList<V> start, int y, int z) => start[y].Length == start[z].Length ? null : new Finding(
        Severity.Error,
        FormattableString.Invariant($"The start of {Blocks[z].Name} has length {start[z].Length}, that of {Blocks[y].Name} has length {start[y].Length}; {Blocks[z].Name} is a copy of {Blocks[y].Name}."),
        $"Give both the same length; {nameof(BilevelMinimaxProblem)}.{nameof(BilevelMinimaxProblem.Start)} makes the copies.");

    // The least curvature is looked for in so many directions before a run; the certificate looks closer.
    private const int ProbedDirections = 8;
}

/// <summary>The blocks of a <see cref="BilevelMinimaxProblem{V}"/>.</summary>
public static class BilevelMinimaxProblem
{
    /// <summary>Block of the upper minimiser x1.</summary>
    public const int X1 = 0;

    /// <summary>Block of the upper maximiser x2.</summary>
    public const int X2 = 1;

    /// <summary>Block of the lower minimiser's answer y1.</summary>
    public const int Y1 = 2;

    /// <summary>Block of the lower maximiser's answer y2.</summary>
    public const int Y2 = 3;

    /// <summary>Block of the copy z1 of the lower minimiser.</summary>
    public const int Z1 = 4;

    /// <summary>Block of the copy z2 of the lower maximiser.</summary>
    public const int Z2 = 5;

    /// <summary>Number of blocks of a point.</summary>
    public const int BlockCount = 6;

    /// <summary>Number of blocks of f: x1, x2, y1, y2.</summary>
    public const int UpperCount = 4;

    /// <summary>Number of blocks of g: x1, z1, z2.</summary>
    public const int LowerCount = 3;

    /// <summary>The blocks of g.</summary>
    public static class Lower
    {
        /// <summary>Block of the upper minimiser x1.</summary>
        public const int X1 = 0;

        /// <summary>Block of the lower minimiser z1.</summary>
        public const int Z1 = 1;

        /// <summary>Block of the lower maximiser z2.</summary>
        public const int Z2 = 2;
    }

    /// <summary>A start whose copies z1, z2 are y1, y2.</summary>
    /// <param name="x1">The upper minimiser.</param>
    /// <param name="x2">The upper maximiser; length 0 where there is none.</param>
    /// <param name="y1">The lower minimiser.</param>
    /// <param name="y2">The lower maximiser; length 0 where there is none.</param>
    public static V[] Start<V>(V x1, V x2, V y1, V y2)
        where V : class, IVector<V> => [x1, x2, y1, y2, y1.Copy(), y2.Copy()];

    /// <summary>A start of a problem without x2, such as one with a constrained lower level.</summary>
    /// <param name="x1">The upper minimiser.</param>
    /// <param name="y1">The lower minimiser.</param>
    /// <param name="y2">The lower maximiser, or the multipliers, one number per constraint; zeros do.</param>
    public static V[] Start<V>(V x1, V y1, V y2)
        where V : class, IVector<V>, IResizable<V> => Start(x1, x1.Zeros(0), y1, y2);

    /// <summary>A start of a problem without maximising blocks, such as the lift of a bilevel problem.</summary>
    /// <param name="x1">The upper minimiser.</param>
    /// <param name="y1">The lower minimiser.</param>
    public static V[] Start<V>(V x1, V y1)
        where V : class, IVector<V>, IResizable<V> => Start(x1, x1.Zeros(0), y1, x1.Zeros(0));
}

/// <summary>Known constants of a bilevel minimax problem, each null when unknown.</summary>
public sealed record MinimaxConstants
{
    /// <summary>L_f: Lipschitz constant of the gradient of f, jointly in all its blocks.</summary>
    public double? UpperSmoothness { get; init; }

    /// <summary>L_g: Lipschitz constant of the gradient of g, jointly in all its blocks.</summary>
    public double? LowerSmoothness { get; init; }

    /// <summary>mu1: g is mu1-strongly convex in z1; needed for a gap bound where z1 has no bounds.</summary>
    public double? LowerStrongConvexity { get; init; }

    /// <summary>mu2: g is mu2-strongly concave in z2; needed for a gap bound where z2 has no bounds.</summary>
    public double? LowerStrongConcavity { get; init; }

    /// <summary>The part of <see cref="LowerSmoothness"/> that is proportional to the bound on multipliers, so that it grows when the bound is doubled.</summary>
    public double LowerSmoothnessPerBound { get; init; }

    /// <summary>The part of <see cref="UpperSmoothness"/> that is proportional to the bound on multipliers.</summary>
    public double UpperSmoothnessPerBound { get; init; }

    /// <summary>L_h = L_f + 2 rho L_g (bilevel minimax, section 2.5); null when one of them is unknown.</summary>
    /// <param name="penalty">rho.</param>
    public double? PenaltySmoothness(double penalty) => UpperSmoothness + (2 * penalty * LowerSmoothness);

    internal MinimaxConstants Enlarged(int lower, int upper)
    {
        double moreLower = Math.Pow(2, lower) - 1, moreUpper = Math.Pow(2, upper) - 1;
        return this with
        {
            UpperSmoothness = UpperSmoothness + (moreUpper * UpperSmoothnessPerBound),
            UpperSmoothnessPerBound = (moreUpper + 1) * UpperSmoothnessPerBound,
            LowerSmoothness = LowerSmoothness + (moreLower * LowerSmoothnessPerBound),
            LowerSmoothnessPerBound = (moreLower + 1) * LowerSmoothnessPerBound,
        };
    }

    internal IEnumerable<Finding> Validate()
    {
        foreach (var (name, value) in new[]
        {
            (nameof(UpperSmoothness), UpperSmoothness),
            (nameof(LowerSmoothness), LowerSmoothness),
            (nameof(LowerStrongConvexity), LowerStrongConvexity),
            (nameof(LowerStrongConcavity), LowerStrongConcavity),
        })
        {
            if (Finding.OfConstant(name, value) is { } finding) yield return finding;
        }

        if (LowerStrongConvexity > LowerSmoothness || LowerStrongConcavity > LowerSmoothness)
            yield return new Finding(Severity.Error, "The declared strong convexity or concavity of the lower level exceeds its smoothness.", "One of the constants is wrong: mu <= Lg always.");
    }
}
