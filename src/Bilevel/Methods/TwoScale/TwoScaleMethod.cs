namespace Bilevel;

/// <summary>What the settings of the methods with fast followers and a slow leader, F2BA and AccF2BA, have in common.</summary>
public abstract record TwoScaleMethod : IBilevelMethod
{
    private protected TwoScaleMethod()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>Accelerates the inner loops by Nesterov's momentum (F2BA+).</summary>
    [Setting("Accelerates the inner loops by Nesterov's momentum (F2BA+).")]
    public bool Accelerated { get; init; }

    /// <summary>Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.</summary>
    [Setting("Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.", Min = 1e-12)]
    public double? Lambda { get; init; }

    /// <summary>First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.</summary>
    [Setting("First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.", Min = 1e-12)]
    public double? LambdaStart { get; init; }

    /// <summary>Factor between the stages of lambda.</summary>
    [Setting("Factor between the stages of lambda.", Min = 1.01)]
    public double LambdaFactor { get; init; } = 10;

    /// <summary>Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.</summary>
    [Setting("Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Number K of inner steps; auto stops them by the computable tolerances instead.</summary>
    [Setting("Number K of inner steps; auto stops them by the computable tolerances instead.", Min = 1)]
    public int? InnerSteps { get; init; }

    /// <summary>Most inner steps per iteration where the tolerances stop them.</summary>
    [Setting("Most inner steps per iteration where the tolerances stop them.", Min = 1)]
    public int InnerLimit { get; init; } = 10_000;

    /// <summary>Inner accuracy as a share of the residual, where the tolerances stop the inner steps.</summary>
    [Setting("Inner accuracy as a share of the residual, where the tolerances stop the inner steps.", Min = 1e-6, Max = 1)]
    public double InnerShare { get; init; } = 0.1;

    /// <summary>Step of z on g; auto takes 1/Lg1.</summary>
    [Setting("Step of z on g; auto takes 1/Lg1.", Min = 0)]
    public double? StepZ { get; init; }

    /// <summary>Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.</summary>
    [Setting("Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.", Min = 0)]
    public double? StepY { get; init; }

    /// <summary>Step of x along the hypergradient estimate; under the rule adaptive a bound on the first step.</summary>
    [Setting("Step of x along the hypergradient estimate; under the rule adaptive a bound on the first step.", Min = 0)]
    public double StepX { get; init; } = 0.1;

    /// <inheritdoc/>
    public abstract IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    public virtual IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda ?? double.PositiveInfinity)) yield return finding;
        foreach (var finding in PenaltyChecks.Steps(problem, StepZ, StepY, Lambda ?? 10)) yield return finding;
        if (StepY is not null && Lambda is null) yield return new Finding(Severity.Error, "step-y is fixed while lambda is chosen by the method, so y would become unstable as lambda grows.", "Leave step-y at auto, or fix lambda.");
        if (LambdaStart > Lambda) yield return new Finding(Severity.Error, "lambda-start is above lambda.", "Lower lambda-start or leave it at auto.");
        foreach (var finding in PenaltyChecks.Modulus(problem)) yield return finding;
    }
}
