namespace Bilevel.Tasks;

/// <summary>
/// Reads tables with a header and a column of labels, separated by commas, semicolons, tabs or bars, in UTF-8 (or UTF-16
/// with its mark), and tables in Weka's ARFF; plain, or compressed with gzip or bzip2. Columns of numbers are one feature each; columns of text one
/// feature per text that occurs in the training file.
/// </summary>
internal static class CsvFile
{
    /// <summary>What may stand between columns.</summary>
    internal const string Separators = ",;\t|";

    internal const string PandasIndex = "Unnamed: 0";

    // More columns than these share a note.
    private const int MostColumnNotes = 3;

    private static readonly string[] LabelNames = ["label", "class", "target", "y"];

    /// <summary>Reads a training file: it sets the classes and the features.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The rows, dense where all columns are numbers, else sparse.</returns>
    /// <exception cref="InputException">The file cannot be used; the message names the file, line, column and text.</exception>
    public static LabelledData Read(string path, DataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Read(InputFile.OnDisk(path), options ?? new DataOptions());
    }

    /// <summary>
    /// Reads another file as a training file was read. Columns are found by name; those that the training file lacks are
    /// left out; texts that it lacks give zeros.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">The encoding of the training file.</param>
    /// <param name="classNames">The classes of the training file.</param>
    /// <param name="options">The label column and the separator; null for those of the training file.</param>
    /// <param name="forPrediction">Whether labels that are missing or of no class are left out instead of refused.</param>
    /// <returns>The rows, of the same features.</returns>
    /// <exception cref="InputException">The file cannot be used; the message names the file, line, column and text.</exception>
    public static LabelledData ReadLike(
        string path, TableEncoding encoding, IReadOnlyList<string> classNames, DataOptions? options = null, bool forPrediction = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        return ReadLike(InputFile.OnDisk(path), encoding, classNames, options ?? new DataOptions(), forPrediction);
    }

    internal static LabelledData Read(InputFile file, DataOptions options)
    {
        options = TableReader.Settled(file, options);
        List<string> notes = [];
        TableEncoding encoding = Fit(file, options, notes, out RowClasses classes);
        return Encode(file, options, encoding, classes, notes, isRead: true);
    }

    internal static LabelledData ReadLike(
        InputFile file, TableEncoding encoding, IReadOnlyList<string> classNames, DataOptions options, bool forPrediction)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        ArgumentNullException.ThrowIfNull(classNames);
        if (encoding.Kind != TableKind.Columns)
            throw new InputException($"{file.Name}: is a table, but the training data were {Kinds.Name(encoding.Kind)}. Use files of one kind.");
        options = TableReader.Settled(file, options with { Missing = options.Missing ?? encoding.MissingTexts, MayBeOneColumn = forPrediction });
        RowClasses classes;
        List<string> notes = [];
        using (var table = TableReader.Open(file, options))
        {
            string name = options.LabelColumn ?? encoding.LabelColumn!;
            int label = table.Find(name);
            if (label < 0 && (!forPrediction || options.LabelColumn is not null)) throw table.Lacks(name);
            HashSet<string> known = [encoding.LabelColumn!, .. encoding.IgnoredColumns, .. encoding.Columns.Select(c => c.Name)];
            HashSet<int> used = [label, .. Places(table, encoding)];
            if (table.HasRowNames && !known.Contains("")) throw new InputException(InputText.Invariant($"{table.Name}: its rows have {table.Header.Length} columns, but the header has {table.Header.Length - 1} names, and the training data have no column without a name. Name every column; text with the separator inside needs quotes."));
            string[] more = [.. table.Header.Where((h, i) => !used.Contains(i) && !known.Contains(h))];
            if (more.Length > 0) notes.Add($"{file.Name}: the training data have no columns {InputText.Few(more)}; they are left out.");
            classes = new RowClasses(table, options, label, classNames, forPrediction);
        }

