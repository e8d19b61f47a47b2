namespace Bilevel;

/// <summary>
/// The constants that step sizes and tolerances are computed from: those that the problem declares, and for the
/// others estimates from differences of gradients at the start. Estimates steer a method; no certificate uses them.
/// </summary>
/// <param name="LowerStrongConvexity">mu.</param>
/// <param name="LowerSmoothness">Lg1 in y.</param>
/// <param name="LowerCoupling">Bound on the norm of g_xy.</param>
/// <param name="UpperSmoothness">Lf1 in y.</param>
/// <param name="UpperCoupling">Bound on the norm of f_xy.</param>
/// <param name="StrongConvexityKnown">Whether mu was declared rather than estimated.</param>
internal readonly record struct LocalConstants(
    double LowerStrongConvexity, double LowerSmoothness, double LowerCoupling, double UpperSmoothness, double UpperCoupling, bool StrongConvexityKnown)
{
    private const int Probes = 30;
    private const double Safety = 1.2, SmallestShare = 1e-6;

    /// <summary>Whether Lg1 and Lf1 were declared rather than estimated: steps computed from declared constants are kept as they are, others adapt.</summary>
    public bool SmoothnessKnown { get; init; }

    /// <summary>Declared constants, completed by estimates at (x, y).</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower variable.</param>
    /// <param name="sample">The sample to estimate on: a method on minibatches need not pay for all data.</param>
    /// <param name="couplings">Whether the couplings are needed; otherwise those not declared are NaN.</param>
    public static LocalConstants Of<V>(BilevelProblem<V> problem, V x, V y, Sample sample = default, bool couplings = true)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        var (smallest, largest) = known is { LowerSmoothness: not null, LowerStrongConvexity: not null } ? (0, 0) : Curvatures(problem.Lower, x, y, sample);
        double lowerSmoothness = known.LowerSmoothness ?? Safety * largest;

        // A follower that is linear where it starts has a size all the same.
        if (!(lowerSmoothness > 0)) lowerSmoothness = 1;
        double upperSmoothness = known.UpperSmoothness ?? Safety * Curvatures(problem.Upper, x, y, sample).Largest;

        // The estimate of the smallest curvature comes from above; its floor keeps a flat or concave start usable.
        double mu = known.LowerStrongConvexity ?? Math.Max(smallest / Safety, SmallestShare * lowerSmoothness);
        return new LocalConstants(
            mu,
            lowerSmoothness,
            known.LowerCoupling ?? (couplings ? AnswersAtAll(Safety * LargestCoupling(problem.Lower, x, y, sample), lowerSmoothness) : double.NaN),
            upperSmoothness,
            known.UpperCoupling ?? (couplings ? Safety * LargestCoupling(problem.Upper, x, y, sample) : double.NaN),
            known.LowerStrongConvexity is not null)
        { SmoothnessKnown = known.LowerSmoothness is not null && known.UpperSmoothness is not null };
    }

    /// <summary>The constants where the run is now: those not declared are estimated anew. Estimates that are not finite change nothing.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower variable.</param>
    /// <param name="sample">The sample to estimate on.</param>
    internal LocalConstants Again<V>(BilevelProblem<V> problem, V x, V y, Sample sample = default)
        where V : class, IVector<V>
    {
        if (problem.Constants is { LowerStrongConvexity: not null, LowerSmoothness: not null, LowerCoupling: not null, UpperSmoothness: not null, UpperCoupling: not null }) return this;
        var now = Of(problem, x, y, sample);
        double sum = now.LowerStrongConvexity + now.LowerSmoothness + now.LowerCoupling + now.UpperSmoothness + now.UpperCoupling;
        return double.IsFinite(sum) ? now : this;
    }

    /// <summary>Saves or loads the constants.</summary>
    public static void Transfer(IArchive archive, ref LocalConstants constants)
    {
        double mu = constants.LowerStrongConvexity, lg = constants.LowerSmoothness, lc = constants.LowerCoupling, lf = constants.UpperSmoothness, uc = constants.UpperCoupling;
        bool known = constants.StrongConvexityKnown;
        archive.Transfer(ref mu);
        archive.Transfer(ref lg);
        archive.Transfer(ref lc);
        archive.Transfer(ref lf);
        archive.Transfer(ref uc);
        archive.Transfer(ref known);
        bool smooth = constants.SmoothnessKnown;
        archive.Transfer(ref smooth);
        constants = new LocalConstants(mu, lg, lc, lf, uc, known) { SmoothnessKnown = smooth };
    }

    /// <summary>Estimates the smallest eigenvalue and the norm of the Hessian in y by the Lanczos process on differences of y-gradients.</summary>
    public static (double Smallest, double Largest) Curvatures<V>(IObjective<V> objective, V x, V y, Sample sample = default)
        where V : class, IVector<V>
    {
        var direction = y.ZerosLike();
        RandomDirection.Fill(direction, key: 1);
        var (smallest, largest) = new GradientDifference<V>(objective, x, y, sample).Curvatures(direction, Probes);
        return (smallest, Math.Max(Math.Abs(smallest), Math.Abs(largest)));
    }

    // A coupling of exactly zero at one point proves nothing elsewhere: until it is met, y is taken to answer x one to one.
    private static double AnswersAtAll(double coupling, double smoothness) => coupling == 0 ? smoothness : coupling;

    private static double LargestCoupling<V>(IObjective<V> objective, V x, V y, Sample sample)
        where V : class, IVector<V>
    {
        var mixed = new GradientDifference<V>(objective, x, y, sample);
        return mixed.CouplingNorm(Probes / 3);
    }
}

