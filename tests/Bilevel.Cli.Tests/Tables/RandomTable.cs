using System.Globalization;

namespace Bilevel.Cli.Tests;

/// <summary>
/// A table from a seed, as people have them: 50 to 5,000 rows, 1 to 50 columns of numbers near and far from zero, rare, constant and
/// heavy-tailed ones, columns of texts, missing cells, 2 to 20 classes with shares down to 1 %, some of their labels wrong.
/// </summary>
internal sealed class RandomTable
{
    private const int FewestOfClass = 9;

    private readonly Random random;

    private RandomTable(int seed) => random = new Random(seed);

    /// <summary>The names of the columns, without the labels.</summary>
    public string[] Names { get; private init; } = [];

    /// <summary>Whether a column holds numbers.</summary>
    public bool[] AreNumbers { get; private init; } = [];

    /// <summary>The cells, row by row; null where one is missing.</summary>
    public string?[][] Cells { get; private init; } = [];

    /// <summary>The classes as they stand in the file.</summary>
    public string[] Labels { get; private init; } = [];

    /// <summary>The rows in three roles, each with a few of every class.</summary>
    public int[] Training { get; private init; } = [];

    public int[] Validation { get; private init; } = [];

    public int[] Test { get; private init; } = [];

    public static RandomTable Of(int seed)
    {
        var random = new Random(seed);
        int rows = (int)(50 * Math.Pow(100, random.NextDouble())), columns = random.Next(1, 51);
        int classes = 2 + (int)(Math.Pow(random.NextDouble(), 2) * Math.Min(19, Math.Max(1, (rows / FewestOfClass) - 2)));
        int[] labels = DrawLabels(random, rows, classes);
        bool[] areNumbers = [.. Enumerable.Range(0, columns).Select(j => j == 0 || random.NextDouble() < 0.75)];
        var cells = new string?[rows][];
        for (int i = 0; i < rows; i++) cells[i] = new string?[columns];
        for (int j = 0; j < columns; j++)
        {
            double missing = random.NextDouble() < 0.3 ? 0.1 * random.NextDouble() : 0;
            Func<int, string> cell = areNumbers[j] ? Numbers(random, classes) : Texts(random, classes);
            for (int i = 0; i < rows; i++) cells[i][j] = random.NextDouble() < missing ? null : cell(labels[i]);
        }

        string[] names = [.. Enumerable.Range(0, classes).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c}"))];
        double noise = 0.3 * random.NextDouble();
        var (training, validation, test) = Divide(random, labels, classes);
        HashSet<int> noisy = [.. training.GroupBy(i => labels[i]).SelectMany(g => g.Skip(3)).Where(_ => random.NextDouble() < noise)];
        return new RandomTable(seed)
        {
            Names = [.. Enumerable.Range(0, columns).Select(j => $"{(areNumbers[j] ? "number" : "text")} {j}")],
            AreNumbers = areNumbers,
            Cells = cells,
            Labels = [.. labels.Select((label, i) => names[noisy.Contains(i) ? random.Next(classes) : label])],
            Training = training,
            Validation = validation,
            Test = test,
        };
    }

    /// <summary>The same with its columns of numbers alone, and no cell missing.</summary>
    public RandomTable NumbersAlone()
    {
        int[] kept = [.. Enumerable.Range(0, Names.Length).Where(j => AreNumbers[j])];
        return new RandomTable(0)
        {
            Names = [.. kept.Select(j => Names[j])],
            AreNumbers = [.. kept.Select(_ => true)],
            Cells = [.. Cells.Select(row => kept.Select(j => row[j] ?? "0").ToArray())],
            Labels = Labels,
            Training = Training,
            Validation = Validation,
            Test = Test,
        };
    }

    /// <summary>The rows of a part as CSV, in an order of rows and columns of one's own.</summary>
    public string Csv(IReadOnlyList<int> rows, IReadOnlyList<int>? order = null)
    {
        order ??= [.. Enumerable.Range(0, Names.Length + 1)];
        string[] Row(Func<int, string> cell, string label) => [.. order.Select(j => j == Names.Length ? label : cell(j))];
        return Lines([Row(j => Names[j], "label"), .. rows.Select(i => Row(j => Cells[i][j] ?? "", Labels[i]))], ",");
    }

