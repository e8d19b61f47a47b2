namespace Bilevel;

/// <summary>How much a finding weighs.</summary>
public enum Severity
{
    /// <summary>The run may go on; the outcome deserves a second look.</summary>
    Warning,

    /// <summary>The run is refused.</summary>
    Error,
}

/// <summary>One thing that a validator found, with what to do about it.</summary>
/// <param name="Severity">Whether it stops the run.</param>
/// <param name="What">What is wrong, in a sentence.</param>
/// <param name="Remedy">What to do, in a sentence.</param>
public sealed record Finding(Severity Severity, string What, string Remedy)
{
    /// <inheritdoc/>
    public override string ToString() => $"{What} {Remedy}";

    /// <summary>What is wrong with a declared constant: it must be finite and not negative; null when nothing is, or it is not declared.</summary>
    internal static Finding? OfConstant(string name, double? value) => value is { } number && !(double.IsFinite(number) && number >= 0)
        ? new Finding(Severity.Error, FormattableString.Invariant($"The constant {name} is {number}."), "Constants are finite and not negative; leave it null when it is unknown.")
        : null;
}

/// <summary>The problem, the start or the settings were refused before the first step.</summary>
/// <param name="findings">All that was found, errors and warnings.</param>
public sealed class InvalidProblemException(IReadOnlyList<Finding> findings)
    : ArgumentException(string.Join(Environment.NewLine, findings.Where(f => f.Severity == Severity.Error)))
{
    /// <summary>All that was found, errors and warnings.</summary>
    public IReadOnlyList<Finding> Findings { get; } = findings;
}
