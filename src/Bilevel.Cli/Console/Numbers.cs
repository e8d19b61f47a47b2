using System.Globalization;

namespace Bilevel.Cli;

/// <summary>Numbers as text, the same under every culture.</summary>
internal static class Numbers
{
    public static long Integer(string option, string text, long min, long max = long.MaxValue)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max) return value;
        string range = max == long.MaxValue ? Invariant($"of at least {min}") : Invariant($"from {min} to {max}");
        throw new UsageException($"{option} takes an integer {range}; it got '{text}'.");
    }

    public static ulong Seed(string option, string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw new UsageException($"{option} takes an integer of at least 0; it got '{text}'.");

    public static double Positive(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && double.IsFinite(value)
            ? value
            : throw new UsageException($"{option} takes a positive number, written like 0.001 or 1e-3; it got '{text}'.");

    /// <summary>All digits, to be read back to the same bits.</summary>
    public static string Exact(double value) => value switch
    {
        double.NaN => "nan",
        double.PositiveInfinity => "inf",
        double.NegativeInfinity => "-inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    /// <summary>Reads what <see cref="Exact(double)"/> wrote.</summary>
    public static bool TryExact(string text, out double value)
    {
        value = text switch { "nan" => double.NaN, "inf" => double.PositiveInfinity, "-inf" => double.NegativeInfinity, _ => 0 };
        return !double.IsFinite(value) || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Six digits, for people.</summary>
    public static string Short(double value) => Rounded(value, "G6");

    /// <summary>Three digits, for people.</summary>
    public static string Rough(double value) => Rounded(value, "G3");

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Plain(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Plural(long count, string noun) => $"{Count(count)} {noun}{(count == 1 ? "" : "s")}";

    public static string Duration(double seconds) => seconds switch
    {
        < 0.001 => Invariant($"{seconds * 1e6:F0} microseconds"),
        < 1 => Invariant($"{seconds * 1e3:F0} ms"),
        < 120 => Invariant($"{seconds:F1} s"),
        < 7200 => Invariant($"{seconds / 60:F1} min"),
        < 172_800 => Invariant($"{seconds / 3600:F1} h"),
        _ => Invariant($"{seconds / 86_400:F1} days"),
    };

    private static string Rounded(double value, string format) => value switch
    {
        double.NaN => "not a number",
        double.PositiveInfinity => "infinite",
        double.NegativeInfinity => "minus infinite",
        _ => value.ToString(format, CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal),
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