/// <summary>Second derivatives along a direction from central differences of gradients.</summary>
internal sealed class GradientDifference<V>
    where V : class, IVector<V>
{
    private readonly V x, y, shifted, mirrored, shiftedX, mirroredX;
    private readonly PreparedRequest<V> yAlongY, xAlongY, yAlongX;
    private readonly V yResult, xResult;
    private readonly double relativeStep;
    private readonly Sample sample;

    public GradientDifference(IObjective<V> objective, V x, V y, Sample sample = default)
    {
        (this.x, this.y, this.sample) = (x, y, sample);
        (shifted, mirrored, yResult) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        (shiftedX, mirroredX, xResult) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
        yAlongY = new(objective, [[x, shifted], [x, mirrored]], [new(BilevelProblem.Y, Output.Combined, yResult)], [1, -1]);
        xAlongY = new(objective, [[x, shifted], [x, mirrored]], [new(BilevelProblem.X, Output.Combined, xResult)], [1, -1]);
        yAlongX = new(objective, [[shiftedX, y], [mirroredX, y]], [new(BilevelProblem.Y, Output.Combined, yResult)], [1, -1]);
        relativeStep = Math.Cbrt(Precision.Of(y));
    }

    /// <summary>H v with H the Hessian in y; the result is overwritten by the next call.</summary>
    public V HessianTimes(V v, double? length = null)
    {
        double h = PlaceY(v, length);
        yAlongY.Evaluate(sample);
        yResult.Scale(1 / (2 * h));
        return yResult;
    }

    /// <summary>The mixed derivative in x and y times a direction of y; the result is overwritten by the next call.</summary>
    public V MixedTimes(V v, double? length = null)
    {
        double h = PlaceY(v, length);
        xAlongY.Evaluate(sample);
        xResult.Scale(1 / (2 * h));
        return xResult;
    }

    /// <summary>The extreme eigenvalues of the Hessian in y on a Krylov space (Lanczos), which lie between its own; (0, 0) for a zero start.</summary>
    /// <param name="start">Spans the Krylov space with its images; overwritten.</param>
    /// <param name="steps">Most products.</param>
    /// <param name="length">Length of the differences along a unit vector; null for one that suits smooth functions.</param>
    /// <param name="noise">Norm of an image below which it is rounding.</param>
    public (double Smallest, double Largest) Curvatures(V start, int steps, double? length = null, double noise = 0)
    {
        V v = start, before = v.ZerosLike(), next = v.ZerosLike();
        double norm = v.Norm();
        if (!(norm > 0)) return (0, 0);
        v.Scale(1 / norm);
        List<double> diagonal = [], offDiagonal = [];
        for (int k = 0; k < Math.Min(steps, v.Length); k++)
        {
            next.CopyFrom(HessianTimes(v, length));
            double alpha = next.Dot(v);
            diagonal.Add(alpha);
            next.AddScaled(-alpha, v);
            if (k > 0) next.AddScaled(-offDiagonal[^1], before);
            double beta = next.Norm();
            if (!(beta > (1e-10 * Math.Abs(alpha)) + noise)) break;
            offDiagonal.Add(beta);
            before.CopyFrom(v);
            v.CopyFrom(next);
            v.Scale(1 / beta);
        }

        return TridiagonalEigenvalues.Extreme(diagonal, offDiagonal);
    }

    public double CouplingNorm(int iterations)
    {
        var v = y.ZerosLike();
        RandomDirection.Fill(v, key: 2);
        double value = 0;
        for (int i = 0; i < iterations; i++)
        {
            double norm = v.Norm();
            if (!(norm > 0)) return 0;
            v.Scale(1 / norm);
            var u = MixedTimes(v);
            value = u.Norm();
            if (!(value > 0)) return 0;
            double h = relativeStep * (1 + x.Norm()) / value;
            shiftedX.CopyFrom(x);
            shiftedX.AddScaled(h, u);
            mirroredX.CopyFrom(x);
            mirroredX.AddScaled(-h, u);
            yAlongX.Evaluate(sample);
            v.CopyFrom(yResult);
        }

        return value;
    }

    private double PlaceY(V v, double? length)
    {
        double norm = v.Norm();
        double h = length ?? (norm > 0 ? relativeStep * (1 + y.Norm()) / norm : relativeStep);
        shifted.CopyFrom(y);
        shifted.AddScaled(h, v);
        mirrored.CopyFrom(y);
        mirrored.AddScaled(-h, v);
        return h;
    }
}
