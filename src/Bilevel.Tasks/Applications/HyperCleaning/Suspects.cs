using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>The training samples with their weights, the most suspicious first and behind them those whose class has few validation samples: as a file and as parts of the report.</summary>
/// <param name="data">The data.</param>
/// <param name="weights">x_i, the weight of every training sample before the sigmoid.</param>
/// <param name="likely">The class that the cleaned model gives every training sample.</param>
internal sealed class Suspects(CleaningData data, double[] weights, int[] likely)
{
    private const int ShownImages = 48, ShownRows = 50, Bins = 40;

    private readonly int[] order = [.. Enumerable.Range(0, weights.Length).OrderBy(i => data.IsJudged(i) ? 0 : 1).ThenBy(i => weights[i]).ThenBy(i => i)];
    private readonly int judged = Enumerable.Range(0, weights.Length).Count(data.IsJudged);

    /// <summary>Number of samples whose label looks wrong.</summary>
    public int Count => Enumerable.Range(0, weights.Length).Count(Has);

    /// <summary>How many labels look wrong, in words.</summary>
    public string InWords
    {
        get
        {
            if (judged == 0) return "no class has enough validation samples to say which labels look wrong.";
            string unjudged = judged == weights.Length ? "" : string.Create(CultureInfo.InvariantCulture, $", and {weights.Length - judged:N0} of classes with few validation samples are not judged");
            string doubt = 2 * Count <= judged || data.Corrupted is not null ? "" : string.Create(CultureInfo.InvariantCulture, $" That is more than half of them: the {data.Validation.Rows.Length:N0} validation samples may be too few, or wrong themselves.");
            return string.Create(CultureInfo.InvariantCulture, $"{Count:N0} of {judged:N0} labels look wrong{unjudged}.{doubt}");
        }
    }

    /// <summary>Whether the label of a sample looks wrong: weighted below 1/2, and of a class with enough validation samples.</summary>
    public bool Has(int i) => weights[i] < 0 && data.IsJudged(i);

    /// <summary>The samples in this order.</summary>
    public IReadOnlyList<CleanedRow> Rows => [.. order.Select(i => new CleanedRow(data.Training.Place(i), Name(data.Observed[i]), Name(likely[i]), Weight(i)))];

    /// <summary>Writes weights.csv.</summary>
    public void Write(TextWriter writer)
    {
        writer.Write(data.True is null ? "row,label,likely_label,weight,x\n" : "row,label,likely_label,weight,x,true_label\n");
        foreach (int i in order)
        {
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{data.Training.Place(i)},{Quoted(data.Observed[i])},{Quoted(likely[i])},{Weight(i):R},{weights[i]:R}"));
            writer.Write(data.True is { } known ? $",{Quoted(known[i])}\n" : "\n");
        }
    }

    /// <summary>The most suspicious samples, the histogram of weights, and how given and likely labels agree.</summary>
    public IReadOnlyList<ReportSection> Sections() => [Worst(), Weights(), Confusion()];

    private ReportSection Worst()
    {
        const string Title = "The most suspicious labels";
        string text = "The training samples with the smallest weights. Likely is the label that the cleaned model gives; weights.csv lists all samples." + (judged < weights.Length ? " Labels of classes with few validation samples are not shown: nothing checks them." : "");
        if (data.Training.Source.Images is { } images)
        {
            return new ImageGrid(Title, text, [.. order.Take(Math.Min(judged, ShownImages)).Select(i => GreyImage.Of(
                images, data.Training.Rows[i], string.Create(CultureInfo.InvariantCulture, $"labelled {Name(data.Observed[i])}, likely {Name(likely[i])}\nimage {data.Training.Place(i)}, weight {Weight(i):G2}")))]);
        }

        return new RecordTable(Title, $"{text} Row is the line of {data.Training.Source.Source}.", ["row", "given label", "likely label", "weight"], [.. order.Take(Math.Min(judged, ShownRows)).Select(i => new[]
        {
            data.Training.Place(i).ToString(CultureInfo.InvariantCulture), Name(data.Observed[i]), Name(likely[i]), Weight(i).ToString("0.0000", CultureInfo.InvariantCulture),
        })]);
    }

    private Histogram Weights()
    {
        var (text, right, wrong) = data.Corrupted is null
            ? ("A sample weighs almost nothing where its label contradicts the validation data. Agreement is with the cleaned model, which has learned from these weights.", "given label is the likely one", "likely label is another")
            : ("A sample weighs almost nothing where its label contradicts the validation data. Which labels are wrong is known here, and the method was not told.", "correct labels", "wrong labels");
        bool IsWrong(int i) => data.Corrupted is { } known ? known[i] : likely[i] != data.Observed[i];
        return new Histogram("Learned weights", text, "weight",
        [
            new(right, [.. Enumerable.Range(0, weights.Length).Where(i => !IsWrong(i)).Select(Weight)]),
            new(wrong, [.. Enumerable.Range(0, weights.Length).Where(IsWrong).Select(Weight)]),
        ])
        {
            Range = (0, 1),
            Bins = Bins,
        };
    }

    private CrossTable Confusion()
    {
        long[][] counts = [.. data.ClassNames.Select(_ => new long[data.ClassNames.Count])];
        for (int i = 0; i < likely.Length; i++) counts[data.Observed[i]][likely[i]]++;
        return new CrossTable("Given and likely labels", "How often a training label as given (row) meets the label that the cleaned model finds likely (column).", "given", "likely", data.ClassNames, counts);
    }

    private double Weight(int i) => 1 / (1 + Math.Exp(-weights[i]));

    private string Name(int label) => data.ClassNames[label];

    private string Quoted(int label) => CsvText.Quote(Name(label));
}
