using System.Numerics;

namespace Bilevel;

/// <summary>The state of one run of the driver, for any problem class.</summary>
internal sealed partial class DriverLoop<V> : IRunView
    where V : class, IVector<V>
{
    // A residual this many times above the first one (or above 1) counts as run away.
    private const double DivergenceFactor = 1e12;

    // A point whose upper value is this many times above the start's (or above 1) is on its way out, finite as it is.
    private const double SoundFactor = 1e8;

    // Accuracy of what is reported where the run has no tolerance.
    private const double DefaultAccuracy = 1e-6;

    // rho grows by this factor where the follower's answer leans too far to the leader.
    private const double LeaningFactor = 10;

    // A bound that is still touched after so many doublings is not there.
    private const int MostDoublings = 12;

    private readonly Driver driver;
    private readonly IReadOnlyList<Phase> phases;
    private readonly IProblem<V> given, problem;    // read to the end; and asking before every gradient whether to go on
    private readonly ulong seed;
    private readonly List<Finding> findings;
    private readonly OracleCounts upperCalls, lowerCalls;
    private readonly OracleBudget? budget;
    private readonly ICertifier certifier;
    private readonly List<TraceRow> rows = [];
    private IRun<V> run = null!;
    private IStopMonitor stop = null!;
    private ValueReader<V> values = null!;
    private Boundlessness<V> boundlessness = null!;

    private long phase, doublings, enlargement, phaseBegan, iteration, recorded;
    private double firstResidual = double.NaN, firstUpper = double.NaN, lastUpper = double.NaN, lastLower = double.NaN;
    private double secondsBefore;           // seconds of earlier sittings
    private long sittingStart, lastCheckpoint, lastProgress;
    private long nextClockCheck, clockStride = 1, lastClock;
    private V[] phaseStart = [];            // where a phase after the first, or one on an enlarged problem, began
    private V[] lastSound = [];             // the last recorded point with finite numbers
    private int phaseOfRun;                 // see IPhasedRun
    private (SolveStatus Status, string Message)? early;    // why the run ended before, or inside, an iteration that it cannot be resumed from
    private (long Iteration, Certificate Certificate)? asked;   // the certificate that a stopping rule asked last
    private Confirmed? confirmed;           // the whole of it, where it was asked for
    private Confirmed? leaning;             // the last that said that y leans too far

    /// <param name="driver">Its settings.</param>
    /// <param name="phases">The phases.</param>
    /// <param name="given">The problem.</param>
    /// <param name="problem">The same, asking before every gradient whether to go on, where that may end.</param>
    /// <param name="seed">Seed of all random draws.</param>
    /// <param name="findings">What the validator said.</param>
    /// <param name="limit">Whether to go on; null where nothing can end the run but its rules.</param>
    /// <param name="began">When it began.</param>
    public DriverLoop(Driver driver, IReadOnlyList<Phase> phases, IProblem<V> given, IProblem<V> problem, ulong seed, List<Finding> findings, RunLimit? limit, long began)
    {
        (this.driver, this.phases, this.given, this.problem, this.seed, this.findings, this.limit) = (driver, phases, given, problem, seed, findings, limit);
        sittingStart = began;
        upperCalls = new OracleCounts(problem.UpperBlocks.Count);
        lowerCalls = new OracleCounts(problem.LowerBlockNames.Count);
        budget = driver.OracleBudget is { } most ? new OracleBudget(most) : null;
        certifier = driver.Certifier ?? Certifiers.For(problem);
    }

    public long Iteration => iteration;

    public double Residual => run.Residual;

    public long OracleCalls => upperCalls.Total + lowerCalls.Total;

    public TimeSpan Elapsed => TimeSpan.FromSeconds(secondsBefore) + driver.Clock.GetElapsedTime(sittingStart);

    public double UpperValue => lastUpper;

    (SolveStatus Status, string Reason)? IRunView.Settled(double tolerance) => run.Settled(tolerance);

    // The problem with the bounds now in force.
    private IProblem<V> Problem => doublings > 0 ? ((IEnlargeable<V>)problem).Enlarged(enlargement) : problem;

    Certificate IRunView.Certify(double tolerance)
    {
        var certificate = certifier.Check(Problem, run.Point.ToArray(), tolerance, run.Penalty, quick: true).Certificate;
        asked = (iteration, certificate);
        return certificate;
    }

    Certificate IRunView.Confirm(Certificate given)
    {
        if (driver.CertifyAt != given.Tolerance) return given;
        V[] point = Copy(run.Point);
        var whole = certifier.Check(Problem, point, given.Tolerance, run.Penalty, quick: false);
        confirmed = new Confirmed(iteration, point, whole, run.Residual, run.Penalty);
        if (!whole.Certificate.IsLeaning) return whole.Certificate;
        leaning = confirmed;
        if (run is IRaisesPenalty { CanRaise: true } stages) stages.Raise(LeaningFactor);
        return whole.Certificate;
    }

    private sealed record Confirmed(long Iteration, V[] Point, CertifiedPoint<V> Whole, double Residual, double Penalty);

    public Solution<V> Run(V[] start)
    {
        lastCheckpoint = lastProgress = lastClock = driver.Clock.GetTimestamp();
        boundlessness = new Boundlessness<V>(problem, start);

        // Better known now than at the first checkpoint.
        if (driver.Checkpoints is not null) Array.ForEach(start, block => Storable.Of(block));
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
            (status, message) = early ?? RunPhase();
            if (status == SolveStatus.BoundTouched && early is null && problem is IEnlargeable<V> enlargeable)
            {
                if (doublings == MostDoublings)
                {
                    string why = Unless(() => Infeasibility.At(Problem, run.Point.ToArray())) is { } infeasible ? $". {infeasible}"
                        : ", so the multipliers are probably not bounded: Slater's condition fails for some x1 that was visited. Restrict x1, relax the constraints, or state equalities as equalities.";
                    message = FormattableString.Invariant($"{message} It was doubled {MostDoublings} times and is touched still{why}");
                    break;
                }

                driver.Logger.End(status, iteration, message);
                doublings++;
                enlargement = enlargeable.Enlarge(enlargement, run.Point.ToArray());
                leaning = null;
                Continue();
                continue;
            }

            if (phase == phases.Count - 1 || early is { Status: not SolveStatus.TimeLimit } || status is SolveStatus.Converged or SolveStatus.Cancelled or SolveStatus.Unbounded) break;
            driver.Logger.End(status, iteration, message);
            phase++;
            early = null;
            Continue();

            void Continue()
            {
                phaseStart = Copy(status == SolveStatus.Diverged ? lastSound : run.Point);
                TryBegin(phaseStart);
            }
        }

        BeginClosing();
        if (doublings > 0 && status is not (SolveStatus.Converged or SolveStatus.BoundTouched or SolveStatus.Cancelled))
            message += FormattableString.Invariant($" A bound on multipliers was doubled {doublings} times on the way; {(IsFinite(run.Point) ? Unless(() => Infeasibility.At(Problem, run.Point.ToArray())) : null) ?? "where that goes on, the constraints may not hold together for the x1 that were visited."}");

        if (status is SolveStatus.Diverged or SolveStatus.Stalled or SolveStatus.IterationLimit or SolveStatus.OracleLimit or SolveStatus.TimeLimit)
            message += Unless(() => Cause(status, start)) is { Length: > 0 } cause ? " " + cause : "";

        // A checkpoint is taken between iterations only, and before the last row, which a longer run would not have.
        bool sound = status is not (SolveStatus.Diverged or SolveStatus.Unbounded);
        if (sound && early is null) Save();
        if (sound && (rows.Count == 0 || rows[^1].Iteration != iteration)) Record();
        if (Unless(() => Bottomless(status, sound, start)) is { } bottomless) (status, message, sound) = (SolveStatus.Unbounded, bottomless, false);
        LetGo();
        return Conclude(status, message, sound, start);
    }

    // Why there is no answer: what the leader or the follower minimises falls without end.
    private string? Bottomless(SolveStatus status, bool sound, V[] start)
    {
        V[] At() => sound ? Copy(run.Point) : lastSound;
        bool isOpen = status is not (SolveStatus.Converged or SolveStatus.Cancelled);
        if (status is not (SolveStatus.Cancelled or SolveStatus.Unbounded) && boundlessness.AtEnd(sound || IsFinite(run.Point) ? run.Point : lastSound, status == SolveStatus.Converged) is { } unbounded) return unbounded;
        if (status is SolveStatus.Diverged or SolveStatus.Stalled && Look.Around(Problem, OracleCalls, p => FallingEdge.Unbounded(p, start, Broken is { } broken ? [.. broken] : At())) is { } edge) return edge;
        if (isOpen && RecedingFollower.Unbounded(Problem, start, At()) is { } receding) return driver.Units.Mark(receding);
        if (problem is BilevelMinimaxProblem<V> && isOpen && FallingLeader.Unbounded(Problem, start[0], At(), driver.Units) is { } falling) return falling;
        return status is not (SolveStatus.Cancelled or SolveStatus.Unbounded) ? FlatFollower.Unbounded(problem, At()) : null;
    }

    private (SolveStatus Status, string Message) Iterate()
    {
        // A resumed run that had already met its rule must not take another step.
        if (iteration > phaseBegan && stop.ShouldStop(this)) return (stop.Status, stop.Reason);
        while (true)
        {
            if (limit is { IsCancelled: true }) return (SolveStatus.Cancelled, Interrupted);
            Keep();
            try
            {
                run.Step();
            }
            catch (OracleBudgetException e)
            {
                early = (SolveStatus.OracleLimit, e.Message);
                return early.Value;
            }

            iteration++;
            place = Place.AfterStep;
            WatchPhase();

            // A bound may be as large as it is; the estimate that it belongs to tells whether the run has run away.
            double residual = run.Residual, estimate = double.IsNaN(run.Estimate) ? residual : run.Estimate;
            if (double.IsNaN(firstResidual)) firstResidual = estimate;
            if (!double.IsFinite(residual) || estimate > DivergenceFactor * Math.Max(1, firstResidual)) return (SolveStatus.Diverged, Breakdown(residual));
            bool isRecorded = IsRecorded(iteration);
            if (isRecorded)
            {
                Record();
                if (!double.IsFinite(lastUpper)) return (SolveStatus.Diverged, Breakdown(residual));
                if (boundlessness.Follower(run.Point) is { } follower) return (SolveStatus.Unbounded, follower);
            }

            // Looked at before the rule, so that a run that goes on from here has seen the same; said after it.
            string? leader = isRecorded ? boundlessness.Leader(run.Point, lastUpper) : null;
            place = Place.BetweenIterations;
            if (stop.ShouldStop(this)) return (stop.Status, stop.Reason);
            if (leader is not null) return (SolveStatus.Unbounded, leader);
            if (driver.CheckpointEvery > 0 && iteration % driver.CheckpointEvery == 0) Save();
            if (iteration >= nextClockCheck) CheckClock();
        }
    }

    // Starting may ask for gradients too; where the budget or the time does not reach, the point stays where it is.
    private void TryBegin(V[] point)
    {
        try
        {
            BeginIterations();
            Begin(point);
        }
        catch (OracleBudgetException e)
        {
            Stand(SolveStatus.OracleLimit, e.Message);
        }
        catch (OperationCanceledException) when (limit is { IsOver: true })
        {
            var (status, message) = limit.IsCancelled ? (SolveStatus.Cancelled, Interrupted) : (SolveStatus.TimeLimit, TimeIsOver);
            Stand(status, message);
        }

        void Stand(SolveStatus status, string message)
        {
            early = (status, message);
            run = new Standstill(point);
            stop = phases[(int)phase].Stop.Begin();
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
        phaseOfRun = PhaseOfRun;
    }

    private int PhaseOfRun => (run as IPhasedRun)?.PhaseIndex ?? 0;

    // Another phase of a method that has several is another run to the rules.
    private void WatchPhase()
    {
        if (PhaseOfRun == phaseOfRun) return;
        phaseOfRun = PhaseOfRun;
        stop = phases[(int)phase].Stop.Begin();
        firstResidual = double.NaN;
    }

    private void Watch() => values = new ValueReader<V>(given, run.Point.ToArray());

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
        bool sound = !double.IsNaN(lastLower) && Math.Abs(lastUpper) <= SoundFactor * Math.Max(1, Math.Abs(firstUpper));
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
            progress.Report(Progress(null));
        }

        if (driver.Clock.GetElapsedTime(lastCheckpoint, now) >= driver.CheckpointInterval || IsWorthSaving(sinceLast, now)) Save();
    }

    private RunProgress Progress(string? stage) => new(iteration, OracleCalls, lastUpper, run.Residual, run.Penalty, Elapsed, stop.Share) { Stage = stage };

    private static bool IsFinite(ReadOnlySpan<V> point)
    {
        foreach (var block in point)
        {
            if (!block.IsFinite()) return false;
        }

        return true;
    }

    private static V[] Copy(ReadOnlySpan<V> point)
    {
        var copy = new V[point.Length];
        for (int b = 0; b < point.Length; b++) copy[b] = point[b].Copy();
        return copy;
    }
}
