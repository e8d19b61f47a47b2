// F3BSA: Chen, Ma, Zhang: Near-Optimal Nonconvex-Strongly-Convex Bilevel Optimization with Fully First-Order Oracles, JMLR 26(109), 2025 (arXiv 2306.14853).
// Problem class: that of F2BA, and the gradients of every sample Lipschitz in mean square.
namespace Bilevel;

/// <summary>
/// F3BSA: F2BA on minibatches with recursive estimates of its gradients. Fixed lambda, K inner steps of z and y on estimates
/// that go on from step to step, and a step of x that does not shrink with lambda: the iteration of F3SA with those steps, which
/// runs it, and has its residual.
/// </summary>
public sealed record F3bsa : IBilevelMethod
{
    /// <inheritdoc/>
    public string Name => "f3bsa";

    /// <summary>Penalty parameter lambda.</summary>
    [Setting("Penalty parameter lambda.", Min = 1e-12)]
    public double Lambda { get; init; } = 100;

    /// <summary>Number K of inner steps per iteration.</summary>
    [Setting("Number K of inner steps per iteration.", Min = 1)]
    public int InnerSteps { get; init; } = 10;

    /// <summary>Momentum eta of the estimates, the weight of the fresh gradient; 1 is F2BSA.</summary>
    [Setting("Momentum eta of the estimates, the weight of the fresh gradient; 1 is F2BSA.", Min = 1e-6, Max = 1)]
    public double Eta { get; init; } = 0.1;

    /// <summary>Step of z on g; auto takes 1/Lg1.</summary>
    [Setting("Step of z on g; auto takes 1/Lg1.", Min = 0)]
    public double? StepZ { get; init; }

    /// <summary>Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.</summary>
    [Setting("Step of y on f + lambda g; auto takes 1/(Lf1 + lambda Lg1), matched to z.", Min = 0)]
    public double? StepY { get; init; }

    /// <summary>Step of x along the hypergradient estimate.</summary>
    [Setting("Step of x along the hypergradient estimate.", Min = 0)]
    public double StepX { get; init; } = 0.1;

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients.", Min = 0)]
    public int Batch { get; init; } = 64;

    /// <summary>Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).</summary>
    [Setting("Draws the two x-gradients of g on different samples, which multiplies their noise by lambda (to show it).")]
    public bool IndependentSamples { get; init; }

    /// <summary>The upper step.</summary>
    [SettingGroup(typeof(UpperStep))]
    public UpperStep Upper { get; init; } = new();

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => AtFixedLambda.Start(problem, x, y, seed);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V> => [.. AtFixedLambda.Validate(problem), .. PenaltyChecks.Modulus(problem)];

    private F3sa AtFixedLambda => new()
    {
        Schedule = F2saSchedule.Matched,
        Lambda = Lambda,
        LambdaGrowth = 1,
        InnerSteps = InnerSteps,
        Eta = Eta,
        StepZ = StepZ,
        StepY = StepY,
        StepX = StepX,
        Batch = Batch,
        IndependentSamples = IndependentSamples,
        Upper = Upper,
    };
}
