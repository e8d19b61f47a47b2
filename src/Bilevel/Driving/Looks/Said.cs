namespace Bilevel;

/// <summary>Numbers as sentences say them.</summary>
internal static class Said
{
    /// <summary>A value with four digits, whose zero has no sign.</summary>
    public static string Value(double value) => FormattableString.Invariant($"{value + 0.0:G4}");

    /// <summary>Where a block stands.</summary>
    public static string Place(string block, double norm) => norm > 0 ? FormattableString.Invariant($"|{block}| = {norm:G4}") : $"{block} = 0";

    /// <summary>Where a block stands, to many digits: the number itself where it is one, its norm otherwise.</summary>
    public static string Exactly<V>(string block, V at)
        where V : class, IVector<V>
    {
        if (at.Length != 1 || at.ZerosLike() is not IFillable unit) return FormattableString.Invariant($"|{block}| = {at.Norm():G12}");
        unit.Fill(_ => 1);
        return FormattableString.Invariant($"{block} = {at.Dot((V)unit):G12}");
    }

    /// <summary>The length of a last move, as a clause of its own; nothing where there was none.</summary>
    public static string Move(double length) => length > 0 ? FormattableString.Invariant($", reached by a last move of length {length:G3},") : "";
}
