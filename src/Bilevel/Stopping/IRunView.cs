namespace Bilevel;

/// <summary>What a stopping rule may look at.</summary>
public interface IRunView
{
    /// <summary>Number of iterations done.</summary>
    long Iteration { get; }

    /// <summary>The method's residual.</summary>
    double Residual { get; }

    /// <summary>Number of gradients asked by the method so far.</summary>
    long OracleCalls { get; }

    /// <summary>Time spent, over all sittings of a resumed run.</summary>
    TimeSpan Elapsed { get; }

    /// <summary>The upper value at the last recorded iteration; NaN before the first.</summary>
    double UpperValue { get; }

    /// <summary>How and why the run rests at a point that is not within the tolerance, with what to change; null where it may come nearer yet.</summary>
    (SolveStatus Status, string Reason)? Settled(double tolerance) => null;

    /// <summary>Asks for an independent certificate of the current point (its oracle calls are counted apart).</summary>
    Certificate Certify(double tolerance);

    /// <summary>Asks for the whole of the certificate that was just given, as the answer will have it; a larger penalty parameter is taken where it says that y leans too far.</summary>
    internal Certificate Confirm(Certificate given) => given;
}
