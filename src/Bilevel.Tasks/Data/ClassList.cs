using System.Globalization;

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

    /// <summary>Whether what is called labels here are groups of rows, for messages.</summary>
    public bool AreGroups { get; init; }

    /// <summary>Which texts mean that a label is missing; null where only the empty one does.</summary>
    public MissingTexts? Missing { get; init; }

    public int Count => this.labels.Count;

    private string Kind => AreGroups ? "group" : "class";

    private string What => AreGroups ? "group" : "label";

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
            if (!this.lenient) throw new InputException(InputText.Invariant($"{this.source}, {this.unit} {place}: the {What} is empty. Fill it in, or remove the row."));
            this.labels.Add(LabelledData.NoLabel);
            return;
        }

        if (!indices.TryGetValue(text, out int index))
        {
            bool isMissing = Missing is not null && Missing.Means(text);
            if (isMissing && isFixed)
            {
                if (!this.lenient) throw IsMissing(text, place, rows: 1);
                this.labels.Add(LabelledData.NoLabel);
                return;
            }

            index = New(text, place);
            if (isMissing) missing.Add((text, index, place));
        }

        this.labels.Add(index);
    }

    public void AddNone() => this.labels.Add(LabelledData.NoLabel);

    /// <summary>The names of the classes in their order, and the class of each row.</summary>
    public (IReadOnlyList<string> Names, int[] Labels) Finish()
    {
        int[] labels = [.. this.labels];
        if (isFixed) return (this.names, labels);
        SettleMissing();
        string[] names = [.. this.names];
        int[] order = [.. Enumerable.Range(0, names.Length)];
        bool numbers = names.All(name => TryNumber(name, out _));
        Array.Sort(order, (a, b) => numbers ? Number(names[a]).CompareTo(Number(names[b])) : string.CompareOrdinal(names[a], names[b]));
        int[] position = new int[order.Length];
        for (int i = 0; i < order.Length; i++) position[order[i]] = i;
        for (int i = 0; i < labels.Length; i++) labels[i] = position[labels[i]];
        return ([.. order.Select(i => names[i])], labels);
    }

    /// <summary>The text by which a label is compared.</summary>
    public static string Canonical(ReadOnlySpan<char> label) =>
        TryNumber(label, out double value) ? (value + 0.0).ToString("R", CultureInfo.InvariantCulture) : label.ToString();

    // Whether a text that means missing is a class after all is only known once all classes are.
    private void SettleMissing()
    {
        if (Missing is null) return;
        foreach (var (text, index, place) in missing)
        {
            if (!Missing.IsCode(text, this.names)) throw IsMissing(text, place, this.labels.Count(l => l == index));
            doubts.Add($"{this.source}: the {What} {InputText.Quoted(text)} is taken for a {Kind}, as the others have two letters too. Where it means missing, say so (setting missing).");
        }

        foreach (string text in this.names.Where(name => Missing.IsDoubtful(name)))
            doubts.Add($"{this.source}: the {What} {InputText.Quoted(text)} is taken for a {Kind}. Where it means missing, say so (setting missing).");
    }

    private InputException IsMissing(string text, int place, int rows) => new(InputText.Invariant(
        $"{this.source}, {this.unit} {place}: the {What} {InputText.Quoted(text)} means that it is missing{(rows > 1 ? InputText.Invariant($", as in {rows} rows in all") : "")}. Fill it in, or remove the row; where it is a {Kind}, name the texts that mean missing (setting missing)."));

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
        NumberText.TryPlain(text, out value) && !NumberText.IsCode(text) && Math.Abs(value) <= ExactIntegers;
}
