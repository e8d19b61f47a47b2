namespace Bilevel.Tasks;

/// <summary>What data hyper-cleaning says of its weights.</summary>
public sealed record CleaningOutcome : TaskOutcome
{
    /// <summary>The training rows, the most suspicious first.</summary>
    public IReadOnlyList<CleanedRow> Rows { get; init; } = [];

    /// <summary>The classifier trained on the weighted rows, with what it takes to read new ones; null where the data were not read from files.</summary>
    public SoftmaxModel? Model { get; init; }
}

/// <summary>A training row with its learned weight.</summary>
/// <param name="Row">Where it came from: its line in the file, counted from 1, or the index of its image, from 0.</param>
/// <param name="Label">Its label as given.</param>
/// <param name="LikelyLabel">The label that the cleaned model gives it.</param>
/// <param name="Weight">Its weight, between 0 and 1; below 1/2 the label looks wrong.</param>
public sealed record CleanedRow(int Row, string Label, string LikelyLabel, double Weight);
