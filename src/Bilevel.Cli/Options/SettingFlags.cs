using System.CommandLine;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>
/// A flag for every setting of the given tasks and methods: <c>--name</c>, or where that is taken by the tool or the
/// task <c>--task.name</c> and <c>--method.name</c>, which always work.
/// </summary>
internal sealed class SettingFlags
{
    private readonly List<(SettingScope Scope, bool Listed, Setting Setting)> settings;
    private readonly Dictionary<string, Option> made = [];
    private readonly Func<SettingScope, string, string?> value;

    private SettingFlags(IEnumerable<(SettingScope Scope, bool Listed, Setting Setting)> settings, Func<SettingScope, string, string?>? value) =>
        (this.settings, this.value) = ([.. settings], value ?? ((_, _) => null));

    /// <summary>The flags of these tasks and methods; help lists those of a task or a method that is alone.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="methods">The methods.</param>
    /// <param name="value">The value that a run uses of a setting, for help; null where it is not known.</param>
    public static SettingFlags Of(IReadOnlyList<ITask> tasks, IReadOnlyList<MethodEntry> methods, Func<SettingScope, string, string?>? value = null) => new([
        .. tasks.SelectMany(t => t.Schema.Settings.Select(s => (SettingScope.Task, tasks.Count == 1, s))),
        .. methods.SelectMany(m => m.Schema.Settings.Select(s => (SettingScope.Method, methods.Count == 1, s)))], value);

    /// <summary>The options, none of them of a reserved name.</summary>
    public IEnumerable<Option> Options(IReadOnlySet<string> reserved)
    {
        made.Clear();
        foreach (var (scope, listed, setting) in settings)
        {
            // Methods share most names; one flag serves them all.
            string prefixed = (scope == SettingScope.Task ? SettingChange.TaskPrefix : SettingChange.MethodPrefix) + setting.Name;
            bool free = !reserved.Contains("--" + setting.Name) && !made.ContainsKey(setting.Name);
            if (free) made.Add(setting.Name, Flag(setting.Name, scope, setting, hidden: !listed));
            if (!made.ContainsKey(prefixed)) made.Add(prefixed, Flag(prefixed, scope, setting, hidden: free || !listed));
        }

        return made.Values;
    }

    /// <summary>The changes that the flags given make.</summary>
    public IEnumerable<SettingChange> Read(ParseResult parsed)
    {
        foreach (var (name, option) in made)
        {
            if (parsed.GetResult(option) is not { Implicit: false } result) continue;

            // A truth value may stand alone.
            string text = result.Tokens.Count == 0 ? "true" : option is Option<bool> ? result.Tokens[0].Value.ToLowerInvariant() : result.Tokens[0].Value;
            yield return SettingChange.Named(name, text);
        }
    }

    private Option Flag(string name, SettingScope scope, Setting setting, bool hidden)
    {
        string help = $"[{(scope == SettingScope.Task ? "task" : "method")}] {setting.Help}{(!hidden && value(scope, setting.Name) is { Length: > 0 } used ? $" Default: {used}." : "")}";
        string type = setting.TypeName;
        return setting.Type == typeof(bool)
            ? new Option<bool>("--" + name) { HelpName = type, Description = help, Hidden = hidden, Arity = ArgumentArity.ZeroOrOne }
            : new Option<string>("--" + name) { HelpName = type, Description = help, Hidden = hidden };
    }
}
