namespace Bilevel;

/// <summary>Which estimate of the upper gradient the methods that track the lower saddle point follow, and which lower pairs they keep for it.</summary>
public enum UpperGradient
{
    /// <summary>That of the penalty function at rho = 1/s: pairs (y1, z2), whose y1 also descends s f, and (z1, y2), whose y2 also descends s f. It follows the hyperobjective up to O(s), and its points are what the certificate checks.</summary>
    Crosswise,

    /// <summary>The first-order correction (stability, section 13): pairs (z1, z2) on g and (y1, y2) on g + s f. It follows the hyperobjective up to O(s) where g + s f is still strongly convex and strongly concave; where z1 and z2 are coupled its points are no KKT point, and nothing is certified.</summary>
    FirstOrderCorrected,

    /// <summary>As published: d_x f alone. It does not follow the hyperobjective, and is zero where f does not depend on x directly.</summary>
    Partial,
}

/// <summary>How a step size changes with its index t.</summary>
public enum StepDecay
{
    /// <summary>It stays.</summary>
    Fixed,

    /// <summary>It is divided by t + 1.</summary>
    Inverse,

    /// <summary>It is multiplied by a base to the power t.</summary>
    Exponential,
}

/// <summary>
/// What the settings of the methods that track the lower saddle point by descent ascent steps have in common (stability,
/// sections 9 to 13).
/// </summary>
public abstract record SaddleTrackingMethod : IBilevelMinimaxMethod
{
    // A lower step where it is left at auto: this share of 1/(Lg + s Lf), or the step of the measured reference runs.
    private const double SafeShare = 0.5, ReferenceStep = 0.2;

    private protected SaddleTrackingMethod()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>Estimate of the upper gradient: crosswise (that of the penalty function), first-order-corrected, or partial, which is the published one.</summary>
    [Setting("Estimate of the upper gradient: crosswise (that of the penalty function), first-order-corrected, or partial, which is the published one.")]
    public UpperGradient UpperGradient { get; init; }

    /// <summary>Weight s of f in the second lower pair, the inverse of the penalty parameter; the bias of the upper gradient is of its order.</summary>
    [Setting("Weight s of f in the second lower pair, the inverse of the penalty parameter; the bias of the upper gradient is of its order.", Min = 1e-12)]
    public double Perturbation { get; init; } = 0.01;

    /// <summary>First step of x1 (eta).</summary>
    [Setting("First step of x1 (eta).", Min = 1e-300)]
    public double StepUpper { get; init; } = 0.05;

    /// <summary>First step of x2, which ascends f where there is one; auto takes that of x1.</summary>
    [Setting("First step of x2, which ascends f where there is one; auto takes that of x1.", Min = 1e-300)]
    public double? StepOpponent { get; init; }

    /// <summary>How the steps of the upper level change with the outer iteration.</summary>
    [Setting("How the steps of the upper level change with the outer iteration.")]
    public StepDecay UpperDecay { get; init; }

    /// <summary>Base of an exponential decay of the upper steps.</summary>
    [Setting("Base of an exponential decay of the upper steps.", Min = 1e-6, Max = 1)]
    public double UpperBase { get; init; } = 0.95;

    /// <summary>First step of the lower minimiser (gamma1); auto takes 0.5/(Lg + s Lf), or 0.2 where the constants are not declared.</summary>
    [Setting("First step of the lower minimiser (gamma1); auto takes 0.5/(Lg + s Lf), or 0.2 where the constants are not declared.", Min = 1e-300)]
    public double? StepLowerMin { get; init; }

    /// <summary>First step of the lower maximiser (gamma2); auto takes 0.5/(Lg + s Lf), or 0.2 where the constants are not declared.</summary>
    [Setting("First step of the lower maximiser (gamma2); auto takes 0.5/(Lg + s Lf), or 0.2 where the constants are not declared.", Min = 1e-300)]
    public double? StepLowerMax { get; init; }

