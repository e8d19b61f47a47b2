using System.Text.RegularExpressions;

namespace Bilevel.Tasks.Tests;

/// <summary>The settings tables of the documentation come from the declarations; BILEVEL_UPDATE_DOCS=1 rewrites them.</summary>
public partial class DocumentationTests
{
    [Fact]
    public void The_settings_tables_are_those_of_the_declarations()
    {
        var names = new HashSet<string>();
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Root(), "docs"), "*.md", SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file);
            string fresh = Marker().Replace(text, match =>
            {
                names.Add(match.Groups[1].Value);
                return $"<!-- settings: {match.Groups[1].Value} -->\n{Table(match.Groups[1].Value)}<!-- end -->";
            });
            if (Environment.GetEnvironmentVariable("BILEVEL_UPDATE_DOCS") == "1") File.WriteAllText(file, fresh);
            else Assert.True(text == fresh, $"{file} is out of date: run the tests once with BILEVEL_UPDATE_DOCS=1.");
        }

        Assert.Superset(new HashSet<string> { "f2sa", "f2ba-plus", "hyper-cleaning" }, names);
    }

    [Fact]
    public void Links_between_the_pages_lead_somewhere()
    {
        foreach (string file in Directory.EnumerateFiles(Root(), "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Root(), "docs"), "*.md", SearchOption.AllDirectories)))
        {
            foreach (Match link in Link().Matches(File.ReadAllText(file)))
            {
                string target = link.Groups[1].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;
                string path = Path.Combine(Path.GetDirectoryName(file)!, target);
                Assert.True(File.Exists(path) || Directory.Exists(path), $"{file} links to {target}, which is not there.");
            }
        }
    }

    private static string Table(string name)
    {
        var task = TaskCatalog.All.FirstOrDefault(t => t.Name == name);
        var method = task is null ? MethodCatalog.Find(name) : null;
        var schema = task?.Schema ?? method!.Schema;
        var defaults = task?.Settings([]).ToDictionary(s => s.Key, s => s.Value) ?? schema.Settings.ToDictionary(s => s.Name, s => s.Read(method!.Defaults));
        var rows = schema.Settings.Select(s => $"| `{s.Name}` | `{s.CSharpName}` | {s.TypeName.Replace("|", " or ", StringComparison.Ordinal)} | {defaults[s.Name]} | {s.Help.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
        return "\n| setting | in C# | value | default | meaning |\n|---|---|---|---|---|\n" + string.Concat(rows) + "\n";
    }

    internal static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bilevel.slnx"))) folder = folder.Parent ?? throw new InvalidOperationException("Bilevel.slnx is in no folder above the tests.");
        return folder.FullName;
    }

    [GeneratedRegex(@"<!-- settings: ([a-z0-9-]+) -->.*?<!-- end -->", RegexOptions.Singleline)]
    private static partial Regex Marker();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
