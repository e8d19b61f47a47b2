namespace Bilevel;

/// <summary>A run that goes from one way to the answer to the next by itself; the rules of the driver watch each anew.</summary>
internal interface IPhasedRun
{
    /// <summary>Which way it is on, the first being 0.</summary>
    int PhaseIndex { get; }
}

/// <summary>
/// Phases one after the other, each from the point of least residual of those before. Where the last breaks down, that point is the answer. The driver sees one run, whose settings nobody chose: what is said of it names none.
/// </summary>
internal sealed class PhasedRun<V> : IRun<V>, IPhasedRun, IRunView
    where V : class, IVector<V>
{
    // An estimate so many times the least residual belongs to a run that ran away.
    private const double RanAway = 1e8;

    private readonly IReadOnlyList<Phase> phases;
    private readonly IProblem<V> problem;
    private readonly ulong seed;
    private readonly V[] point;                      // the run's own vectors, whichever phase is at work
    private readonly V[] began;                      // where the phase began
    private readonly V[] best;                       // the point of least residual
    private readonly V[] broken;                     // where a phase first broke down, where that is finite
    private IRun<V> run;
    private IStopMonitor monitor;
    private long phase, iteration;
    private double least = double.PositiveInfinity;
    private bool isOver;                             // the last phase broke down
    private bool hasBroken;

    /// <param name="phases">The phases; the rule of the last is left to the driver.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start; not changed.</param>
    /// <param name="seed">Seed of all random draws.</param>
    public PhasedRun(IReadOnlyList<Phase> phases, IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
    {
        (this.phases, this.problem, this.seed) = (phases, problem, seed);
        (began, point, best, broken) = (start.CopyBlocks(), start.CopyBlocks(), start.CopyBlocks(), start.CopyBlocks());
        (run, monitor) = Begin();
    }

    public int PhaseIndex => (int)phase;

    public long Iteration => iteration;

    public double Residual => isOver ? least : run.Residual;

    public double Estimate => isOver ? least : run.Estimate;

    public string Advice
    {
        get
        {
            string bounded = double.IsFinite(problem.Blocks[0].Term.DiameterAt(point[0].Length)) ? "" : $"give {problem.Blocks[0].Name} a bounded set, ";
            return $"Scale the variables to sizes near 1, declare the constants of the problem, {bounded}start elsewhere, or run a method with settings of your own by the driver.";
        }
    }

    /// <summary>Where a phase first broke down; null where none did at a finite point.</summary>
    public IReadOnlyList<V>? Broken => hasBroken ? broken : null;

    public double Penalty => run.Penalty;

    public ReadOnlySpan<V> Point => point;

    // What the rules of phases do not look at.
    long IRunView.OracleCalls => 0;

    TimeSpan IRunView.Elapsed => TimeSpan.Zero;

    double IRunView.UpperValue => double.NaN;

    Certificate IRunView.Certify(double tolerance) => throw new NotSupportedException("A phase does not end by a certificate.");

    public void Step()
    {
        if (isOver) return;
        while (!StepPhase())
        {
            phase++;
            began.CopyFrom(double.IsFinite(least) ? best : point);
            (run, monitor) = Begin();
        }
    }

    public (SolveStatus Status, string Reason)? Settled(double tolerance) =>
        isOver ? (SolveStatus.Stalled, FormattableString.Invariant($"The last way to the answer broke down; the answer is the point of least residual, {least:G3}, of those before."))
        : phase == phases.Count - 1 ? run.Settled(tolerance) : null;

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(ref phase);
        archive.Transfer(began);
        archive.Transfer(ref iteration);
        archive.Transfer(best);
        archive.Transfer(ref least);
        archive.Transfer(ref isOver);
        archive.Transfer(broken);
        archive.Transfer(ref hasBroken);
        if (archive.Loading) (run, monitor) = Begin();
        run.Transfer(archive);
        monitor.Transfer(archive);
        if (!archive.Loading) return;
        if (isOver) point.CopyFrom(best);
        else CopyPoint();
    }

    // One iteration of the phase; false where that was its last.
    private bool StepPhase()
    {
        run.Step();
        iteration++;
        bool isFinite = true, isLast = phase == phases.Count - 1;
        foreach (var block in run.Point) isFinite &= block.IsFinite();
        bool isSound = isFinite && double.IsFinite(run.Residual) && !(run.Estimate > RanAway * least);
        if (isFinite && !isSound && !hasBroken)
        {
            for (int b = 0; b < broken.Length; b++) broken[b].CopyFrom(run.Point[b]);
            hasBroken = true;
        }

        if (isSound || isLast) CopyPoint();
        if (isSound && run.Residual < least)
        {
            least = run.Residual;
            best.CopyFrom(point);
        }

        isOver = !isSound && isLast && double.IsFinite(least);
        if (isOver) point.CopyFrom(best);
        return isLast || (isSound && !monitor.ShouldStop(this));
    }

    private (IRun<V> Run, IStopMonitor Monitor) Begin() => (phases[(int)phase].Method.Start(problem, began, seed), phases[(int)phase].Stop.Begin());

    private void CopyPoint()
    {
        for (int b = 0; b < point.Length; b++) point[b].CopyFrom(run.Point[b]);
    }
}
