namespace Bilevel.Tasks;

/// <summary>What a task is given besides its settings.</summary>
/// <param name="Seed">Seed of all random choices of the task (split, corruption, generated data).</param>
/// <param name="DataFolder">Folder of the user's data; null for the task's own.</param>
/// <param name="Threads">Number of threads that its objectives may use; results do not depend on it.</param>
public sealed record TaskContext(ulong Seed = 0, string? DataFolder = null, int Threads = 1)
{
    /// <summary>Asks to leave out what of the measuring of an answer is not finished; the task says what that was (<see cref="TaskOutcome.LeftOut"/>).</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Is told what the measuring of an answer is at, such as "baselines 3 of 6"; null where nobody listens.</summary>
    public Action<string>? Stage { get; init; }

    /// <summary>The same objective, in whose solves the wish to end is heard.</summary>
    internal IObjective<V> Interruptible<V>(IObjective<V> objective)
        where V : class, IVector<V> => Cancellation.CanBeCanceled ? new InterruptibleObjective<V>(objective, Cancellation.ThrowIfCancellationRequested) : objective;

    /// <summary>What is computed, or null where that was asked to end.</summary>
    internal T? Unless<T>(Func<T> work)
        where T : class
    {
        try
        {
            return Cancellation.IsCancellationRequested ? null : work();
        }
        catch (OperationCanceledException) when (Cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    internal void Baseline(int number, int count) => Stage?.Invoke(FormattableString.Invariant($"baselines {number} of {count}"));
}
