using System.Globalization;
using System.Text;

namespace Bilevel.Tasks;

/// <summary>
/// Turns the labels of a file into class indices: the classes are found in the training file and fixed for all others.
/// Numbers are compared as numbers, so +1, 1 and 1.0 are one class; codes such as 007 are texts.
/// </summary>
internal sealed class ClassList
{
    /// <summary>More classes than this are taken for a mistake, such as a column of measurements.</summary>
    public const int Most = 1000;

    // Beyond this, different whole numbers are the same double.
    private const double ExactIntegers = 1L << 53;

    // So many numbers may be classes whatever they are, and so many whole numbers.
    private const int FewUnsuspected = 5, MostUnsuspected = 20;

    private readonly string source;
    private readonly string unit;
    private readonly bool isFixed;
    private readonly bool lenient;
    private readonly List<string> names = [];
    private readonly Dictionary<string, int> indices = new(StringComparer.Ordinal);
    private readonly List<int> labels = [];
    private readonly List<(string Text, int Index, int Place)> missing = [];
    private readonly List<string> doubts = [];
    private readonly Dictionary<string, int> unknown = new(StringComparer.Ordinal);

    /// <summary>Collects the classes of a training file.</summary>
    public ClassList(string source, string unit = "image")
    {
        this.source = source;
        this.unit = unit;
    }

    /// <summary>Maps the labels of another file to the classes of a training file.</summary>
    /// <param name="source">The file, for messages.</param>
    /// <param name="unit">What a place counts: line or image.</param>
    /// <param name="names">The classes.</param>
    /// <param name="lenient">Whether a label that is none of them, or empty, is left out instead of refused.</param>
    public ClassList(string source, string unit, IReadOnlyList<string> names, bool lenient)
        : this(source, unit)
    {
        isFixed = true;
        this.lenient = lenient;
        foreach (string name in names)
        {
            indices[Canonical(name)] = this.names.Count;
            this.names.Add(name);
        }
    }

    /// <summary>Whether the classes are those of another file.</summary>
    public bool IsFixed => isFixed;

    /// <summary>Whether what is called labels here are groups of rows, for messages.</summary>
    public bool AreGroups { get; init; }

    /// <summary>Which texts mean that a label is missing; null where only the empty one does.</summary>
    public MissingTexts? Missing { get; init; }

    /// <summary>The first row without a label, by what stands there and its place; null where every row has one. Of a training file once <see cref="Finish"/> was called.</summary>
    public (string Text, int Place)? FirstMissing { get; private set; }

    /// <summary>The column that they stand in, for messages; null where the file has no columns.</summary>
    public string? Column { get; init; }

    /// <summary>What they stand for.</summary>
    public string Kind => AreGroups ? "group" : "class";

    /// <summary>What its entries are called in messages.</summary>
    public string What => AreGroups ? "group" : "label";

    public IReadOnlyList<string> Notes
    {
        get
        {
            if (unknown.Count == 0) return doubts;
            string first = string.Join(", ", unknown.Keys.Take(3).Select(InputText.Quoted));
            return [.. doubts, InputText.Invariant($"{this.source}: {unknown.Values.Sum()} rows have a label that is no class of the model ({first}); they are predicted, but not counted in the accuracy.")];
        }
    }

    /// <summary>Adds the label of the next row.</summary>
    public void Add(ReadOnlySpan<char> label, int place)
    {
        string text = Canonical(label.Trim());
        if (text.Length == 0)
        {
            AddMissing(text, place);
            return;
        }

        if (!indices.TryGetValue(text, out int index))
        {
            bool isMissing = Missing is not null && Missing.Means(text);
            if (isMissing && isFixed)
            {
                AddMissing(text, place);
                return;
            }

            index = New(text, place);
            if (isMissing) missing.Add((text, index, place));
        }

        this.labels.Add(index);
    }

    public void AddNone() => this.labels.Add(LabelledData.NoLabel);

    /// <summary>The class of the last row, of the classes of a training file; <see cref="LabelledData.NoLabel"/> where its label is missing.</summary>
    public int Last => this.labels[^1];

    /// <summary>The names of the classes in their order, and the class of each row; <see cref="LabelledData.NoLabel"/> where its label is missing.</summary>
    public (IReadOnlyList<string> Names, int[] Labels) Finish()
    {
        int[] labels = [.. this.labels];
        if (isFixed) return (this.names, labels);
        HashSet<int> absent = SettleMissing();
        int[] order = [.. Enumerable.Range(0, this.names.Count).Where(i => !absent.Contains(i))];
        bool numbers = order.All(i => TryNumber(this.names[i], out _));
        if (numbers) RefuseMeasurements(order);
        NoteAlike([.. order.Select(i => this.names[i])]);
        Array.Sort(order, (a, b) => numbers ? Number(this.names[a]).CompareTo(Number(this.names[b])) : string.CompareOrdinal(this.names[a], this.names[b]));
        int[] position = new int[this.names.Count];
        Array.Fill(position, LabelledData.NoLabel);
        for (int i = 0; i < order.Length; i++) position[order[i]] = i;
        for (int i = 0; i < labels.Length; i++) labels[i] = labels[i] == LabelledData.NoLabel ? LabelledData.NoLabel : position[labels[i]];
        return ([.. order.Select(i => this.names[i])], labels);
    }

