namespace Bilevel;

/// <summary>The units of a problem that is solved in units of its own, for what is said of the answer in plain numbers.</summary>
/// <param name="Upper">The unit of f.</param>
/// <param name="First">The unit of the leader's block.</param>
/// <param name="Words">The units in words; empty where there are none.</param>
internal sealed record SaidUnits(double Upper, double First, string Words)
{
    /// <summary>The problem as it was given.</summary>
    public static SaidUnits One { get; } = new(1, 1, "");

    /// <summary>A sentence whose numbers are in units says so.</summary>
    public string Mark(string sentence) => Words.Length == 0 ? sentence : $"{sentence} (Numbers of this note are in units of the problem found at the start: {Words}.)";
}
