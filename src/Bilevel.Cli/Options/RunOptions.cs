namespace Bilevel.Cli;

/// <summary>What <c>bilevel run</c> was asked.</summary>
internal sealed record RunOptions
{
    public required string Task { get; init; }

    /// <summary>The method's name; null takes the task's default.</summary>
    public string? Method { get; init; }

    public IReadOnlyList<SettingChange> Changes { get; init; } = [];

    public ulong Seed { get; init; }

    /// <summary>Number of starts; the best certified answer is the answer.</summary>
    public int Starts { get; init; } = 1;

    public string? DataFolder { get; init; }

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Limits and tolerance; null takes the task's.</summary>
    public long? Iterations { get; init; }

    public double? Tolerance { get; init; }

    public long? MaxCalls { get; init; }

    public double? MaxSeconds { get; init; }

    public bool Json { get; init; }

    public string? OutFolder { get; init; }

    public bool Resume { get; init; }

    public bool Overwrite { get; init; }

    public double CheckpointSeconds { get; init; } = 30;

    public bool RequireCertificate { get; init; }

    public bool NoCertificate { get; init; }

    /// <summary>Refuses options that contradict each other.</summary>
    public void Check()
    {
        if (Resume && OutFolder is null) throw new UsageException("--resume needs --out DIR: it continues from the checkpoint in that folder.");
        if (Resume && Overwrite) throw new UsageException("--resume continues the run in the folder and --overwrite replaces it: give one of the two.");
        if (Resume && Starts > 1) throw new UsageException("Runs from several starts save no checkpoints, so they cannot be resumed: leave --resume or --starts out.");
        if (RequireCertificate && NoCertificate) throw new UsageException("--require-certificate and --no-certificate contradict each other: give one of the two.");
        if (DataFolder is { } data && !Directory.Exists(data)) throw new UsageException($"There is no folder {data}. --data takes the folder that holds the task's files.");
    }
}
