using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// The rows of a file in Weka's attribute-relation format: <c>@attribute name type</c> for every column, <c>@data</c>, then
/// a row per line, dense or in braces with zeros left out.
/// </summary>
internal sealed class ArffTable : TableReader
{
    private readonly LineReader lines;
    private readonly List<Attribute> attributes = [];
    private readonly List<int> ends = [];
    private char[] text = new char[1 << 10];
    private int used, weighted;

    public ArffTable(InputFile file, DataOptions options)
        : base(file.Name)
    {
        lines = new LineReader(file, options.Encoding);
        try
        {
            ReadHeader();
        }
        catch
        {
            lines.Dispose();
            throw;
        }
    }

    public override int Line => lines.Number;

    public override IEnumerable<string> Notes =>
        weighted == 0 ? [] : [InputText.Invariant($"{Name}: {weighted} rows have a weight of their own in braces, which is left out.")];

    /// <summary>The last attribute is the class, where none is named so, as Weka takes it.</summary>
    public override string? UsualLabel => Header[^1];

    /// <summary>Whether a file is in the format, by its first line that is no comment.</summary>
    public static bool Is(ReadOnlySpan<char> line) => StartsWith(line, "@relation") || StartsWith(line, "@attribute");

    public override bool IsText(int column) => attributes[column].Kind == AttributeKind.Nominal;

    public override ReadOnlySpan<char> Cell(int column)
    {
        int start = column == 0 ? 0 : ends[column - 1];
        return text.AsSpan(start, ends[column] - start);
    }

    public override bool Next()
    {
        if (!NextLine(out ReadOnlySpan<char> line)) return false;
        used = 0;
        ends.Clear();
        if (line[0] == '{') ReadSparse(line);
        else ReadDense(line);
        for (int j = 0; j < ends.Count; j++)
        {
            if (attributes[j].Values is { } values && !Cell(j).SequenceEqual("?") && !values.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Cell(j)))
                throw Bad(InputText.Invariant($"{InputText.Quoted(Cell(j))} is none of the values that attribute {InputText.Quoted(Header[j])} is declared with, {InputText.Few([.. values], 6)}. Correct it, or declare it."));
        }