    /// <summary>How the lower steps change: with the inner step, counted anew in every outer iteration, or with the iteration where there are no inner steps.</summary>
    [Setting("How the lower steps change: with the inner step, counted anew in every outer iteration, or with the iteration where there are no inner steps.")]
    public StepDecay LowerDecay { get; init; }

    /// <summary>Base of an exponential decay of the lower steps.</summary>
    [Setting("Base of an exponential decay of the lower steps.", Min = 1e-6, Max = 1)]
    public double LowerBase { get; init; } = 0.95;

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients.", Min = 0)]
    public int Batch { get; init; }

    /// <summary>Draws the samples of the two lower pairs independently, which multiplies their noise by 1/s (to show it).</summary>
    [Setting("Draws the samples of the two lower pairs independently, which multiplies their noise by 1/s (to show it).")]
    public bool IndependentSamples { get; init; }

    /// <summary>s, or 0 where the upper gradient is partial.</summary>
    internal double Weight => UpperGradient == UpperGradient.Partial ? 0 : Perturbation;

    /// <inheritdoc/>
    public abstract IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    public virtual IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        if (UpperGradient == UpperGradient.Partial)
        {
            yield return new Finding(Severity.Warning, "The partial upper gradient does not follow the hyperobjective: the run ends where d_x f vanishes, not where F is least, and no answer will be certified unless f leaves y alone.", "Use it to reproduce what was published; upper-gradient crosswise finds the solution.");
            if (IndependentSamples) yield return new Finding(Severity.Warning, "independent-samples has no effect with the partial upper gradient, which keeps one lower pair.", "Leave it out.");
        }

        if (UpperGradient == UpperGradient.FirstOrderCorrected && known.UpperSmoothness is { } curvature && Math.Min(known.LowerStrongConvexity ?? double.PositiveInfinity, known.LowerStrongConcavity ?? double.PositiveInfinity) is var modulus && Perturbation * curvature >= modulus)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"perturbation = {Perturbation:G4} is not below mu/Lf = {modulus / curvature:G4}, so g + s f may fail to be strongly convex and strongly concave."), "Take a smaller one, or upper-gradient crosswise.");
        if (problem.LowerMultipliers is not null || known.LowerStrongConvexity == 0 || known.LowerStrongConcavity == 0)
            yield return new Finding(Severity.Warning, "The lower level is not strongly convex and strongly concave (Lagrange multipliers, a matrix game), where descent ascent circles the saddle points.", "Use ogda.");
        if (known.LowerSmoothness is { } smoothness)
        {
            double limit = 2 / (smoothness + (Weight * (known.UpperSmoothness ?? 0)));
            foreach (var (name, step) in new[] { ("step-lower-min", StepLowerMin), ("step-lower-max", StepLowerMax) })
            {
                if (step > limit)
                    yield return new Finding(Severity.Warning, FormattableString.Invariant($"{name} = {step:G4} is beyond 2/(Lg + s Lf) = {limit:G4}, the stable range if the constants are attained."), FormattableString.Invariant($"Take at most {limit / 2:G4}, or leave it at auto."));
            }
        }
    }

    /// <summary>The first steps of the lower minimiser and maximiser.</summary>
    internal (double Min, double Max) LowerSteps(MinimaxConstants known)
    {
        double safe = known.LowerSmoothness is { } smoothness && smoothness > 0 ? SafeShare / (smoothness + (Weight * (known.UpperSmoothness ?? 0))) : ReferenceStep;
        return (StepLowerMin ?? safe, StepLowerMax ?? safe);
    }

    /// <summary>What the first upper step is multiplied by in outer iteration t.</summary>
    internal double UpperFactor(long t) => Factor(UpperDecay, UpperBase, t);

    /// <summary>What the first lower step is multiplied by in step k.</summary>
    internal double LowerFactor(long k) => Factor(LowerDecay, LowerBase, k);

    private static double Factor(StepDecay decay, double rate, long index) => decay switch
    {
        StepDecay.Inverse => 1.0 / (index + 1),
        StepDecay.Exponential => Math.Pow(rate, index),
        _ => 1,
    };
}
