namespace Bilevel.Tasks;

/// <summary>Finds the data of the task: the user's own files, a folder of idx images, or generated digits.</summary>
internal static class CleaningSource
{
    private const int DefaultSize = 5000;

    // The generated test set is as large as that of MNIST.
    private const int GeneratedTests = 10_000;

    // Share of the training file that is held out for validation where there is no file of its own.
    private const int HeldOutPart = 5;

    // An accuracy of fewer rows says little.
    private const int FewTests = 5;

    /// <summary>Loads and splits the data.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="context">Seed and folder.</param>
    /// <param name="notes">Receives what the user should know of the data, a sentence each.</param>
    /// <exception cref="InputException">The data cannot be used.</exception>
    public static CleaningData Load(HyperCleaningSettings settings, TaskContext context, List<string> notes)
    {
        var collected = new DataNotes();
        var data = Load(settings, context, collected);
        notes.AddRange(collected.All);
        return data;
    }

    private static CleaningData Load(HyperCleaningSettings settings, TaskContext context, DataNotes notes)
    {
        bool own = settings.Train.Length > 0;
        if (!own && (settings.Validation.Length > 0 || settings.Test.Length > 0))
            throw new InputException("A validation or test file needs a training file. Give --train FILE as well, or leave --validation and --test out.");
        if (own && context.DataFolder is not null)
            throw new InputException("--data DIR and --train FILE name two sources of training data. Give one of them.");
        var (pool, validation, test) = own ? OwnFiles(settings, notes) : Images(settings, context, notes);
        double corruption = settings.Corruption ?? (own ? 0 : 0.5);
        int heldOut = settings.ValidationSize ?? (!own ? DefaultSize : validation is not null ? 0 : Math.Max(1, pool.Table.Count / HeldOutPart));
        var sizes = (settings.TrainSize ?? (own ? 0 : DefaultSize), heldOut, settings.TestSize);
        var data = CleaningData.Split(pool, validation, test, sizes, corruption, settings.CorruptionKind, labelsAreTrue: !own, context.Seed);
        Describe(data, settings, own, validation is null, corruption, notes);
        return data;
    }

    private static (LabelledData Pool, LabelledData? Validation, LabelledData? Test) OwnFiles(HyperCleaningSettings settings, DataNotes notes)
    {
        var options = settings.Reading;
        var pool = DataFile.Read(settings.Train, options);
        var encoding = pool.Encoding ?? throw new InvalidOperationException("A file that was read has an encoding.");
        LabelledData? Like(string path, bool testPart) => path.Length == 0 ? null : DataFile.ReadLike(path, encoding, pool.ClassNames, options with { TestPart = testPart });
        var (validation, test) = (Like(settings.Validation, testPart: false), Like(settings.Test, testPart: true));
        foreach (var data in new[] { pool, validation, test }) notes.Read(data);

        return (pool, validation, test);
    }

    private static (LabelledData Pool, LabelledData? Validation, LabelledData? Test) Images(HyperCleaningSettings settings, TaskContext context, DataNotes notes)
    {
        if (context.DataFolder is { } folder)
        {
            var images = DataFile.Read(folder, new DataOptions { Format = DataFormat.Idx });
            notes.Reading($"Images of {folder}.");
            return (images, null, DataFile.ReadLike(folder, images.Encoding!, images.ClassNames, new DataOptions { Format = DataFormat.Idx, TestPart = true }));
        }

        notes.Reading($"Generated handwritten-looking digits (give --data DIR for MNIST, --train FILE for your own data).");
        int count = (settings.TrainSize ?? DefaultSize) + (settings.ValidationSize ?? DefaultSize), tests = settings.TestSize == 0 ? GeneratedTests : settings.TestSize;
        return (LabelledData.FromImages(SyntheticDigits.Generate(count, RandomBits.At(context.Seed, 11)), "generated digits"), null,
            LabelledData.FromImages(SyntheticDigits.Generate(tests, RandomBits.At(context.Seed, 12)), "generated digits"));
    }

    private static void Describe(CleaningData data, HyperCleaningSettings settings, bool own, bool heldOut, double corruption, DataNotes notes)
    {
        if (own)
        {
            notes.Shared(heldOut ? null : data.Validation, "validation", data.Training.Source, "training");
            notes.Shared(data.Test, "test", data.Training.Source, "training");
            notes.Shared(data.Test, "test", heldOut ? null : data.Validation.Source, "validation");
        }

        int[] sizes = data.Validation.ClassSizes;
        if (sizes.Contains(0)) notes.Doubt($"No validation row is of the class {DataNotes.Sized(data.ClassNames, sizes, n => n == 0)}{(own ? ", of which the file has no two different rows" : "")}: nothing checks its labels, so none of them is said to look wrong.");
        if (sizes.Any(n => n > 0 && n < CleaningData.FewestTrusted))
            notes.Doubt($"There are few validation rows of the class {DataNotes.Sized(data.ClassNames, sizes, n => n > 0 && n < CleaningData.FewestTrusted)}: next to nothing checks its labels, so none of them is said to look wrong. Give {CleaningData.FewestTrusted} checked rows of every class or more.");
        notes.FewTests(data.Test, FewTests);
        if (own && heldOut) notes.Doubt($"There is no validation file, so {data.Validation.Rows.Length:N0} rows of the training file, drawn by class and by the seed, were held out as if their labels could be trusted. Wrong labels among them blur the result: a small file of checked rows (--validation FILE) is worth more.");
        notes.Size($"{data.Training.Rows.Length:N0} training, {data.Validation.Rows.Length:N0} validation and {data.Test?.Rows.Length ?? 0:N0} test samples of {data.ClassNames.Count} classes{(notes.AreShared ? "" : "; no sample has two roles")}.");
        notes.Describe(data.Training.Source, [.. data.ClassNames.Select((_, c) => data.Observed.Count(label => label == c))], settings.Reading.IgnoredColumns);
        if (corruption > 0)
        {
            string how = settings.CorruptionKind == CorruptionKind.Uniform ? $"from all {data.ClassNames.Count} classes, so some of these stayed correct" : "from the other classes";
            notes.Size($"{corruption:P0} of the training labels were redrawn ({how}); {data.Corrupted!.Count(c => c):N0} are wrong.");
        }
    }
}
