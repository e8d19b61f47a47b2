using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Bilevel.Cli;

/// <summary>Where a run was computed.</summary>
internal sealed record RunEnvironment(string Tool, string Library, string Runtime, string System, string InstructionSet, int Processors, int Threads, string Started)
{
    public static RunEnvironment Current(int threads, DateTimeOffset started) => new(
        VersionOf(typeof(RunEnvironment)),
        VersionOf(typeof(Driver)),
        CheckpointInfo.CurrentRuntime,
        RuntimeInformation.OSDescription,
        CheckpointInfo.CurrentInstructionSet,
        Environment.ProcessorCount,
        threads,
        started.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    /// <summary>The facts as pairs of a name in words and a value.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Facts =>
    [
        new("Tool", $"bilevel {Tool}"),
        new("Library", $"Bilevel {Library}"),
        new("Runtime", Runtime),
        new("Operating system", System),
        new("Instruction set", InstructionSet),
        new("Processors", Numbers.Plain(Processors)),
        new("Threads", Numbers.Plain(Threads)),
        new("Started", Started),
    ];

    private static string VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? type.Assembly.GetName().Version?.ToString() ?? "unknown";
}
