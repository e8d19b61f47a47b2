namespace Bilevel.Tasks;

/// <summary>What a task says of an answer; tasks derive from it where they have more to say than numbers and files.</summary>
public record TaskOutcome
{
    /// <summary>The number of that name, such as <c>test_accuracy</c>.</summary>
    /// <param name="metric">Its name in <see cref="Metrics"/>.</param>
    /// <exception cref="ArgumentException">There is none; the message lists the names.</exception>
    public double this[string metric] => Metrics.FirstOrDefault(m => m.Name == metric)?.Value
        ?? throw new ArgumentException($"There is no number '{metric}'. There are: {string.Join(", ", Metrics.Select(m => m.Name))}.", nameof(metric));

    /// <summary>The numbers, in the order in which to show them.</summary>
    public IReadOnlyList<NamedNumber> Metrics { get; init; } = [];

    /// <summary>Files to write into the output folder.</summary>
    public IReadOnlyList<OutputFile> Files { get; init; } = [];

    /// <summary>Parts that the report shows below the numbers, in the order in which to show them.</summary>
    public IReadOnlyList<ReportSection> Sections { get; init; } = [];

    /// <summary>Values that the report's curves are to be compared with.</summary>
    public IReadOnlyList<ReferenceValue> References { get; init; } = [];

    /// <summary>What was left out of all this because the measuring was asked to end, each in a few words.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>The outcome in a sentence or two, for the console and the report.</summary>
    public string Summary { get; init; } = "";
}

/// <summary>A file that a task writes.</summary>
/// <param name="Name">File name without folder.</param>
/// <param name="Meaning">What is in it, in a sentence.</param>
/// <param name="Write">Writes its text; numbers invariantly, lines ended by a line feed.</param>
public sealed record OutputFile(string Name, string Meaning, Action<TextWriter> Write);
