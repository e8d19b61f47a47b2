using System.Runtime.InteropServices;
using System.Text.Json;

namespace Bilevel.Tasks.Tests.Recorded;

/// <summary>
/// The bits of runs for a fixed number of steps are those of the record beside this file. They depend on the vector instructions, the runtime and
/// the system's elementary functions, so on others the tests skip themselves. BILEVEL_UPDATE_CHECKSUMS=1 records anew, which is
/// right where a change of the arithmetic is meant; what is recorded are the settings too, so that defaults may move.
/// </summary>
public sealed class RecordedChecksumTests
{
    private const string SmallFile = "known-problems.json", MnistFile = "mnist.json";

    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static bool IsUpdate => Environment.GetEnvironmentVariable("BILEVEL_UPDATE_CHECKSUMS") == "1";

    [Fact]
    public void Runs_on_small_problems_have_the_recorded_bits() => Compare(SmallFile, RecordedRuns.Small());

    [Fact]
    public void Runs_on_real_images_have_the_recorded_bits()
    {
        if (Environment.GetEnvironmentVariable("BILEVEL_DATA") is not { Length: > 0 } folder) Assert.Skip("BILEVEL_DATA is not set: it names the folder that holds mnist/ with the four files of MNIST.");
        else Compare(MnistFile, RecordedRuns.Mnist(folder));
    }

    [Fact]
    public void Every_method_has_a_record()
    {
        var recorded = RecordedRuns.Small().Select(r => r.Method.Name).ToHashSet();
        Assert.All(MethodCatalog.All.Select(m => m.Name).Where(name => name != "auto"), name => Assert.Contains(name, recorded));
    }

    [Fact]
    public void A_bit_that_changes_is_seen()
    {
        var runs = RecordedRuns.Small().First();
        var problem = runs.Problems[0];
        Checksum Of(int steps) => problem.Instance.Value.Accept(new RecordedRuns.Checksums(runs.Method, steps))!;
        Assert.Equal(Of(runs.Steps), Of(runs.Steps));
        Assert.NotEqual(Of(runs.Steps), Of(runs.Steps - 1));
    }

    private static void Compare(string file, IReadOnlyList<RecordedMethod> methods)
    {
        if (IsUpdate)
        {
            File.WriteAllText(Place(file), JsonSerializer.Serialize(Record.Of(methods), Format) + "\n");
            return;
        }

        var record = JsonSerializer.Deserialize<Record>(File.ReadAllText(Place(file)), Format)!;
        var here = Machine.This;
        if (record.Machine != here) Assert.Skip($"The bits were recorded on {record.Machine}; this is {here}, where the last bits may differ.");
        var differences = new List<string>();
        foreach (var runs in methods)
        {
            if (record.Runs.FirstOrDefault(r => r.Name == runs.Name) is not { } recorded)
            {
                differences.Add($"{runs.Name}: there is no record; BILEVEL_UPDATE_CHECKSUMS=1 makes one.");
                continue;
            }

            var method = MethodCatalog.Find(recorded.Method).With(MethodCatalog.Find(recorded.Method).Defaults, recorded.Settings);
            foreach (var problem in runs.Problems)
            {
                if (!recorded.Checksums.TryGetValue(problem.Name, out var expected)) continue;
                var seen = problem.Instance.Value.Accept(new RecordedRuns.Checksums(method, recorded.Steps));
                if (seen != expected) differences.Add($"{runs.Name} on {problem.Name}: {(seen is null ? "it is refused now" : seen.X != expected.X ? "x differs" : "x is the same, other blocks differ")}");
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} recorded runs have other bits; where that is meant, BILEVEL_UPDATE_CHECKSUMS=1 records anew:\n{string.Join("\n", differences)}");
    }

    private static string Place(string file) => Path.Combine(DocumentationTests.Root(), "tests", "Bilevel.Tasks.Tests", "Recorded", file);

    /// <summary>What bits depend on besides the code.</summary>
    private sealed record Machine(string InstructionSet, string Runtime, string OperatingSystem)
    {
        public static Machine This => new(CheckpointInfo.CurrentInstructionSet, CheckpointInfo.CurrentRuntime, RuntimeInformation.OSDescription);

        public override string ToString() => $"{InstructionSet}, {Runtime}, {OperatingSystem}";
    }

    private sealed record Run(string Name, string Method, Dictionary<string, string> Settings, int Steps, Dictionary<string, Checksum> Checksums)
    {
        public static Run Of(RecordedMethod runs)
        {
            var checksums = new Dictionary<string, Checksum>();
            foreach (var problem in runs.Problems)
            {
                if (problem.Instance.Value.Accept(new RecordedRuns.Checksums(runs.Method, runs.Steps)) is { } checksum) checksums.Add(problem.Name, checksum);
            }

            return new Run(runs.Name, runs.Method.Name, MethodCatalog.Find(runs.Method.Name).Schema.Settings.ToDictionary(s => s.Name, s => s.Read(runs.Method)), runs.Steps, checksums);
        }
    }

    private sealed record Record(Machine Machine, List<Run> Runs)
    {
        public static Record Of(IReadOnlyList<RecordedMethod> methods) => new(Machine.This, [.. methods.Select(Run.Of)]);
    }
}
