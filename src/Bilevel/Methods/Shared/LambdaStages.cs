namespace Bilevel;

/// <summary>
/// Lambda raised in stages (penalty methods, section 28): to a given value, or until the estimated bias of the
/// hypergradient is below half the tolerance.
/// </summary>
internal sealed class LambdaStages<V>
    where V : class, IVector<V>
{
    // A stage that lowers its least gradient by less than a tenth in so many iterations ends, solved or not: noise, rounding or a limit holds it up.
    private const int StagePatience = 200;
    private const double Progress = 0.9;

    private readonly double? goal;
    private readonly double factor, tolerance;
    private readonly int innerLimit;
    private readonly PenaltyBias<V> estimator;
    private LocalConstants constants;
    private double lambda;
    private double estimate = double.NaN;                  // NaN: not yet estimated at this lambda
    private double before = double.PositiveInfinity;       // at the stage before
    private long stagesInVain;                             // stages in a row that did not lower it
    private bool isFinal;
    private double least = double.PositiveInfinity;        // least gradient of the stage
    private long idle;                                     // iterations since it fell

    /// <param name="start">First lambda.</param>
    /// <param name="goal">Last lambda; null to choose it by the bias.</param>
    /// <param name="factor">Factor between stages.</param>
    /// <param name="tolerance">Accuracy of the hypergradient aimed at.</param>
    /// <param name="innerLimit">Most inner steps of an estimate.</param>
    /// <param name="estimator">Estimates the bias.</param>
    /// <param name="constants">Constants of the problem.</param>
    public LambdaStages(double start, double? goal, double factor, double tolerance, int innerLimit, PenaltyBias<V> estimator, LocalConstants constants)
    {
        (lambda, this.goal, this.factor, this.tolerance, this.innerLimit, this.estimator, this.constants) = (start, goal, factor, tolerance, innerLimit, estimator, constants);
        isFinal = start == goal;
    }

    /// <summary>lambda in force.</summary>
    public double Lambda => lambda;

    /// <summary>
    /// What to add to the norm of the hypergradient estimate. A bias not yet estimated counts as lambda |g_xy| |y - z|, which
    /// exceeds its first-order part once lambda >= Lf1/mu, so that no rule stops on an unknown one.
    /// </summary>
    /// <param name="apart">|y - z|.</param>
    public double Bias(double apart) => double.IsNaN(estimate) ? Math.Max(tolerance, lambda * constants.LowerCoupling * apart) : estimate;

    /// <summary>The bias of a given lambda, once it is estimated at its last stage; NaN otherwise.</summary>
    public double GivenBias => goal is not null && isFinal ? estimate : double.NaN;

    /// <summary>Whether the stage is solved well enough to end it.</summary>
    public bool IsDone(double gradientNorm) => !isFinal && (gradientNorm <= tolerance / 2 || idle >= StagePatience);

    /// <summary>Whether the bias is to be estimated now: where lambda is chosen by it at the end of a stage, at a given one once the last is solved.</summary>
    public bool NeedsBias(double gradientNorm) => goal is null ? IsDone(gradientNorm) : isFinal && double.IsNaN(estimate) && gradientNorm <= tolerance / 2;

    /// <summary>Whether there is a larger lambda to go to.</summary>
    public bool CanRaise => !isFinal;

    /// <summary>Takes note of an iteration.</summary>
    public void Watch(double gradientNorm)
    {
        idle++;
        if (!(gradientNorm <= Progress * least)) return;
        (least, idle) = (gradientNorm, 0);
    }

    /// <summary>Estimates the bias, and settles, where lambda is chosen by it, whether this stage is the last.</summary>
    /// <param name="hypergradient">The estimate of the hypergradient at lambda.</param>
    public void Judge(V hypergradient)
    {
        estimate = estimator.Estimate(lambda, hypergradient, innerLimit, tolerance);
        if (goal is not null) return;

        // Once lambda outweighs the curvature of f, a bias that no longer falls is rounding, which a larger lambda would only multiply.
        bool shouldFall = lambda * constants.LowerStrongConvexity > constants.UpperSmoothness;
        stagesInVain = shouldFall && estimate >= before ? stagesInVain + 1 : 0;
        isFinal = estimate <= tolerance / 2 || stagesInVain >= 2;
        before = estimate;
    }

    /// <summary>Goes to the next stage.</summary>
    public void Raise()
    {
        lambda = Math.Min(lambda * factor, goal ?? double.PositiveInfinity);
        isFinal = lambda == goal;
        estimate = double.NaN;
        (least, idle) = (double.PositiveInfinity, 0);
    }

    public void Transfer(IArchive archive)
    {
        archive.Transfer(ref lambda);
        archive.Transfer(ref estimate);
        archive.Transfer(ref before);
        archive.Transfer(ref stagesInVain);
        archive.Transfer(ref isFinal);
        archive.Transfer(ref least);
        archive.Transfer(ref idle);
        estimator.Transfer(archive);
    }

    public void SetConstants(LocalConstants value)
    {
        constants = value;
        estimator.SetConstants(value);
    }
}
