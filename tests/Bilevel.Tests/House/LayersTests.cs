namespace Bilevel.Tests.House;

/// <summary>Every folder of the sources uses only those above it, so that no circle grows.</summary>
public sealed class LayersTests
{
    // From the top. What stands in the root of a project may use all of its folders.
    private static readonly Dictionary<string, string[]> Layers = new()
    {
        ["Bilevel"] = ["Vectors", "State", "Numerics", "Sets", "Oracles", "Settings", "Probes", "Problems", "Solvers", "Certificates", "Stopping", "Methods", "Driving"],
        ["Bilevel.Tasks"] = ["Data", "Learning", "Models", "Reference", "Reporting", "Contracts", "KnownAnswers", "Applications"],
        ["Bilevel.Cli"] = ["Console", "Options", "Files", "Reports", "Page", "Fetching", "Verbs"],
    };

    private static readonly string[] Projects = [.. Layers.Keys];

    private static readonly Lazy<SourceMap> Map = new(() => SourceMap.Of(Path.Combine(SamplesTests.Root(), "src"), Projects));

    [Fact]
    public void EveryFolderHasAPlace() =>
        Assert.All(Projects, project => Assert.Equal(
            Layers[project].Order(StringComparer.Ordinal),
            Map.Value.Files.Where(f => f.StartsWith(project + "/", StringComparison.Ordinal)).Select(f => f.Split('/')).Where(parts => parts.Length > 2).Select(parts => parts[1]).Distinct().Order(StringComparer.Ordinal)));

    [Fact]
    public void NoFolderUsesOneBelow()
    {
        string[] upwards = [.. Map.Value.Uses.Where(use => Rank(use.From) < Rank(use.To)).Select(use => $"{use.From} uses {use.Type} of {use.To}")];
        Assert.True(upwards.Length == 0, string.Join('\n', upwards));
    }

    [Fact]
    public void FoldersWithinOneDoNotGoInCircles()
    {
        // A folder's own files stand above and below its rooms: contracts and catalogues.
        var arrows = Map.Value.Uses.Select(use => (From: Folder(use.From), To: Folder(use.To))).Where(a => !IsWithin(a.From, a.To) && !IsWithin(a.To, a.From)).ToHashSet();
        string[] circles = [.. arrows.Where(a => string.CompareOrdinal(a.From, a.To) < 0 && arrows.Contains((a.To, a.From))).Select(a => $"{a.From} and {a.To}: " +
            string.Join(", ", Map.Value.Uses.Where(use => (Folder(use.From), Folder(use.To)) == a || (Folder(use.To), Folder(use.From)) == a).Select(use => $"{use.Type} in {use.From}").Take(6)))];
        Assert.True(circles.Length == 0, string.Join('\n', circles));
    }

    [Fact]
    public void ThePictureShowsThem()
    {
        string picture = File.ReadAllText(Path.Combine(SamplesTests.Root(), "docs", "images", "layers.svg"));
        Assert.All(Layers, project => Assert.All(project.Value.Select((folder, i) => FormattableString.Invariant($">{i + 1} {folder}<")), label => Assert.Contains(label, picture, StringComparison.Ordinal)));
    }

    // Projects one after the other, and the folders of each.
    private static int Rank(string file)
    {
        string[] parts = file.Split('/');
        int within = parts.Length < 3 ? Layers[parts[0]].Length : Array.IndexOf(Layers[parts[0]], parts[1]);
        return (100 * Array.IndexOf(Projects, parts[0])) + within;
    }

    private static string Folder(string file) => file[..file.LastIndexOf('/')];

    private static bool IsWithin(string folder, string other) => folder == other || folder.StartsWith(other + "/", StringComparison.Ordinal);
}
