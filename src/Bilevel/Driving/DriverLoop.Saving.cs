namespace Bilevel;

// Checkpoints of a run: everything that the rest of it depends on.
internal sealed partial class DriverLoop<V>
{
    private string? unsaved;                // why the last checkpoint could not be written
    private long? savedAt;                  // the iteration of the last that could

    // A checkpoint that cannot be written costs neither the run nor its results.
    private void Save()
    {
        if (driver.Checkpoints is not { } store) return;
        long began = driver.Clock.GetTimestamp();
        try
        {
            store.Save(new Checkpoint(new CheckpointInfo(Describe(), CheckpointInfo.CurrentInstructionSet, CheckpointInfo.CurrentRuntime, iteration), WriteState));
            (unsaved, savedAt) = (null, iteration);
            driver.Logger.Saved(iteration);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            if (unsaved is null) driver.Logger.Warning($"{Sentence(e.Message)} The run goes on without it.");
            unsaved = e.Message;
        }

        lastCheckpoint = driver.Clock.GetTimestamp();
        savingSeconds = driver.Clock.GetElapsedTime(began, lastCheckpoint).TotalSeconds;
    }

    // What a reader of the results should know of the checkpoints; null where the last is there.
    private string? Unsaved => unsaved is null ? null
        : $"{Sentence(unsaved)} The results do not depend on it; {(savedAt is { } last ? FormattableString.Invariant($"a resume would go on from iteration {last:N0}") : "the run cannot be resumed")}.";

    private static string Sentence(string message) => message.EndsWith('.') ? message : message + ".";

    private void WriteState(Stream stream)
    {
        var archive = new ArchiveWriter<V>(stream);
        archive.Transfer(ref phase);
        archive.Transfer(ref doublings);
        archive.Transfer(ref enlargement);
        if (phase + doublings > 0) TransferStart(archive, phaseStart);
        Transfer(archive);
        archive.Finish();
    }

    private void Load(Checkpoint checkpoint, V[] start)
    {
        if (Differences(checkpoint.Info.Description, Describe()) is { Length: > 0 } differences)
            throw new CheckpointException($"The checkpoint is of another run: {differences}. Resume with what it was begun with, or begin anew elsewhere.");
        if (checkpoint.Info.InstructionSet != CheckpointInfo.CurrentInstructionSet || checkpoint.Info.Runtime != CheckpointInfo.CurrentRuntime)
        {
            var finding = new Finding(
                Severity.Warning,
                $"The checkpoint was computed on {checkpoint.Info.InstructionSet} with {checkpoint.Info.Runtime}, this is {CheckpointInfo.CurrentInstructionSet} with {CheckpointInfo.CurrentRuntime}.",
                "The run goes on, but its last bits may differ from an uninterrupted one.");
            findings.Add(finding);
            driver.Logger.Warning(finding.ToString());
        }

        using var state = checkpoint.OpenState(out long end);
        var archive = new ArchiveReader<V>(state, end);
        archive.Transfer(ref phase);
        archive.Transfer(ref doublings);
        archive.Transfer(ref enlargement);
        if (phase < 0 || phase >= phases.Count) throw new CheckpointException("The checkpoint is of a run with more phases.");
        if (doublings < 0 || doublings > MostDoublings || (doublings > 0 && problem is not IEnlargeable<V>)) throw new CheckpointException("The checkpoint is of a problem of another class.");
        if (phase + doublings > 0) TransferStart(archive, start);
        Begin(phase + doublings > 0 ? phaseStart : start);
        lastSound = Copy(run.Point);
        Transfer(archive);
        archive.Finish();
        savedAt = iteration;
        if (driver.Trace?.CutTo((int)recorded) is not { } kept) return;
        rows.AddRange(kept);
        recorded = rows.Count;
    }

    // What a method derives from its start is derived anew after a resume, so the start must be the same.
    private void TransferStart(IArchive<V> archive, V[] like)
    {
        if (archive.Loading) phaseStart = Copy(like);
        foreach (var block in phaseStart) archive.Transfer(block);
    }

