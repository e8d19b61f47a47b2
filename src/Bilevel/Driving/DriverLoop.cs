using System.Numerics;

namespace Bilevel;

/// <summary>The state of one run of the driver, for any problem class.</summary>
internal sealed class DriverLoop<V> : IRunView
    where V : class, IVector<V>
{
    // A residual this many times above the first one (or above 1) counts as run away.
    private const double DivergenceFactor = 1e12;

    // A point whose upper value is this many times above the start's (or above 1) is on its way out, finite as it is.
    private const double SoundFactor = 1e8;

    // A bound that is still touched after so many doublings is not there.
    private const int MostDoublings = 12;

    private readonly Driver driver;
    private readonly IReadOnlyList<Phase> phases;
    private readonly IProblem<V> problem;
    private readonly ulong seed;
    private readonly List<Finding> findings;
    private readonly OracleCounts upperCalls, lowerCalls;
    private readonly OracleBudget? budget;
    private readonly ICertifier certifier;
    private readonly List<TraceRow> rows = [];
    private IRun<V> run = null!;
    private IStopMonitor stop = null!;
    private ValueReader<V> values = null!;

    private long phase, doublings, enlargement, phaseBegan, iteration, recorded;
    private double firstResidual = double.NaN, firstUpper = double.NaN, lastUpper = double.NaN, lastLower = double.NaN;
    private double secondsBefore;           // seconds of earlier sittings
    private long sittingStart, lastCheckpoint, lastProgress;
    private long nextClockCheck, clockStride = 1, lastClock;
    private V[] phaseStart = [];            // where a phase after the first, or one on an enlarged problem, began
    private V[] lastSound = [];             // the last recorded point with finite numbers
    private string? exhausted;              // why an iteration was ended before its end

    public DriverLoop(Driver driver, IReadOnlyList<Phase> phases, IProblem<V> problem, ulong seed, List<Finding> findings)
    {
        (this.driver, this.phases, this.problem, this.seed, this.findings) = (driver, phases, problem, seed, findings);
        upperCalls = new OracleCounts(problem.UpperBlocks.Count);
        lowerCalls = new OracleCounts(problem.LowerBlockNames.Count);
        budget = driver.OracleBudget is { } limit ? new OracleBudget(limit) : null;
        certifier = driver.Certifier ?? Certifiers.For(problem);
    }

    public long Iteration => iteration;

    public double Residual => run.Residual;

    public long OracleCalls => upperCalls.Total + lowerCalls.Total;

    public TimeSpan Elapsed => TimeSpan.FromSeconds(secondsBefore) + driver.Clock.GetElapsedTime(sittingStart);

    public double UpperValue => lastUpper;

    // The problem with the bounds now in force.
    private IProblem<V> Problem => doublings > 0 ? ((IEnlargeable<V>)problem).Enlarged(enlargement) : problem;

    Certificate IRunView.Certify(double tolerance) => certifier.Check(Problem, run.Point.ToArray(), tolerance, run.Penalty, quick: true).Certificate;

    public Solution<V> Run(V[] start, CancellationToken cancellation)
    {
        sittingStart = lastCheckpoint = lastProgress = lastClock = driver.Clock.GetTimestamp();
        var loaded = driver.Resume ? driver.Checkpoints?.Load() : null;
        if (loaded is not null)
        {
            Load(loaded, start);
        }
        else
        {
            driver.Trace?.CutTo(0);
            lastSound = Copy(start);
            TryBegin(start);
            Record();
        }

        SolveStatus status;
        string message;
        while (true)
        {
            driver.Logger.Begin(phases[(int)phase].Method.Name, iteration);
            (status, message) = exhausted is null ? RunPhase(cancellation) : (SolveStatus.OracleLimit, exhausted);
            driver.Logger.End(status, iteration, message);
            if (status == SolveStatus.BoundTouched && exhausted is null && problem is IEnlargeable<V> enlargeable)
            {
                if (doublings == MostDoublings)
                {
                    message = FormattableString.Invariant($"{message} It was doubled {MostDoublings} times and is touched still, so the multipliers are probably not bounded: Slater's condition fails for some x1 that was visited. Restrict x1, relax the constraints, or state equalities as equalities.");
                    break;
                }

                doublings++;
                enlargement = enlargeable.Enlarge(enlargement, run.Point.ToArray());
                Continue();
                continue;
            }

            if (phase == phases.Count - 1 || exhausted is not null || status is SolveStatus.Converged or SolveStatus.Cancelled) break;
            phase++;
            Continue();

            void Continue()
            {
                phaseStart = Copy(status == SolveStatus.Diverged ? lastSound : run.Point);
                TryBegin(phaseStart);
            }
        }

        if (doublings > 0 && status is not (SolveStatus.Converged or SolveStatus.BoundTouched or SolveStatus.Cancelled))
            message += FormattableString.Invariant($" A bound on multipliers was doubled {doublings} times on the way; where that goes on, the constraints may not hold together for the x1 that were visited.");

        if (status is SolveStatus.IterationLimit or SolveStatus.OracleLimit or SolveStatus.TimeLimit or SolveStatus.Stalled && run is IExplainedRun { Remark: { } remark }) message += " " + remark;

        // A checkpoint is taken between iterations only, and before the last row, which a longer run would not have.
        bool sound = status != SolveStatus.Diverged;
        if (sound && exhausted is null) Save();
        if (sound && (rows.Count == 0 || rows[^1].Iteration != iteration)) Record();
        var answer = sound ? Copy(run.Point) : lastSound;

        // Who cancels wants to leave now; a certificate may take as long as the run.
        bool wanted = sound && status != SolveStatus.Cancelled;
        var certified = wanted && driver.CertifyAt is { } tolerance ? certifier.Check(Problem, answer, tolerance, run.Penalty, quick: false) : null;
        if (certified is not null) answer = [.. certified.Point];
        if (!sound || exhausted is not null || certified is not null) (lastUpper, lastLower) = new ValueReader<V>(problem, answer).Read();
        return new Solution<V>
        {
            Status = status,
            StatusMessage = message,
            Point = answer,
            BlockNames = [.. problem.Blocks.Select(b => b.Name)],
            FollowerBlock = problem.FollowerBlock,
            UpperValue = lastUpper,
            LowerValue = lastLower,
            Residual = run.Residual,
            Penalty = run.Penalty,
            Iterations = iteration,
            UpperCalls = upperCalls,
            LowerCalls = lowerCalls,
            Seconds = Elapsed.TotalSeconds,
            Trace = rows,
            Findings = findings,
            Certificate = certified?.Certificate,
            BoundDoublings = (int)doublings,
            Enlargement = enlargement,
        };
    }

    private (SolveStatus Status, string Message) RunPhase(CancellationToken cancellation)
    {
        // A resumed run that had already met its rule must not take another step.
        if (iteration > phaseBegan && stop.ShouldStop(this)) return (stop.Status, stop.Reason);
        while (true)
        {
            if (cancellation.IsCancellationRequested) return (SolveStatus.Cancelled, FormattableString.Invariant($"Cancelled after {iteration:N0} iterations."));
            try
            {
                run.Step();
            }
            catch (OracleBudgetException e)
            {
                return (SolveStatus.OracleLimit, exhausted = e.Message);
            }

            iteration++;
            double residual = run.Residual;
            if (double.IsNaN(firstResidual)) firstResidual = residual;
            if (!double.IsFinite(residual) || residual > DivergenceFactor * Math.Max(1, firstResidual)) return (SolveStatus.Diverged, Breakdown(residual));
            if (IsRecorded(iteration))
            {
                Record();
                if (!double.IsFinite(lastUpper)) return (SolveStatus.Diverged, Breakdown(residual));
            }

            if (stop.ShouldStop(this)) return (stop.Status, stop.Reason);
            if (driver.CheckpointEvery > 0 && iteration % driver.CheckpointEvery == 0) Save();
            if (iteration >= nextClockCheck) CheckClock();
        }
    }

    private string Breakdown(double residual) => FormattableString.Invariant(
        $"The run broke down at iteration {iteration:N0} (residual {residual:G3}, penalty parameter {run.Penalty:G4}). {(run as IExplainedRun)?.Advice ?? "Take smaller steps, or let the penalty parameter grow more slowly."}");

    // Starting may ask for gradients too; where the budget does not reach, the point stays where it is.
    private void TryBegin(V[] point)
    {
        try
        {
            Begin(point);
        }
        catch (OracleBudgetException e)
        {
            exhausted = e.Message;
            run = new Standstill(point);
            Watch();
        }
    }

    private void Begin(V[] point)
    {
        var measured = Problem.With(Count(problem.Upper, upperCalls), Count(problem.Lower, lowerCalls));
        run = phases[(int)phase].Method.Start(measured, point, seed);
        stop = phases[(int)phase].Stop.Begin();
        phaseBegan = iteration;
        firstResidual = double.NaN;
        (clockStride, nextClockCheck) = (1, iteration);
        Watch();
    }

    private void Watch() => values = new ValueReader<V>(problem, run.Point.ToArray());

    private IObjective<V> Count(IObjective<V> objective, OracleCounts counts)
    {
        var counted = new CountingObjective<V>(objective, counts);
        return budget is null ? counted : new BudgetedObjective<V>(counted, budget);
    }

    private bool IsRecorded(long k)
    {
        if (driver.RecordEvery > 0) return k % driver.RecordEvery == 0;
        long spacing = Math.Max(1, (long)(BitOperations.RoundUpToPowerOf2((ulong)k + 1) / 2 / 8));
        return k % spacing == 0;
    }

    private void Record()
    {
        (lastUpper, lastLower) = values.Read();
        var row = new TraceRow(iteration, OracleCalls, Elapsed.TotalSeconds, lastUpper, lastLower, run.Residual, run.Penalty);
        rows.Add(row);
        recorded++;
        driver.Trace?.Append(row);
        if (double.IsNaN(firstUpper)) firstUpper = lastUpper;
        bool sound = Math.Abs(lastUpper) <= SoundFactor * Math.Max(1, Math.Abs(firstUpper));
        foreach (var block in run.Point) sound &= block.IsFinite();
        for (int b = 0; sound && b < lastSound.Length; b++) lastSound[b].CopyFrom(run.Point[b]);
    }

    // The clock is read rarely enough that a step of a few nanoseconds does not pay for it.
    private void CheckClock()
    {
        long now = driver.Clock.GetTimestamp();
        double sinceLast = driver.Clock.GetElapsedTime(lastClock, now).TotalMilliseconds;
        clockStride = sinceLast < 1 ? Math.Min(clockStride * 2, 1 << 20) : Math.Max(1, clockStride / 2);
        nextClockCheck = iteration + clockStride;
        lastClock = now;
        if (driver.Progress is { } progress && driver.Clock.GetElapsedTime(lastProgress, now).TotalMilliseconds >= 100)
        {
            lastProgress = now;
            progress.Report(new RunProgress(iteration, OracleCalls, lastUpper, run.Residual, run.Penalty, Elapsed, stop.Share));
        }

        if (driver.Clock.GetElapsedTime(lastCheckpoint, now) >= driver.CheckpointInterval) Save();
    }

    private void Save()
    {
        if (driver.Checkpoints is not { } store) return;
        var archive = new ArchiveWriter<V>();
        archive.Transfer("phase", ref phase);
        archive.Transfer("doublings", ref doublings);
        archive.Transfer("enlargement", ref enlargement);
        if (phase + doublings > 0) TransferStart(archive, phaseStart);
        Transfer(archive);
        store.Save(new Checkpoint(new CheckpointInfo(Describe(), CheckpointInfo.CurrentInstructionSet, CheckpointInfo.CurrentRuntime, iteration), archive.ToArray()));
        lastCheckpoint = driver.Clock.GetTimestamp();
        driver.Logger.Saved(iteration);
    }

    private void Load(Checkpoint checkpoint, V[] start)
    {
        if (checkpoint.Info.Description != Describe())
            throw new CheckpointException($"The checkpoint is of another run. It holds: {checkpoint.Info.Description}. Asked for: {Describe()}. Resume with the same task, method, settings and seed.");
        if (checkpoint.Info.InstructionSet != CheckpointInfo.CurrentInstructionSet || checkpoint.Info.Runtime != CheckpointInfo.CurrentRuntime)
        {
            var finding = new Finding(
                Severity.Warning,
                $"The checkpoint was computed on {checkpoint.Info.InstructionSet} with {checkpoint.Info.Runtime}, this is {CheckpointInfo.CurrentInstructionSet} with {CheckpointInfo.CurrentRuntime}.",
                "The run goes on, but its last bits may differ from an uninterrupted one.");
            findings.Add(finding);
            driver.Logger.Warning(finding.ToString());
        }

        var archive = new ArchiveReader<V>(checkpoint.State.ToArray());
        archive.Transfer("phase", ref phase);
        archive.Transfer("doublings", ref doublings);
        archive.Transfer("enlargement", ref enlargement);
        if (phase < 0 || phase >= phases.Count) throw new CheckpointException("The checkpoint is of a run with more phases.");
        if (doublings < 0 || doublings > MostDoublings || (doublings > 0 && problem is not IEnlargeable<V>)) throw new CheckpointException("The checkpoint is of a problem of another class.");
        if (phase + doublings > 0) TransferStart(archive, start);
        Begin(phase + doublings > 0 ? phaseStart : start);
        lastSound = Copy(run.Point);
        Transfer(archive);
        archive.Finish();
        if (driver.Trace?.CutTo((int)recorded) is not { } kept) return;
        rows.AddRange(kept);
        recorded = rows.Count;
    }

    // What a method derives from its start is derived anew after a resume, so the start must be the same.
    private void TransferStart(IArchive<V> archive, V[] like)
    {
        if (archive.Loading) phaseStart = Copy(like);
        foreach (var block in phaseStart) archive.Transfer("start of phase", block);
    }

    private void Transfer(IArchive<V> archive)
    {
        double seconds = Elapsed.TotalSeconds;
        archive.Transfer("iteration", ref iteration);
        archive.Transfer("phase began", ref phaseBegan);
        archive.Transfer("recorded", ref recorded);
        archive.Transfer("first residual", ref firstResidual);
        archive.Transfer("first upper value", ref firstUpper);
        archive.Transfer("upper value", ref lastUpper);
        archive.Transfer("lower value", ref lastLower);
        archive.Transfer("seconds", ref seconds);
        if (archive.Loading) secondsBefore = seconds;
        upperCalls.Transfer(archive);
        lowerCalls.Transfer(archive);
        bool budgeted = budget is not null;
        archive.Transfer("budgeted", ref budgeted);
        if (budgeted != budget is not null) throw new CheckpointException("The checkpoint is of a run with another oracle budget.");
        budget?.Transfer(archive);
        stop.Transfer(archive);
        foreach (var block in lastSound) archive.Transfer("last sound point", block);
        run.Transfer(archive);
    }

    private string Describe() => FormattableString.Invariant($"{driver.Description}; method {string.Join(", ", phases.Select(p => p.Method.Name))}; seed {seed}");

    private static V[] Copy(ReadOnlySpan<V> point)
    {
        var copy = new V[point.Length];
        for (int b = 0; b < point.Length; b++) copy[b] = point[b].Copy();
        return copy;
    }

    // The run of a method that could not start.
    private sealed class Standstill(V[] point) : IRun<V>
    {
        public double Residual => double.NaN;

        public double Penalty => double.NaN;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
        }

        public void Transfer(IArchive<V> archive)
        {
        }
    }
}
