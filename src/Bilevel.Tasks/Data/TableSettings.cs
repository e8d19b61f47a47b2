namespace Bilevel.Tasks;

/// <summary>Makes options for reading a file of what tasks' settings say.</summary>
internal static class TableSettings
{
    /// <summary>The options.</summary>
    /// <param name="label">The label column; empty for the rule.</param>
    /// <param name="ignore">Names of columns to leave out, separated by commas.</param>
    /// <param name="textColumns">Names of columns to take as text, separated by commas.</param>
    /// <param name="missing">Texts that mean missing, separated by commas; empty for the usual ones.</param>
    /// <param name="encoding">The encoding of the text; empty for UTF-8.</param>
    public static DataOptions Options(string label, string ignore, string textColumns, string missing, string encoding) => new()
    {
        LabelColumn = label.Length > 0 ? label : null,
        IgnoredColumns = Names(ignore),
        TextColumns = Names(textColumns),
        Missing = missing.Length > 0 ? Names(missing) : null,
        Encoding = encoding.Length > 0 ? encoding : null,
    };

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
