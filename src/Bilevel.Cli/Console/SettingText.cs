namespace Bilevel.Cli;

/// <summary>A setting in words.</summary>
internal static class SettingText
{
    /// <summary>Type and range, for example "integer, at least 1".</summary>
    public static string TypeAndRange(Setting setting) => (double.IsFinite(setting.Min), double.IsFinite(setting.Max)) switch
    {
        (true, true) => $"{setting.TypeName}, {Numbers.Short(setting.Min)} to {Numbers.Short(setting.Max)}",
        (true, false) => $"{setting.TypeName}, at least {Numbers.Short(setting.Min)}",
        (false, true) => $"{setting.TypeName}, at most {Numbers.Short(setting.Max)}",
        _ => setting.TypeName,
    };
}

/// <summary>A setting with the value it had in a run.</summary>
/// <param name="Setting">Its declaration.</param>
/// <param name="Value">The value, as text.</param>
/// <param name="Default">The value it has unless told otherwise, as text.</param>
internal sealed record SettingValue(Setting Setting, string Value, string Default)
{
    public bool IsChanged => Value != Default;

    public static IReadOnlyList<SettingValue> Of(SettingsSchema schema, object used, object defaults) =>
        [.. schema.Settings.Select(s => new SettingValue(s, s.Read(used), s.Read(defaults)))];

    public static IReadOnlyList<SettingValue> Of(SettingsSchema schema, IReadOnlyList<KeyValuePair<string, string>> used, IReadOnlyList<KeyValuePair<string, string>> defaults) =>
        [.. schema.Settings.Select(s => new SettingValue(s, used.First(p => p.Key == s.Name).Value, defaults.First(p => p.Key == s.Name).Value))];
}
