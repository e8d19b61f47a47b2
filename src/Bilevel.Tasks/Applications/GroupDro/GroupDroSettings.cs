namespace Bilevel.Tasks;

/// <summary>How many l2 weights the upper level learns.</summary>
public enum LearnedPenalty
{
    /// <summary>None: the l2 weight stays where it is.</summary>
    Fixed,

    /// <summary>One for all features.</summary>
    One,

    /// <summary>One for every feature.</summary>
    Features,
}

/// <summary>What the upper level minimises.</summary>
public enum ValidationGoal
{
    /// <summary>The validation loss of the worst group.</summary>
    WorstGroup,

    /// <summary>The mean validation loss.</summary>
    Mean,
}

/// <summary>How a digit is marked.</summary>
public enum MarkKind
{
    /// <summary>A bright square in the upper left corner.</summary>
    Corner,

    /// <summary>The colour of the ink: images get two channels side by side, and the mark is which one holds the digit.</summary>
    Colour,
}

/// <summary>The settings of the task <c>group-dro</c>.</summary>
public sealed record GroupDroSettings : TableSettings
{
    /// <summary>CSV file of your own training data; empty for digits from --data or generated ones.</summary>
    [Setting("CSV file of your own training data; empty for digits from --data or generated ones.")]
    public string Train { get; init; } = "";

    /// <summary>CSV file of your own validation data; empty to hold a fifth of every group of the training file out.</summary>
    [Setting("CSV file of your own validation data; empty to hold a fifth of every group of the training file out.")]
    public string Validation { get; init; } = "";

    /// <summary>CSV file of your own test data, only measured; empty for none.</summary>
    [Setting("CSV file of your own test data, only measured; empty for none.")]
    public string Test { get; init; } = "";

    /// <summary>Column of a CSV file with the groups to protect; it is no feature.</summary>
    [Setting("Column of a CSV file with the groups to protect; it is no feature.")]
    public string Group { get; init; } = "";

    /// <summary>Whether the classes of a CSV file split its groups further, so that each class of each group counts alike.</summary>
    [Setting("Whether the classes of a CSV file split its groups further, so that each class of each group counts alike.")]
    public bool GroupsByClass { get; init; } = true;

    /// <summary>The digits to tell apart, separated by commas, or all; those at odd places of the list go with the mark.</summary>
    [Setting("The digits to tell apart, separated by commas, or all; those at odd places of the list go with the mark.")]
    public string Classes { get; init; } = "all";

    /// <summary>How digits are marked.</summary>
    [Setting("How digits are marked.")]
    public MarkKind Mark { get; init; }

    /// <summary>Side of the corner mark, in pixels of the original image.</summary>
    [Setting("Side of the corner mark, in pixels of the original image.", Min = 1, Max = 14)]
    public int MarkSize { get; init; } = 4;

    /// <summary>Share of the training digits whose mark agrees with their class; it is 1/2 in validation and test.</summary>
    [Setting("Share of the training digits whose mark agrees with their class; it is 1/2 in validation and test.", Min = 0, Max = 1)]
    public double Agreement { get; init; } = 0.95;

    /// <summary>Side of the squares of pixels that are averaged into one, so that the digit is a weaker signal; 1 keeps the images.</summary>
    [Setting("Side of the squares of pixels that are averaged into one, so that the digit is a weaker signal; 1 keeps the images.", Min = 1)]
    public int Shrink { get; init; } = 4;

    /// <summary>Share of the training labels of digits that are replaced by another class.</summary>
    [Setting("Share of the training labels of digits that are replaced by another class.", Min = 0, Max = 1)]
    public double Noise { get; init; } = 0.1;

    /// <summary>Number of training digits.</summary>
    [Setting("Number of training digits.", Min = 10)]
    public int TrainSize { get; init; } = 2000;

    /// <summary>Number of validation digits.</summary>
    [Setting("Number of validation digits.", Min = 4)]
    public int ValidationSize { get; init; } = 200;

    /// <summary>Number of test digits; 0 takes all that there are, or 4000 generated ones.</summary>
    [Setting("Number of test digits; 0 takes all that there are, or 4000 generated ones.", Min = 0)]
    public int TestSize { get; init; }

    /// <summary>Which l2 weights the upper level learns.</summary>
    [Setting("Which l2 weights the upper level learns.")]
    public LearnedPenalty Penalty { get; init; } = LearnedPenalty.One;

    /// <summary>Whether the upper level learns a weight for every training row.</summary>
    [Setting("Whether the upper level learns a weight for every training row.")]
    public bool SampleWeights { get; init; } = true;

    /// <summary>Whether the upper level learns tau, within a factor of 10 of its start.</summary>
    [Setting("Whether the upper level learns tau, within a factor of 10 of its start.")]
    public bool LearnRadius { get; init; }

    /// <summary>What the upper level minimises: the validation loss of the worst group, or the mean.</summary>
    [Setting("What the upper level minimises: the validation loss of the worst group, or the mean.")]
    public ValidationGoal Goal { get; init; }

    /// <summary>Factor of half the squared norm of the weights and the bias in the lower level; the start where it is learned, and the value of the fixed baselines.</summary>
    [Setting("Factor of half the squared norm of the weights and the bias in the lower level; the start where it is learned, and the value of the fixed baselines.", Min = 1e-8, Max = 1e8)]
    public double Ridge { get; init; } = 0.01;

    /// <summary>Smallest value of a learned l2 weight.</summary>
    [Setting("Smallest value of a learned l2 weight.", Min = 1e-8, Max = 1e8)]
    public double RidgeMin { get; init; } = 1e-3;

    /// <summary>Largest value of a learned l2 weight.</summary>
    [Setting("Largest value of a learned l2 weight.", Min = 1e-8, Max = 1e8)]
    public double RidgeMax { get; init; } = 10;

    /// <summary>tau: half of it times |q - 1/G|^2 is what the lower opponent pays for group weights q; near 0 it sees the worst group alone.</summary>
    [Setting("tau: half of it times |q - 1/G|^2 is what the lower opponent pays for group weights q; near 0 it sees the worst group alone.", Min = 1e-6, Max = 1e6)]
    public double Tau { get; init; } = 0.1;

    /// <summary>Number format of the computation.</summary>
    [Setting("Number format of the computation.")]
    public NumberFormat Precision { get; init; }
}
