using System.Text;

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
    /// <param name="noHeader">Whether tables begin with a row.</param>
    public static DataOptions Options(string label, string ignore, string textColumns, string missing, string encoding, bool noHeader) => new()
    {
        LabelColumn = label.Length > 0 ? label : null,
        IgnoredColumns = Names(ignore),
        TextColumns = Names(textColumns),
        Missing = missing.Length > 0 ? Names(missing) : null,
        Encoding = encoding.Length > 0 ? encoding : null,
        NoHeader = noHeader,
    };

    // As a row of a table, so that a name with a comma can stand in quotes; behind an empty name, so that # begins no comment.
    private static string[] Names(string list)
    {
        using var rows = new CsvRows(InputFile.InMemory("The list of names", Encoding.UTF8.GetBytes("," + list)), ',', encoding: null);
        if (!rows.Next()) return [];
        return [.. Enumerable.Range(0, rows.Count).Select(j => rows[j].ToString()).Where(name => name.Length > 0)];
    }
}
