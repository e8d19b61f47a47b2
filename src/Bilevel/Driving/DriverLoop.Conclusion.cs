namespace Bilevel;

// The end of a run: what is said and reported of its answer.
internal sealed partial class DriverLoop<V>
{
    private Solution<V> Conclude(SolveStatus status, string message, bool sound, V[] start)
    {
        var point = sound || (status == SolveStatus.Unbounded && IsFinite(run.Point) && !double.IsNaN(values.Read().Upper)) ? Copy(run.Point) : lastSound;

        // Who cancels wants to leave now; a certificate, or the lower level, may take as long as the run.
        bool wanted = sound && status != SolveStatus.Cancelled;
        if (wanted) driver.Progress?.Report(Progress(driver.CertifyAt is null ? "answer" : "certificate"));
        var known = confirmed?.Iteration == iteration ? confirmed : null;
        var certified = !wanted ? null : known is not null ? known.Whole
            : driver.CertifyAt is { } tolerance ? Certified(point, tolerance) : null;
        var (residual, penalty) = wanted && known is not null ? (known.Residual, known.Penalty) : (run.Residual, run.Penalty);

        // Where going on has not mended what forbade a certificate, the point of which all but that was within the tolerance is the better one.
        if (leaning is { } held && held.Iteration < iteration && certified?.Certificate.Verdict != Verdict.Certified && status is not (SolveStatus.Cancelled or SolveStatus.Unbounded or SolveStatus.Converged))
        {
            (point, certified, residual, penalty, wanted) = ([.. held.Whole.Point], held.Whole, held.Residual, held.Penalty, true);
            if (status == SolveStatus.Diverged) status = SolveStatus.Stalled;
            message += FormattableString.Invariant($" Nothing better was found than the point of iteration {held.Iteration:N0}, which is reported.");
        }

        var certificate = status is SolveStatus.Stalled or SolveStatus.NotWithinTolerance ? certified?.Certificate.AtRest() : certified?.Certificate;
        bool isShort = status is SolveStatus.IterationLimit or SolveStatus.OracleLimit or SolveStatus.TimeLimit or SolveStatus.Stalled;
        if (isShort && certificate?.Objection is null && run.Remark is { } remark) message += " " + remark;
        var outcome = Outcome.Of(status, message, certificate ?? (asked is { } last && last.Iteration == iteration ? last.Certificate : null));
        double accuracy = driver.CertifyAt ?? stop.Tolerance ?? DefaultAccuracy;
        var answer = wanted ? Unless(() => Answers.Read(Problem, certified?.Point ?? point, penalty, accuracy)) ?? AsItStands([.. certified?.Point ?? point], CutOff) : AsItStands(point, Why(status));
        List<string> notes = [.. answer.Notes.Select(driver.Units.Mark)];
        if (Unsaved is { } noCheckpoint) notes.Add(noCheckpoint);
        if (outcome.Status is SolveStatus.Stalled or SolveStatus.NotWithinTolerance && certificate?.Signs.Any(s => s.Contains(" contradict", StringComparison.Ordinal)) != true
            && Unless(() => Deeper(start, [.. answer.Point], lastSound)) is { } deeper)
        {
            outcome = outcome with { Message = $"{outcome.Message} {deeper}" };
        }

        var better = MetByCertifier(certified, answer) ?? FlatStartOf(outcome.Status, start, answer, accuracy);
        if (better is { } found)
        {
            if (found.Slope > 0 && outcome.Status == SolveStatus.Converged && certified?.Certificate.Verdict != Verdict.Certified)
                outcome = new(SolveStatus.NotWithinTolerance, FormattableString.Invariant($"Not within the tolerance, although the method's own rule was met: values of F fall from x by {found.Slope:G3} for its distance. {message}"));
            notes.Add(found.Note);
            outcome = outcome with { Message = $"{outcome.Message} {found.Note}" };
        }

        if (outcome.Status == SolveStatus.Converged && Unless(() => FallingLeader.Note(Problem, start[0], answer.Point, answer.UpperValue, driver.Units)) is { } falling) notes.Add(falling);
        (lastUpper, lastLower) = (answer.UpperValue, answer.LowerValue);
        driver.Logger.End(outcome.Status, iteration, outcome.Message);
        return new Solution<V>
        {
            Status = outcome.Status,
            StatusMessage = outcome.Message,
            Reason = message,
            Point = answer.Point,
            BlockNames = [.. problem.Blocks.Select(b => b.Name)],
            FollowerBlock = problem.FollowerBlock,
            UpperValue = answer.UpperValue,
            LowerValue = answer.LowerValue,
            FollowerSolvedAgain = wanted && answer.SolvedAgain,
            Residual = residual,
            Penalty = penalty,
            Iterations = iteration,
            UpperCalls = upperCalls,
            LowerCalls = lowerCalls,
            Seconds = Elapsed.TotalSeconds,
            Trace = rows,
            Findings = findings,
            Notes = notes,
            Better = better?.Better,
            Certificate = certificate,
            BoundDoublings = (int)doublings,
            Enlargement = enlargement,
        };
    }

