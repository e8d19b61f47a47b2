namespace Bilevel;

/// <summary>How a run ended.</summary>
public enum SolveStatus
{
    /// <summary>What was asked holds to the tolerance: certified, or by the method's own measure where no check says otherwise; the message says which.</summary>
    Converged,

    /// <summary>The iteration limit was reached.</summary>
    IterationLimit,

    /// <summary>The limit or budget of oracle calls was reached.</summary>
    OracleLimit,

    /// <summary>The time limit was reached.</summary>
    TimeLimit,

    /// <summary>The residual stopped falling above the tolerance.</summary>
    Stalled,

    /// <summary>The answer would be certified, but a bound of our own choosing is touched.</summary>
    BoundTouched,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>The iterates ran away or stopped being finite.</summary>
    Diverged,

    /// <summary>The run ended by a rule of the method's own measure, but what was asked does not hold to the tolerance, or the check contradicts it; the message says which number.</summary>
    NotWithinTolerance,

    /// <summary>The values fall without bound as far as was looked: the leader or the follower seems to have no minimiser.</summary>
    Unbounded,
}
