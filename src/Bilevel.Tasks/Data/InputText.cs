using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Pieces of messages about input.</summary>
internal static class InputText
{
    // A cell can be a whole damaged file.
    private const int Longest = 40;

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Text of a file in quotes, on one line and not too long.</summary>
    public static string Quoted(string text) => Quoted(text.AsSpan());

    /// <inheritdoc cref="Quoted(string)"/>
    public static string Quoted(ReadOnlySpan<char> text)
    {
        bool cut = text.Length > Longest;
        string shown = string.Create(Math.Min(text.Length, Longest), text[..Math.Min(text.Length, Longest)], static (target, from) =>
        {
            for (int i = 0; i < target.Length; i++) target[i] = char.IsControl(from[i]) || char.IsSurrogate(from[i]) ? '?' : from[i];
        });
        return cut ? $"'{shown}...'" : $"'{shown}'";
    }

    /// <summary>The first names of a list.</summary>
    public static string Few(IReadOnlyList<string> names, int most = 12) => First([.. names.Select(Quoted)], most);

    /// <summary>The first parts of a list.</summary>
    public static string First(IReadOnlyList<string> parts, int most = 12) => parts.Count <= most
        ? string.Join(", ", parts)
        : Invariant($"{string.Join(", ", parts.Take(most))} and {parts.Count - most} more");
}
