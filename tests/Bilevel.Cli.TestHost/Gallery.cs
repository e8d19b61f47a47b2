using System.Globalization;
using Bilevel.Tasks;

namespace Bilevel.Cli.TestHost;

/// <summary>One report section of every kind, as a task that cleans labels would return them.</summary>
internal static class Gallery
{
    private const int Count = 2000, Classes = ImageSet.Classes, Shown = 24;

    /// <summary>Baselines for the curve of the upper value; F runs from about 1.5 c^2 to 0.75 c^2 in the toy with three components.</summary>
    public static IReadOnlyList<ReferenceValue> References { get; } =
    [
        new(ReportCurve.UpperValue, "all labels alike", 1.4),
        new(ReportCurve.UpperValue, "correct labels only (not known to the method)", 0.78),
        new(ReportCurve.UpperValue, "trusted data only", 0.8),
        new(ReportCurve.UpperValue, "unknown", double.NaN),
    ];

    /// <summary>Generated digits, a fifth of them with a wrong label, with weights that mostly tell.</summary>
    public static IReadOnlyList<ReportSection> Sections(ulong seed)
    {
        var images = SyntheticDigits.Generate(Count, seed);
        int[] given = new int[Count], likely = new int[Count];
        double[] weights = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            bool isWrong = RandomBits.At(seed, (ulong)i) % 5 == 0;
            likely[i] = images.Labels.Span[i];
            given[i] = isWrong ? (likely[i] + 1 + (int)(RandomBits.At(seed + 1, (ulong)i) % 9)) % Classes : likely[i];
            weights[i] = 1 / (1 + Math.Exp((isWrong ? 3 : -3) + (1.6 * RandomBits.Normal(seed + 2, (ulong)i))));
        }

        long[][] counts = [.. Enumerable.Range(0, Classes).Select(r => Enumerable.Range(0, Classes).Select(c => (long)Enumerable.Range(0, Count).Count(i => given[i] == r && likely[i] == c)).ToArray())];
        int[] suspicious = [.. Enumerable.Range(0, Count).OrderBy(i => weights[i]).Take(Shown)];
        string Caption(int i) => string.Create(CultureInfo.InvariantCulture, $"given {given[i]}, likely {likely[i]}\nweight {weights[i]:F3}");
        double[] Weights(bool wrong) => [.. Enumerable.Range(0, Count).Where(i => (given[i] != likely[i]) == wrong).Select(i => weights[i])];
        return
        [
            new ImageGrid("The most suspicious images", "Smallest weights first: look whether the given label is wrong.", [.. suspicious.Select(i => GreyImage.Of(images, i, Caption(i)))]),
            new Histogram("Weights", "Wrong labels should lie left, correct ones right.", "weight", [new("correct labels", Weights(wrong: false)), new("wrong labels", Weights(wrong: true))]) { Range = (0, 1) },
            new CrossTable("Given and likely labels", "How often a label was given, and which one the model holds to be likely.", "given", "likely", [.. Enumerable.Range(0, Classes).Select(c => c.ToString(CultureInfo.InvariantCulture))], counts),
            new RecordTable("The most suspicious rows", "", ["row", "given", "likely", "weight"], [.. suspicious.Take(8).Select(i => new[] { i.ToString(CultureInfo.InvariantCulture), $"class {given[i]}", $"class {likely[i]}", weights[i].ToString("F3", CultureInfo.InvariantCulture) })]),
        ];
    }

    /// <summary>The same kinds with a text in every place that takes one.</summary>
    public static IReadOnlyList<ReportSection> Filled(string text) =>
    [
        new ImageGrid(text, text, [new GreyImage(1, 2, new byte[] { 0, 255 }, text)]),
        new Histogram(text, text, text, [new(text, [0, 1]), new(text, [2])]),
        new CrossTable(text, text, text, text, [text, text], [[1L, 2], [3, 4]]),
        new RecordTable(text, text, [text], [[text]]),
    ];
}
