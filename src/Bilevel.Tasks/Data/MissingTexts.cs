namespace Bilevel.Tasks;

/// <summary>Which texts of a table mean that something is missing, in any case; the empty text always does.</summary>
internal sealed class MissingTexts(IReadOnlyList<string>? given)
{
    private static readonly string[] Usual = ["nan", "na", "n/a", "null", "?", "#n/a", "#nv", "<na>", "\\N", "-nan"];

    // Missing among numbers; a class or a text elsewhere.
    private static readonly string[] AmongNumbers = ["none", "-"];

    /// <summary>Those of a file: named ones, or the usual ones. In ARFF ? alone means missing, and values such as NA are declared.</summary>
    public static MissingTexts Of(DataOptions options) => new(options.Missing ?? (options.Format == DataFormat.Arff ? ["?"] : null));

    private readonly double[] numbers = [.. (given ?? []).Select(text => NumberText.TryPlain(text, out double value) || NumberText.TryComma(text, out value, out _) ? value : double.NaN).Where(double.IsFinite)];

    /// <summary>Whether the texts were named, and are no guess.</summary>
    public bool AreNamed => given is not null;

    /// <summary>Whether a label, a group or a cell of text is missing.</summary>
    public bool Means(ReadOnlySpan<char> text) => text.IsEmpty || IsIn(given ?? Usual, text);

    /// <summary>Whether a cell among numbers is missing.</summary>
    public bool MeansAmongNumbers(ReadOnlySpan<char> text) => Means(text) || (!AreNamed && IsIn(AmongNumbers, text));

    /// <summary>Whether a number is one of those named, however it is written.</summary>
    public bool MeansNumber(double value) => numbers.AsSpan().Contains(value);

    /// <summary>Whether a text that is taken for a class or a group could mean that it is missing.</summary>
    public bool IsDoubtful(ReadOnlySpan<char> text) => !Means(text) && MeansAmongNumbers(text);

    /// <summary>Whether such a text is one of codes of two letters, as NA is beside DE and FR.</summary>
    public bool IsCode(string text, IEnumerable<string> names)
    {
        string[] others = [.. names.Where(name => !Means(name))];
        return !AreNamed && others.Length > 0 && others.Append(text).All(name => name.Length == 2 && char.IsLetter(name[0]) && char.IsLetter(name[1])
            && char.IsUpper(name[0]) == char.IsUpper(text[0]) && char.IsUpper(name[1]) == char.IsUpper(text[1]));
    }

    private static bool IsIn(IReadOnlyList<string> texts, ReadOnlySpan<char> text)
    {
        for (int i = 0; i < texts.Count; i++)
        {
            if (text.Equals(texts[i], StringComparison.OrdinalIgnoreCase)) return true;
        }

        return false;
    }
}
