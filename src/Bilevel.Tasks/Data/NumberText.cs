using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>How the numbers of a column are written.</summary>
public enum NumberForm
{
    /// <summary>As in 1234.5.</summary>
    Plain,

    /// <summary>As in 12.5 %; the number before the sign is taken.</summary>
    Percent,

    /// <summary>As in 1,234,567.8 or 1 234 567, the digits before the point in groups of three; some may be plain.</summary>
    Grouped,

    /// <summary>As in 1234,5 or 1.234.567,8, with a decimal comma and points, if anything, between thousands.</summary>
    Comma,
}

/// <summary>Texts that are, or look like, numbers.</summary>
internal static class NumberText
{
    private const string Grouping = ",' \u00A0\u202F", GroupingOfCommas = ".' \u00A0\u202F";

    // Powers of ten that are doubles, and the digits of which every integer is one.
    private const int ExactDigits = 15;

    private static readonly double[] PowersOfTen = [.. Enumerable.Range(0, ExactDigits + 1).Select(k => double.Parse(InputText.Invariant($"1e{k}"), CultureInfo.InvariantCulture))];

    // The framework overlooks NUL characters at the end.
    public static bool TryPlain(ReadOnlySpan<char> text, out double value) =>
        TryShort(text, out value) || (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && text[^1] != '\0');

    /// <summary>Reads digits with at most one point among them, as nearly all numbers of tables are written.</summary>
    /// <remarks>A quotient of two numbers that are exact is rounded once, so it is the nearest double (Clinger 1990, section 3).</remarks>
    internal static bool TryShort(ReadOnlySpan<char> text, out double value)
    {
        value = 0;
        bool isNegative = text is ['-', ..];
        int start = isNegative ? 1 : 0, point = -1;
        if (text.Length - start is < 1 or > ExactDigits + 1) return false;
        long digits = 0;
        for (int i = start; i < text.Length; i++)
        {
            uint digit = (uint)(text[i] - '0');
            if (digit <= 9) digits = (10 * digits) + digit;
            else if (text[i] == '.' && point < 0) point = i;
            else return false;
        }

        int count = text.Length - start - (point < 0 ? 0 : 1);
        if (count is < 1 or > ExactDigits) return false;
        value = point < 0 ? digits : digits / PowersOfTen[text.Length - 1 - point];
        if (isNegative) value = -value;
        return true;
    }

    public static bool TryPercent(ReadOnlySpan<char> text, out double value)
    {
        value = double.NaN;
        if (!text.EndsWith('%')) return false;
        ReadOnlySpan<char> number = text[..^1].TrimEnd();
        return (TryPlain(number, out value) || (number.Contains(',') && TryComma(number, out value, out _))) && double.IsFinite(value);
    }

    /// <summary>Reads digits in groups of three.</summary>
    /// <param name="text">The text.</param>
    /// <param name="value">The number.</param>
    /// <param name="isCertain">False of 1,234, which may have a decimal comma.</param>
    public static bool TryGrouped(ReadOnlySpan<char> text, out double value, out bool isCertain)
    {
        (value, isCertain) = (double.NaN, false);
        int point = text.IndexOf('.');
        if (!IsGrouped(point < 0 ? text : text[..point], Grouping, out char sign, out bool areSeveral)) return false;
        isCertain = sign != ',' || point >= 0 || areSeveral;
        return TryPlain(text.ToString().Replace(sign.ToString(), "", StringComparison.Ordinal), out value);
    }