    private void Transfer(IArchive<V> archive)
    {
        // First, since a run of several phases begins its own anew, which asks for gradients that were counted once.
        run.Transfer(archive);
        phaseOfRun = PhaseOfRun;
        double seconds = Elapsed.TotalSeconds;
        archive.Transfer(ref iteration);
        archive.Transfer(ref phaseBegan);
        archive.Transfer(ref recorded);
        archive.Transfer(ref firstResidual);
        archive.Transfer(ref firstUpper);
        archive.Transfer(ref lastUpper);
        archive.Transfer(ref lastLower);
        archive.Transfer(ref seconds);
        if (archive.Loading) secondsBefore = seconds;
        upperCalls.Transfer(archive);
        lowerCalls.Transfer(archive);
        bool budgeted = budget is not null;
        archive.Transfer(ref budgeted);
        if (budgeted != budget is not null) throw new CheckpointException("The checkpoint is of a run with another oracle budget.");
        budget?.Transfer(archive);
        stop.Transfer(archive);
        foreach (var block in lastSound) archive.Transfer(block);
        boundlessness.Transfer(archive);
        TransferLeaning(archive);
    }

    // Of the point that a whole certificate sent the run on from; that certificate is asked for anew.
    private void TransferLeaning(IArchive<V> archive)
    {
        bool held = leaning is not null;
        archive.Transfer(ref held);
        if (!held) return;
        V[] point = leaning?.Point ?? Copy(run.Point);
        var (at, residual, penalty) = (leaning?.Iteration ?? 0, leaning?.Residual ?? 0, leaning?.Penalty ?? 0);
        foreach (var block in point) archive.Transfer(block);
        archive.Transfer(ref at);
        archive.Transfer(ref residual);
        archive.Transfer(ref penalty);
        if (archive.Loading && driver.CertifyAt is { } tolerance)
            leaning = confirmed = new Confirmed(at, point, certifier.Check(Problem, point, tolerance, penalty, quick: false), residual, penalty);
    }

    // A line per part, each "name: value".
    private string Describe() => FormattableString.Invariant($"{driver.Description}\nmethod: {string.Join(", ", phases.Select(p => p.Method.Name))}\nseed: {seed}");

    // The parts of two descriptions that differ. What follows from other parts, by an indent or because only one of the two
    // has it (a setting of another method), is told where nothing else differs.
    private static string Differences(string stored, string asked)
    {
        var (there, here) = (Parts(stored), Parts(asked));
        var changed = there.Where(p => here.TryGetValue(p.Key, out var now) && now.Value != p.Value.Value).ToList();
        bool Follows(string name) => there[name].Follows && here[name].Follows;
        if (changed.Any(p => !Follows(p.Key))) changed.RemoveAll(p => Follows(p.Key));
        if (changed.Count > 0) return string.Join("; ", changed.Select(p => $"{p.Key} was '{p.Value.Value}' and is '{here[p.Key].Value}'"));
        return string.Join("; ", there.Where(p => !here.ContainsKey(p.Key)).Select(p => $"{p.Key} was '{p.Value.Value}' and is not given")
            .Concat(here.Where(p => !there.ContainsKey(p.Key)).Select(p => $"{p.Key} was not given and is '{p.Value.Value}'")));
    }

    private static Dictionary<string, (string Value, bool Follows)> Parts(string description)
    {
        Dictionary<string, (string Value, bool Follows)> parts = [];
        foreach (string line in description.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = line.IndexOf(": ", StringComparison.Ordinal);
            var (name, value) = colon < 0 ? ("the description", line) : (line[..colon].TrimStart(), line[(colon + 2)..]);
            parts[name] = (parts.TryGetValue(name, out var before) ? $"{before.Value}; {value}" : value, colon > 0 && line[0] == ' ');
        }

        return parts;
    }
}
