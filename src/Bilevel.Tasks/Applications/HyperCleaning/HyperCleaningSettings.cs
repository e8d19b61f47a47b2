namespace Bilevel.Tasks;

/// <summary>The settings of the task <c>hyper-cleaning</c>.</summary>
public sealed record HyperCleaningSettings : TableSettings
{
    /// <summary>File of your own training data, whose labels are noisy: CSV, ARFF, LIBSVM, idx images or a folder of them; empty for --data or generated digits.</summary>
    [Setting("File of your own training data, whose labels are noisy: CSV, ARFF, LIBSVM, idx images or a folder of them; empty for --data or generated digits.")]
    public string Train { get; init; } = "";

    /// <summary>File of your own validation data, whose labels are trusted; empty to hold rows of the training file out.</summary>
    [Setting("File of your own validation data, whose labels are trusted; empty to hold rows of the training file out.")]
    public string Validation { get; init; } = "";

    /// <summary>File of your own test data, only measured; empty for none.</summary>
    [Setting("File of your own test data, only measured; empty for none.")]
    public string Test { get; init; } = "";

    /// <summary>Number of training samples; auto takes 5000, or all of your own file.</summary>
    [Setting("Number of training samples; auto takes 5000, or all of your own file.", Min = 10)]
    public int? TrainSize { get; init; }

    /// <summary>Number of validation samples; auto takes 5000, all of your own file, or a fifth of the training file where there is none.</summary>
    [Setting("Number of validation samples; auto takes 5000, all of your own file, or a fifth of the training file where there is none.", Min = 1)]
    public int? ValidationSize { get; init; }

    /// <summary>Number of test samples; 0 takes all that there are.</summary>
    [Setting("Number of test samples; 0 takes all that there are.", Min = 0)]
    public int TestSize { get; init; }

    /// <summary>Share of the training labels that are redrawn; auto takes 0.5, or 0 for your own file.</summary>
    [Setting("Share of the training labels that are redrawn; auto takes 0.5, or 0 for your own file.", Min = 0, Max = 1)]
    public double? Corruption { get; init; }

    /// <summary>How a label is redrawn: uniform draws from all classes (some stay correct), different from the others only.</summary>
    [Setting("How a label is redrawn: uniform draws from all classes (some stay correct), different from the others only.")]
    public CorruptionKind CorruptionKind { get; init; }

    /// <summary>Factor c of the squared norm of the weights and the bias in the lower level.</summary>
    [Setting("Factor c of the squared norm of the weights and the bias in the lower level.", Min = 1e-12)]
    public double Ridge { get; init; } = 1e-3;

    /// <summary>Bound on the size of every sample's weight before the sigmoid; auto leaves them free.</summary>
    [Setting("Bound on the size of every sample's weight before the sigmoid; auto leaves them free.", Min = 1e-3)]
    public double? WeightLimit { get; init; }

    /// <summary>Number format of the computation.</summary>
    [Setting("Number format of the computation.")]
    public NumberFormat Precision { get; init; }
}
