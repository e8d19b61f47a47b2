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

    /// <summary>The rows as a part of any data set.</summary>
    public DataPart AsPart { get; } = new(Source, Rows);

    /// <summary>Where row i of the part came from: its line in the file, or its number.</summary>
    public int Place(int i) => AsPart.Place(i);
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

    // Of a class with fewer rows little can be said.
    private const int FewRows = 5;

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
        var options = settings.Reading;
        var pool = own ? DataFile.Read(settings.Train, options) : Generated(settings.Samples, context.Seed);
        if (pool.ClassNames.Count != 2)
            throw new InputException($"{pool.Source}: has {InputText.Few(pool.ClassNames)} as classes, and a support vector machine tells two apart. Keep the rows of two classes, or name another label column.");
        LabelledData? Like(string path) => path.Length == 0 ? null : DataFile.ReadLike(path, pool.Encoding!, pool.ClassNames, options);
        var (validation, test) = (Like(settings.Validation), Like(settings.Test));
        var data = Split(settings, pool, validation, test, own, context.Seed, out int unused);
        var collected = new DataNotes();
        data.Describe(settings, own, validation, test, unused, collected);
        notes.AddRange(collected.All);
        return data;
    }

    private static SvmData Split(SvmTuningSettings settings, LabelledData pool, LabelledData? validation, LabelledData? test, bool own, ulong seed, out int unused)
    {
        int all = pool.Table.Count;
        int heldOut = validation is null ? settings.ValidationSize ?? all / HeldOutPart : 0, tested = test is null ? settings.TestSize ?? all / HeldOutPart : 0;
        int left = all - heldOut - tested, train = settings.TrainSize ?? Math.Clamp(left, 0, MostByDefault);
        if (train < 2 || (validation is null && heldOut < 1) || (test is null && tested < 1) || (long)train + heldOut + tested > all)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{pool.Source}: {train} training, {heldOut} validation and {tested} test samples are asked for, but there are {all}. Lower train-size, validation-size or test-size."));
        var (training, held, forTest) = own ? ByContent(pool, settings.TrainSize ?? MostByDefault, heldOut, tested, seed) : InRandomOrder(all, train, heldOut, tested, seed);
        SvmPart trained = new(pool, training), validated = validation is null ? new(pool, held) : Drawn(validation, settings.ValidationSize, "validation-size", 3), measured = test is null ? new(pool, forTest) : Drawn(test, settings.TestSize, "test-size", 4);
        unused = all - training.Length - held.Length - forTest.Length;
        var turned = own ? null : Turn(trained.Signs, settings.LabelNoise, RandomBits.At(seed, 2));
        if (trained.Signs.Distinct().Count() < 2)
            throw new InputException($"{pool.Source}: all {trained.Signs.Length} training samples are of one class. Raise train-size, or take another seed.");
        if (validated.Rows.Length == 0) throw new InputException($"{pool.Source}: no row can be held out to validate by, since equal rows are not divided. Give a validation file (--validation FILE).");
        if (own && validated.Signs.Distinct().Count() < 2)
            throw new InputException($"{validated.Source.Source}: all {validated.Rows.Length} validation rows have the label {InputText.Quoted(pool.ClassNames[validated.Signs[0] < 0 ? 0 : 1])}, so the costs would be tuned for one class alone. {(validation is null ? "Give a validation file with rows of both classes (--validation FILE)" : "Add rows of the other class, or raise validation-size where it leaves them out")}.");
        if (measured.Rows.Length == 0) throw new InputException($"{pool.Source}: no row can be held out to test by, since equal rows are not divided. Give a test file (--test FILE).");
        return new SvmData(trained, validated, measured, turned);

        SvmPart Drawn(LabelledData source, int? size, string setting, ulong draw)
        {
            var part = DataPart.Drawn(source, size ?? 0, setting, RandomBits.At(seed, draw));
            return new(part.Source, part.Rows);
        }
    }

    private static (int[] Training, int[] Validation, int[] Test) InRandomOrder(int all, int train, int heldOut, int tested, ulong seed)
    {
        int[] order = RandomOrder.Of(all, RandomBits.At(seed, 1));
        return (order[..train], order[train..(train + heldOut)], order[(train + heldOut)..(train + heldOut + tested)]);
    }

    private static (int[] Training, int[] Validation, int[] Test) ByContent(LabelledData pool, int train, int heldOut, int tested, ulong seed)
    {
        var draw = new RowDraw(pool, pool.Labels, RandomBits.At(seed, 1));
        var (held, others) = heldOut == 0 ? ([], draw.All) : draw.HoldOut(draw.All, heldOut);
        var (forTest, rest) = tested == 0 ? ([], others) : draw.HoldOut(others, tested);
        return (train < rest.Length ? draw.Take(rest, train) : rest, held, forTest);
    }

    private void Describe(SvmTuningSettings settings, bool own, LabelledData? validation, LabelledData? test, int unused, DataNotes notes)
    {
        DataPart training = Training.AsPart, validated = Validation.AsPart, measured = Test.AsPart;
        if (own)
        {
            notes.Shared(validated, "validation", training.Source, "training");
            notes.Shared(measured, "test", training.Source, "training");
            notes.Shared(measured, "test", validation, "validation");
            int[] sizes = validated.ClassSizes;
            if (sizes.Any(n => n < FewRows)) notes.Doubt($"There are few validation rows of the class {DataNotes.Sized(training.Source.ClassNames, sizes, n => n < FewRows)}: the costs are tuned by them all the same.");
            notes.FewTests(measured, FewRows);
            string[] drawn = [.. validation is null ? ["validation"] : Array.Empty<string>(), .. test is null ? ["test"] : Array.Empty<string>()];
            if (drawn.Length > 0) notes.Reading($"The {string.Join(" and ", drawn)} rows were held out of the training file, drawn by class and by the seed.");
        }

        foreach (var data in new[] { training.Source, validation, test }) notes.Read(data);
        if (!own) notes.Reading($"Generated samples (give --train FILE for your own data).");
        notes.Size($"{Training.Rows.Length:N0} training, {Validation.Rows.Length:N0} validation and {Test.Rows.Length:N0} test samples of {training.Source.Table.FeatureCount:N0} features{(notes.AreShared ? "" : "; no sample has two roles")}.");
        if (unused > 0 && settings.TrainSize is null) notes.Size($"{unused:N0} further rows of the training file are not used; raise train-size to use them.");
        if (own) notes.Describe(training.Source, training.ClassSizes, settings.Reading.IgnoredColumns);
        if (Turned is not null) notes.Size($"The labels of {Turned.Count(t => t)} training samples were turned around, which the method is not told.");
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