    /// <summary>Reads a number whose fraction stands behind a comma, and whose digits before it may be in groups of three.</summary>
    /// <param name="text">The text.</param>
    /// <param name="value">The number.</param>
    /// <param name="signs">What its signs say.</param>
    public static bool TryComma(ReadOnlySpan<char> text, out double value, out NumberSigns signs)
    {
        signs = NumberSigns.None;
        int comma = text.IndexOf(',');
        ReadOnlySpan<char> whole = comma < 0 ? text : text[..comma];
        if (comma < 0 && !text.Contains('.') && TryPlain(text, out value)) return true;
        value = double.NaN;
        bool isGrouped = IsGrouped(whole, GroupingOfCommas, out char sign, out bool areSeveral);
        if (!isGrouped && whole.ContainsAny(GroupingOfCommas)) return false;
        if (comma < 0)
        {
            signs = sign != '.' ? NumberSigns.None : areSeveral ? NumberSigns.SeveralPoints : NumberSigns.EitherPoint;
            return isGrouped && TryPlain(text.ToString().Replace(sign.ToString(), "", StringComparison.Ordinal), out value);
        }

        ReadOnlySpan<char> fraction = text[(comma + 1)..];
        if (fraction.ContainsAny(",.") || !(fraction.IsEmpty ? whole.ContainsAnyInRange('0', '9') : char.IsAsciiDigit(fraction[0]))) return false;
        signs = isGrouped ? NumberSigns.Both : fraction.Length != 3 || !IsGrouped(text, ",", out _, out _) ? NumberSigns.DecimalComma : NumberSigns.EitherComma;
        string digits = isGrouped ? whole.ToString().Replace(sign.ToString(), "", StringComparison.Ordinal) : whole.ToString();
        return TryPlain($"{digits}.{fraction}", out value);
    }

    // Digits, with a sign before them or none, in groups of three but for the first, that the same character stands between.
    private static bool IsGrouped(ReadOnlySpan<char> text, ReadOnlySpan<char> between, out char sign, out bool areSeveral)
    {
        ReadOnlySpan<char> digits = text.TrimStart("+-");
        int at = digits.IndexOfAny(between);
        (sign, areSeveral) = (at < 0 ? '\0' : digits[at], digits.Length > at + 4);
        if (at is < 1 or > 3 || digits[0] == '0' || text.Length - digits.Length > 1) return false;
        for (int i = 0; i < digits.Length; i++)
        {
            bool isSign = i >= at && (i - at) % 4 == 0;
            if (isSign ? digits[i] != sign : !char.IsAsciiDigit(digits[i])) return false;
        }

        return (digits.Length - at) % 4 == 0;
    }

    /// <summary>Whether a text is a code that a number would not keep, as 007.</summary>
    public static bool IsCode(ReadOnlySpan<char> text) => text.Length > 1 && text[0] == '0' && !text.ContainsAnyExceptInRange('0', '9');

    /// <summary>Whether a number is two to eight nines, as -999 and 9999 are that stand for missing ones in many files.</summary>
    public static bool IsFiller(double value)
    {
        for (double next = 100; next <= 1e8; next *= 10)
        {
            if (Math.Abs(value) == next - 1) return true;
        }

        return false;
    }

    public static bool BeginsWithDigit(ReadOnlySpan<char> text) => text.TrimStart("+-<>~ $€£") is [var first, ..] && char.IsAsciiDigit(first);

    /// <summary>Whether a text is a date or a time in numbers: three numbers joined by - or /, or by points with a year last, or two or three joined by colons.</summary>
    public static bool IsDateOrTime(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAny(' ', 'T');
        ReadOnlySpan<char> part = end < 0 ? text : text[..end];
        return Joined(part, '-') == 3 || Joined(part, '/') == 3 || (Joined(part, '.') == 3 && part.IndexOf('.') <= 2 && part.LastIndexOf('.') is <= 5 and var last && part.Length - last is 3 or 5) || Joined(part, ':') is 2 or 3;
    }

    // The number of numbers of at most four digits; 0 where something else is there.
    private static int Joined(ReadOnlySpan<char> text, char by)
    {
        int count = 0;
        foreach (Range range in text.Split(by))
        {
            ReadOnlySpan<char> part = text[range];
            if (part.Length is 0 or > 4 || part.ContainsAnyExceptInRange('0', '9')) return 0;
            count++;
        }

        return count;
    }
}
