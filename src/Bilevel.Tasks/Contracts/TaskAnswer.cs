namespace Bilevel.Tasks;

/// <summary>The answer of a task, whatever its vectors; a <see cref="TaskAnswer{V}"/> has them too.</summary>
public abstract class TaskAnswer
{
    private protected TaskAnswer(TaskOutcome outcome, IReadOnlyList<string> notes) => (Outcome, Notes) = (outcome, notes);

    /// <summary>How the run ended.</summary>
    public abstract SolveStatus Status { get; }

    /// <summary>The outcome in a sentence or two, with the remedy where there is one.</summary>
    public abstract string StatusMessage { get; }

    /// <summary>The independent certificate of the answer; null when none was asked for.</summary>
    public abstract Certificate? Certificate { get; }

    /// <summary>F at the answer.</summary>
    public abstract double UpperValue { get; }

    /// <summary>What the task says of it: numbers, files, and of some tasks more, such as <see cref="CleaningOutcome"/>.</summary>
    public TaskOutcome Outcome { get; }

    /// <summary>What a reader should know of the choice, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }
}

/// <summary>The answer of a task.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="solution">The run, with the best point as its answer.</param>
/// <param name="outcome">What the task says of it.</param>
/// <param name="notes">What a reader should know of the choice, a sentence each.</param>
public sealed class TaskAnswer<V>(Solution<V> solution, TaskOutcome outcome, IReadOnlyList<string> notes) : TaskAnswer(outcome, notes)
    where V : class, IVector<V>
{
    /// <summary>The run, with the best point as its answer.</summary>
    public Solution<V> Solution => solution;

    /// <inheritdoc/>
    public override SolveStatus Status => solution.Status;

    /// <inheritdoc/>
    public override string StatusMessage => solution.StatusMessage;

    /// <inheritdoc/>
    public override Certificate? Certificate => solution.Certificate;

    /// <inheritdoc/>
    public override double UpperValue => solution.UpperValue;
}
