namespace Bilevel;

/// <summary>Numbers as sentences say them.</summary>
internal static class Said
{
    /// <summary>A value with four digits, whose zero has no sign.</summary>
    public static string Value(double value) => FormattableString.Invariant($"{value + 0.0:G4}");

    /// <summary>Where a block stands.</summary>
    public static string Place(string block, double norm) => norm > 0 ? FormattableString.Invariant($"|{block}| = {norm:G4}") : $"{block} = 0";

    /// <summary>The length of a last move, as a clause of its own; nothing where there was none.</summary>
    public static string Move(double length) => length > 0 ? FormattableString.Invariant($", reached by a last move of length {length:G3},") : "";
}
