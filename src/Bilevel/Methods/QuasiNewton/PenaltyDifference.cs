namespace Bilevel;

/// <summary>
/// A difference quotient in 1/lambda of the follower's optimal value, as a function of x: its value, its gradient h and
/// what the inner solves may have left in that. Of order 1 it is the penalty function L_lambda*(x) = min_y [ f(x, y) +
/// lambda (g(x, y) - min_z g(x, z)) ]; of order 2 the mean of that and its mirror image (penalty methods, section 13)
/// lambda/2 ( min_y [ g + f/lambda ] - min_w [ g - f/lambda ] ), whose bias is of second order in 1/lambda.
/// </summary>
internal sealed class PenaltyDifference<V>
    where V : class, IVector<V>
{
    private const int MostRounds = 6;

    // Below this share of what the accuracy asks for nothing is gained, however small the force f_y / lambda has become.
    private const double SmallestShare = 0.01;

    // Solves are repeated where the error, which is an upper estimate, is so many times what was wanted: what is left of it is
    // counted all the same. Far from the floor only steps depend on it; below it, what is counted must not lift h above it again.
    private const double Slack = 3, FarSlack = 7, SharpShare = 0.2;

    // Copies of y this near to each other, by their size, are at one kink.
    private const double Nearness = 1e-7;

    private readonly V y, z, w;                              // w is the mirrored copy, at order 2
    private readonly V apart;                                // y - z
    private readonly QuasiNewtonFollower<V> zOn, yOn;        // z on g, y on g + f/lambda
    private readonly QuasiNewtonFollower<V>? wOn;            // w on g - f/lambda
    private readonly PenaltyGradient<V> hypergradient;
    private readonly Func<V, double> measure;
    private readonly int limit;
    private readonly bool isFree;
    private readonly double upperCoupling;
    private double lambda, gain, coupling, largestSlope;
    private bool isUnseen;                                   // nothing is known of the error
    private double reference = double.NaN;                   // the last finite norm of h

    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The copy of the lower variable on g + f/lambda, changed in place.</param>
    /// <param name="z">The copy on g.</param>
    /// <param name="lambda">lambda.</param>
    /// <param name="order">1 or 2.</param>
    /// <param name="limit">Most evaluations of an inner solve.</param>
    /// <param name="measure">The norm of h that accuracies are shares of.</param>
    public PenaltyDifference(BilevelProblem<V> problem, V x, V y, V z, double lambda, int order, int limit, Func<V, double> measure)
    {
        (this.y, this.z, this.limit, this.measure, this.lambda) = (y, z, limit, measure, lambda);
        (zOn, yOn) = (new(problem, x, z, 0), new(problem, x, y, 1 / lambda));
        (w, apart) = (order == 2 ? y.Copy() : z, y.ZerosLike());
        wOn = order == 2 ? new(problem, x, w, -1 / lambda) : null;
        hypergradient = order == 2 ? PenaltyGradient<V>.Symmetric(problem, x, y, w) : new PenaltyGradient<V>(problem, x, y, z, values: true);
        isFree = problem.LowerSet.IsWholeSpace;
        upperCoupling = problem.Constants.UpperCoupling ?? 0;
    }

    /// <summary>lambda.</summary>
    public double Lambda
    {
        get => lambda;
        set
        {
            // y_lambda* - y* is of first order in 1/lambda.
            y.AddScaled(-1, z);
            y.Scale(lambda / value);
            y.AddScaled(1, z);
            lambda = value;
            SetSigma();
        }
    }

    /// <summary>h.</summary>
    public V Gradient => hypergradient.Direction;

    /// <summary>The norm of h, as it is measured.</summary>
    public double GradientNorm { get; private set; } = double.NaN;

    /// <summary>The value.</summary>
    public double Value { get; private set; } = double.NaN;

    /// <summary>What rounding and the inner solves may have left in the value.</summary>
    public double ValueNoise { get; private set; }

    /// <summary>What the inner solves may have left in h, by the curvature and the coupling that were seen.</summary>
    public double Error { get; private set; } = double.PositiveInfinity;

    /// <summary>Norm of f_y.</summary>
    public double UpperSlope => yOn.UpperSlope;

    /// <summary>
    /// |y + w - 2 z| / |y - w|, by which the two sides fail to mirror each other: of first order in 1/lambda where lambda
    /// is large enough for the difference of second order. 0 at order 1.
    /// </summary>
    public double Asymmetry { get; private set; }

    /// <summary>|y - z|, or |y - w| at order 2; it falls like 1/lambda where the follower has one best answer.</summary>
    public double Spread { get; private set; }

    /// <summary>g(x, y) - g(x, z), what y loses of the follower's best; it falls at least like 1/lambda where lambda outweighs f. 0 at order 2.</summary>
    public double Loss { get; private set; }

    /// <summary>What rounding of values leaves of that.</summary>
    public double LossRounding { get; private set; }

    /// <summary>
    /// Whether y and z lie on different faces of their set, and not next to each other: then h mixes the gradients of two
    /// pieces of F, and says nothing of either.
    /// </summary>
    public bool Straddles { get; private set; }

    /// <summary>Whether the last evaluation is finite.</summary>
    public bool IsSound => double.IsFinite(Value) && double.IsFinite(GradientNorm);

    /// <summary>What the rounding of the copies alone would leave in h at a lambda, by the coupling that was seen.</summary>
    public double RoundingAt(double penalty) => 8 * Precision.Of(z) * penalty * coupling * z.Norm();

    /// <summary>Whether the copies are solved well enough for h to say anything.</summary>
    public bool IsSolved(double floor) => IsSound && Error <= Math.Max(GradientNorm, floor);

    /// <summary>Solves for the copies and evaluates, until the error is the share of the norm of h, or of its floor, as far as rounding lets.</summary>
    /// <param name="share">The share.</param>
    /// <param name="floor">The smallest norm that matters.</param>
    public void Evaluate(double share, double floor)
    {
        Refine(share, floor);
        if (isUnseen && IsSound) Error = 2 * Math.Max(GradientNorm, 10 * floor);
    }

    private void Refine(double share, double floor)
    {
        isUnseen = false;
        if (double.IsNaN(yOn.UpperSlope)) yOn.Solve(double.PositiveInfinity, 1);
        double wanted = share * Math.Max(double.IsNaN(reference) ? floor : reference, floor), sharper = 1;
        for (int round = 0; round < MostRounds; round++)
        {
            double target = sharper * Target(share, wanted), error = Error;
            if (!Solve(target, mirror: round == 0))
            {
                (Value, GradientNorm, Error) = (double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity);
                return;
            }

            Measure();
            wanted = share * Math.Max(GradientNorm, floor);

            // The force that holds y apart from z is known at this x only now; an error that is not known is not small.
            double enough = Enough(wanted, floor);
            bool isSolved = Error <= enough && Largest <= Math.Max(2 * Target(share, wanted), Floor);
            if (isSolved || IsStuck(target) || (round > 0 && Largest > target && !(Error < 0.9 * error))) return;
            if (Error > enough) sharper = Math.Max(Math.Min(sharper, Largest / Math.Max(Target(share, wanted), double.Epsilon)) * Math.Clamp(0.5 * wanted / Error, 1e-3, 0.5), 1e-12);
        }
    }

    // How large an error may remain. Where a set makes F kinked, moves are led astray by less.
    private double Enough(double wanted, double floor) =>
        isFree && GradientNorm > 2 * floor ? FarSlack * wanted
        : !isFree || GradientNorm > floor ? Slack * wanted
        : Math.Clamp((floor - GradientNorm) / 2, SharpShare * wanted, Slack * wanted);

    /// <summary>Saves or loads everything, but for the copies y and z, which belong to the caller.</summary>
    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(ref lambda);
        archive.Transfer(hypergradient.Direction);
        archive.Transfer(ref gain);
        archive.Transfer(ref coupling);
        archive.Transfer(ref largestSlope);
        archive.Transfer(ref reference);
        GradientNorm = archive.Transferred(GradientNorm);
        Value = archive.Transferred(Value);
        ValueNoise = archive.Transferred(ValueNoise);
        Error = archive.Transferred(Error);
        Asymmetry = archive.Transferred(Asymmetry);
        Spread = archive.Transferred(Spread);
        Loss = archive.Transferred(Loss);
        LossRounding = archive.Transferred(LossRounding);
        Straddles = archive.Transferred(Straddles);
        zOn.Transfer(archive);
        yOn.Transfer(archive);
        if (wOn is not null)
        {
            archive.Transfer(w);
            wOn.Transfer(archive);
        }

        if (archive.Loading) SetSigma();
    }

    // Whether all that is above the target is so because of rounding.
    private bool IsStuck(double target) =>
        Largest > target && Stuck(zOn, target) && Stuck(yOn, target) && (wOn is null || Stuck(wOn, target));

    private static bool Stuck(QuasiNewtonFollower<V> follower, double target) => follower.AtRounding || follower.Slope <= target;

    private double Largest => Math.Max(zOn.Slope, Math.Max(yOn.Slope, wOn?.Slope ?? 0));

    // What rounding leaves of gradients that were once as large as that.
    private double Floor => Precision.Of(z) * largestSlope;

    // y is held apart from z by the force f_y / lambda, and h is that times g_xy g_yy^-1 lambda. So gradients of r |f_y| / lambda
    // leave an error of about r gain |f_y| in h, with gain = |h - f_x| / |f_y|, the largest seen, for the norm of g_xy g_yy^-1.
    private double Target(double share, double wanted)
    {
        double force = share * yOn.UpperSlope / lambda;
        if (!(gain > 0)) return Math.Max(force, Floor);
        double enough = wanted / (gain * lambda);
        return Math.Max(Math.Clamp(force, SmallestShare * enough, enough), Floor);
    }

    private bool Solve(double target, bool mirror)
    {
        apart.CopyFrom(y);
        apart.AddScaled(-1, z);
        zOn.Solve(target, limit);
        if (!double.IsFinite(zOn.Slope)) return false;
        largestSlope = Math.Max(largestSlope, zOn.FirstSlope);

        // y - z changes less with x than y and z do.
        y.CopyFrom(z);
        y.AddScaled(1, apart);
        yOn.Solve(target, limit);
        if (!double.IsFinite(yOn.Slope))
        {
            // The functions may end between z and there.
            y.CopyFrom(z);
            yOn.Solve(target, limit);
            if (!double.IsFinite(yOn.Slope)) return false;
        }

        if (wOn is null) return true;

        // The mirror image of y is right to second order in 1/lambda.
        if (mirror)
        {
            w.CopyFrom(z);
            w.Scale(2);
            w.AddScaled(-1, y);
        }

        wOn.Solve(target, limit);
        if (double.IsFinite(wOn.Slope)) return true;
        w.CopyFrom(z);
        wOn.Solve(target, limit);
        return double.IsFinite(wOn.Slope);
    }

    private void Measure()
    {
        hypergradient.Evaluate(lambda, Sample.All, Sample.All);
        GradientNorm = measure(Gradient);
        if (double.IsFinite(GradientNorm)) reference = GradientNorm;
        Value = hypergradient.Value(lambda);
        (Loss, LossRounding) = (wOn is null ? hypergradient.Value(1) - hypergradient.Value(0) : 0, 64 * Precision.Of(z) * hypergradient.ValueSize(1));
        apart.CopyFrom(y);
        apart.AddScaled(-1, w);
        double distance = Spread = apart.Norm(), weight = hypergradient.Weight(lambda), difference = hypergradient.DifferenceNorm();
        if (distance > 0) coupling = Math.Max(coupling, difference / distance);
        if (yOn.UpperSlope > 0) gain = Math.Max(gain, weight * difference / yOn.UpperSlope);
        double left = yOn.Slope + (wOn ?? zOn).Slope, off = yOn.Distance + (wOn ?? zOn).Distance;
        Error = Math.Max(weight * Math.Max(gain * left, coupling * off), upperCoupling * yOn.Distance);

        // A force that exceeds the set leaves all copies in one corner, where nothing is seen of what z, if solved, would do to h.
        isUnseen = !isFree && !(difference > 0) && yOn.UpperSlope > 0 && Largest > Floor;
        if (isUnseen) Error = double.PositiveInfinity;
        double rounding = 8 * Precision.Of(z) * hypergradient.ValueSize(lambda);
        ValueNoise = rounding + (weight * ((yOn.Slope * yOn.Distance) + ((wOn ?? zOn).Slope * (wOn ?? zOn).Distance)));
        Straddles = distance > Nearness * z.Norm() && !(yOn.SharesFace(zOn) && (wOn?.SharesFace(zOn) ?? true));
        if (wOn is null) return;
        apart.CopyFrom(y);
        apart.AddScaled(1, w);
        apart.AddScaled(-2, z);
        Asymmetry = distance > 0 ? apart.Norm() / distance : 0;
    }

    private void SetSigma()
    {
        yOn.Sigma = 1 / lambda;
        if (wOn is not null) wOn.Sigma = -1 / lambda;
    }
}
