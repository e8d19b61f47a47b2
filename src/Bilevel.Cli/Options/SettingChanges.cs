using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>Whose setting a name is, where that was said.</summary>
internal enum SettingScope
{
    Any,
    Task,
    Method,
}

/// <summary>One setting changed on the command line.</summary>
internal sealed record SettingChange(SettingScope Scope, string Name, string Text)
{
    public const string TaskPrefix = "task.", MethodPrefix = "method.";

    /// <summary>Reads <c>name=value</c>, where the name may begin with <c>task.</c> or <c>method.</c>.</summary>
    public static SettingChange Parse(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0) throw new UsageException($"--set takes name=value; it got '{text}'.");
        return Named(text[..equals].Trim(), text[(equals + 1)..].Trim());
    }

    public static SettingChange Named(string name, string text)
    {
        if (name.StartsWith(TaskPrefix, StringComparison.Ordinal)) return new(SettingScope.Task, name[TaskPrefix.Length..], text);
        if (name.StartsWith(MethodPrefix, StringComparison.Ordinal)) return new(SettingScope.Method, name[MethodPrefix.Length..], text);
        return new(SettingScope.Any, name, text);
    }
}

/// <summary>All settings changed on the command line, given to whom they belong: the task wins a shared name.</summary>
internal sealed class SettingChanges(ITask task, IReadOnlyList<SettingChange> changes)
{
    /// <summary>The changes that are the task's.</summary>
    public IEnumerable<KeyValuePair<string, string>> ForTask => Pairs(changes.Where(IsTasks));

    /// <summary>The changes that are the method's.</summary>
    /// <exception cref="UsageException">A name belongs to neither the task nor this method.</exception>
    public IReadOnlyList<KeyValuePair<string, string>> ForMethod(MethodEntry method)
    {
        foreach (var change in changes.Where(c => !IsTasks(c)))
        {
            if (!Has(method.Schema, change.Name)) throw Unknown(change.Name, method);
        }

        return [.. Pairs(changes.Where(c => !IsTasks(c)))];
    }

    /// <summary>Refuses, before any data is read, a name that neither the task nor any of these methods has.</summary>
    public void CheckNames(IReadOnlyList<MethodEntry> methods)
    {
        foreach (var change in changes)
        {
            if (change.Scope == SettingScope.Task) _ = task.Schema[change.Name];
            else if (!IsTasks(change) && !methods.Any(m => Has(m.Schema, change.Name))) throw Unknown(change.Name, methods.Count == 1 ? methods[0] : null);
        }
    }

    private bool IsTasks(SettingChange change) =>
        change.Scope == SettingScope.Task || (change.Scope == SettingScope.Any && Has(task.Schema, change.Name));

    private UsageException Unknown(string name, MethodEntry? method)
    {
        string where = method is null ? $"The task {task.Name} and the methods have no setting '{name}'." : $"Neither the task {task.Name} nor the method {method.Name} has a setting '{name}'.";
        var others = MethodCatalog.All.Where(m => Has(m.Schema, name)).Select(m => m.Name).ToList();
        if (others.Count > 0) return new UsageException($"{where} It is a setting of {string.Join(", ", others)}; choose a method that has it with --method.");
        IEnumerable<string> known = [.. task.Schema.Settings.Select(s => s.Name), .. (method is null ? MethodCatalog.All : [method]).SelectMany(m => m.Schema.Settings).Select(s => s.Name)];
        return new UsageException($"{where} {NearestName.Advice(name, [.. known.Distinct()])}");
    }

    private static bool Has(SettingsSchema schema, string name) => schema.Settings.Any(s => s.Name == name);

    private static IEnumerable<KeyValuePair<string, string>> Pairs(IEnumerable<SettingChange> from) => from.Select(c => KeyValuePair.Create(c.Name, c.Text));
}
