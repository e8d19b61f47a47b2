using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Finds the data of group-robust training: the user's own tables, digits of a folder of idx images, or generated digits.</summary>
internal static class GroupSource
{
    private const int GeneratedTests = 4000;

    // One row in so many of every group of the training file is held out where there is no validation file.
    private const int HeldOutPart = 5;

    /// <summary>Loads the data.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="context">Seed and folder.</param>
    /// <param name="notes">Receives what the user should know of the data, a sentence each.</param>
    /// <exception cref="InputException">The data cannot be used.</exception>
    public static GroupData Load(GroupDroSettings settings, TaskContext context, List<string> notes)
    {
        bool own = settings.Train.Length > 0;
        if (!own && (settings.Validation.Length > 0 || settings.Test.Length > 0))
            throw new InputException("A validation or test file needs a training file. Give --train FILE as well, or leave --validation and --test out.");
        if (!own && settings.Group.Length > 0) throw new InputException("A group column needs a file that has it. Give --train FILE as well, or leave --group out.");
        if (own && context.DataFolder is not null) throw new InputException("--data DIR and --train FILE name two sources of training data. Give one of them.");
        if (own && settings.Group.Length == 0) throw new InputException($"{settings.Train}: which column holds the groups is not said. Name it with --group COLUMN.");
        var collected = new DataNotes();
        var data = own ? OwnFiles(settings, context.Seed, collected) : Digits(settings, context, collected);
        Describe(data, settings, own, collected);
        notes.AddRange(collected.All);
        return data;
    }

    private static void Describe(GroupData data, GroupDroSettings settings, bool own, DataNotes notes)
    {
        var (training, names) = (data.Training.Data.Source, data.GroupNames);
        if (own)
        {
            notes.Shared(data.Validation.Data, "validation", training, "training");
            notes.Shared(data.Test?.Data, "test", training, "training");
            notes.Shared(data.Test?.Data, "test", data.Validation.Data.Source == training ? null : data.Validation.Data.Source, "validation");
        }

        Few(data.Validation, "validation", !data.HasEnough.Contains(true) ? "no group has enough, so none is called the worst, and the upper level takes the maximum over all of them, as published"
            : settings.Goal == ValidationGoal.WorstGroup ? "the upper level takes its maximum over the other groups, and these are trained with as all are" : "none of these is called the worst");
        if (data.Test is { } test) Few(test, "test", data.Enough(test).Contains(true) ? "none of these is called the worst" : "no group has enough, so none is called the worst");
        if (own && data.Validation.Data.Source == training) notes.Doubt($"There is no validation file, so {data.Validation.Groups.Length:N0} rows of the training file, one in {HeldOutPart} of every group and class drawn by the seed, were held out.");
        notes.Size($"{data.Training.Groups.Length:N0} training, {data.Validation.Groups.Length:N0} validation and {data.Test?.Groups.Length ?? 0:N0} test samples of {data.ClassNames.Count} classes in {names.Count} groups{(notes.AreShared ? "" : "; no sample has two roles")}.");
        notes.Size($"Groups with their training rows: {DataNotes.Sized(names, data.Training.Sizes(names.Count), _ => true)}.");
        if (own) notes.Describe(training, data.Training.Data.ClassSizes, settings.Reading.IgnoredColumns, settings.Group);
        if (data.Test is null) notes.Reading($"There are no test data: accuracies are of the validation rows, which the learned and the tuned models have seen.");

        void Few(GroupPart part, string role, string consequence)
        {
            int[] sizes = part.Sizes(names.Count);
            int few = sizes.Count(n => n < GroupData.FewestRows);
            if (few > 0) notes.Doubt($"{few} of {names.Count} groups have fewer than {GroupData.FewestRows} {role} rows, too few to tell their accuracy: {DataNotes.Sized(names, sizes, n => n < GroupData.FewestRows)}; {consequence}.");
        }
    }

