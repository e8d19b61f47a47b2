namespace Bilevel.Tasks;

/// <summary>What a number says of the signs in it.</summary>
internal enum NumberSigns
{
    /// <summary>Nothing: it has none.</summary>
    None,

    /// <summary>A comma is the decimal one, as in 1,5.</summary>
    DecimalComma,

    /// <summary>Points stand between thousands and the comma is the decimal one, as in 1.234,5.</summary>
    Both,

    /// <summary>Points stand between thousands, as in 1.234.567.</summary>
    SeveralPoints,

    /// <summary>The comma may be either, as in 1,234.</summary>
    EitherComma,

    /// <summary>The point may be either, as in 1.234.</summary>
    EitherPoint,
}

/// <summary>
/// Whether the numbers of a column have decimal commas. Where nobody said so they have if some can be read in no other way and
/// none contradicts; in files that commas separate never, since a cell with a comma is more often a list there.
/// </summary>
/// <param name="sign">What was said.</param>
/// <param name="areSeparators">Whether commas separate the columns.</param>
internal sealed class DecimalCommas(DecimalSign sign, bool areSeparators)
{
    private Moments numbers = new();
    private bool hasGroups;
    private (int Line, string Text)? certain, either, point;

    /// <summary>Whether they still may.</summary>
    public bool AreLikely { get; private set; } = sign == DecimalSign.Comma || (sign == DecimalSign.Auto && !areSeparators);

    /// <summary>Whether further cells say more.</summary>
    public bool IsOpen => AreLikely || !HasDecimalPoint;

    /// <summary>Whether it was said that they have.</summary>
    public bool AreSaid => sign == DecimalSign.Comma;

    /// <summary>The numbers, read so.</summary>
    public Moments Numbers => numbers;

    /// <summary>The first number that has a decimal comma for certain; null for none, or where others contradict.</summary>
    public (int Line, string Text)? Certain => AreLikely ? certain : null;

    /// <summary>The first number whose point may be either, where none says which.</summary>
    public (int Line, string Text)? DoubtfulPoint => AreLikely && !AreSaid && !hasGroups ? point : null;

    /// <summary>A number with a sign; null where none has one.</summary>
    public string? Example => (certain ?? either ?? point)?.Text;

    /// <summary>The first cell that is no number so.</summary>
    public (int Line, string Text)? Contradiction { get; private set; }

    /// <summary>Whether that is a number with a decimal point.</summary>
    public bool HasDecimalPoint { get; private set; }

    /// <summary>Takes a cell that is not missing.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="plain">What it is read without decimal commas; NaN where it is no number then.</param>
    /// <param name="line">Its line.</param>
    /// <returns>The number, read with decimal commas; NaN where it is none.</returns>
    public double Add(ReadOnlySpan<char> cell, double plain, int line)
    {
        bool hasSign = double.IsNaN(plain) || cell.Contains('.');
        double value = plain;
        var signs = NumberSigns.None;
        if (hasSign && (!NumberText.TryComma(cell, out value, out signs) || !double.IsFinite(value)))
        {
            Contradiction ??= Found(cell, line);
            HasDecimalPoint |= !double.IsNaN(plain);
            AreLikely &= AreSaid || (double.IsNaN(plain) && !NumberText.TryGrouped(cell, out _, out _));
            return double.NaN;
        }

        numbers.Add(value);
        if (signs is NumberSigns.DecimalComma or NumberSigns.Both) certain ??= Found(cell, line);
        if (signs is NumberSigns.EitherComma or NumberSigns.SeveralPoints) either ??= Found(cell, line);
        if (signs == NumberSigns.EitherPoint) point ??= Found(cell, line);
        hasGroups |= signs is NumberSigns.Both or NumberSigns.SeveralPoints;
        return value;
    }

    /// <summary>Whether the column is read so.</summary>
    /// <param name="inFile">Whether another column of the file has decimal commas for certain.</param>
    /// <param name="plain">How many numbers it has without.</param>
    /// <param name="cells">How many cells it has that are not missing.</param>
    public bool Are(bool inFile, long plain, long cells)
    {
        long count = AreSaid ? Math.Max(numbers.Count, plain) : numbers.Count;
        return AreLikely && (AreSaid || certain is not null || inFile) && count > cells - count;
    }

    private static (int Line, string Text) Found(ReadOnlySpan<char> cell, int line) => (line, cell[..Math.Min(cell.Length, 100)].ToString());
}
