namespace Bilevel;

/// <summary>A stopping rule at work on one run.</summary>
public interface IStopMonitor
{
    /// <summary>Whether to stop; asked after every iteration.</summary>
    bool ShouldStop(IRunView run);

    /// <summary>The status of a run stopped by this rule; <see cref="SolveStatus.Converged"/> for a rule that means convergence.</summary>
    SolveStatus Status { get; }

    /// <summary>Why it stopped, in a sentence.</summary>
    string Reason { get; }

    /// <summary>The tolerance that the rule stops at, if it has one.</summary>
    double? Tolerance { get; }

    /// <summary>How much of the rule's limit is used, from 0 to 1; 0 where it has no limit.</summary>
    double Share { get; }

    /// <summary>Saves or loads the rule's state.</summary>
    void Transfer(IArchive archive);
}