        return Encode(file, options, encoding, classes, notes, isRead: false);
    }

    // What a cell among numbers is.
    internal static Cell Kind(ReadOnlySpan<char> text, MissingTexts missing, NumberForm form, out double value)
    {
        // Such as -999, where that was named.
        value = double.NaN;
        if (missing.AreNamed && missing.MeansAmongNumbers(text)) return Cell.Missing;
        bool isNumber = form == NumberForm.Percent ? NumberText.TryPercent(text, out value)
            : form == NumberForm.Comma ? NumberText.TryComma(text, out value, out _)
            : NumberText.TryPlain(text, out value) || (form == NumberForm.Grouped && NumberText.TryGrouped(text, out value, out _));
        if (isNumber && double.IsFinite(value)) return missing.AreNamed && missing.MeansNumber(value) ? Cell.Missing : Cell.Number;
        if (missing.MeansAmongNumbers(text)) return Cell.Missing;
        return isNumber ? Cell.NotFinite : Cell.Text;
    }

    private static TableEncoding Fit(InputFile file, DataOptions options, List<string> notes, out RowClasses classes)
    {
        using var table = TableReader.Open(file, options);
        int[] ignored = [.. options.IgnoredColumns.Append(options.GroupColumn).OfType<string>().Select(table.Require).Distinct()];
        int label = LabelIn(table, options, ignored, notes);
        int[] asText = [.. options.TextColumns.Select(table.Require)];
        classes = new RowClasses(table, options, label, classNames: null, forPrediction: false);
        var columns = Columns();
        if (columns.All(c => c is null)) throw NoFeature(table, label);
        bool isEmpty = true;
        while (table.Next())
        {
            isEmpty = false;
            bool isKept = classes.Add(table);
            for (int j = 0; j < columns.Length; j++) columns[j]?.Add(table.Cell(j), table.Line, isKept);
        }

        if (isEmpty) throw NoRows(file);
        classes.Finish();
        if (classes.LeftOut > 0) columns = Again(classes, Columns());
        if (columns[0] is { } first && LeaveIndexOut(table, first, notes))
        {
            columns[0] = null;
            ignored = [.. ignored, 0];
            if (columns.All(c => c is null)) throw NoFeature(table, label);
        }

        ColumnFit[] fits = [.. columns.OfType<ColumnFit>()];
        var certain = fits.Select(c => c.CertainComma is { } found ? (c.Name, found.Line, found.Text) : ((string Column, int Line, string Text)?)null).FirstOrDefault(f => f is not null);
        TableColumn[] found = [.. fits.Select(c => c.Finish(certain))];
        NoteDecimals(file, table, fits, found, options, notes);
        notes.AddRange(fits.Select(c => c.Note).OfType<string>());
        string[] same = [.. found.Where(c => c.Levels is { Count: 1 }).Select(c => c.Name)];
        if (same.Length > 0 && same.Length < found.Length)
        {
            notes.Add($"{file.Name}: the column{(same.Length > 1 ? "s" : "")} {InputText.Few(same)} {(same.Length > 1 ? "have" : "has")} one text in all rows, or none, which tells nothing; left out.");
            ignored = [.. ignored, .. same.Select(table.Require)];
            (fits, found) = ([.. fits.Where((_, i) => found[i].Levels is not { Count: 1 })], [.. found.Where(c => c.Levels is not { Count: 1 })]);
        }

        string[] texts = [.. fits.Where((_, i) => found[i].Levels is not null).Select(c => c.Listed)];
        if (texts.Length > 0) notes.Add($"{file.Name}: columns of text, with the number of their texts, each a feature: {InputText.First(texts)}.");
        return Encoding(file, found, table.Header[label], [.. ignored.Select(j => table.Header[j])], options.Missing);

        ColumnFit?[] Columns() => [.. table.Header.Select((name, j) => j == label || ignored.Contains(j) ? null : new ColumnFit(file.Name, name, options, MissingTexts.Of(options), asText.Contains(j) || table.IsText(j), table.Separator == ','))];

        // Which rows are left out is known for certain once all were read, and such rows teach nothing of the columns.
        ColumnFit?[] Again(RowClasses classes, ColumnFit?[] columns)
        {
            using var table = TableReader.Open(file, options);
            while (table.Next())
            {
                bool isKept = classes.KeepsNext();
                for (int j = 0; j < columns.Length; j++) columns[j]?.Add(table.Cell(j), table.Line, isKept);
            }

            return columns;
        }
    }

    private static void NoteDecimals(InputFile file, TableReader table, ColumnFit[] fits, TableColumn[] found, DataOptions options, List<string> notes)
    {
        ColumnFit[] withCommas = [.. fits.Where((c, i) => found[i].Form == NumberForm.Comma && c.Decimals.Example is not null)];
        if (withCommas.Length > 0)
            notes.Add($"{file.Name}: the numbers of the column{(withCommas.Length > 1 ? "s" : "")} {InputText.First([.. withCommas.Select(c => $"{InputText.Quoted(c.Name)} (as in {InputText.Quoted(c.Decimals.Example!)})")])} have decimal commas, or points between thousands, and are read so. Setting decimal says otherwise.");
        ColumnFit[] inDoubt = table.Separator == ';' && options.Decimal == DecimalSign.Auto ? [.. fits.Where((c, i) => found[i] is { Form: NumberForm.Plain, Levels: null } && c.Decimals.DoubtfulPoint is not null)] : [];
        if (inDoubt.Length > 0)
            notes.Add($"{file.Name}: in the column{(inDoubt.Length > 1 ? "s" : "")} {InputText.Few([.. inDoubt.Select(c => c.Name)])} three digits stand behind every point, as in {InputText.Quoted(inDoubt[0].Decimals.Example!)}; it is taken for the decimal one. Where it stands between thousands, say so (setting decimal, to comma).");
    }

    private static InputException NoRows(InputFile file) => new($"{file.Name}: has a header and no rows. Use another file.");

    private static InputException NoFeature(TableReader table, int label) =>
        new($"{table.Name}: has no column besides {InputText.Quoted(table.Header[label])} that is a feature. A row needs at least one feature.");

    // The first column without a name, or with the name that pandas gives it, is an index where no two of its cells are the same.
    private static bool LeaveIndexOut(TableReader table, ColumnFit first, List<string> notes)
    {
        string name = table.Header[0];
        if (name.Length > 0 && name != PandasIndex) return false;
        bool isIndex = table.HasRowNames ? first.CountsRows : first.IsIndex;
        if (!isIndex && table.HasRowNames)
            throw new InputException(InputText.Invariant($"{table.Name}: its rows have {table.Header.Length} columns, but the header has {table.Header.Length - 1} names, and the first column does not count the rows. Name every column; text with the separator inside needs quotes."));
        if (!isIndex && name.Length == 0)
            throw new InputException(InputText.Invariant($"{table.Name}: column 1 of {table.Header.Length} has no name in the header, and is no index of the rows, since its cells repeat or are no whole numbers or names. Name it."));
        if (isIndex) notes.Add($"{table.Name}: the first column {(name.Length == 0 ? "has no name and" : $"is named {InputText.Quoted(name)} and")} holds an index of the rows, as pandas and R write it; it is left out.");
        return isIndex;
    }

    private static TableEncoding Encoding(InputFile file, TableColumn[] columns, string label, string[] ignored, IReadOnlyList<string>? missing)
    {
        long features = columns.Sum(c => (long)c.Width);
        return features <= int.MaxValue
            ? TableEncoding.OfColumns(columns, label, ignored, missing)
            : throw new InputException(InputText.Invariant($"{file.Name}: its columns would become {features} features, more than {int.MaxValue}. Ignore some."));
    }

    private static int Rank(string name) => Array.FindIndex(LabelNames, known => known.Equals(name, StringComparison.OrdinalIgnoreCase));

    // By the rank of its name; columns that are left out hold no labels, unless that is said.
    private static int LabelIn(TableReader table, DataOptions options, int[] ignored, List<string> notes)
    {
        if (options.LabelColumn is { } name) return table.Require(name);
        int[] named = [.. Enumerable.Range(0, table.Header.Length).Where(j => !ignored.Contains(j) && Rank(table.Header[j]) >= 0).OrderBy(j => Rank(table.Header[j]))];
        if (named.Length > 1)
        {
            string[] names = [.. named.Select(j => table.Header[j])];
            if (Rank(names[0]) == Rank(names[1]))
                throw new InputException($"{table.Name}: the columns {InputText.Few(names)} could hold the labels. Say which does (--label of the tool, LabelColumn of DataOptions).");
            notes.Add($"{table.Name}: the labels are in column {InputText.Quoted(names[0])}; {InputText.Few(names[1..])} {(names.Length > 2 ? "are features" : "is a feature")}. Setting label names another, setting ignore leaves columns out.");
        }

        if (named.Length > 0) return named[0];
        if (table.UsualLabel is { } usual)
        {
            notes.Add($"{table.Name}: no attribute is named {string.Join(", ", LabelNames)}, so the last, {InputText.Quoted(usual)}, holds the labels. Setting label names another.");
            return table.Require(usual);
        }

        throw new InputException(
            $"{table.Name}: no column is named {string.Join(", ", LabelNames)}. Say which holds the labels (--label of the tool, LabelColumn of DataOptions); there are {InputText.Few(table.Header)}.{(table.Header.Any(h => NumberText.TryPlain(h, out _)) && !options.NoHeader ? " If the first line is a row already, say so (setting no-header)." : "")}");
    }

    // Where each column of the encoding stands in this file.
    private static int[] Places(InputFile file, DataOptions options, TableEncoding encoding)
    {
        using var table = TableReader.Open(file, options);
        return Places(table, encoding);
    }

    // A column of another spelling serves only where no column of the training file has that spelling.
    private static int[] Places(TableReader table, TableEncoding encoding)
    {
        HashSet<string> names = new(encoding.Columns.Select(c => c.Name), StringComparer.Ordinal);
        return [.. encoding.Columns.Select(c => table.Find(c.Name) is >= 0 and int j && (table.Header[j] == c.Name || !names.Contains(table.Header[j])) ? j : throw table.Lacks(c.Name))];
    }

    // The rows that are kept. The classes of a training file are known before, those of another are read here.
    private static LabelledData Encode(InputFile file, DataOptions options, TableEncoding encoding, RowClasses classes, List<string> notes, bool isRead)
    {
        int[] places = Places(file, options, encoding);
        Dictionary<string, int>?[] levels = [.. encoding.Columns.Select(c => c.Levels?.Select((text, i) => (text, i)).ToDictionary(p => p.text, p => p.i, StringComparer.Ordinal))];
        bool sparse = levels.Any(l => l is not null);
        var builder = new SparseTableBuilder(file.Name);
        var dense = new DenseRows(file.Name, sparse ? 0 : encoding.FeatureCount, isRead ? classes.Labels.Rows.Length : 0);
        var keys = new RowKeys([.. encoding.Columns.Select(c => c.Name)]);
        long[] unseen = new long[levels.Length];
        var (missing, filled) = (MissingTexts.Of(options), new (long Count, int Line)[levels.Length]);
        var beyond = new (long Count, int Line, string Text)[levels.Length];
        List<int> lines = [];
        bool isEmpty = true;
        classes.Rewind();
        using var table = TableReader.Open(file, options);
        while (table.Next())
        {
            isEmpty = false;
            if (!(isRead ? classes.KeepsNext() : classes.Add(table))) continue;
            int feature = 0;
            for (int c = 0; c < levels.Length; c++)
            {
                ReadOnlySpan<char> cell = table.Cell(places[c]);
                TableColumn column = encoding.Columns[c];
                if (levels[c] is { } known)
                {
                    keys.Add(c, cell);
                    if (known.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(cell, out int level))
                    {
                        builder.Add(feature + level, 1);
                    }
                    else
                    {
                        unseen[c]++;
                    }
                }
                else
                {
                    Cell kind = Kind(cell, missing, column.Form, out double value);
                    if (kind is CsvFile.Cell.Text or CsvFile.Cell.NotFinite) throw NotANumber(file.Name, table.Line, column.Name, cell, column.Form, isRead);
                    keys.Add(c, kind == CsvFile.Cell.Missing ? double.NaN : value);
                    if (kind == CsvFile.Cell.Missing)
                    {
                        if (filled[c].Count++ == 0) filled[c].Line = table.Line;
                        value = column.Mean;
                    }

                    if (column.Scaling.IsBeyond(value) && beyond[c].Count++ == 0) beyond[c] = (1, table.Line, cell.ToString());
                    value = column.Scaling.At(value);
                    if (sparse)
                    {
                        builder.Add(feature, value);
                    }
                    else
                    {
                        dense.Add(value);
                    }
                }

                feature += column.Width;
            }

            builder.EndRow();
            keys.EndRow();
            lines.Add(table.Line);
        }

        if (isEmpty) throw NoRows(file);
        if (!isRead) classes.Finish();
        notes.AddRange(table.Notes);
        return new LabelledData(sparse ? builder.Build(encoding.FeatureCount) : dense.Build(lines.Count), classes.Labels.Rows, classes.Labels.Names, file.Name)
        {
            FeatureNames = encoding.FeatureNames,
            Places = lines,
            Encoding = encoding,
            Groups = classes.Groups.Rows,
            GroupNames = classes.Groups.Names,
            FeatureKeys = keys.Rows,
            Notes = [.. classes.LeftOutNotes, .. CellNotes(file.Name, options, encoding, unseen, filled), .. BeyondNotes(file.Name, encoding, beyond), .. classes.Notes, .. notes],
        };
    }

    // What was put in the place of cells. A line per column, or one for many.
    private static IEnumerable<string> CellNotes(string file, DataOptions options, TableEncoding encoding, long[] unseen, (long Count, int Line)[] filled)
    {
        string Name(int c) => InputText.Quoted(encoding.Columns[c].Name);
        int[] strange = [.. Enumerable.Range(0, unseen.Length).Where(c => unseen[c] > 0)], empty = [.. Enumerable.Range(0, unseen.Length).Where(c => filled[c].Count > 0)];
        if (strange.Length > MostColumnNotes)
            yield return InputText.Invariant($"{file}: {strange.Length} columns have texts that the training data lack, whose features are zero there; with the number of rows: {InputText.First([.. strange.Select(c => InputText.Invariant($"{Name(c)} ({unseen[c]})"))])}.");
        foreach (int c in strange.Length > MostColumnNotes ? [] : strange)
            yield return InputText.Invariant($"{file}: {unseen[c]} rows have a text in column {Name(c)} that the training data lack; its features are zero there.");
        string what = options.Standardise ? "mean of the training data" : "number that numbers are compared with";
        if (empty.Length > MostColumnNotes)
            yield return InputText.Invariant($"{file}: {empty.Length} columns lack numbers, and the {what} is taken there; with the number of rows: {InputText.First([.. empty.Select(c => InputText.Invariant($"{Name(c)} ({filled[c].Count})"))])}.");
        foreach (int c in empty.Length > MostColumnNotes ? [] : empty)
            yield return InputText.Invariant($"{file}: column {Name(c)} has no number in {filled[c].Count} rows (the first is line {filled[c].Line}); {encoding.Columns[c].Mean:G6}, the {what}, is taken there.");
    }

    // What was held at a distance.
    private static IEnumerable<string> BeyondNotes(string file, TableEncoding encoding, (long Count, int Line, string Text)[] beyond)
    {
        string Name(int c) => InputText.Quoted(encoding.Columns[c].Name);
        int[] far = [.. Enumerable.Range(0, beyond.Length).Where(c => beyond[c].Count > 0)];
        if (far.Length > MostColumnNotes)
            yield return InputText.Invariant($"{file}: {far.Length} columns have numbers more than {FeatureScale.Beyond} times as far from the mean as any of the training data, taken at that distance; with the number of rows: {InputText.First([.. far.Select(c => InputText.Invariant($"{Name(c)} ({beyond[c].Count})"))])}.");
        foreach (int c in far.Length > MostColumnNotes ? [] : far)
        {
            string which = encoding.Columns[c].Reach == 0 ? InputText.Invariant($"other than {encoding.Columns[c].Mean:G6}, the only one of the training data, and the column tells nothing")
                : InputText.Invariant($"more than {FeatureScale.Beyond} times as far from the mean as any of the training data, taken at that distance");
            yield return InputText.Invariant($"{file}: column {Name(c)} has {beyond[c].Count} numbers {which}; the first is {InputText.Quoted(beyond[c].Text)} on line {beyond[c].Line}.");
        }
    }

    internal static InputException NotANumber(string file, int line, string column, ReadOnlySpan<char> cell, NumberForm form = NumberForm.Plain, bool isTraining = true)
    {
        string what = form switch { NumberForm.Percent => "percentage in a column of percentages", NumberForm.Comma => "finite number in a column of numbers with decimal commas", _ => "finite number in a column of numbers" };
        string sign = isTraining ? "" : form == NumberForm.Comma && NumberText.TryPlain(cell, out _) ? " It has a decimal point, and the training data have commas."
            : form != NumberForm.Comma && NumberText.TryComma(cell, out _, out _) ? " It has a decimal comma, and the training data were not read so (setting decimal of their run)." : "";
        string advice = isTraining ? "Correct it, remove the row, say that it means missing (setting missing), ignore the column (setting ignore), or take it as text (setting text-columns)." : "Correct it, leave it empty, or remove the row.";
        return new(InputText.Invariant($"{file}, line {line}, column {InputText.Quoted(column)}: {InputText.Quoted(cell)} is no {what}.{sign} {advice}"));
    }

    internal enum Cell
    {
        Number,
        Missing,
        NotFinite,
        Text,
    }

    // The numbers of a dense table, at once where the number of rows is known.
    private sealed class DenseRows(string source, int features, int rows)
    {
        private double[] values = new double[Math.Max(features == 0 ? 0 : 16, Checked(source, (long)features * rows))];
        private int used;

        public void Add(double value)
        {
            if (used == values.Length) Array.Resize(ref values, Checked(source, Math.Min(2L * used, Math.Max(Array.MaxLength, used + 1L))));
            values[used++] = value;
        }

        public DenseTable Build(int count) => new(values.AsMemory(0, used), count, features);

        private static int Checked(string source, long size) => size <= Array.MaxLength ? (int)size : throw new InputException(InputText.Invariant(
            $"{source}: has {size} numbers, more than the {Array.MaxLength} that one array can hold. Use fewer rows, or ignore columns."));
    }

    internal static char MostOften(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> separators = Separators;
        Span<int> counts = stackalloc int[separators.Length];
        bool quoted = false, cellBegins = true;
        foreach (char c in line)
        {
            // A quote in the middle of a cell is text.
            if (c == '"' && (quoted || cellBegins)) quoted = !quoted;
            int at = separators.IndexOf(c);
            if (!quoted && at >= 0) counts[at]++;
            cellBegins = at >= 0 || (cellBegins && c == ' ');
        }

        int best = 0;
        for (int i = 1; i < counts.Length; i++)
        {
            if (counts[i] > counts[best]) best = i;
        }

        return separators[best];
    }
}
