namespace Bilevel.Tasks;

/// <summary>Which training samples share a cost C.</summary>
public enum SvmCosts
{
    /// <summary>Every sample has its own.</summary>
    Sample,

    /// <summary>One for each of the two classes.</summary>
    Class,

    /// <summary>One for all.</summary>
    One,
}

/// <summary>The settings of the task <c>svm-tuning</c>.</summary>
public sealed record SvmTuningSettings : TableSettings
{
    /// <summary>File of your own training data with two classes, CSV, ARFF or LIBSVM; empty for generated samples.</summary>
    [Setting("File of your own training data with two classes, CSV, ARFF or LIBSVM; empty for generated samples.")]
    public string Train { get; init; } = "";

    /// <summary>File of your own validation data; empty to hold rows of the training file out.</summary>
    [Setting("File of your own validation data; empty to hold rows of the training file out.")]
    public string Validation { get; init; } = "";

    /// <summary>File of your own test data, only measured; empty to hold rows of the training file out.</summary>
    [Setting("File of your own test data, only measured; empty to hold rows of the training file out.")]
    public string Test { get; init; } = "";

    /// <summary>Number of training samples, drawn by the seed; auto takes those that are not held out, at most 1000.</summary>
    [Setting("Number of training samples, drawn by the seed; auto takes those that are not held out, at most 1000.", Min = 2)]
    public int? TrainSize { get; init; }

    /// <summary>Number of validation samples; auto takes all of your own file, or a quarter of the training file where there is none.</summary>
    [Setting("Number of validation samples; auto takes all of your own file, or a quarter of the training file where there is none.", Min = 1)]
    public int? ValidationSize { get; init; }

    /// <summary>Number of test samples; auto takes all of your own file, or a quarter of the training file where there is none.</summary>
    [Setting("Number of test samples; auto takes all of your own file, or a quarter of the training file where there is none.", Min = 1)]
    public int? TestSize { get; init; }

    /// <summary>Number of generated samples, where there is no file.</summary>
    [Setting("Number of generated samples, where there is no file.", Min = 20, Max = 100_000)]
    public int Samples { get; init; } = 60;

    /// <summary>Share of the generated training labels that are turned around.</summary>
    [Setting("Share of the generated training labels that are turned around.", Min = 0, Max = 0.5)]
    public double LabelNoise { get; init; } = 0.2;

    /// <summary>Which training samples share a cost C: every sample its own, one for each class, or one for all.</summary>
    [Setting("Which training samples share a cost C: every sample its own, one for each class, or one for all.")]
    public SvmCosts Costs { get; init; }

    /// <summary>Largest cost C.</summary>
    [Setting("Largest cost C.", Min = 1e-6, Max = 1e6)]
    public double CostLimit { get; init; } = 10;

    /// <summary>Cost C at the start, the same for all; auto takes the best of a grid by validation loss.</summary>
    [Setting("Cost C at the start, the same for all; auto takes the best of a grid by validation loss.", Min = 0, Max = 1e6)]
    public double? StartCost { get; init; }

    /// <summary>Largest size of every weight and of the bias.</summary>
    [Setting("Largest size of every weight and of the bias.", Min = 1e-6, Max = 1e6)]
    public double WeightLimit { get; init; } = 1;
}
