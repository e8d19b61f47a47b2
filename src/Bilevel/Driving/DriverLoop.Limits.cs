namespace Bilevel;

// Time limit and cancellation where they hold inside: inside an iteration, and inside what follows the last one.
internal sealed partial class DriverLoop<V>
{
    // Saving for the sake of an iteration that may be given up takes at most this share of the time.
    private const double SavingShare = 0.05;

    private readonly RunLimit? limit;       // null where nothing can end the run but its rules
    private V[] kept = [];                  // the point of the last whole iteration, while the next is computed in place
    private double keptResidual, keptPenalty;
    private double savingSeconds;           // how long the last checkpoint took
    private Place place = Place.BetweenIterations;

    private enum Place
    {
        InStep,
        AfterStep,
        BetweenIterations,
    }

    private TimeSpan? TimeLimit => phases[(int)phase].Stop.TimeLimit;

    private string Seconds => FormattableString.Invariant($"{TimeLimit?.TotalSeconds:G6} s");

    private string TimeIsOver => $"The time limit of {Seconds} was reached.";

    private string Interrupted => FormattableString.Invariant($"Interrupted after {iteration:N0} iteration{(iteration == 1 ? "" : "s")}; the answer so far is unfinished.");

    // Why what follows the iterations was given up, as a clause.
    private string CutOff => limit is { IsCancelled: true } ? "the run was interrupted" : $"twice the time limit of {Seconds} has passed";

    private void BeginIterations() => limit?.Begin(TimeLimit - Elapsed, RunLimit.Grace);

    // What follows the iterations may go on until twice the time limit has passed.
    private void BeginClosing() => limit?.Begin((2 * TimeLimit) - Elapsed, TimeSpan.Zero);

    private (SolveStatus Status, string Message) RunPhase()
    {
        try
        {
            BeginIterations();
            return Iterate();
        }
        catch (OperationCanceledException) when (limit is { IsOver: true })
        {
            return GiveUp(limit.IsCancelled);
        }
    }

    // Before a step, which changes the point in place and may be given up inside.
    private void Keep()
    {
        if (limit is null) return;
        place = Place.InStep;
        if (kept.Length == 0) kept = [.. run.Point.ToArray().Select(b => b.ZerosLike())];
        for (int b = 0; b < kept.Length; b++) kept[b].CopyFrom(run.Point[b]);
        (keptResidual, keptPenalty) = (run.Residual, run.Penalty);
    }

    // The point of the last whole iteration is the answer. The state of the method is torn, so that it cannot be saved.
    private (SolveStatus Status, string Message) GiveUp(bool isCancelled)
    {
        var (status, message) = isCancelled ? (SolveStatus.Cancelled, Interrupted) : (SolveStatus.TimeLimit, TimeIsOver);
        if (place == Place.BetweenIterations) return (status, message);
        if (place == Place.InStep)
        {
            run = new Standstill(kept, keptResidual, keptPenalty);
            Watch();
            string after = iteration == 0 ? "the start" : FormattableString.Invariant($"the point after iteration {iteration:N0}");
            message = isCancelled ? FormattableString.Invariant($"Interrupted inside iteration {iteration + 1:N0}, which was given up; the answer so far, {after}, is unfinished.")
                : FormattableString.Invariant($"The time limit of {Seconds} was reached inside iteration {iteration + 1:N0}, which was given up: the answer is {after}.");
        }

        early = (status, message);
        return early.Value;
    }

    // Whether to save now, so that little is lost where the next iteration is given up.
    private bool IsWorthSaving(double lastMilliseconds, long now) => limit is not null && driver.Checkpoints is not null && lastMilliseconds >= RunLimit.Grace.TotalMilliseconds
        && SavingShare * driver.Clock.GetElapsedTime(lastCheckpoint, now).TotalSeconds >= savingSeconds;

    // What is computed; nothing where it was given up.
    private T? Unless<T>(Func<T?> work)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException) when (limit is { IsOver: true })
        {
            return default;
        }
    }

    // The whole certificate, or one that says why there is none.
    private CertifiedPoint<V> Certified(V[] point, double tolerance) =>
        Unless(() => certifier.Check(Problem, point, tolerance, run.Penalty, quick: false))
        ?? new(new Certificate(Verdict.NotCheckable, tolerance, $"Not certified: the certificate was cut off because {CutOff}. {(limit is { IsCancelled: true } ? "Let it come to its end" : "Raise the limit")} to have it.", [], [], double.NaN, double.NaN, 0), point);
}
