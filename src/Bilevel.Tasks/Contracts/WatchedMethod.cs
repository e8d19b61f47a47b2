namespace Bilevel.Tasks;

/// <summary>A method whose runs on one task are watched.</summary>
internal sealed class WatchedMethod<W>(IMethod method, PassedPoints<W> passed) : IMethod
    where W : class, IVector<W>
{
    public string Name => method.Name;

    public IMethod Core => method.Core;

    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>
    {
        var run = method.Start(problem, start, seed);
        return run is IRun<W> watched && new WatchedRun<W>(watched, passed) is IRun<V> both ? both : run;
    }

    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => method.Validate(problem, start);
}

/// <summary>A run that shows its points to those who keep the best.</summary>
internal sealed class WatchedRun<V> : IRun<V>
    where V : class, IVector<V>
{
    private readonly IRun<V> run;
    private readonly PassedPoints<V> passed;
    private readonly PassedPoints<V>.ValueAt upper;
    private long k;

    public WatchedRun(IRun<V> run, PassedPoints<V> passed)
    {
        (this.run, this.passed) = (run, passed);
        passed.Prepare(run.Point);
        upper = passed.Reader(run.Point);
    }

    public double Residual => run.Residual;

    public double Estimate => run.Estimate;

    public string? Remark => run.Remark;

    public string? Advice => run.Advice;

    public (SolveStatus Status, string Reason)? Settled(double tolerance) => run.Settled(tolerance);

    public double Penalty => run.Penalty;

    public ReadOnlySpan<V> Point => run.Point;

    public void Step()
    {
        run.Step();
        k++;
        if (PassedPoints<V>.IsLook(k)) passed.Offer(run.Point, upper.Read(), k);
    }

    public void Transfer(IArchive<V> archive)
    {
        run.Transfer(archive);
        archive.Transfer(ref k);
        passed.Transfer(archive);
    }
}
