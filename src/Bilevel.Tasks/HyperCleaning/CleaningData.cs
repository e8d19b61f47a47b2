namespace Bilevel.Tasks;

/// <summary>How a corrupted label is drawn.</summary>
public enum CorruptionKind
{
    /// <summary>Uniformly from all classes: a tenth of the draws leaves the label correct.</summary>
    Uniform,

    /// <summary>Uniformly from the other classes: every draw makes the label wrong.</summary>
    Different,
}

/// <summary>
/// Images in the three roles of data hyper-cleaning, kept strictly apart: training labels are corrupted, validation
/// and test labels are not, and no image has two roles.
/// </summary>
public sealed class CleaningData
{
    private CleaningData(ImageSet images, ImageSet testImages, int[] training, int[] validation, int[] test, int[] observed) =>
        (Images, TestImages, Training, Validation, Test, Observed) = (images, testImages, training, validation, test, observed);

    /// <summary>The images of the roles training and validation.</summary>
    public ImageSet Images { get; }

    /// <summary>The images of the role test.</summary>
    public ImageSet TestImages { get; }

    /// <summary>Index in <see cref="Images"/> of every training sample.</summary>
    public IReadOnlyList<int> Training { get; }

    /// <summary>Index in <see cref="Images"/> of every validation sample.</summary>
    public IReadOnlyList<int> Validation { get; }

    /// <summary>Index in <see cref="TestImages"/> of every test sample.</summary>
    public IReadOnlyList<int> Test { get; }

    /// <summary>The training labels as observed, corrupted ones among them.</summary>
    public int[] Observed { get; }

    /// <summary>The true training labels.</summary>
    public int[] True => LabelsOf(Images, Training);

    /// <summary>For every training sample whether its observed label differs from the true one.</summary>
    public bool[] Corrupted => [.. Observed.Zip(True, (observed, label) => observed != label)];

    /// <summary>The labels of chosen images.</summary>
    public static int[] LabelsOf(ImageSet images, IReadOnlyList<int> chosen) => [.. chosen.Select(i => (int)images.Labels.Span[i])];

    /// <summary>Splits and corrupts.</summary>
    /// <param name="images">Source of the training and validation samples.</param>
    /// <param name="testImages">Source of the test samples.</param>
    /// <param name="settings">Sizes and corruption.</param>
    /// <param name="seed">Names the permutation and the corruption.</param>
    /// <exception cref="InputException">There are too few images, or a class is missing from the training samples.</exception>
    public static CleaningData Split(ImageSet images, ImageSet testImages, HyperCleaningSettings settings, ulong seed)
    {
        if ((long)settings.Train + settings.Validation > images.Count)
            throw new InputException(FormattableString.Invariant($"{settings.Train} training and {settings.Validation} validation images are asked for, but there are {images.Count}. Lower train or validation."));
        int tests = settings.Test == 0 ? testImages.Count : settings.Test;
        if (tests > testImages.Count)
            throw new InputException(FormattableString.Invariant($"{tests} test images are asked for, but there are {testImages.Count}. Lower test."));

        int[] order = Permutation(images.Count, RandomBits.At(seed, 1));
        int[] training = order[..settings.Train], validation = order[settings.Train..(settings.Train + settings.Validation)];
        int[] observed = Corrupt(LabelsOf(images, training), settings, RandomBits.At(seed, 2));
        for (int c = 0; c < ImageSet.Classes; c++)
        {
            if (!observed.Contains(c))
                throw new InputException(FormattableString.Invariant($"No training sample has the label {c}, so it cannot be learned. Raise train."));
        }

        return new CleaningData(images, testImages, training, validation, [.. Enumerable.Range(0, tests)], observed);
    }

    private static int[] Corrupt(int[] labels, HyperCleaningSettings settings, ulong key)
    {
        var observed = (int[])labels.Clone();
        for (int i = 0; i < labels.Length; i++)
        {
            if (RandomBits.Uniform(key, (ulong)(2 * i)) >= settings.Corruption) continue;
            ulong draw = RandomBits.At(key, (ulong)((2 * i) + 1));
            observed[i] = settings.CorruptionKind == CorruptionKind.Uniform
                ? (int)Math.BigMul(draw, ImageSet.Classes, out ulong _)
                : (labels[i] + 1 + (int)Math.BigMul(draw, ImageSet.Classes - 1, out ulong _)) % ImageSet.Classes;
        }

        return observed;
    }

    // Fisher and Yates.
    private static int[] Permutation(int count, ulong key)
    {
        var order = Enumerable.Range(0, count).ToArray();
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)Math.BigMul(RandomBits.At(key, (ulong)i), (ulong)(i + 1), out ulong _);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
