namespace Bilevel.Tasks;

/// <summary>What is learnt about a column of the training file.</summary>
internal sealed class ColumnFit(string file, string name, DataOptions options, MissingTexts missing, bool isText, bool commasSeparate)
{
    // Fewer texts than these are no sign of ids, or of numbers that were not understood.
    private const int MostUnsuspectedTexts = 10, MostTextsWithDigits = 20, FewestDates = 3, FewestCounted = 10;

    private readonly List<string> levels = [];
    private readonly Dictionary<string, int> known = new(StringComparer.Ordinal);
    private long cells, cellsLookedAt, empty, texts, commas, codes, wholes;
    private Moments plain = new(), percents = new(), grouped = new();
    private readonly DecimalCommas decimals = new(options.Format == DataFormat.Arff ? DecimalSign.Point : options.Decimal, commasSeparate);
    private readonly Dictionary<double, long> fillers = [];
    private Moments numbersProper = new();
    private bool hasCertainGroups, tooMany, hasLast, counts = true;
    private double last;
    private (int Line, string Text)? firstText, firstOdd, firstPercent;
    private int tooManyAt;

    /// <summary>What is to be said of the column; null for nothing.</summary>
    public string? Note { get; private set; }

    /// <summary>The name of the column.</summary>
    public string Name => name;

    /// <summary>What its cells say of decimal commas.</summary>
    public DecimalCommas Decimals => decimals;

    /// <summary>The first number that has a decimal comma for certain, in a column that is read so for that; a cell of a column of text tells nothing.</summary>
    public (int Line, string Text)? CertainComma => !isText && decimals.Are(inFile: false, plain.Count, this.cells - empty) ? decimals.Certain : null;

    /// <summary>For a column of text, how it is listed.</summary>
    public string Listed => InputText.Invariant($"{InputText.Quoted(name)} ({levels.Count}{(empty > 0 ? InputText.Invariant($", missing in {empty} rows") : "")})");

    /// <summary>Whether every number is the one before and 1.</summary>
    public bool CountsRows => counts && plain.Count == this.cells;

    /// <summary>Whether the cells could be an index: whole numbers, or texts, no two the same as far as was looked.</summary>
    public bool IsIndex => empty == 0 && plain.Count == wholes && cellsLookedAt == this.levels.Count;

    /// <summary>Takes the cell of the next row.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="line">The line of the row.</param>
    /// <param name="isKept">Whether the row is; of another, nothing is learnt but how its numbers go on.</param>
    public void Add(ReadOnlySpan<char> cell, int line, bool isKept)
    {
        if (!isKept)
        {
            if (CsvFile.Kind(cell, missing, NumberForm.Plain, out double left) == CsvFile.Cell.Number) Follow(left);
            else counts = false;
            return;
        }

        this.cells++;
        if (!tooMany) cellsLookedAt++;
        if (!tooMany && !this.known.GetAlternateLookup<ReadOnlySpan<char>>().ContainsKey(cell))
        {
            tooMany = this.levels.Count == options.MaxLevels;
            tooManyAt = line;
            if (!tooMany)
            {
                string text = cell.ToString();
                this.known.Add(text, this.levels.Count);
                this.levels.Add(text);
            }
        }

        switch (CsvFile.Kind(cell, missing, NumberForm.Plain, out double value))
        {
            case CsvFile.Cell.Number:
                if (NumberText.IsCode(cell)) codes++;
                if (!cell.ContainsAnyExceptInRange('0', '9')) wholes++;
                Follow(value);
                plain.Add(value);
                if (decimals.IsOpen) decimals.Add(cell, value, line);
                AddFiller(value);
                break;
            case CsvFile.Cell.Missing:
                empty++;
                break;
            case CsvFile.Cell.NotFinite:
                this.firstOdd ??= Found(cell, line);
                break;
            default:
                AddText(cell, line);
                break;
        }
    }

