namespace Bilevel;

/// <summary>
/// The penalty parameter rho of methods on the penalty function, a group of settings that these methods share
/// (bilevel minimax, section 11).
/// </summary>
public sealed record PenaltySchedule
{
    /// <summary>Penalty parameter; auto takes 1/tolerance, and more where the gap of the lower level stays above the tolerance.</summary>
    [Setting("Penalty parameter; auto takes 1/tolerance, and more where the gap of the lower level stays above the tolerance.", Min = 1e-300)]
    public double? Rho { get; init; }

    /// <summary>First value of rho when it is raised in stages; auto starts at the last.</summary>
    [Setting("First value of rho when it is raised in stages; auto starts at the last.", Min = 1e-300)]
    public double? RhoStart { get; init; }

    /// <summary>Factor between the stages of rho.</summary>
    [Setting("Factor between the stages of rho.", Min = 1.01)]
    public double RhoFactor { get; init; } = 3;

    /// <summary>Most steps to solve the lower level at the first x1, and at a new stage of rho, where its gap asks for it; 0 for none.</summary>
    [Setting("Most steps to solve the lower level at the first x1, and at a new stage of rho, where its gap asks for it; 0 for none.", Min = 0)]
    public int SaddleSteps { get; init; } = 100;

    /// <summary>The last planned value of rho.</summary>
    /// <param name="tolerance">epsilon.</param>
    internal double Last(double tolerance) => Rho ?? 1 / tolerance;

    /// <summary>The first value of rho.</summary>
    /// <param name="tolerance">epsilon.</param>
    internal double First(double tolerance) => Math.Min(RhoStart ?? double.PositiveInfinity, Last(tolerance));

    /// <summary>What is wrong with these settings.</summary>
    /// <param name="tolerance">epsilon.</param>
    internal IEnumerable<Finding> Validate(double tolerance)
    {
        if (RhoStart > Last(tolerance)) yield return new Finding(Severity.Error, FormattableString.Invariant($"rho-start = {RhoStart:G4} is above the last rho, {Last(tolerance):G4}."), "Lower rho-start or leave it at auto.");
        if (Rho < 1 / tolerance)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"rho = {Rho:G4} is below 1/tolerance = {1 / tolerance:G4}: the gap of the lower level need not come below the tolerance."), "Leave rho at auto.");
    }
}