        return true;
    }

    public override void Dispose() => lines.Dispose();

    private bool NextLine(out ReadOnlySpan<char> line)
    {
        while (lines.Next(out line))
        {
            line = line.Trim();
            if (!line.IsEmpty && line[0] != '%') return true;
        }

        return false;
    }

    private void ReadHeader()
    {
        List<string> names = [];
        while (true)
        {
            if (!NextLine(out ReadOnlySpan<char> line)) throw new InputException($"{Name}: ends before its @data. The file is cut off; give the whole one.");
            if (StartsWith(line, "@relation")) continue;
            if (StartsWith(line, "@data")) break;
            if (!StartsWith(line, "@attribute")) throw Bad($"{InputText.Quoted(line)} is neither @relation, @attribute nor @data. Correct the header.");
            ReadOnlySpan<char> rest = line["@attribute".Length..].TrimStart();
            string name = Token(ref rest, blanksEnd: true);
            names.Add(name.Length > 0 ? name : throw Bad("an @attribute has no name. Name it."));
            attributes.Add(Declared(name, rest.Trim()));
        }

        SetHeader([.. names]);
        if (names.Count < 2) throw new InputException(InputText.Invariant($"{Name}: declares {names.Count} attributes, and a table needs a label and a feature at least. Use another file."));
    }

    private Attribute Declared(string name, ReadOnlySpan<char> type)
    {
        if (type is ['{', .., '}'])
        {
            ReadOnlySpan<char> rest = type[1..^1].Trim();
            var values = new HashSet<string>(StringComparer.Ordinal);
            while (!rest.IsEmpty)
            {
                values.Add(Token(ref rest, blanksEnd: false));
                rest = rest.TrimStart();
                if (rest.IsEmpty) break;
                if (rest[0] != ',') throw Bad($"the values of attribute {InputText.Quoted(name)} are not separated by commas. Correct them; a value with blanks stands in quotes.");
                rest = rest[1..].TrimStart();
            }

            return new Attribute(AttributeKind.Nominal, values, values.FirstOrDefault() ?? "");
        }

        int end = type.IndexOfAny(' ', '\t');
        string word = (end < 0 ? type : type[..end]).ToString().ToUpperInvariant();
        return word switch
        {
            "NUMERIC" or "REAL" or "INTEGER" => new Attribute(AttributeKind.Number, null, "0"),
            "STRING" => new Attribute(AttributeKind.Text, null, ""),
            "DATE" => new Attribute(AttributeKind.Date, null, ""),
            "RELATIONAL" => throw Bad($"attribute {InputText.Quoted(name)} holds tables of its own, which no row of numbers can. Leave it out of the file."),
            _ => throw Bad($"{InputText.Quoted(type)} is no type of attribute {InputText.Quoted(name)}. Write numeric, string, or the values in braces."),
        };
    }

    private void ReadDense(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> rest = line;
        bool byBlanks = !line.Contains(',');
        while (true)
        {
            rest = rest.TrimStart();
            if (ends.Count == Header.Length && rest is ['{', ..])
            {
                weighted++;
                return;
            }

            if (ends.Count < Header.Length || !rest.IsEmpty) Append(Token(ref rest, byBlanks));
            rest = rest.TrimStart();
            if (rest.IsEmpty) break;
            if (rest[0] == ',') rest = rest[1..];
            else if (!byBlanks) throw Bad($"{InputText.Quoted(rest)} follows a quoted value without a comma. Correct the row.");
        }

        if (ends.Count != Header.Length)
            throw Bad(InputText.Invariant($"has {ends.Count} values, but {Header.Length} attributes are declared. Correct the row; a value with a comma stands in quotes."));
    }

    // {index value, ...}: what is not there is 0, or the first of the declared values.
    private void ReadSparse(ReadOnlySpan<char> line)
    {
        int close = line.LastIndexOf('}');
        ReadOnlySpan<char> rest = close < 0 ? throw Bad("begins with a brace that is not closed. Correct the row.") : line[1..close].Trim();
        if (line[(close + 1)..].Contains('{')) weighted++;
        while (!rest.IsEmpty)
        {
            string index = Token(ref rest, blanksEnd: true);
            if (!int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out int j) || j >= Header.Length)
                throw Bad(InputText.Invariant($"{InputText.Quoted(index)} is no index of an attribute, from 0 to {Header.Length - 1}. Correct the row."));
            if (j < ends.Count) throw Bad(InputText.Invariant($"index {j} does not come in ascending order. Sort the values of the row, each index once."));
            while (ends.Count < j) Append(attributes[ends.Count].Absent);
            rest = rest.TrimStart();
            Append(Token(ref rest, blanksEnd: false));
            rest = rest.TrimStart();
            if (rest.IsEmpty) break;
            rest = rest[0] == ',' ? rest[1..].TrimStart() : throw Bad($"{InputText.Quoted(rest)} follows a value without a comma. Correct the row.");
        }

        while (ends.Count < Header.Length) Append(attributes[ends.Count].Absent);
    }

    private void Append(ReadOnlySpan<char> value)
    {
        if (used + value.Length > text.Length) Array.Resize(ref text, Math.Max(2 * text.Length, used + value.Length));
        value.CopyTo(text.AsSpan(used));
        used += value.Length;
        ends.Add(used);
    }

    // A value in quotes of either kind, where a backslash takes the next character as it is, or up to a comma, or a blank where that ends it.
    private string Token(ref ReadOnlySpan<char> rest, bool blanksEnd)
    {
        if (rest is not ['\'' or '"', ..])
        {
            int end = blanksEnd ? rest.IndexOfAny(",{ \t") : rest.IndexOf(',');
            ReadOnlySpan<char> token = (end < 0 ? rest : rest[..end]).TrimEnd();
            rest = end < 0 ? [] : rest[end..];
            return token.ToString();
        }

        char quote = rest[0];
        var value = new System.Text.StringBuilder();
        for (int i = 1; i < rest.Length; i++)
        {
            if (rest[i] == quote)
            {
                rest = rest[(i + 1)..];
                return value.ToString();
            }

            if (rest[i] == '\\' && i + 1 < rest.Length) i++;
            value.Append(rest[i]);
        }

        throw Bad($"a quote ({quote}) is not closed on the line. Close it; inside of quotes a quote stands behind a backslash.");
    }

    private InputException Bad(string what) => new(InputText.Invariant($"{Name}, line {lines.Number}: {what}"));

    private static bool StartsWith(ReadOnlySpan<char> line, string word) =>
        line.StartsWith(word, StringComparison.OrdinalIgnoreCase) && (line.Length == word.Length || char.IsWhiteSpace(line[word.Length]));

    private enum AttributeKind
    {
        Number,
        Nominal,
        Text,
        Date,
    }

    private sealed record Attribute(AttributeKind Kind, HashSet<string>? Values, string Absent);
}