    /// <summary>The column.</summary>
    /// <param name="certain">A number of the file that has a decimal comma for certain, and its column; null for none.</param>
    /// <exception cref="InputException">It cannot be used; the message says what it seems to be.</exception>
    public TableColumn Finish((string Column, int Line, string Text)? certain)
    {
        if (isText) return AsText();
        if (codes > 0 && wholes == this.cells - empty)
        {
            Note = $"{file}: column {InputText.Quoted(name)} has numbers that begin with 0, so it is taken for codes, each a text.";
            RefuseIdentifiers();
            return AsText();
        }

        if (decimals.Are(certain is not null, plain.Count, this.cells - empty)) return AsDecimalCommas(certain);
        bool isGrouped = hasCertainGroups || options.Decimal == DecimalSign.Point || (decimals.HasDecimalPoint && this.firstOdd is null);
        if (commas > this.texts / 2 && !isGrouped) throw DecimalComma();
        long numbers = plain.Count + percents.Count + grouped.Count, odd = this.texts - percents.Count - grouped.Count;
        if (numbers > odd) return AsNumbers();
        RefuseNumbersInWords();
        RefuseIdentifiers();
        return AsText();
    }

    private static bool IsFarFrom(Moments others, double value)
    {
        double width = Math.Max(others.Greatest - others.Least, Math.Abs(others.Greatest));
        return value < others.Least - width || value > others.Greatest + width;
    }

    private static (int Line, string Text) Found(ReadOnlySpan<char> cell, int line) => (line, cell[..Math.Min(cell.Length, 100)].ToString());

    private void Follow(double value)
    {
        counts &= !hasLast || value == last + 1;
        (last, hasLast) = (value, true);
    }

    private void AddFiller(double value)
    {
        if (NumberText.IsFiller(value)) fillers[value] = fillers.GetValueOrDefault(value) + 1;
        else numbersProper.Extend(value);
    }

    private void AddText(ReadOnlySpan<char> cell, int line)
    {
        this.texts++;
        this.firstText ??= Found(cell, line);
        double read = decimals.IsOpen ? decimals.Add(cell, double.NaN, line) : double.NaN;
        if (!double.IsNaN(read)) AddFiller(read);
        if (cell.Count(',') == 1 && NumberText.TryPlain(cell.ToString().Replace(',', '.'), out _)) commas++;
        if (NumberText.TryPercent(cell, out double value))
        {
            this.firstPercent ??= Found(cell, line);
            percents.Add(value);
            AddFiller(value);
        }
        else if (NumberText.TryGrouped(cell, out value, out bool isCertain))
        {
            hasCertainGroups |= isCertain;
            grouped.Add(value);
            if (double.IsNaN(read)) AddFiller(value);
        }
        else
        {
            this.firstOdd ??= Found(cell, line);
        }
    }

    private InputException DecimalComma()
    {
        var (line, text) = this.firstOdd ?? this.firstText!.Value;
        string place = InputText.Invariant($"{file}, line {line}, column {InputText.Quoted(name)}: {InputText.Quoted(text)} has ");
        if (decimals.HasDecimalPoint)
            return new(InputText.Invariant($"{place}a decimal comma, but {InputText.Quoted(decimals.Contradiction!.Value.Text)} on line {decimals.Contradiction.Value.Line} a point. Write numbers with a point and nothing else."));
        return new(this.firstOdd is null
            ? $"{place}a decimal comma, or one between thousands. Say which (setting decimal, to comma or to point), or write numbers with a point and nothing else."
            : $"{place}a decimal comma, or is a list. Say that it is a decimal one (setting decimal, to comma), take the column as text (setting text-columns), or write numbers with a point and nothing else.");
    }

    private TableColumn AsDecimalCommas((string Column, int Line, string Text)? certain)
    {
        if (decimals.DoubtfulPoint is { } point && (decimals.Certain is not null || certain is not null))
        {
            var (column, line, text) = decimals.Certain is { } here ? (name, here.Line, here.Text) : certain!.Value;
            throw new InputException(InputText.Invariant(
                $"{file}, line {point.Line}, column {InputText.Quoted(name)}: the point in {InputText.Quoted(point.Text)} may be the decimal one or stand between thousands, as {InputText.Quoted(text)} on line {line}{(column == name ? "" : $", column {InputText.Quoted(column)},")} has a decimal comma. Say that it stands between thousands (setting decimal, to comma), or write all numbers of the file in one way."));
        }

        if (decimals.Contradiction is { } odd) throw CsvFile.NotANumber(file, odd.Line, name, odd.Text, NumberForm.Comma);
        if (this.firstOdd is { } beyond && beyond.Text.Length > 0 && decimals.Numbers.Count < this.cells - empty) throw CsvFile.NotANumber(file, beyond.Line, name, beyond.Text, NumberForm.Comma);
        return Scaled(decimals.Numbers, NumberForm.Comma);
    }

