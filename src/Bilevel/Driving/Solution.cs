namespace Bilevel;

/// <summary>One row of the trace: the run at one recorded iteration.</summary>
/// <param name="Iteration">Number of iterations done.</param>
/// <param name="OracleCalls">Number of gradients asked by the method so far.</param>
/// <param name="Seconds">Seconds so far, over all sittings.</param>
/// <param name="UpperValue">f, with its proximal terms, at the method's point: (x, the copy of y that has seen the lower level alone), or (x1, x2, y1, y2) of a minimax problem.</param>
/// <param name="LowerValue">g there, at (x, y) or (x1, y1, y2).</param>
/// <param name="Residual">The method's residual.</param>
/// <param name="Penalty">The penalty parameter: lambda, or rho of a minimax problem.</param>
public readonly record struct TraceRow(long Iteration, long OracleCalls, double Seconds, double UpperValue, double LowerValue, double Residual, double Penalty);

/// <summary>The outcome of a run: the point, why it ended, and all that was recorded.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <example>
/// <code>
/// static void Show(Solution&lt;DenseVector&lt;double&gt;&gt; solution)
/// {
///     Console.WriteLine(solution.StatusMessage);
///     if (!solution.Converged) return;
///     Console.WriteLine($"x = {solution.X[0]}, y = {solution.Y[0]}, F = {solution.UpperValue}");
///     foreach (var number in solution.Certificate?.Residuals ?? []) Console.WriteLine($"{number.Name} = {number.Value}: {number.Meaning}");
/// }
/// </code>
/// </example>
public sealed record Solution<V>
    where V : class, IVector<V>
{
    /// <summary>How the run ended.</summary>
    public required SolveStatus Status { get; init; }

    /// <summary>The outcome in a sentence or two, with the remedy where there is one; the tool shows the same one.</summary>
    public required string StatusMessage { get; init; }

    /// <summary>Why the rule that ended the run ended it, in a sentence: the part of <see cref="StatusMessage"/> that is not about the answer.</summary>
    public string Reason { get; init; } = "";

    /// <summary>
    /// The answer, block by block: the last point, moved by its certificate where that does so, with the follower solved again; of a run
    /// that was interrupted the point that it had, and after a breakdown the last recorded one that was sound.
    /// </summary>
    public required IReadOnlyList<V> Point { get; init; }

    /// <summary>The symbols of the blocks.</summary>
    public required IReadOnlyList<string> BlockNames { get; init; }

    /// <summary>The index in the point of the follower's answer.</summary>
    public required int FollowerBlock { get; init; }

    /// <summary>The upper variable (x1 of a minimax problem).</summary>
    public V X => Point[0];

    /// <summary>The lower variable (y1 of a minimax problem): the follower's answer, of a bilevel problem solved again at x.</summary>
    public V Y => Point[FollowerBlock];

    /// <summary>The block of that symbol, such as <c>z2</c>.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public V this[string block] => Enumerable.Range(0, Point.Count).Where(b => BlockNames[b] == block).Select(b => Point[b]).FirstOrDefault()
        ?? throw new ArgumentException($"There is no block {block}; there are {string.Join(", ", BlockNames)}.", nameof(block));

    /// <summary>F at the answer: the user's own f with the follower solved again, without the multipliers of a lift; of a run that was interrupted or broke down f at its point.</summary>
    public required double UpperValue { get; init; }

    /// <summary>The user's own g there.</summary>
    public required double LowerValue { get; init; }

    /// <summary>The method's residual at the end.</summary>
    public required double Residual { get; init; }

    /// <summary>The penalty parameter at the end: lambda, or rho of a minimax problem.</summary>
    public required double Penalty { get; init; }

    /// <summary>Number of iterations.</summary>
    public required long Iterations { get; init; }

    /// <summary>What the upper objective was asked.</summary>
    public required OracleCounts UpperCalls { get; init; }

    /// <summary>What the lower objective was asked.</summary>
    public required OracleCounts LowerCalls { get; init; }

    /// <summary>Number of gradients asked by the method.</summary>
    public long OracleCalls => UpperCalls.Total + LowerCalls.Total;

    /// <summary>Seconds, over all sittings of a resumed run.</summary>
    public required double Seconds { get; init; }

    /// <summary>The recorded rows.</summary>
    public required IReadOnlyList<TraceRow> Trace { get; init; }

    /// <summary>What the validator had to say.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>The independent certificate of the point; null when none was asked for.</summary>
    public Certificate? Certificate { get; init; }

    /// <summary>What a reader of the answer should know, each a sentence: how its values were read, what lies near it.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>A better point than the answer that was met while it was checked, block by block: a start for another run; null where none was.</summary>
    public IReadOnlyList<V>? Better { get; init; }

    /// <summary>Which of several starts the run began from, the first being 0.</summary>
    public int StartIndex { get; init; }

    /// <summary>How often the bounds on multipliers were doubled; the answer and its certificate are those of the last.</summary>
    public int BoundDoublings { get; init; }

    /// <summary>Which bounds were doubled and how often, as <see cref="IEnlargeable{V}.Enlarged"/> takes it.</summary>
    public long Enlargement { get; init; }

    /// <summary>Whether the values were read with the follower solved again, and not where an unfinished run stood.</summary>
    public bool FollowerSolvedAgain { get; init; }

    /// <summary>Whether the status means convergence.</summary>
    public bool Converged => Status == SolveStatus.Converged;
}