    // Why it may have ended so, and what can be done.
    private string? Cause(SolveStatus status, V[] start)
    {
        V[] at = Copy(run.Point);
        for (int b = 0; b < at.Length; b++) at[b] = at[b].IsFinite() ? at[b] : lastSound[b];
        string? domain = Domain.NotFinite(problem, start, at) ?? (Broken is { } broken ? Domain.NotFinite(problem, at, [.. broken]) : null);
        if (domain is not null || status != SolveStatus.Diverged) return domain;
        return Deeper(start, lastSound, at) ?? run.Advice ?? Remedies.Of(phases[(int)phase].Method.Core);
    }

    // Where a way to the answer broke down that was given up.
    private IReadOnlyList<V>? Broken => (run as PhasedRun<V>)?.Broken;

    // What lies in the problem itself, before any advice.
    private string? Deeper(V[] start, params IReadOnlyList<V[]> points) =>
        Look.Around(Problem, OracleCalls, p => LastGradients.Contradiction(p, start, points)) is { } wrong ? driver.Units.Mark(wrong)
        : Look.Around(Problem, OracleCalls, p => JumpingFollower.Near(p, start, points[0])) ?? Look.Around(Problem, OracleCalls, p => KinkedFollower.At(p, points[0]));

    private string Breakdown(double residual) => FormattableString.Invariant(
            $"The run broke down at iteration {iteration:N0} (residual {residual:G3}{(double.IsNaN(run.Penalty) ? "" : FormattableString.Invariant($", penalty parameter {run.Penalty:G4}"))}).");

    private (IReadOnlyList<V> Better, string Note, double Slope)? MetByCertifier(CertifiedPoint<V>? certified, Answer<V> answer) => certified?.Better is { } better
        ? (better, FormattableString.Invariant($"A better point was met while the answer was checked: F = {driver.Units.Upper * certified.BetterValue:G5}, against {driver.Units.Upper * answer.UpperValue:G5}. Start there."), 0)
        : null;

    private (IReadOnlyList<V> Better, string Note, double Slope)? FlatStartOf(SolveStatus status, V[] start, Answer<V> answer, double accuracy) =>
        status is SolveStatus.Converged or SolveStatus.NotWithinTolerance or SolveStatus.Stalled ? Unless(() => FlatStart.Find(Problem, start, answer.Point, answer.UpperValue, accuracy, isFlat: status == SolveStatus.Converged)) : null;

    private static string Why(SolveStatus status) => status switch
    {
        SolveStatus.Cancelled => "the run was interrupted",
        SolveStatus.Unbounded => "there is no answer to read",
        _ => "the computation broke down",
    };

    private Answer<V> AsItStands(V[] point, string why)
    {
        var (upper, lower) = new ValueReader<V>(given, point).Read();
        return new Answer<V>(point, upper, lower, [$"f and g are read where the run stood, with the follower as the method left it, because {why}."]) { SolvedAgain = false };
    }

    // What follows needs as much memory as the run did, which is let go.
    private void LetGo() => run = new Standstill([.. run.Point], run.Residual, run.Penalty) { Remark = run.Remark };

    // The run of a method that could not start, was given up inside an iteration, or is over.
    private sealed class Standstill(V[] point, double residual = double.NaN, double penalty = double.NaN) : IRun<V>
    {
        public double Residual => residual;

        public double Penalty => penalty;

        public string? Remark { get; init; }

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
        }

        public void Transfer(IArchive<V> archive)
        {
        }
    }
}