    private static GroupData Digits(GroupDroSettings settings, TaskContext context, DataNotes notes)
    {
        var digits = new MarkedDigits(settings);
        ulong seed = context.Seed;
        int train = settings.TrainSize, wanted = train + settings.ValidationSize;
        ImageSet pool, tests;
        string source = context.DataFolder ?? "generated digits";
        if (context.DataFolder is { } folder)
        {
            (pool, tests) = (Read(folder, testPart: false), Read(folder, testPart: true));
        }
        else
        {
            // A tenth more than the classes' share, and some, so that there are enough of them.
            int Drawn(int count) => (int)((1.1 * count / digits.Share) + 200);
            pool = SyntheticDigits.Generate(Drawn(wanted), RandomBits.At(seed, 21));
            tests = SyntheticDigits.Generate(Drawn(settings.TestSize == 0 ? GeneratedTests : settings.TestSize), RandomBits.At(seed, 22));
        }

        int[] chosen = digits.Choose(pool, RandomBits.At(seed, 23)), forTest = digits.Choose(tests, RandomBits.At(seed, 24));
        if (wanted > chosen.Length) throw TooFew(source, wanted, chosen.Length, "train-size or validation-size");
        int testSize = settings.TestSize > 0 ? settings.TestSize : context.DataFolder is null ? GeneratedTests : forTest.Length;
        if (testSize > forTest.Length) throw TooFew(source, testSize, forTest.Length, "test-size");
        if (context.DataFolder is null) notes.Reading($"Generated handwritten-looking digits (give --data DIR for MNIST, --train FILE --group COLUMN for your own data).");
        else notes.Reading($"Images of {context.DataFolder}.");
        notes.Reading($"The mark agrees with the class of {settings.Agreement:P0} of the training samples and of half of the others{(settings.Noise > 0 ? InputText.Invariant($"; {settings.Noise:P0} of the training labels are wrong") : "")}.");
        return new GroupData(
            digits.Mark(pool, chosen.AsSpan(0, train), settings.Agreement, settings.Noise, source, RandomBits.At(seed, 25)),
            digits.Mark(pool, chosen.AsSpan(train, settings.ValidationSize), 0.5, 0, source, RandomBits.At(seed, 26)),
            digits.Mark(tests, forTest.AsSpan(0, testSize), 0.5, 0, source, RandomBits.At(seed, 27)),
            digits.GroupNames);
    }

    private static ImageSet Read(string folder, bool testPart) => DataFile.Read(folder, new DataOptions { Format = DataFormat.Idx, TestPart = testPart }).Images!;

    private static InputException TooFew(string source, int wanted, int there, string setting) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{source}: {wanted} images of the classes are asked for, but there are {there}. Lower {setting}, or take more classes."));

    private static GroupData OwnFiles(GroupDroSettings settings, ulong seed, DataNotes notes)
    {
        var options = settings.Reading with { GroupColumn = settings.Group };
        var training = CsvFile.Read(settings.Train, options);
        var split = new GroupNaming(training, settings.GroupsByClass);
        GroupPart? Part(string path)
        {
            if (path.Length == 0) return null;
            var data = CsvFile.ReadLike(path, training.Encoding!, training.ClassNames, options with { GroupNames = training.GroupNames });
            notes.Read(data);
            return new GroupPart(DataPart.All(data), split.Groups(data));
        }

        notes.Read(training);
        int[] groups = split.Groups(training);
        var (validation, test) = (Part(settings.Validation), Part(settings.Test));
        if (validation is not null) return new GroupData(new GroupPart(DataPart.All(training), groups), validation, test, split.Names);
        var (kept, heldOut) = HoldOut(training, groups, seed);
        GroupPart Some(int[] rows) => new(new DataPart(training, rows), [.. rows.Select(i => groups[i])]);
        return new GroupData(Some(kept), Some(heldOut), test, split.Names);
    }

    // One in HeldOutPart rows of every group, as many as tell its accuracy where the group has twice those, and at least one where it has two.
    private static (int[] Kept, int[] HeldOut) HoldOut(LabelledData training, int[] groups, ulong seed)
    {
        var draw = new RowDraw(training, training.Labels, RandomBits.At(seed, 28));
        List<int> heldOut = [];
        foreach (var group in Enumerable.Range(0, groups.Length).GroupBy(i => groups[i]))
        {
            int[] rows = [.. group];
            heldOut.AddRange(draw.HoldOut(rows, Math.Max(rows.Length / HeldOutPart, Math.Min(GroupData.FewestRows, rows.Length / 2))).HeldOut);
        }

        return ([.. Enumerable.Range(0, groups.Length).Except(heldOut)], [.. heldOut.Order()]);
    }
}

/// <summary>Groups of a table: the texts of the group column, split further by class where that is wanted; those that the training file has.</summary>
internal sealed class GroupNaming
{
    private readonly bool byClass;
    private readonly Dictionary<(int Group, int Class), int> indices = [];
    private readonly List<string> names = [];

    public GroupNaming(LabelledData training, bool byClass)
    {
        this.byClass = byClass;
        foreach (var (group, label) in training.Groups.Zip(training.Labels, Key).Distinct().Order())
        {
            indices[(group, label)] = names.Count;
            names.Add(byClass ? $"{training.GroupNames[group]}, {training.ClassNames[label]}" : training.GroupNames[group]);
        }
    }

    /// <summary>The names of the groups.</summary>
    public IReadOnlyList<string> Names => names;

    /// <summary>The group of every row of a file.</summary>
    /// <exception cref="InputException">A row is in a group that the training file lacks.</exception>
    public int[] Groups(LabelledData data) => [.. data.Groups.Select((group, i) => indices.TryGetValue(Key(group, data.Labels[i]), out int index) ? index
        : throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{data.Source}, line {data.Places[i]}: no training row has this group together with the label {data.ClassNames[data.Labels[i]]}. Add training rows, remove the row, or give --groups-by-class false.")))];

    private (int Group, int Class) Key(int group, int label) => (group, byClass ? label : 0);
}
