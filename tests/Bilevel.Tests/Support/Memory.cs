namespace Bilevel.Tests;

/// <summary>Keeps checkpoints in memory, as bytes.</summary>
internal sealed class MemoryCheckpoints : ICheckpointStore
{
    public List<byte[]> Saved { get; } = [];

    public Func<Checkpoint, Checkpoint> OnLoad { get; init; } = c => c;

    public Action OnSave { get; init; } = () => { };

    public void Save(Checkpoint checkpoint)
    {
        OnSave();
        Saved.Add(checkpoint.ToBytes());
    }

    public Checkpoint? Load() => Saved.Count == 0 ? null : OnLoad(Checkpoint.FromBytes(Saved[^1]));
}

/// <summary>Keeps a trace in memory.</summary>
internal sealed class MemoryTrace : ITraceSink
{
    public List<TraceRow> Rows { get; } = [];

    public List<int> Cuts { get; } = [];

    public IReadOnlyList<TraceRow> CutTo(int rows)
    {
        Cuts.Add(rows);
        if (rows < Rows.Count) Rows.RemoveRange(rows, Rows.Count - rows);
        return [.. Rows];
    }

    public void Append(in TraceRow row) => Rows.Add(row);
}

/// <summary>A clock that moves when it is told to.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => ticks;

    public void Advance(TimeSpan time) => ticks += time.Ticks;
}
