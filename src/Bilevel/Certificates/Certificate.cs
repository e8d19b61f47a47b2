using System.Globalization;

namespace Bilevel;

/// <summary>What a certificate says.</summary>
public enum Verdict
{
    /// <summary>Every number is within the tolerance; the bounds hold under the stated constants.</summary>
    Certified,

    /// <summary>Some number is above the tolerance.</summary>
    NotCertified,

    /// <summary>The bounds cannot be computed, for the stated reason.</summary>
    NotCheckable,
}

/// <summary>Evidence for an answer, computed by code that shares nothing with the method that found it.</summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Tolerance">The tolerance it was asked for.</param>
/// <param name="Summary">The verdict in a sentence or two, naming the number that fails or the reason.</param>
/// <param name="Residuals">The numbers behind it, by name, in the order in which to show them.</param>
/// <param name="Signs">Signs of trouble, each a sentence.</param>
/// <param name="UpperValue">Of a bilevel problem F(x), the upper value read at the lower level solved again; of a minimax problem F(x1), with the lower level and x2 solved again, in the full form, and f at the point in the quick form; always the user's own f, without the multipliers of a lift. NaN where nothing was computed.</param>
/// <param name="LowerValue">Of a bilevel problem g*(x), the lower value there; of a minimax problem the user's own g at the lower level solved again, and at (x1, y1, y2) in the quick form.</param>
/// <param name="OracleCalls">Number of gradients that the certificate itself asked for.</param>
public sealed record Certificate(
    Verdict Verdict,
    double Tolerance,
    string Summary,
    IReadOnlyList<NamedNumber> Residuals,
    IReadOnlyList<string> Signs,
    double UpperValue,
    double LowerValue,
    long OracleCalls)
{
    /// <summary>Advice to a run that could go on.</summary>
    internal const string RunLonger = " Run longer, with a smaller tolerance of the method.";

    /// <summary>The same as it is told to a run that makes no more progress, which cannot take the advice to run longer.</summary>
    public Certificate AtRest() => this with { Summary = WithoutAdvice(Summary), Objection = Objection is { } objection ? WithoutAdvice(objection) : null };

    private static string WithoutAdvice(string sentence) => sentence.Replace(RunLonger, "", StringComparison.Ordinal);

    /// <summary>What is said where the numbers are within the tolerance by gradients that values are too coarse to confirm.</summary>
    internal static string Unconfirmed(string byGradients, IEnumerable<string> hidden) =>
        $"Not certified: by the gradients {byGradients}, but values cannot confirm the gradients so sharply: {string.Join("; ", hidden)}. A larger tolerance, or an objective without large constants, lets them be compared.";

    /// <summary>The bound of our own choosing that is touched while everything else is within the tolerance, in a sentence; null when none is.</summary>
    public string? TouchedBound { get; init; }

    /// <summary>The bound of our own choosing that the point touches, whatever else holds, in a sentence; null when none is.</summary>
    public string? Touches { get; init; }

    /// <summary>
    /// What speaks against the answer itself, in a sentence: a number that was computed anew and is beyond the tolerance, or a
    /// contradiction. Null where nothing does, be the answer certified, within the tolerance though not proved so, or not checkable
    /// for lack of constants. A run whose answer meets an objection has not converged.
    /// </summary>
    public string? Objection { get; init; }

    /// <summary>Whether all numbers are within the tolerance, and only values too coarse to confirm the gradients forbid a certificate: running longer changes nothing.</summary>
    internal bool IsUnconfirmed { get; init; }

    /// <summary>Whether all numbers are within the tolerance, and only the point's y and multipliers, solved for again, forbid a certificate: a run that goes on mends that.</summary>
    internal bool IsLeaning { get; init; }

    /// <summary>What was seen besides and proves nothing, each a sentence (searches from several starts, for example).</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];

    /// <summary>The summary, the numbers and the signs of trouble, a line each.</summary>
    public override string ToString() => string.Join(Environment.NewLine, [
        Summary,
        .. Residuals.Select(r => string.Create(CultureInfo.InvariantCulture, $"  {r.Name} = {r.Value:G6}   {r.Meaning}")),
        .. Signs.Select(s => "  ! " + s),
        .. Evidence.Select(e => "  ~ " + e)]);

    /// <summary>The number of that name, NaN when there is none.</summary>
    public double this[string name] => Residuals.FirstOrDefault(r => r.Name == name)?.Value ?? double.NaN;
}

/// <summary>A number with its name and its meaning in words.</summary>
/// <param name="Name">Short name, in snake case.</param>
/// <param name="Value">The number.</param>
/// <param name="Meaning">What it measures.</param>
public sealed record NamedNumber(string Name, double Value, string Meaning);
