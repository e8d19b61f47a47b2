namespace Bilevel.Tasks;

/// <summary>The base class of tasks, typed by the record of their settings.</summary>
/// <typeparam name="TSettings">The record of settings.</typeparam>
public abstract class TaskOf<TSettings> : ITask
    where TSettings : class, new()
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Summary { get; }

    /// <inheritdoc/>
    public SettingsSchema Schema { get; } = SettingsSchema.Of(typeof(TSettings));

    /// <inheritdoc/>
    public IReadOnlyList<KeyValuePair<string, string>> Settings(IEnumerable<KeyValuePair<string, string>> changes)
    {
        var settings = SettingsSchema.With(new TSettings(), changes);
        return [.. Schema.Settings.Select(s => KeyValuePair.Create(s.Name, s.Read(settings)))];
    }

    /// <inheritdoc/>
    public TaskInstance Create(IEnumerable<KeyValuePair<string, string>> changes, TaskContext context) =>
        Create(SettingsSchema.With(new TSettings(), changes), context);

    /// <summary>Builds the problem from typed settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="context">Seed, data, threads.</param>
    public abstract TaskInstance Create(TSettings settings, TaskContext context);
}
