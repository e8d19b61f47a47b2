namespace Bilevel.Tasks;

/// <summary>
/// The label of every row of a table, and its group where a column of groups is named. A row that lacks one of them is left
/// out and counted, unless the rows are to be predicted; where most rows do, the column is not what it is taken for.
/// </summary>
internal sealed class RowClasses
{
    private readonly string source;
    private readonly int label, group;
    private readonly bool keepsAll;
    private readonly ClassList labels;
    private readonly ClassList? groups;
    private bool[]? leftOut;              // by row of the file, once the training file was read
    private int row, left;

    /// <summary>Of a training file, whose classes are those that occur, or of another file.</summary>
    /// <param name="table">The file.</param>
    /// <param name="options">How it is read.</param>
    /// <param name="label">The column of labels; -1 for none.</param>
    /// <param name="classNames">The classes of the training file; null where this is it.</param>
    /// <param name="forPrediction">Whether rows without a label are kept.</param>
    public RowClasses(TableReader table, DataOptions options, int label, IReadOnlyList<string>? classNames, bool forPrediction)
    {
        (source, this.label, keepsAll) = (table.Name, label, forPrediction);
        group = options.GroupColumn is { } name ? table.Require(name) : -1;
        if (group >= 0 && group == label) throw new InputException($"{source}: the column {table.Header[group]} cannot hold both labels and groups. Name another --label or --group.");
        labels = List(classNames, label, areGroups: false);
        if (group >= 0) groups = List(options.GroupNames, group, areGroups: true);

        ClassList List(IReadOnlyList<string>? names, int column, bool areGroups)
        {
            var (missing, header) = (MissingTexts.Of(options), column < 0 ? null : table.Header[column]);
            return names is null ? new ClassList(source, "line") { AreGroups = areGroups, Missing = missing, Column = header }
                : new ClassList(source, "line", names, forPrediction) { AreGroups = areGroups, Missing = missing, Column = header };
        }
    }

    /// <summary>Number of rows that are left out.</summary>
    public int LeftOut => left;

    /// <summary>The classes and the class of every row that is kept; filled by <see cref="Finish"/>.</summary>
    public (IReadOnlyList<string> Names, int[] Rows) Labels { get; private set; }

    /// <summary>The groups and the group of every row that is kept; of length 0 where there are none.</summary>
    public (IReadOnlyList<string> Names, int[] Rows) Groups { get; private set; } = ([], []);

    /// <summary>Which rows were left out, in a sentence or none.</summary>
    public IReadOnlyList<string> LeftOutNotes { get; private set; } = [];

    /// <summary>What else is to be said of labels and groups, a sentence each.</summary>
    public IReadOnlyList<string> Notes => [.. labels.Notes, .. groups?.Notes ?? []];

    /// <summary>Takes the label and the group of the row at hand.</summary>
    /// <returns>Whether the row is kept, as far as is known before the end of a training file.</returns>
    public bool Add(TableReader table)
    {
        if (label >= 0) labels.Add(table.Cell(label), table.Line);
        else labels.AddNone();
        groups?.Add(table.Cell(group), table.Line);
        return keepsAll || (labels.Last != LabelledData.NoLabel && groups?.Last != LabelledData.NoLabel);
    }

    /// <summary>Settles which rows are kept, once all were added.</summary>
    /// <exception cref="InputException">Most rows lack a label or a group.</exception>
    public void Finish()
    {
        var ((names, ofRows), (groupNames, groupOfRows)) = (labels.Finish(), groups?.Finish() ?? ([], []));
        bool[] gone = new bool[ofRows.Length];
        for (int i = 0; i < gone.Length && !keepsAll; i++) gone[i] = ofRows[i] == LabelledData.NoLabel || (groups is not null && groupOfRows[i] == LabelledData.NoLabel);
        (leftOut, left, row) = (gone, gone.Count(g => g), 0);
        RefuseMany(labels, ofRows);
        if (groups is not null) RefuseMany(groups, groupOfRows);
        if (left == gone.Length && left > 0) throw new InputException($"{source}: no row has both a label and a group. Fill them in, or name other columns (settings label and group).");
        Labels = Kept(names, ofRows, labels.IsFixed);
        if (groups is not null) Groups = Kept(groupNames, groupOfRows, groups.IsFixed);
        if (left > 0) LeftOutNotes = [LeftOutNote(gone.Length)];
    }

    /// <summary>Whether the next row of a file that is read again is kept.</summary>
    public bool KeepsNext() => !leftOut![row++];

    /// <summary>Begins at the first row again.</summary>
    public void Rewind() => row = 0;

    // Without the names that only rows had which are left out.
    private (IReadOnlyList<string> Names, int[] Rows) Kept(IReadOnlyList<string> names, int[] ofRows, bool isFixed)
    {
        int[] rows = [.. ofRows.Where((_, i) => !leftOut![i])];
        int[] there = isFixed || left == 0 ? [.. Enumerable.Range(0, names.Count)] : [.. rows.Distinct().Order()];
        return there.Length == names.Count ? (names, rows) : ([.. there.Select(c => names[c])], Array.ConvertAll(rows, c => Array.BinarySearch(there, c)));
    }

    private string LeftOutNote(int rows)
    {
        string what = string.Join(" or no ", new[] { labels, groups }.Where(l => l?.FirstMissing is not null).Select(l => l!.What));
        var list = labels.FirstMissing is { } ofLabels && (groups?.FirstMissing is not { } ofGroups || ofLabels.Place <= ofGroups.Place) ? labels : groups!;
        var first = list.FirstMissing!.Value;
        string remedy = first.Text.Length == 0 ? "" : $" Where {InputText.Quoted(first.Text)} is a {list.Kind}, name the texts that mean missing (setting missing).";
        return InputText.Invariant($"{source}: {left} of {rows} rows have no {what} and are left out; the first is line {first.Place}{(first.Text.Length == 0 ? "" : $" with {InputText.Quoted(first.Text)}")}.{remedy}");
    }

    private void RefuseMany(ClassList list, int[] ofRows)
    {
        int missing = keepsAll ? 0 : ofRows.Count(c => c == LabelledData.NoLabel);
        if (2L * missing <= ofRows.Length || list.FirstMissing is not { } first) return;
        string how = first.Text.Length == 0 ? "is empty" : $"{InputText.Quoted(first.Text)} means that it is missing", remedy = first.Text.Length == 0 ? "" : $"; where {InputText.Quoted(first.Text)} is a {list.Kind}, name the texts that mean missing (setting missing)";
        throw new InputException(InputText.Invariant($"{source}, line {first.Place}: the {list.What} {how}, as in {missing} of {ofRows.Length} rows, too many to leave out. Fill them in, or name another column (setting {list.What}){remedy}."));
    }
}