    /// <summary>The rows of a part as LIBSVM; a column is a feature of a number of its own.</summary>
    public string LibSvm(IReadOnlyList<int> rows) => Lines(rows.Select(i => (string[])[Labels[i], .. Enumerable.Range(0, Names.Length)
        .Where(j => double.Parse(Cells[i][j]!, CultureInfo.InvariantCulture) != 0).Select(j => string.Create(CultureInfo.InvariantCulture, $"{(j * 1000) + 1}:{Cells[i][j]}"))]), " ");

    /// <summary>The rows of a part as ARFF.</summary>
    public string Arff(IReadOnlyList<int> rows) =>
        $"% a table\n@relation table\n{string.Concat(Names.Select((name, j) => $"@attribute '{name}' {(AreNumbers[j] ? "numeric" : "string")}\n"))}@attribute label {{{string.Join(", ", Labels.Distinct().Order(StringComparer.Ordinal))}}}\n@data\n"
        + Lines(rows.Select(i => (string[])[.. Cells[i].Select(cell => cell ?? "?"), Labels[i]]), ",");

    private static string Lines(IEnumerable<string[]> rows, string separator) => string.Concat(rows.Select(row => string.Join(separator, row) + "\n"));

    // Every class has a few rows, whatever its share.
    private static int[] DrawLabels(Random random, int rows, int classes)
    {
        double[] shares = [.. Enumerable.Range(0, classes).Select(_ => 0.01 + Math.Pow(random.NextDouble(), 3))];
        double sum = shares.Sum();
        return [.. Enumerable.Range(0, rows).Select(i =>
        {
            if (i < FewestOfClass * classes && FewestOfClass * classes <= rows) return i % classes;
            double at = random.NextDouble() * sum;
            int c = 0;
            while (c < classes - 1 && (at -= shares[c]) > 0) c++;
            return c;
        })];
    }

    private static (int[] Training, int[] Validation, int[] Test) Divide(Random random, int[] labels, int classes)
    {
        int[] order = [.. Enumerable.Range(0, labels.Length)];
        random.Shuffle(order);
        int[] seen = new int[classes];
        var parts = order.ToLookup(i => seen[labels[i]]++ % 9 is var place && place < 5 ? 0 : place < 8 ? 1 : 2);
        return ([.. parts[0].Order()], [.. parts[1].Order()], [.. parts[2].Order()]);
    }

    private static Func<int, string> Numbers(Random random, int classes)
    {
        double[] means = [.. Enumerable.Range(0, classes).Select(_ => random.NextDouble() < 0.4 ? 0 : Normal(random))];
        double centre = random.Next(4) switch { 0 => 0, 1 => 2000, 2 => -3.5, _ => 1e6 }, spread = Math.Max(1.5, Math.Abs(centre) * 1e-3);
        string Text(double value, int digits) => Math.Round(value, digits).ToString("R", CultureInfo.InvariantCulture);
        return random.Next(8) switch
        {
            0 => _ => Text(centre, 3),
            1 => c => random.NextDouble() < 0.03 + (0.1 * (c % 2)) ? "1" : "0",
            2 => c => Text(Math.Exp(2 * (means[c] + Normal(random))), 4),
            3 => c => Text(Math.Floor(3 * (means[c] + Normal(random))), 0),
            4 => c => random.NextDouble() < 0.8 ? "0" : Text(centre + (spread * (means[c] + Normal(random))), 4),
            _ => c => Text(centre + (spread * (means[c] + Normal(random))), 5),
        };
    }

    private static Func<int, string> Texts(Random random, int classes)
    {
        int levels = random.Next(2, 9);
        int[] usual = [.. Enumerable.Range(0, classes).Select(_ => random.Next(levels))];
        return c => $"t{(random.NextDouble() < 0.4 ? usual[c] : random.Next(levels))}";
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
