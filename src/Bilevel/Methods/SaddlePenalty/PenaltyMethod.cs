namespace Bilevel;

/// <summary>What the settings of the methods on the penalty function of a bilevel minimax problem have in common.</summary>
public abstract record PenaltyMethod : IBilevelMinimaxMethod
{
    private protected PenaltyMethod()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>Accuracy epsilon that is aimed at.</summary>
    [Setting("Accuracy epsilon that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>The penalty parameter.</summary>
    [SettingGroup(typeof(PenaltySchedule))]
    public PenaltySchedule Schedule { get; init; } = new();

    /// <summary>The steps.</summary>
    [SettingGroup(typeof(PenaltySteps))]
    public PenaltySteps Steps { get; init; } = new();

    /// <inheritdoc/>
    public abstract IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    public virtual IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> => [.. Schedule.Validate(Tolerance), .. Steps.Validate(problem, Schedule.Last(Tolerance))];

    /// <summary>The settings of the measured reference runs (section 10): rho = 1/epsilon from the given start, one step for all blocks.</summary>
    /// <param name="method">The method with its defaults.</param>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    /// <param name="share">The step as a share of 1/L_h.</param>
    private protected static T Reference<T>(T method, double tolerance, MinimaxConstants constants, double share)
        where T : PenaltyMethod
    {
        ArgumentNullException.ThrowIfNull(constants);
        double smoothness = constants.PenaltySmoothness(1 / tolerance) ?? throw new ArgumentException("The reference needs both L_f and L_g.", nameof(constants));
        return (T)(method with
        {
            Tolerance = tolerance,
            Schedule = new PenaltySchedule { Rho = 1 / tolerance, SaddleSteps = 0 },
            Steps = PenaltySteps.Fixed(share / smoothness),
        });
    }
}
