namespace Bilevel;

/// <summary>A run on the lift of a bilevel problem, seen as one on the problem itself: its answer is (x1, z1).</summary>
internal sealed class LiftedRun<V> : IRun<V>
    where V : class, IVector<V>
{
    private readonly IRun<V> run;
    private readonly V[] point;

    private LiftedRun(IRun<V> run)
    {
        this.run = run;
        point = [run.Point[BilevelMinimaxProblem.X1], run.Point[BilevelMinimaxProblem.Z1]];
    }

    public double Residual => run.Residual;

    public double Penalty => run.Penalty;

    public ReadOnlySpan<V> Point => point;

    public static IRun<V> Start(IBilevelMinimaxMethod method, BilevelProblem<V> problem, IReadOnlyList<V> start, ulong seed) =>
        new LiftedRun<V>(method.Start(Lift.Bilevel(problem), Blocks(start, (IResizable<V>)start[0]), seed));

    public static IEnumerable<Finding> Validate(IBilevelMinimaxMethod method, BilevelProblem<V> problem, IReadOnlyList<V> start) =>
        start[0] is IResizable<V>
            ? method.Validate(Lift.Bilevel(problem))
            : [new Finding(Severity.Error, $"Vectors of type {typeof(V).Name} cannot be made in other lengths, which the lift to a minimax problem needs.", $"Implement {nameof(IResizable<V>)}, or use a method for bilevel problems.")];

    public void Step() => run.Step();

    public void Transfer(IArchive<V> archive) => run.Transfer(archive);

    private static V[] Blocks(IReadOnlyList<V> start, IResizable<V> vectors) =>
        BilevelMinimaxProblem.Start(start[BilevelProblem.X], vectors.Zeros(0), start[BilevelProblem.Y], vectors.Zeros(0));
}
