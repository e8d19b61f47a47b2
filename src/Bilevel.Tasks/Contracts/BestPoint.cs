using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// Keeps the best point of a run: of its start, its end and the points that it passed, the one with the least F, the leader's
/// objective with the lower level solved again, is the answer wherever it beats the end by more than the tolerance. A stationary point, which is what a
/// method looks for and a certificate proves, may be worse than the start.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed class BestPoint<V>
    where V : class, IVector<V>
{
    /// <summary>The name of the number that says what the start was worth.</summary>
    public const string StartName = "start_upper_value";

    private readonly TaskInstance<V> instance;
    private readonly IReadOnlyList<V> start;
    private readonly PassedPoints<V> passed;

    /// <summary>For one run of a task.</summary>
    /// <param name="instance">The task.</param>
    /// <param name="start">The start of the run, block by block; null for the task's own.</param>
    public BestPoint(TaskInstance<V> instance, IReadOnlyList<V>? start = null)
    {
        ArgumentNullException.ThrowIfNull(instance);
        (this.instance, this.start) = (instance, start ?? instance.Start);
        passed = new PassedPoints<V>(instance.Problem);
    }

    /// <summary>Asks to end: the answer is then not compared with other points.</summary>
    public CancellationToken Cancellation { get; init; }

    private double Sign => SignOf(instance.Problem);

    /// <summary>1 where the leader minimises f, -1 where it maximises.</summary>
    internal static double SignOf(IProblem<V> problem) => problem is BilevelMinimaxProblem<V> { UpperSense: Sense.Maximise } ? -1 : 1;

    /// <summary>The same method, whose runs are watched; what it computes stays the same.</summary>
    /// <param name="method">The method.</param>
    public IMethod Watching(IMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return new WatchedMethod<V>(method, passed);
    }

    /// <summary>Settles what the answer of a watched run is, and measures it.</summary>
    /// <param name="solution">What the driver returned.</param>
    /// <param name="tolerance">The tolerance of the run.</param>
    /// <param name="certify">Whether an answer other than the run's end is to be certified.</param>
    public TaskAnswer<V> Choose(Solution<V> solution, double tolerance, bool certify)
    {
        ArgumentNullException.ThrowIfNull(solution);

        // Who cancels wants to leave now; without a minimiser no point is an answer.
        if (solution.Status is SolveStatus.Cancelled or SolveStatus.Unbounded) return new TaskAnswer<V>(solution, instance.Evaluate(solution), []);
        try
        {
            return Compared(solution, tolerance, certify);
        }
        catch (OperationCanceledException) when (Cancellation.IsCancellationRequested)
        {
            var outcome = instance.Evaluate(solution);
            return new TaskAnswer<V>(solution, outcome with { LeftOut = [.. outcome.LeftOut, "whether the start or a point that the run passed is better"] }, []);
        }
    }

    private TaskAnswer<V> Compared(Solution<V> solution, double tolerance, bool certify)
    {
        var context = new TaskContext { Cancellation = Cancellation };
        double atStart = instance.UpperValueAt(start, context), atEnd = instance.UpperValueAt(solution.Point, context);
        var best = (Point: solution.Point, Value: atEnd, Iteration: -1L);
        void Compare(IReadOnlyList<V> point, double value, long iteration)
        {
            if (double.IsFinite(value) && !(Sign * value >= Sign * best.Value)) best = (point, value, iteration);
        }

        Compare(start, atStart, 0);
        foreach (var candidate in passed.Promising)
        {
            // f where the method's follower stood only says whether to solve again.
            if (candidate.Value < (Sign * best.Value) - tolerance || !double.IsFinite(best.Value)) Compare(candidate.Point, instance.UpperValueAt(candidate.Point, context), candidate.Iteration);
        }

        bool isBetter = Sign * best.Value < (Sign * atEnd) - tolerance || (double.IsFinite(best.Value) && !double.IsFinite(atEnd));
        if (!isBetter) return Measured(instance.ReadsUpperValue ? solution with { UpperValue = atEnd } : solution, []);
        string where = best.Iteration == 0 ? "the start" : string.Create(CultureInfo.InvariantCulture, $"the point of iteration {best.Iteration:N0}");
        string note = string.Create(CultureInfo.InvariantCulture, $"The answer is {where}, where F is {Apart(best.Value, atEnd)}; the run ended at {Apart(atEnd, best.Value)}, which is worse. Another method or start may do better.");
        return Measured(Replaced(solution, best.Point, best.Value, note, tolerance, certify), [note]);

        TaskAnswer<V> Measured(Solution<V> answer, IReadOnlyList<string> notes)
        {
            var outcome = instance.Evaluate(answer);
            return new TaskAnswer<V>(answer, outcome with { Metrics = [.. outcome.Metrics, new NamedNumber(StartName, atStart, "F at the start")] }, notes);
        }
    }

    // A number with so many digits that it is seen to be another than its neighbour, at least five.
    private static string Apart(double value, double other)
    {
        string Digits(double of, int digits) => of.ToString($"G{digits}", CultureInfo.InvariantCulture);
        return Digits(value, Enumerable.Range(5, 12).FirstOrDefault(d => Digits(value, d) != Digits(other, d), 17));
    }

    // What is said of the run's end does not hold of another point: status, sentences and certificate are that point's own.
    private Solution<V> Replaced(Solution<V> solution, IReadOnlyList<V> point, double value, string note, double tolerance, bool certify)
    {
        var standing = instance.Standing(point, solution, certify ? tolerance : null, Cancellation);
        bool rests = solution.Status == SolveStatus.NotWithinTolerance && !(solution.Residual <= tolerance), met = !rests && solution.Status is (SolveStatus.Converged or SolveStatus.NotWithinTolerance);
        if (solution.Status == SolveStatus.Stalled || rests) standing = standing with { Certificate = standing.Certificate?.AtRest() };
        bool certified = standing.Certificate?.Verdict == Verdict.Certified && standing.Certificate.Objection is null;
        string ended = certified ? "Converged: the answer is certified."
            : met ? $"Not {(standing.Certificate?.Objection is null ? "known to be " : "")}within the tolerance: the run met its rule at a worse point."
            : rests ? $"Not within the tolerance. {solution.Reason}"
            : solution.Status == SolveStatus.Diverged ? solution.Reason
            : solution.Reason.Length > 0 ? $"Stopped before it converged. {solution.Reason}" : solution.StatusMessage;
        bool isBelow = solution.Better is { } known && Sign * instance.UpperValueAt(known) < Sign * value;
        return standing with
        {
            Status = certified ? SolveStatus.Converged : met ? SolveStatus.NotWithinTolerance : solution.Status,
            StatusMessage = standing.Certificate is { } certificate ? $"{ended} {note} {certificate.Summary}" : $"{ended} {note}",
            Reason = solution.Reason,
            UpperValue = value,
            Residual = double.NaN,

            // lambda belongs to the point that the run ended at; of a point of a lift the certificate itself is one at that rho.
            Penalty = instance.Problem is BilevelProblem<V> ? double.NaN : solution.Penalty,
            Iterations = solution.Iterations,
            UpperCalls = solution.UpperCalls,
            LowerCalls = solution.LowerCalls,
            Seconds = solution.Seconds,
            Trace = solution.Trace,
            Findings = solution.Findings,
            Better = isBelow ? solution.Better : standing.Better,
            StartIndex = solution.StartIndex,
            BoundDoublings = solution.BoundDoublings,
            Enlargement = solution.Enlargement,
        };
    }
}
