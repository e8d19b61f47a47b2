using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>How a corrupted label is drawn.</summary>
public enum CorruptionKind
{
    /// <summary>Uniformly from all classes: one in as many draws as there are classes leaves the label correct.</summary>
    Uniform,

    /// <summary>Uniformly from the other classes: every draw makes the label wrong.</summary>
    Different,
}

/// <summary>
/// Samples in the three roles of data hyper-cleaning, kept strictly apart: no sample has two roles, and only training
/// labels are corrupted.
/// </summary>
internal sealed class CleaningData
{
    /// <summary>With fewer validation rows of a class nothing is said of its labels.</summary>
    public const int FewestTrusted = 3;

    private readonly int[] trusted;       // number of validation samples of every class

    private CleaningData(DataPart training, DataPart validation, DataPart? test, int[] observed, bool knowsTruth)
    {
        (Training, Validation, Test, Observed, True) = (training, validation, test, observed, knowsTruth ? training.Labels : null);
        trusted = validation.ClassSizes;
        if (True is { } known) Corrupted = [.. observed.Zip(known, (seen, label) => seen != label)];
    }

    /// <summary>The training samples; their labels in the source are those before corruption.</summary>
    public DataPart Training { get; }

    /// <summary>The validation samples.</summary>
    public DataPart Validation { get; }

    /// <summary>The test samples; null for none.</summary>
    public DataPart? Test { get; }

    /// <summary>The training labels as observed, corrupted ones among them.</summary>
    public int[] Observed { get; }

    /// <summary>The true training labels; null where nobody knows them.</summary>
    public int[]? True { get; }

    /// <summary>For every training sample whether its observed label differs from the true one; null where nobody knows.</summary>
    public bool[]? Corrupted { get; }

    /// <summary>Whether a training sample's label, as observed, is of a class that enough validation samples have.</summary>
    public bool IsJudged(int sample) => trusted[Observed[sample]] >= FewestTrusted;

    /// <summary>Number of classes that have fewer validation samples.</summary>
    public int ClassesWithFewTrusted => trusted.Count(n => n < FewestTrusted);

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> ClassNames => Training.Source.ClassNames;

    /// <summary>
    /// Splits a set into training and validation samples and corrupts the labels of the former. Rows of files are drawn by class and by
    /// content; generated samples, whose labels are known to be true, by a random order.
    /// </summary>
    /// <param name="pool">Source of the training and, without <paramref name="validation"/>, of the validation samples.</param>
    /// <param name="validation">Source of the validation samples; null to hold some of the pool out.</param>
    /// <param name="test">Source of the test samples; null for none.</param>
    /// <param name="sizes">Number of training, validation and test samples; 0 for all.</param>
    /// <param name="corruption">Share of the training labels to redraw.</param>
    /// <param name="kind">How.</param>
    /// <param name="labelsAreTrue">Whether the labels of the pool are known to be true.</param>
    /// <param name="seed">Names the permutation and the corruption.</param>
    /// <exception cref="InputException">There are too few samples, there is one class alone, or a class is missing from the training samples.</exception>
    public static CleaningData Split(LabelledData pool, LabelledData? validation, LabelledData? test, (int Train, int Validation, int Test) sizes, double corruption, CorruptionKind kind, bool labelsAreTrue, ulong seed)
    {
        if (pool.ClassNames.Count < 2)
            throw new InputException($"{pool.Source}: every row has the label {pool.ClassNames[0]}, so there is nothing to tell apart. Give a file with at least two classes, or name another label column.");
        int heldOut = validation is null ? sizes.Validation : 0;
        int train = sizes.Train == 0 ? pool.Table.Count - heldOut : sizes.Train;
        if (train < 1 || (long)train + heldOut > pool.Table.Count)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{pool.Source}: {train} training and {heldOut} validation samples are asked for, but there are {pool.Table.Count}. Lower train-size or validation-size."));
        var (training, trusted) = labelsAreTrue ? InRandomOrder(pool, train, heldOut, seed) : ByContent(pool, sizes.Train, heldOut, seed);
        if (validation is not null) trusted = DataPart.Drawn(validation, sizes.Validation, "validation-size", RandomBits.At(seed, 3));
        Refuse(trusted, isFile: validation is not null);
        int[] observed = Corrupt(training.Labels, pool.ClassNames.Count, corruption, kind, RandomBits.At(seed, 2));
        for (int c = 0; c < pool.ClassNames.Count; c++)
        {
            if (!observed.Contains(c))
                throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{pool.Source}: no training sample has the label {pool.ClassNames[c]}, so it cannot be learned. Raise train-size, or remove the rows of this class from the file."));
        }

        DataPart? Tests() => test is null ? null : labelsAreTrue ? DataPart.First(test, sizes.Test, "test-size") : DataPart.Drawn(test, sizes.Test, "test-size", RandomBits.At(seed, 4));
        return new CleaningData(training, trusted, Tests(), observed, labelsAreTrue || corruption > 0);
    }

    // A class without trusted rows would look wrong for that alone.
    private static void Refuse(DataPart trusted, bool isFile)
    {
        if (trusted.Rows.Length == 0) throw new InputException($"{trusted.Source.Source}: no class has two different rows, so none can be held out to check the others. Give a file of checked rows (--validation FILE).");
        int none = Array.IndexOf(trusted.ClassSizes, 0);
        if (isFile && none >= 0)
            throw new InputException($"{trusted.Source.Source}: no validation row has the label {InputText.Quoted(trusted.Source.ClassNames[none])}, so every training row with it would look wrong. Add checked rows of this class{(trusted.Rows.Length < trusted.Source.Table.Count ? ", raise validation-size" : "")}, remove it from the training file, or give no validation file, so that rows of every class are held out.");
    }

    private static (DataPart Training, DataPart Trusted) InRandomOrder(LabelledData pool, int train, int heldOut, ulong seed)
    {
        int[] order = RandomOrder.Of(pool.Table.Count, RandomBits.At(seed, 1));
        return (new DataPart(pool, order[..train]), new DataPart(pool, order[train..(train + heldOut)]));
    }

    // As many training rows as are asked for, or all that are not held out.
    private static (DataPart Training, DataPart Trusted) ByContent(LabelledData pool, int train, int heldOut, ulong seed)
    {
        var draw = new RowDraw(pool, pool.Labels, RandomBits.At(seed, 1));
        var (held, others) = heldOut == 0 ? ([], draw.All) : draw.HoldOut(draw.All, heldOut);
        return (new DataPart(pool, train > 0 && train < others.Length ? draw.Take(others, train) : others), new DataPart(pool, held));
    }

    private static int[] Corrupt(int[] labels, int classes, double share, CorruptionKind kind, ulong key)
    {
        int[] observed = [.. labels];
        for (int i = 0; i < labels.Length; i++)
        {
            if (RandomBits.Uniform(key, (ulong)(2 * i)) >= share) continue;
            ulong draw = RandomBits.At(key, (ulong)((2 * i) + 1));
            observed[i] = kind == CorruptionKind.Uniform
                ? (int)Math.BigMul(draw, (ulong)classes, out ulong _)
                : (labels[i] + 1 + (int)Math.BigMul(draw, (ulong)(classes - 1), out ulong _)) % classes;
        }

        return observed;
    }
}
