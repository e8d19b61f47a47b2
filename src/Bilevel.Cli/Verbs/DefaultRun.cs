using System.Text.Json;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>What a run of a task uses unless told otherwise, on the task's own data: method, limits, and the settings of methods that the task sets.</summary>
/// <param name="instance">The task with its own data.</param>
internal sealed class DefaultRun(TaskInstance instance)
{
    private const int Width = 100;

    /// <summary>That of a task; null where its own data cannot be had.</summary>
    public static DefaultRun? Of(ITask task)
    {
        try
        {
            return new DefaultRun(task.Create([], new TaskContext(Threads: Environment.ProcessorCount)));
        }
        catch (Exception e) when (e is InputException or SettingException or IOException)
        {
            return null;
        }
    }

    /// <summary>The method that a run without --method uses.</summary>
    public MethodEntry Method => Lookup.Method(instance.Presets[0].Name);

    /// <summary>The settings that a run by that method uses.</summary>
    public IReadOnlyList<SettingValue> Settings(MethodEntry entry) => SettingValue.Of(entry.Schema, instance.MethodFor(entry.Name), entry.Defaults);

    /// <summary>In words, a line each.</summary>
    public IEnumerable<string> Lines()
    {
        yield return "A run uses, unless told otherwise and on the task's own data (what follows the data may be other on yours):";
        yield return $"  --method {Method.Name} --tolerance {Numbers.Exact(instance.Tolerance)} --iterations {Numbers.Plain(instance.Iterations)}";
        foreach (var entry in Presets)
        {
            var changed = Settings(entry).Where(s => s.IsChanged).ToList();
            if (changed.Count == 0) continue;
            string text = $"{entry.Name}: {string.Join(", ", changed.Select(s => $"{s.Setting.Name} {Short(s.Value)}"))}";
            string indent = "  ";
            foreach (string line in TextTable.Wrap(text, Width - 4))
            {
                yield return indent + line;
                indent = "    ";
            }
        }

        yield return "Of other methods, and of what is not named here, it uses the defaults that 'bilevel list METHOD' shows.";
        if (instance.Unsuited.Count > 0) yield return $"It refuses {string.Join(", ", instance.Unsuited.Keys)}, with the reason.";
    }

    /// <summary>As members of a JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("run");
        json.WriteString("method", Method.Name);
        JsonReport.WriteFinite(json, "tolerance", instance.Tolerance);
        json.WriteNumber("iterations", instance.Iterations);
        json.WriteStartObject("methods");
        foreach (var entry in Presets) JsonReport.WriteSettings(json, entry.Name, Settings(entry));
        json.WriteEndObject();
        json.WriteStartObject("refused");
        foreach (var (name, reason) in instance.Unsuited) json.WriteString(name, reason);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private IEnumerable<MethodEntry> Presets => instance.Presets.Select(p => MethodCatalog.All.FirstOrDefault(m => m.Name == p.Name)).OfType<MethodEntry>();

    private static string Short(string value) => Numbers.TryExact(value, out double number) ? Numbers.Short(number) : value;
}
