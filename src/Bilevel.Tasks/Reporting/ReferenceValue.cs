namespace Bilevel.Tasks;

/// <summary>The curves of a report.</summary>
public enum ReportCurve
{
    /// <summary>The upper value.</summary>
    UpperValue,

    /// <summary>The method's own measure of being done.</summary>
    Residual,

    /// <summary>The penalty parameter.</summary>
    Penalty,
}

/// <summary>A value to compare a curve with, drawn as a dashed line across it, such as the loss of a baseline.</summary>
/// <param name="Curve">The curve.</param>
/// <param name="Name">What has this value, in a few words.</param>
/// <param name="Value">The value, in the unit of the curve; left out where it is not finite.</param>
public sealed record ReferenceValue(ReportCurve Curve, string Name, double Value);
