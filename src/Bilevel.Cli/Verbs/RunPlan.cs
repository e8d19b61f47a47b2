using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>What is decided before a run: the method with its settings, the limits, the tolerance.</summary>
internal sealed record RunPlan
{
    /// <summary>The name that leaves the choice of the method to the task.</summary>
    public const string AutoName = "auto";

    public required string Task { get; init; }

    public required IMethod Method { get; init; }

    public required IReadOnlyList<SettingValue> MethodSettings { get; init; }

    public required ulong Seed { get; init; }

    public required int Starts { get; init; }

    public required double Tolerance { get; init; }

    /// <summary>The residual at which the method stops.</summary>
    public required double StopsAt { get; init; }

    /// <summary>Whether the certificate ends the run, and not the method's residual.</summary>
    public required bool StopsByCertificate { get; init; }

    public required StoppingRule Stop { get; init; }

    /// <summary>The time of the iterations; until twice that has passed, the answer is checked and measured. Null for no limit.</summary>
    public required TimeSpan? TimeLimit { get; init; }

    public required bool Certify { get; init; }

    public required bool Resume { get; init; }

    public required TimeSpan CheckpointInterval { get; init; }

    /// <summary>Names the run in its checkpoint; limits are left out, so that a run can be resumed with higher ones.</summary>
    public required string Description { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string>> RunSettings { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Full paths of the files that the task was built from.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    public static RunPlan Of(RunOptions options, ITask task, IReadOnlyList<KeyValuePair<string, string>> taskSettings, TaskInstance instance, SettingChanges changes, IReadOnlyList<string> inputs)
    {
        string name = options.Method is { } asked && asked != AutoName ? asked : instance.Presets[0].Name;
        var entry = Lookup.Method(name);
        if (instance.Unsuited.TryGetValue(name, out string? reason)) throw new UsageException(reason);
        double tolerance = options.Tolerance ?? instance.Tolerance;
        long iterations = options.Iterations ?? instance.Iterations;
        bool byCertificate = instance.StopsByCertificate && !options.NoCertificate;
        var method = instance.MethodFor(name, options.Tolerance, changes.ForMethod(entry));
        var used = SettingValue.Of(entry.Schema, method, entry.Defaults);
        return new RunPlan
        {
            Task = task.Name,
            Method = method,
            MethodSettings = used,
            Seed = options.Seed,
            Starts = options.Starts,
            Tolerance = tolerance,
            StopsAt = instance.StopsAt(tolerance),
            StopsByCertificate = byCertificate,
            Stop = Rule(options, instance.Done(tolerance, !options.NoCertificate), iterations),
            TimeLimit = options.MaxSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Certify = !options.NoCertificate,
            Resume = options.Resume,
            CheckpointInterval = TimeSpan.FromSeconds(options.CheckpointSeconds),
            Description = options.OutFolder is null ? "" : string.Join('\n', Parts(options, task, taskSettings, entry, used, changes.ForMethod(entry).Select(c => c.Key).ToHashSet(), inputs, instance.StopsByCertificate && !byCertificate).Select(p => $"{p.Name}: {p.Value.ReplaceLineEndings(" ")}")),
            RunSettings = Settings(options, tolerance, iterations),
            Notes = instance.Notes,
            Inputs = inputs,
        };
    }

    private static StoppingRule Rule(RunOptions options, StoppingRule done, long iterations)
    {
        var rule = done | Bilevel.Stop.Iterations(iterations);
        if (options.MaxCalls is { } calls) rule |= Bilevel.Stop.OracleCalls(calls);
        if (options.MaxSeconds is { } seconds) rule |= Bilevel.Stop.Time(TimeSpan.FromSeconds(seconds));
        return rule;
    }

    private static IReadOnlyList<KeyValuePair<string, string>> Settings(RunOptions options, double tolerance, long iterations) =>
    [
        new("seed", options.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        .. options.Starts > 1 ? [new KeyValuePair<string, string>("starts", Numbers.Plain(options.Starts))] : Array.Empty<KeyValuePair<string, string>>(),
        new("tolerance", Numbers.Exact(tolerance)),
        new("iterations", Numbers.Plain(iterations)),
        new("max-calls", options.MaxCalls is { } calls ? Numbers.Plain(calls) : "none"),
        new("max-seconds", options.MaxSeconds is { } seconds ? Numbers.Exact(seconds) : "none"),
        new("data", options.DataFolder ?? "none"),
        new("threads", Numbers.Plain(options.Threads)),
    ];

    // What a run is, part by part. Files are known by their content, wherever they lie.
    private static IEnumerable<(string Name, string Value)> Parts(
        RunOptions options, ITask task, IReadOnlyList<KeyValuePair<string, string>> taskSettings, MethodEntry method, IReadOnlyList<SettingValue> used, IReadOnlySet<string> asked, IReadOnlyList<string> inputs, bool withoutCertificate)
    {
        yield return ("task", task.Name);
        Dictionary<string, string> paths = [];
        foreach (var (name, value) in taskSettings)
        {
            string full = value.Length > 0 && task.Schema[name].Type == typeof(string) ? Path.GetFullPath(value) : "";
            if (inputs.Any(i => i == full || Path.GetDirectoryName(i) == full)) paths[full] = $" of --{name}";
            else yield return ($"{name} of {task.Name}", value);
        }

        if (options.DataFolder is { } data) paths[Path.GetFullPath(data)] = " of --data";
        foreach (string input in inputs)
        {
            string name = paths.TryGetValue(input, out string? setting) ? $"the file{setting}"
                : $"the file {Path.GetFileName(input)}{paths.GetValueOrDefault(Path.GetDirectoryName(input) ?? "")}";
            yield return (name, "SHA-256 " + WrittenFiles.FingerprintOf(input)[..16]);
        }

        // What was not asked for follows from the task and its data.
        foreach (var setting in used) yield return ($"{(asked.Contains(setting.Setting.Name) ? "" : " ")}{setting.Setting.Name} of {method.Name}", setting.Value);
        if (withoutCertificate) yield return ("--no-certificate", "given");
    }
}
