using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// The products of the rows of a sample with the weights of several classifiers side by side, and of their slopes with
/// the rows: what a linear model asks of its data. How weights and gradients are laid out in a panel is its own affair.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="data">The rows.</param>
/// <param name="sample">Those of them at work.</param>
/// <param name="classes">Classes of a classifier.</param>
internal abstract class RowProducts<T>(FeatureRows<T> data, SampleRows<T> sample, int classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Number of classifiers.</summary>
    public int Points { get; private set; }

    /// <summary>Columns of a row of scores: points x classes, padded to whole hardware vectors.</summary>
    public int Columns { get; private set; }

    /// <summary>Length of a panel of weights or gradients.</summary>
    public abstract int PanelLength { get; }

    /// <summary>The weights of the classifiers.</summary>
    protected AlignedArray<T> Weights { get; private set; } = new(0);

    protected FeatureRows<T> Data => data;

    protected SampleRows<T> Sample => sample;

    protected int Classes => classes;

    /// <summary>Makes room for so many classifiers.</summary>
    public void Resize(int points)
    {
        Points = points;
        Columns = ((points * classes) + RowKernels<T>.Granule - 1) / RowKernels<T>.Granule * RowKernels<T>.Granule;
        long panel = (long)(data.FeatureCount + RowKernels<T>.Granule) * Columns;
        if (panel > Array.MaxLength - Columns)
            throw new InputException(FormattableString.Invariant($"{data.FeatureCount} features times {Columns} columns ({points} classifiers of {classes} classes) are more than {Array.MaxLength} weights; take fewer features or classes."));
        Weights = AlignedArray<T>.InPlaceOf(Weights, PanelLength);
    }

    /// <summary>Copies a classifier's weights, features x classes, to the panel, for the features from first to end.</summary>
    public abstract void Load(int point, ReadOnlySpan<T> weights, int first, int end);

    /// <summary>Copies the weights of the last feature alone, a number per class.</summary>
    public abstract void LoadBias(int point, ReadOnlySpan<T> bias);

    /// <summary>Copies a classifier's part of a panel, features x classes, for the features from first to end.</summary>
    public abstract void Read(ReadOnlySpan<T> panel, int point, Span<T> result, int first, int end);

    /// <summary>Scores of rows of the sample, rows x columns.</summary>
    public abstract void Scores(int first, int count, Span<T> scores);

    /// <summary>gradient += sum over the rows of row (outer) slopes.</summary>
    public abstract void AddGradient(int first, int count, ReadOnlySpan<T> slopes, Span<T> gradient);
}
