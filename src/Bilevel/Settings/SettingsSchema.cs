using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Bilevel;

/// <summary>A setting's value was refused; the message says which, why and what is allowed.</summary>
/// <param name="message">The message.</param>
public sealed class SettingException(string message) : ArgumentException(message);

/// <summary>One setting of a settings record, as declared by <see cref="SettingAttribute"/>.</summary>
public sealed class Setting
{
    private readonly PropertyInfo[] path;
    private readonly SettingAttribute declaration;

    internal Setting(PropertyInfo[] path, SettingAttribute declaration)
    {
        (this.path, this.declaration) = (path, declaration);
        Name = KebabCase(path[^1].Name);
    }

    /// <summary>The name, as in <c>--set name=value</c>: the property's name in kebab case.</summary>
    public string Name { get; }

    /// <summary>The name in C#: the property of the settings record, behind that of its group where it has one.</summary>
    public string CSharpName => string.Join('.', path.Select(p => p.Name));

    /// <summary>One sentence of help.</summary>
    public string Help => declaration.Help;

    /// <summary>Smallest value allowed.</summary>
    public double Min => declaration.Min;

    /// <summary>Largest value allowed.</summary>
    public double Max => declaration.Max;

    /// <summary>Type of the value: a number, an integer, a truth value, a string or an enumeration; nullable where absence means automatic.</summary>
    public Type Type => path[^1].PropertyType;

    /// <summary>The property that declares the setting.</summary>
    public PropertyInfo Property => path[^1];

    /// <summary>What the type is called in help texts.</summary>
    public string TypeName
    {
        get
        {
            var type = Nullable.GetUnderlyingType(Type) ?? Type;
            string name = type.IsEnum ? string.Join("|", Enum.GetNames(type).Select(KebabCase))
                : type == typeof(bool) ? "true|false"
                : type == typeof(string) ? "text"
                : type == typeof(double) ? "number"
                : "integer";
            return Nullable.GetUnderlyingType(Type) is null ? name : name + "|auto";
        }
    }

    /// <summary>The value in a settings record, as text that <see cref="Apply"/> reads back.</summary>
    public string Read(object settings) => Format(ReadValue(settings));

    /// <summary>The value in a settings record.</summary>
    public object? ReadValue(object settings) => path.Aggregate<PropertyInfo, object?>(settings, (owner, property) => property.GetValue(owner));

    /// <summary>What is wrong with the value in a settings record, in a sentence; null when nothing is.</summary>
    internal string? Misfit(object settings)
    {
        double number = ReadValue(settings) switch { double d => d, int i => i, long l => l, _ => double.NaN };
        return ReadValue(settings) is double or int or long && !(number >= Min && number <= Max && double.IsFinite(number))
            ? $"The setting {Name} is {Read(settings)}; it takes {TypeName}{Range()}."
            : null;
    }

    internal void Apply(object settings, string text) => Write(settings, Parse(text));

    internal void Write(object settings, object? value)
    {
        object owner = settings;
        foreach (var property in path[..^1]) owner = property.GetValue(owner)!;
        path[^1].SetValue(owner, value);
    }

    internal static string KebabCase(string name)
    {
        var text = new StringBuilder();
        for (int i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i])) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    private static string Format(object? value) => value switch
    {
        null => "auto",
        bool b => b ? "true" : "false",
        double d => d.ToString("R", CultureInfo.InvariantCulture),
        Enum e => KebabCase(e.ToString()),
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private object? Parse(string text)
    {
        var type = Nullable.GetUnderlyingType(Type) ?? Type;
        if (Nullable.GetUnderlyingType(Type) is not null && text == "auto") return null;
        if (type == typeof(string)) return text;
        if (type == typeof(bool)) return text switch { "true" or "" => true, "false" => false, _ => throw Refuse(text) };
        if (type.IsEnum)
        {
            foreach (string name in Enum.GetNames(type))
            {
                if (KebabCase(name) == text) return Enum.Parse(type, name);
            }

            throw Refuse(text);
        }

        if (type == typeof(double))
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || !double.IsFinite(number) || number < Min || number > Max) throw Refuse(text);
            return number;
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer) || integer < Min || integer > Max) throw Refuse(text);
        if (type == typeof(int)) return integer is >= int.MinValue and <= int.MaxValue ? (int)integer : throw Refuse(text);
        return type == typeof(long) ? integer : throw new InvalidOperationException($"A setting of type {type} is not supported.");
    }

    private SettingException Refuse(string text)
    {
        return new SettingException($"The setting '{Name}' does not take '{text}': it takes {TypeName}{Range()}. {Help}");
    }

    private string Range() => (double.IsFinite(Min), double.IsFinite(Max)) switch
    {
        (true, true) => FormattableString.Invariant($" from {Min} to {Max}"),
        (true, false) => FormattableString.Invariant($" of at least {Min}"),
        (false, true) => FormattableString.Invariant($" of at most {Max}"),
        _ => "",
    };
}

/// <summary>The settings of a record, in the order of declaration.</summary>
public sealed class SettingsSchema
{
    private SettingsSchema(IReadOnlyList<Setting> settings) => Settings = settings;

    /// <summary>The settings.</summary>
    public IReadOnlyList<Setting> Settings { get; }

    /// <summary>The settings that a record declares, those of its groups included.</summary>
    public static SettingsSchema Of([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type type)
    {
        var found = new List<Setting>();
        foreach (var property in type.GetProperties())
        {
            if (property.GetCustomAttribute<SettingAttribute>() is { } declaration) found.Add(new Setting([property], declaration));
            if (property.GetCustomAttribute<SettingGroupAttribute>() is not { } group) continue;
            foreach (var inner in group.Type.GetProperties())
            {
                if (inner.GetCustomAttribute<SettingAttribute>() is { } innerDeclaration) found.Add(new Setting([property, inner], innerDeclaration));
            }
        }

        return new SettingsSchema(found);
    }

    /// <summary>The setting of that name.</summary>
    /// <exception cref="SettingException">There is none; the message names the nearest.</exception>
    public Setting this[string name] => Settings.FirstOrDefault(s => s.Name == name)
        ?? throw new SettingException($"There is no setting '{name}'. {NearestName.Advice(name, [.. Settings.Select(s => s.Name)])}");

    /// <summary>A copy of a settings record with settings changed by name.</summary>
    /// <param name="settings">The record; not changed.</param>
    /// <param name="values">Pairs of name and text.</param>
    /// <exception cref="SettingException">A name is unknown or a value refused.</exception>
    public static T With<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(T settings, IEnumerable<KeyValuePair<string, string>> values)
        where T : class, new()
    {
        // A fresh record has fresh groups, so nothing is shared with the original.
        var (schema, copy) = (Of(typeof(T)), new T());
        foreach (var setting in schema.Settings) setting.Write(copy, setting.ReadValue(settings));
        foreach (var (name, text) in values) schema[name].Apply(copy, text);
        return copy;
    }
}
