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

/// <summary>Points that runs passed: of every doubling of the iteration number the one with the least f, as long as there is room the least of these.</summary>
internal sealed class PassedPoints<V>(IProblem<V> problem)
    where V : class, IVector<V>
{
    // Eight looks per doubling of the iteration number, as rows of the trace.
    private const int LooksPerDoubling = 8, Room = 8;

    private readonly List<Kept> kept = [];

    /// <summary>The points, the one with the least f first.</summary>
    public IEnumerable<(IReadOnlyList<V> Point, double Value, long Iteration)> Promising =>
        kept.Where(k => double.IsFinite(k.Value)).OrderBy(k => k.Value).ThenBy(k => k.Iteration).Select(k => ((IReadOnlyList<V>)k.Point, k.Value, k.Iteration));

    /// <summary>Whether the point of an iteration is looked at.</summary>
    public static bool IsLook(long iteration) => iteration % Math.Max(1, (1L << (int)long.Log2(iteration)) / LooksPerDoubling) == 0;

    /// <summary>Makes room for points like this one; later steps copy into it.</summary>
    public void Prepare(ReadOnlySpan<V> like)
    {
        while (kept.Count < Room) kept.Add(new Kept(like));
    }

    /// <summary>Reads f, with its terms, at a point that is changed in place; its negative where the leader maximises.</summary>
    public ValueAt Reader(ReadOnlySpan<V> point) => new(problem, point.ToArray());

    /// <summary>Takes a point in, where it is worth it.</summary>
    public void Offer(ReadOnlySpan<V> point, double value, long iteration)
    {
        if (!double.IsFinite(value)) return;
        Kept worst = kept[0];
        foreach (var k in kept)
        {
            if (k.Iteration > 0 && long.Log2(k.Iteration) == long.Log2(iteration))
            {
                if (value < k.Value) k.Take(point, value, iteration);
                return;
            }

            if (k.Value > worst.Value) worst = k;
        }

        if (value < worst.Value) worst.Take(point, value, iteration);
    }

    public void Transfer(IArchive<V> archive)
    {
        foreach (var k in kept) k.Transfer(archive);
    }

    /// <summary>Reads f, with its terms.</summary>
    internal sealed class ValueAt(IProblem<V> problem, V[] point)
    {
        private readonly PreparedRequest<V> upper = new(problem.Upper, [problem.UpperPoint(point)], [], values: true);

        public double Read()
        {
            upper.Evaluate();
            return BestPoint<V>.SignOf(problem) * (upper.Values[0] + problem.TermsAt(point).Upper);
        }
    }

    private sealed class Kept(ReadOnlySpan<V> like)
    {
        private double value = double.PositiveInfinity;
        private long iteration;

        public V[] Point { get; } = [.. like.ToArray().Select(b => b.Copy())];

        public double Value => value;

        public long Iteration => iteration;

        public void Take(ReadOnlySpan<V> point, double f, long k)
        {
            for (int b = 0; b < Point.Length; b++) Point[b].CopyFrom(point[b]);
            (value, iteration) = (f, k);
        }

        public void Transfer(IArchive<V> archive)
        {
            foreach (var block in Point) archive.Transfer("passed point", block);
            archive.Transfer("value there", ref value);
            archive.Transfer("iteration there", ref iteration);
        }
    }
}

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
        archive.Transfer("steps watched", ref k);
        passed.Transfer(archive);
    }
}

/// <summary>A method that stays where it is: its answer is the start, read and certified by the driver like any other.</summary>
/// <param name="name">The name of the method that found the point.</param>
/// <param name="penalty">Its penalty parameter.</param>
internal sealed class StandingMethod(string name, double penalty) : IMethod
{
    public string Name => name;

    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>([.. start.Select(b => b.Copy())], penalty);

    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => [];

    private sealed class Run<V>(V[] point, double penalty) : IRun<V>
        where V : class, IVector<V>
    {
        public double Residual => 1;

        public double Penalty => penalty;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            // It stays.
        }

        public void Transfer(IArchive<V> archive)
        {
            // There is nothing but the start.
        }
    }
}
