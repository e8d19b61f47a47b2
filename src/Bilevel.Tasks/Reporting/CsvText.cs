namespace Bilevel.Tasks;

/// <summary>Texts as fields of a CSV file.</summary>
internal static class CsvText
{
    /// <summary>A field, in quotes where it needs them.</summary>
    public static string Quote(string text) => text.AsSpan().IndexOfAny(",\"\r\n;\t") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
