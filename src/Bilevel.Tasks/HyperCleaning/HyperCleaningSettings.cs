namespace Bilevel.Tasks;

/// <summary>The number format of a computation.</summary>
public enum NumberFormat
{
    /// <summary>Double precision.</summary>
    Float64,

    /// <summary>Single precision: about twice as fast.</summary>
    Float32,
}

/// <summary>The settings of the task <c>hyper-cleaning</c>.</summary>
public sealed record HyperCleaningSettings
{
    /// <summary>Number of training samples, whose labels are noisy.</summary>
    [Setting("Number of training samples, whose labels are noisy.", Min = 10)]
    public int Train { get; init; } = 5000;

    /// <summary>Number of validation samples, whose labels are trusted.</summary>
    [Setting("Number of validation samples, whose labels are trusted.", Min = 10)]
    public int Validation { get; init; } = 5000;

    /// <summary>Number of test samples; 0 takes all that there are.</summary>
    [Setting("Number of test samples; 0 takes all that there are.", Min = 0)]
    public int Test { get; init; }

    /// <summary>Share of the training labels that are redrawn.</summary>
    [Setting("Share of the training labels that are redrawn.", Min = 0, Max = 1)]
    public double Corruption { get; init; } = 0.5;

    /// <summary>How a label is redrawn: uniform draws from all classes (a tenth stays correct), different from the others only.</summary>
    [Setting("How a label is redrawn: uniform draws from all classes (a tenth stays correct), different from the others only.")]
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
