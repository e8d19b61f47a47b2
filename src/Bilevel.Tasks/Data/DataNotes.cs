namespace Bilevel.Tasks;

/// <summary>What the user should know of the data of a task, a sentence each: what may be wrong first, then what was read, sizes last.</summary>
internal sealed class DataNotes
{
    private readonly List<string> doubts = [], readings = [], sizes = [];

    /// <summary>All of them in their order.</summary>
    public IReadOnlyList<string> All => [.. doubts, .. readings, .. sizes];

    /// <summary>Whether rows were found in two roles.</summary>
    public bool AreShared { get; private set; }

    /// <summary>What may be wrong.</summary>
    public void Doubt(FormattableString text) => doubts.Add(InputText.Invariant(text));

    /// <summary>What was read, and how.</summary>
    public void Reading(FormattableString text) => readings.Add(InputText.Invariant(text));

    /// <summary>How much there is.</summary>
    public void Size(FormattableString text) => sizes.Add(InputText.Invariant(text));

    /// <summary>What a reader says of a file.</summary>
    public void Read(LabelledData? data) => readings.AddRange(data?.Notes ?? []);

    /// <summary>Counts the rows of a part that occur in another file.</summary>
    /// <param name="part">The part; null for none.</param>
    /// <param name="role">Its role.</param>
    /// <param name="other">The other file; null for none.</param>
    /// <param name="otherRole">The role of that.</param>
    public void Shared(DataPart? part, string role, LabelledData? other, string otherRole)
    {
        if (part is null || other is null || part.Source == other) return;
        HashSet<ulong> rows = [.. RowKeys.OfAll(other)], features = [.. RowKeys.OfFeatures(other)];
        ulong[] all = RowKeys.OfAll(part.Source), ofFeatures = RowKeys.OfFeatures(part.Source);
        int equal = part.Rows.Count(i => rows.Contains(all[i])), relabelled = part.Rows.Count(i => !rows.Contains(all[i]) && features.Contains(ofFeatures[i]));
        if (equal + relabelled == 0) return;
        AreShared = true;
        string what = other.GroupNames.Count > 0 ? "label or group" : "label";
        string found = (equal, relabelled) switch
        {
            (_, 0) => InputText.Invariant($"{equal:N0} of {part.Rows.Length:N0} {role} rows also occur in the {otherRole} file"),
            (0, _) => InputText.Invariant($"{relabelled:N0} of {part.Rows.Length:N0} {role} rows also occur in the {otherRole} file with another {what}"),
            _ => InputText.Invariant($"{equal:N0} of {part.Rows.Length:N0} {role} rows also occur in the {otherRole} file, and {relabelled:N0} more with another {what}"),
        };
        Doubt($"{part.Source.Source}: {found}. Such rows check what was learned from them: remove them from one of the two files, unless they are different things that look alike.");
    }

    /// <summary>Names the classes of which a test part has few rows or none.</summary>
    /// <param name="part">The part; null for none.</param>
    /// <param name="few">Fewer rows than these are few.</param>
    public void FewTests(DataPart? part, int few)
    {
        if (part is null) return;
        int[] sizes = part.ClassSizes;
        if (sizes.Any(n => n < few)) Doubt($"{part.Source.Source}: there are few test rows of the class {Sized(part.Source.ClassNames, sizes, n => n < few)}, so that the test accuracy says little of them.");
    }

    /// <summary>Which columns are features, and which are not and why; the classes with their numbers of rows.</summary>
    /// <param name="training">The training file.</param>
    /// <param name="sizes">Number of training rows of every class.</param>
    /// <param name="ignored">The columns that the user left out.</param>
    /// <param name="group">The column of groups; null for none.</param>
    public void Describe(LabelledData training, int[] sizes, IReadOnlyList<string> ignored, string? group = null)
    {
        Size($"Classes with their training rows: {Sized(training.ClassNames, sizes, _ => true)}.");
        if (training.Encoding is { Kind: TableKind.Sparse } sparse)
            Size($"There are {sparse.FeatureCount:N0} features, the indices from {sparse.Numbered[0].Number} to {sparse.Numbered[^1].Number} that occur in the training file.");
        if (training.Encoding is not { Kind: TableKind.Columns } encoding) return;
        string Why(string name) => name.Equals(group, StringComparison.OrdinalIgnoreCase) ? "the groups"
            : ignored.Contains(name, StringComparer.OrdinalIgnoreCase) ? "setting ignore" : name is "" or CsvFile.PandasIndex ? "an index of the rows" : "one text";
        string leftOut = encoding.IgnoredColumns.Count == 0 ? "" : $"; left out: {InputText.First([.. encoding.IgnoredColumns.Select(name => $"{InputText.Quoted(name)} ({Why(name)})")])}";
        Size($"Features are made of {(encoding.Columns.Count == 1 ? "the column" : InputText.Invariant($"{encoding.Columns.Count} columns:"))} {InputText.Few([.. encoding.Columns.Select(c => c.Name)])}{leftOut}. The labels are in {InputText.Quoted(encoding.LabelColumn!)}.");
    }

    /// <summary>Names with numbers of rows, the most first.</summary>
    public static string Sized(IReadOnlyList<string> names, int[] sizes, Func<int, bool> has) =>
        InputText.First([.. Enumerable.Range(0, sizes.Length).Where(i => has(sizes[i])).OrderByDescending(i => sizes[i]).Select(i => InputText.Invariant($"{InputText.Quoted(names[i])} ({sizes[i]:N0})"))]);
}
