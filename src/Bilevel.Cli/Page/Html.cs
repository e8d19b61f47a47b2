using System.Globalization;
using System.Net;
using System.Text;

namespace Bilevel.Cli;

/// <summary>The one place where text becomes markup, in elements, attributes and drawings alike.</summary>
internal static class Html
{
    /// <summary>
    /// A text as markup. Characters that show nothing but act on their neighbours (controls other than tab and line feed,
    /// marks that turn the direction of writing, halves of pairs) are shown as U+FFFD, so that no text can hide or reorder another.
    /// </summary>
    public static string Text(string text)
    {
        var seen = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) seen.Append(ActsUnseen(rune) ? Rune.ReplacementChar : rune);
        return WebUtility.HtmlEncode(seen.ToString());
    }

    /// <summary>A text of at most so many characters; a longer one keeps both ends, since names often differ at the last.</summary>
    public static string Shortened(string text, int most)
    {
        var whole = new StringInfo(text);
        int length = whole.LengthInTextElements, end = (most - 1) / 2, beginning = most - 1 - end;
        return length <= most ? text : $"{whole.SubstringByTextElements(0, beginning)}…{(end > 0 ? whole.SubstringByTextElements(length - end) : "")}";
    }

    /// <summary>Markup with its numbers in the invariant culture.</summary>
    public static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static bool ActsUnseen(Rune rune) =>
        (Rune.IsControl(rune) && rune.Value is not ('\t' or '\n')) || rune.Value is 0x061C or 0x200E or 0x200F or (>= 0x2028 and <= 0x202E) or (>= 0x2066 and <= 0x2069);
}