    private TableColumn AsNumbers()
    {
        if (this.firstOdd is { } odd) throw CsvFile.NotANumber(file, odd.Line, name, odd.Text);
        if (percents.Count > 0 && plain.Count + grouped.Count > 0)
        {
            throw new InputException(InputText.Invariant(
                $"{file}, line {this.firstPercent!.Value.Line}, column {InputText.Quoted(name)}: {InputText.Quoted(this.firstPercent.Value.Text)} is a percentage, but {plain.Count + grouped.Count} other cells are numbers without the sign. Write all of them in one way, or take the column as text (setting text-columns)."));
        }

        NumberForm form = percents.Count > 0 ? NumberForm.Percent : grouped.Count > 0 ? NumberForm.Grouped : NumberForm.Plain;
        Note = form switch
        {
            NumberForm.Percent => $"{file}: column {InputText.Quoted(name)} holds percentages; the numbers before the sign are taken.",
            NumberForm.Grouped => $"{file}: column {InputText.Quoted(name)} holds numbers with signs between thousands, such as {InputText.Quoted(this.firstText!.Value.Text)}; they are taken as numbers.",
            _ => null,
        };
        return Scaled(form == NumberForm.Percent ? percents : Moments.Of(plain, grouped), form);
    }

    private TableColumn Scaled(Moments all, NumberForm form)
    {
        if (CountsRows && plain.Count >= FewestCounted) Note = $"{file}: column {InputText.Quoted(name)} counts the rows, as an identifier does, and is a feature. Ignore it (setting ignore) unless that is meant.";
        double[] far = numbersProper.Count == 0 ? [] : [.. fillers.Keys.Where(value => IsFarFrom(numbersProper, value)).Order()];
        if (far.Length > 0)
            Note = InputText.Invariant($"{file}: column {InputText.Quoted(name)} has {string.Join(" and ", far.Select(value => InputText.Invariant($"{value:R}")))} in {far.Sum(value => fillers[value])} rows, far from all other numbers, {numbersProper.Least:G6} to {numbersProper.Greatest:G6}, and taken for numbers. Where that means missing, say so (setting missing, with all texts that mean it).");
        if (!options.Standardise) return new TableColumn(name, null, 0, 1) { Form = form };
        if (FeatureScale.Of(all) is { } scale) return new TableColumn(name, null, scale.Mean, scale.Scale) { Form = form, Reach = scale.Reach };
        throw new InputException(InputText.Invariant(
            $"{file}, column {InputText.Quoted(name)}: its numbers, from {all.Least:R} to {all.Greatest:R}, cannot be scaled to mean 0 and deviation 1. Use another unit, or ignore the column (setting ignore)."));
    }

    // Dates, and numbers with units or ranges, would be a feature each without their order.
    private void RefuseNumbersInWords()
    {
        int dates = levels.Count(level => NumberText.IsDateOrTime(level)), digits = levels.Count(level => NumberText.BeginsWithDigit(level));
        bool areDates = dates >= FewestDates && 2 * dates > levels.Count;
        if (!areDates && (levels.Count <= MostTextsWithDigits || 2 * digits <= levels.Count)) return;
        var (line, text) = this.firstText!.Value;
        throw new InputException(InputText.Invariant(
            $"{file}, line {line}, column {InputText.Quoted(name)}: most of its texts {(areDates ? "are dates or times" : "begin with digits but are no numbers")}, such as {InputText.Quoted(text)}, and each of {(tooMany ? "more than " : "")}{levels.Count} would be a feature of its own. Write plain numbers, ignore the column (setting ignore), or take it as text (setting text-columns)."));
    }

    private void RefuseIdentifiers()
    {
        if (tooMany || levels.Count <= MostUnsuspectedTexts || 2L * levels.Count <= this.cells) return;
        throw new InputException(InputText.Invariant(
            $"{file}, column {InputText.Quoted(name)}: its {this.cells} cells hold {levels.Count} different texts, such as {InputText.Quoted(levels[0])}, as identifiers or free text do. Ignore the column (setting ignore), or take it as text (setting text-columns)."));
    }

    private TableColumn AsText() => !tooMany ? new TableColumn(name, this.levels, 0, 1) : throw new InputException(InputText.Invariant(
        $"{file}, line {tooManyAt}, column {InputText.Quoted(name)}: this column of text has more than {options.MaxLevels} different texts. Ignore the column (setting ignore): it is hardly one of categories, but of ids or free text."));
}