    /// <summary>The text by which a label is compared.</summary>
    public static string Canonical(ReadOnlySpan<char> label) =>
        TryNumber(label, out double value) ? (value + 0.0).ToString("R", CultureInfo.InvariantCulture) : label.ToString();

    private void AddMissing(string text, int place)
    {
        FirstMissing ??= (text, place);
        this.labels.Add(LabelledData.NoLabel);
    }

    // Whether a text that means missing is a class after all is only known once all classes are. Returns those that are none.
    private HashSet<int> SettleMissing()
    {
        HashSet<int> absent = [];
        if (Missing is null) return absent;
        foreach (var (text, index, place) in missing)
        {
            if (Missing.IsCode(text, this.names))
            {
                doubts.Add($"{this.source}: the {What} {InputText.Quoted(text)} is taken for a {Kind}, as the others have two letters too. Where it means missing, say so (setting missing).");
                continue;
            }

            absent.Add(index);
            if (FirstMissing is not { } first || place < first.Place) FirstMissing = (text, place);
        }

        foreach (string text in this.names.Where(name => Missing.IsDoubtful(name)))
            doubts.Add($"{this.source}: the {What} {InputText.Quoted(text)} is taken for a {Kind}. Where it means missing, say so (setting missing).");
        return absent;
    }

    // Names that a reader would take for one.
    private void NoteAlike(string[] names)
    {
        foreach (var alike in names.GroupBy(Folded, StringComparer.Ordinal).Where(group => group.Count() > 1))
            doubts.Add($"{this.source}: the {What}s {InputText.Few([.. alike])} differ in case, blanks or the form of their letters alone, and are taken for {alike.Count()} {(AreGroups ? "groups" : "classes")}. Write them alike if they are one.");
    }

    private static string Folded(string name) => string.Join(' ', string.Concat(Normalised(name).Where(c => char.GetUnicodeCategory(c) != UnicodeCategory.Format)).ToUpperInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    // Halves of characters have no normal form.
    private static string Normalised(string name)
    {
        try
        {
            return name.Normalize(NormalizationForm.FormKC);
        }
        catch (ArgumentException)
        {
            return name;
        }
    }

    // Numbers with fractions of which most differ, or many do, are no names; nor are many numbers that hardly repeat.
    private void RefuseMeasurements(int[] order)
    {
        string? fraction = order.Select(i => this.names[i]).FirstOrDefault(name => !double.IsInteger(Number(name)));
        bool hardlyRepeat = 2L * order.Length > this.labels.Count, areMany = order.Length > MostUnsuspected;
        if (!(fraction is not null && order.Length > FewUnsuspected && (hardlyRepeat || areMany)) && !(areMany && hardlyRepeat)) return;
        throw new InputException(InputText.Invariant(
            $"{this.source}: its {What}s{(Column is { } column ? $", in column {InputText.Quoted(column)}," : "")} are {order.Length} different numbers in {this.labels.Count} rows, such as {InputText.Quoted(fraction ?? this.names[order[0]])}, as the targets of a regression are, or identifiers. They must be {(AreGroups ? "groups" : "classes")}: {(Column is null ? "" : $"name another {What} column, or ")}make classes of the numbers."));
    }

    private int New(string text, int place)
    {
        if (this.lenient)
        {
            // A file of anything must not fill the memory with its labels.
            string key = unknown.Count < Most || unknown.ContainsKey(text) ? text : unknown.Keys.First();
            unknown[key] = unknown.GetValueOrDefault(key) + 1;
            return LabelledData.NoLabel;
        }

        if (isFixed)
        {
            throw new InputException(InputText.Invariant(
                $"{this.source}, {this.unit} {place}: the {What} {InputText.Quoted(text)} is no {Kind} of the training data, which has {InputText.Few(this.names)}. Correct the {What}, or remove the row."));
        }

        if (this.names.Count == Most)
        {
            throw new InputException(InputText.Invariant(
                $"{this.source}, {this.unit} {place}: there are more than {Most} different {What}s. They must be {(AreGroups ? "groups" : "classes")}, not measurements or ids; name another {What} column."));
        }

        indices.Add(text, this.names.Count);
        this.names.Add(text);
        return this.names.Count - 1;
    }

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static bool TryNumber(ReadOnlySpan<char> text, out double value) =>
        NumberText.TryPlain(text, out value) && !NumberText.IsCode(text) && Math.Abs(value) < ExactIntegers;
}
