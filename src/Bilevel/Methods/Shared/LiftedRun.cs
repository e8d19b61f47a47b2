namespace Bilevel;

/// <summary>
/// A run on the lift of a bilevel problem, seen as one on the problem itself: its answer is (x1, z1). The residual of the
/// method is that of the penalty function, whose bias at its rho it does not know; here |grad F| was asked for, so that it is
/// assessed at x1 from time to time, and rho raised where it alone keeps a run at rest from being better.
/// </summary>
internal sealed class LiftedRun<V> : IRun<V>
    where V : class, IVector<V>
{
    // An inner step of the assessment asks for about so many gradients; steps of x1 of this length measure how far a set lets it move.
    private const int GradientsPerStep = 5;
    private const double MappingStep = 1, RaiseFactor = 10;

    private readonly IRun<V> run;
    private readonly V[] point;
    private readonly HypergradientAssessment<V> assessment;
    private readonly OracleCounts counts = new(BilevelProblem.BlockCount);
    private long counted;

    private LiftedRun(IBilevelMinimaxMethod method, BilevelProblem<V> problem, IReadOnlyList<V> start, ulong seed)
    {
        var measured = problem.With(new CountingObjective<V>(problem.Upper, counts), new CountingObjective<V>(problem.Lower, counts));
        run = method.Start(Lift.Bilevel((BilevelProblem<V>)measured), Blocks(start, (IResizable<V>)start[0]), seed);
        point = [run.Point[BilevelMinimaxProblem.X1], run.Point[BilevelMinimaxProblem.Z1]];
        var constants = LocalConstants.Of(problem, point[0], point[1], Sample.All);
        assessment = new HypergradientAssessment<V>(problem, point[0], run.Point[BilevelMinimaxProblem.Y1], point[1], constants, 1, batch: 0, seed);
        counted = counts.Total;
    }

    /// <summary>The larger of the residual of the penalty function and of |grad F| as last assessed; before that, a bound from what is at hand.</summary>
    public double Residual { get; private set; } = double.NaN;

    public double Estimate => run.Estimate;

    public string? Remark => run.Remark ?? assessment.Remark;

    public string? Advice => run.Advice;

    public double Penalty => run.Penalty;

    public ReadOnlySpan<V> Point => point;

    public static IRun<V> Start(IBilevelMinimaxMethod method, BilevelProblem<V> problem, IReadOnlyList<V> start, ulong seed) =>
        new LiftedRun<V>(method, problem, start, seed);

    public static IEnumerable<Finding> Validate(IBilevelMinimaxMethod method, BilevelProblem<V> problem, IReadOnlyList<V> start) =>
        start[0] is IResizable<V>
            ? method.Validate(Lift.Bilevel(problem))
            : [new Finding(Severity.Error, $"Vectors of type {typeof(V).Name} cannot be made in other lengths, which the lift to a minimax problem needs.", $"Implement {nameof(IResizable<V>)}, or use a method for bilevel problems.")];

    public void Step()
    {
        run.Step();
        long work = Math.Max(1, (counts.Total - counted) / GradientsPerStep);
        counted = counts.Total;
        double norm = run.Residual, penalty = double.IsFinite(run.Penalty) ? run.Penalty : 1;
        Residual = double.IsFinite(norm) ? assessment.After(norm, MappingStep, penalty, null, norm / penalty, work) : norm;
        if (run is IRaisesPenalty { CanRaise: true } stages && assessment.WantsLargerLambda(norm, penalty)) stages.Raise(RaiseFactor);
    }

    public void Transfer(IArchive<V> archive)
    {
        run.Transfer(archive);
        double residual = Residual;
        archive.Transfer(ref residual);
        Residual = residual;
        assessment.Transfer(archive);
        counted = counts.Total;
    }

    private static V[] Blocks(IReadOnlyList<V> start, IResizable<V> vectors) =>
        BilevelMinimaxProblem.Start(start[BilevelProblem.X], vectors.Zeros(0), start[BilevelProblem.Y], vectors.Zeros(0));
}

/// <summary>A run that chooses its penalty parameter, and takes a larger one where its bias is seen from outside.</summary>
internal interface IRaisesPenalty
{
    /// <summary>Whether the parameter is the run's to choose.</summary>
    bool CanRaise { get; }

    /// <summary>Multiplies it.</summary>
    void Raise(double factor);
}
