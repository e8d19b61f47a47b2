using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Some rows of a data set of two classes, with a last feature that is 1.</summary>
/// <param name="Source">The data set.</param>
/// <param name="Rows">Indices of its rows.</param>
internal sealed record SvmPart(LabelledData Source, int[] Rows)
{
    /// <summary>The feature rows.</summary>
    public FeatureRows<double> Features { get; } = FeatureRows<double>.From(Source.Table, Rows);

    /// <summary>-1 for the first class, 1 for the second.</summary>
    public double[] Signs { get; } = [.. Rows.Select(i => Source.Labels[i] == 0 ? -1.0 : 1.0)];

    /// <summary>Where row i of the part came from: its line in the file, or its number.</summary>
    public int Place(int i) => Source.Places.Count > 0 ? Source.Places[Rows[i]] : Rows[i];
}

/// <summary>The samples of the task in three roles; no sample has two.</summary>
/// <param name="Training">The training samples.</param>
/// <param name="Validation">The validation samples.</param>
/// <param name="Test">The test samples.</param>
/// <param name="Turned">For every training sample whether its label was turned around; null where nobody knows.</param>
internal sealed record SvmData(SvmPart Training, SvmPart Validation, SvmPart Test, bool[]? Turned)
{
    // Share of a file that is held out for each role that has no file of its own.
    private const int HeldOutPart = 4;

    // A run on more samples takes minutes, and is for who asks for it.
    private const int MostByDefault = 1000;

    // The generated samples: so many features, of which the first ones tell the classes apart by their means.
    private const int Features = 4, Telling = 2;
    private const double Distance = 0.8;

    /// <summary>Loads and splits the data.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="context">Seed and folder.</param>
    /// <param name="notes">Receives what the user should know of the data, a sentence each.</param>
    /// <exception cref="InputException">The data cannot be used.</exception>
    public static SvmData Load(SvmTuningSettings settings, TaskContext context, List<string> notes)
    {
        if (context.DataFolder is not null) throw new InputException("The task svm-tuning reads files, not a folder. Give --train FILE in place of --data DIR.");
        bool own = settings.Train.Length > 0;
        if (!own && (settings.Validation.Length > 0 || settings.Test.Length > 0))
            throw new InputException("A validation or test file needs a training file. Give --train FILE as well, or leave --validation and --test out.");
        var options = TableSettings.Options(settings.Label, settings.Ignore, textColumns: "", settings.Missing, settings.Encoding, settings.NoHeader);
        var pool = own ? DataFile.Read(settings.Train, options) : Generated(settings.Samples, context.Seed);
        if (pool.ClassNames.Count != 2)
            throw new InputException($"{pool.Source}: has {InputText.Few(pool.ClassNames)} as classes, and a support vector machine tells two apart. Keep the rows of two classes, or name another label column.");
        notes.AddRange(pool.Notes);
        if (!own) notes.Add("Generated samples (give --train FILE for your own data).");

        var (validation, test) = (Like(settings.Validation), Like(settings.Test));
        int all = pool.Table.Count;
        int heldOut = validation is null ? settings.ValidationSize ?? all / HeldOutPart : 0, tested = test is null ? settings.TestSize ?? all / HeldOutPart : 0;
        int left = all - heldOut - tested, train = settings.TrainSize ?? Math.Clamp(left, 0, MostByDefault);
        if (train < 2 || (validation is null && heldOut < 1) || (test is null && tested < 1) || (long)train + heldOut + tested > all)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{pool.Source}: {train} training, {heldOut} validation and {tested} test samples are asked for, but there are {all}. Lower train-size, validation-size or test-size."));
        int[] order = RandomOrder.Of(all, RandomBits.At(context.Seed, 1));
        var training = new SvmPart(pool, order[..train]);
        var turned = own ? null : Turn(training.Signs, settings.LabelNoise, RandomBits.At(context.Seed, 2));
        if (training.Signs.Distinct().Count() < 2)
            throw new InputException($"{pool.Source}: all {training.Signs.Length} training samples are of one class. Raise train-size, or take another seed.");
        var data = new SvmData(
            training,
            validation is null ? new SvmPart(pool, order[train..(train + heldOut)]) : Signed(DataPart.First(validation, settings.ValidationSize ?? 0, "validation-size", RandomBits.At(context.Seed, 3))),
            test is null ? new SvmPart(pool, order[(train + heldOut)..(train + heldOut + tested)]) : Signed(DataPart.First(test, settings.TestSize ?? 0, "test-size", RandomBits.At(context.Seed, 4))),
            turned);
        notes.Add(string.Create(CultureInfo.InvariantCulture, $"{train:N0} training, {data.Validation.Rows.Length:N0} validation and {data.Test.Rows.Length:N0} test samples of {pool.Table.FeatureCount:N0} features; no sample has two roles."));
        if (train < left && settings.TrainSize is null) notes.Add(string.Create(CultureInfo.InvariantCulture, $"{left - train:N0} further rows of the training file are not used; raise train-size to use them."));
        if (turned is not null) notes.Add(string.Create(CultureInfo.InvariantCulture, $"The labels of {turned.Count(t => t)} training samples were turned around, which the method is not told."));
        return data;

        static SvmPart Signed(DataPart part) => new(part.Source, part.Rows);

        LabelledData? Like(string path)
        {
            if (path.Length == 0) return null;
            var read = DataFile.ReadLike(path, pool.Encoding!, pool.ClassNames, options);
            notes.AddRange(read.Notes);
            return read;
        }
    }

    // The recipe is part of the definition: per sample a uniform number for the class, then its features, of which the first
    // ones have mean -0.8 or 0.8.
    private static LabelledData Generated(int count, ulong seed)
    {
        var random = new SplitMix64(RandomBits.At(seed, 0));
        var (table, labels) = (new double[count * Features], new int[count]);
        for (int i = 0; i < count; i++)
        {
            labels[i] = random.NextUniform() < 0.5 ? 0 : 1;
            for (int j = 0; j < Features; j++) table[(i * Features) + j] = random.NextNormal() + (j < Telling ? Distance * ((2 * labels[i]) - 1) : 0);
        }

        return new LabelledData(new DenseTable(table, count, Features), labels, ["-1", "1"], "generated samples");
    }

    private static bool[] Turn(double[] signs, double share, ulong key)
    {
        bool[] turned = [.. signs.Select((_, i) => RandomBits.Uniform(key, (ulong)i) < share)];
        for (int i = 0; i < signs.Length; i++)
        {
            if (turned[i]) signs[i] = -signs[i];
        }

        return turned;
    }
}
