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
}

/// <summary>Texts that are, or look like, numbers.</summary>
internal static class NumberText
{
    private const string Grouping = ",' \u00A0\u202F";

    // The framework overlooks NUL characters at the end.
    public static bool TryPlain(ReadOnlySpan<char> text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && text[^1] != '\0';

    public static bool TryPercent(ReadOnlySpan<char> text, out double value)
    {
        value = double.NaN;
        return text.EndsWith('%') && TryPlain(text[..^1].TrimEnd(), out value) && double.IsFinite(value);
    }

    /// <summary>Reads digits in groups of three.</summary>
    /// <param name="text">The text.</param>
    /// <param name="value">The number.</param>
    /// <param name="isCertain">False of 1,234, which may have a decimal comma.</param>
    public static bool TryGrouped(ReadOnlySpan<char> text, out double value, out bool isCertain)
    {
        (value, isCertain) = (double.NaN, false);
        ReadOnlySpan<char> digits = text.TrimStart("+-");
        int point = digits.IndexOf('.');
        ReadOnlySpan<char> whole = point < 0 ? digits : digits[..point];
        int at = whole.IndexOfAny(Grouping);
        if (at is < 1 or > 3 || digits[0] == '0' || text.Length - digits.Length > 1) return false;
        char sign = whole[at];
        isCertain = sign != ',' || point >= 0 || whole.Length > at + 4;
        foreach (char c in whole[..at])
        {
            if (!char.IsAsciiDigit(c)) return false;
        }

        for (int i = at; i < whole.Length; i++)
        {
            bool isSign = (i - at) % 4 == 0;
            if (isSign ? whole[i] != sign : !char.IsAsciiDigit(whole[i])) return false;
        }

        return (whole.Length - at) % 4 == 0 && TryPlain(text.ToString().Replace(sign.ToString(), "", StringComparison.Ordinal), out value);
    }

    /// <summary>Whether a text is a code that a number would not keep, as 007.</summary>
    public static bool IsCode(ReadOnlySpan<char> text) => text.Length > 1 && text[0] == '0' && !text.ContainsAnyExceptInRange('0', '9');

    public static bool BeginsWithDigit(ReadOnlySpan<char> text) => text.TrimStart("+-<>~ $€£") is [var first, ..] && char.IsAsciiDigit(first);

    /// <summary>Whether a text is a date or a time in numbers: three numbers joined by one of - / . or two or three joined by colons.</summary>
    public static bool IsDateOrTime(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAny(' ', 'T');
        ReadOnlySpan<char> part = end < 0 ? text : text[..end];
        return Joined(part, '-') == 3 || Joined(part, '/') == 3 || (Joined(part, '.') == 3 && part.IndexOf('.') <= 2 && part.LastIndexOf('.') <= 5) || Joined(part, ':') is 2 or 3;
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
