using System.Diagnostics.CodeAnalysis;

namespace Bilevel;

/// <summary>
/// Declares a property of a settings record as a setting: the one source of its command-line flag, its place in JSON,
/// in the documentation and in the checkpoint.
/// </summary>
/// <param name="help">One sentence of help, equal to the property's documentation comment.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string help) : Attribute
{
    /// <summary>One sentence of help.</summary>
    public string Help { get; } = help;

    /// <summary>Smallest value allowed, for numbers.</summary>
    public double Min { get; init; } = double.NegativeInfinity;

    /// <summary>Largest value allowed, for numbers.</summary>
    public double Max { get; init; } = double.PositiveInfinity;
}

/// <summary>Declares a property as a group of settings: a record whose own settings are named without a prefix.</summary>
/// <param name="type">The property's type, named again so that trimming keeps its settings.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingGroupAttribute([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type type) : Attribute
{
    /// <summary>The property's type.</summary>
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)]
    public Type Type { get; } = type;
}
