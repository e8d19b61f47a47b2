using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Bilevel.Tests;

public sealed partial class SettingsSchemaTests
{
    private static readonly SettingsSchema Schema = SettingsSchema.Of(typeof(F2sa));

    private static KeyValuePair<string, string>[] Pairs(params (string Name, string Text)[] pairs) => [.. pairs.Select(p => KeyValuePair.Create(p.Name, p.Text))];

    private static string Refusal(string name, string text) => Assert.Throws<SettingException>(() => SettingsSchema.With(new F2sa(), Pairs((name, text)))).Message;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank { get; }

    [Fact]
    public void Every_help_text_is_the_documentation_comment()
    {
        var assembly = typeof(F2sa).Assembly;
        var members = XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member")
            .ToDictionary(m => m.Attribute("name")!.Value, m => Blank.Replace(m.Element("summary")?.Value ?? "", " ").Trim());
        var declared = assembly.GetTypes().SelectMany(t => t.GetProperties(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(p => p.GetCustomAttribute<SettingAttribute>() is not null).ToList();
        Assert.True(declared.Count > 20);
        foreach (var property in declared)
            Assert.Equal(members[$"P:{property.DeclaringType!.FullName}.{property.Name}"], property.GetCustomAttribute<SettingAttribute>()!.Help);
    }

    [Fact]
    public void Every_default_reads_back_and_lies_in_its_range()
    {
        foreach (var entry in MethodCatalog.All)
        {
            Assert.Equal(entry.Schema.Settings.Count, entry.Schema.Settings.Select(s => s.Name).Distinct().Count());
            var same = entry.With(entry.Defaults, entry.Schema.Settings.Select(s => KeyValuePair.Create(s.Name, s.Read(entry.Defaults))));
            Assert.Equal(entry.Defaults, same);
            Assert.Same(entry, MethodCatalog.Find(entry.Name));
            Assert.All(entry.Schema.Settings, s => Assert.Matches("^[a-z-]+$", s.Name));
        }

        Assert.Equal($"There is no method 'adam'. There are: {string.Join(", ", MethodCatalog.All.Select(m => m.Name))}.", Assert.Throws<SettingException>(() => MethodCatalog.Find("adam")).Message);
    }

    [Fact]
    public void Changing_settings_leaves_the_original_alone()
    {
        var original = new F2sa { StepX = 0.7, Batch = 3, Upper = new UpperStep { Momentum = 0.5 } };
        var changed = SettingsSchema.With(original, Pairs(("step-x", "0.25"), ("step-rule", "adagrad-norm"), ("schedule", "no-noise"), ("step-z", "0.125"), ("independent-samples", "true"), ("lambda", "1e3")));
        Assert.Equal(
            new F2sa { StepX = 0.25, Batch = 3, Schedule = F2saSchedule.NoNoise, StepZ = 0.125, IndependentSamples = true, Lambda = 1000, Upper = new UpperStep { Momentum = 0.5, StepRule = StepRule.AdagradNorm } },
            changed);
        Assert.Equal(new F2sa { StepX = 0.7, Batch = 3, Upper = new UpperStep { Momentum = 0.5 } }, original);
        Assert.NotSame(original.Upper, changed.Upper);
        Assert.NotSame(original.Upper, SettingsSchema.With(original, []).Upper);
        Assert.Null(SettingsSchema.With(changed, Pairs(("step-z", "auto"))).StepZ);
        Assert.True(SettingsSchema.With(new F2ba(), Pairs(("accelerated", ""))).Accelerated);
        Assert.Equal(StepRule.Adaptive, SettingsSchema.With(new F2ba(), []).Upper.StepRule);
    }

    [Fact]
    public void Values_that_are_refused_say_what_is_allowed()
    {
        Assert.Equal("The setting 'momentum' does not take '1': it takes number from 0 to 0.999999. Decay of the direction average, for the rules momentum and adam.", Refusal("momentum", "1"));
        Assert.Equal("The setting 'inner-steps' does not take '0': it takes integer of at least 1. Number T of inner steps per iteration.", Refusal("inner-steps", "0"));
        Assert.Equal("The setting 'step-rule' does not take 'Adam': it takes plain|normalised|momentum|adam|adagrad-norm|adaptive|clipped. Rule by which x moves along the estimated hypergradient.", Refusal("step-rule", "Adam"));
        Assert.StartsWith("The setting 'step-rule' does not take '3'", Refusal("step-rule", "3"), StringComparison.Ordinal);
        Assert.StartsWith("The setting 'independent-samples' does not take 'yes': it takes true|false.", Refusal("independent-samples", "yes"), StringComparison.Ordinal);
        Assert.StartsWith("The setting 'step-z' does not take '-1': it takes number|auto of at least 0.", Refusal("step-z", "-1"), StringComparison.Ordinal);
        foreach (string text in new[] { "", "abc", "1,5", "NaN", "auto", "0x10", "1 2" }) Assert.StartsWith($"The setting 'lambda' does not take '{text}'", Refusal("lambda", text), StringComparison.Ordinal);
        foreach (string text in new[] { "", "1.5", "1e3", "1,000", "99999999999", "auto", "-1" }) Assert.StartsWith($"The setting 'batch' does not take '{text}'", Refusal("batch", text), StringComparison.Ordinal);
    }

    [Fact]
    public void Infinite_numbers_are_refused()
    {
        foreach (string text in new[] { "Infinity", "-Infinity", "1e999" }) Assert.StartsWith($"The setting 'lambda' does not take '{text}'", Refusal("lambda", text), StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_names_come_with_a_suggestion()
    {
        Assert.Equal("There is no setting 'lamda'. Did you mean 'lambda'?", Refusal("lamda", "1"));
        Assert.Equal("There is no setting 'stepx'. Did you mean 'step-x'?", Refusal("stepx", "1"));
        Assert.StartsWith("There is no setting 'learning-rate'. There are: sample-per-iteration, schedule, inner-steps, lambda,", Refusal("learning-rate", "1"), StringComparison.Ordinal);
        Assert.Equal("There is no setting 'x'. There are none to choose from here.", Assert.Throws<SettingException>(() => SettingsSchema.Of(typeof(object))["x"]).Message);
    }

    [Fact]
    public void Culture_does_not_matter()
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
        try
        {
            var settings = SettingsSchema.With(new F2sa(), Pairs(("step-x", "0.5"), ("lambda", "1.5e2")));
            Assert.Equal((0.5, 150.0), (settings.StepX, settings.Lambda));
            Assert.Equal("0.5", Schema["step-x"].Read(settings));
            Assert.Equal("0.1", Schema["step-x"].Read(new F2sa()));
            Assert.Contains("from 0 to 0.999999", Refusal("momentum", "2"), StringComparison.Ordinal);
            Assert.Contains("does not take '1,5'", Refusal("step-x", "1,5"), StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void What_a_setting_says_of_itself()
    {
        var setting = Schema["exponent-a"];
        Assert.Equal(("exponent-a", "number|auto", 0.0, 1.0, "auto"), (setting.Name, setting.TypeName, setting.Min, setting.Max, setting.Read(new F2sa())));
        Assert.Equal("Exponent a of the y step, published schedules; auto takes the published one.", setting.Help);
        Assert.Equal("matched|noise-in-both|noise-in-upper|no-noise", Schema["schedule"].TypeName);
        Assert.Equal(StepRule.Plain, Schema["step-rule"].ReadValue(new F2sa()));
        Assert.Equal(("StepRule", typeof(StepRule)), (Schema["step-rule"].Property.Name, Schema["step-rule"].Type));
        Assert.Equal("true", Schema["independent-samples"].Read(new F2sa { IndependentSamples = true }));
    }
}
