using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Bilevel.Tests;

/// <summary>The examples in the documentation comments of the libraries compile without a warning and print what they say, and the main types have one.</summary>
[Collection(nameof(Alone))]
public partial class ExamplesTests
{
    private const string Usings = """
        using Bilevel;
        using Bilevel.Tasks;
        using Vector = Bilevel.DenseVector<double>;

        """;

    [Fact]
    public void Every_example_compiles()
    {
        var examples = Examples();
        Assert.NotEmpty(examples);

        // An example may be a function that nobody calls.
        string[] messages = [.. examples.SelectMany(e => Compiled(e.Code).Messages.Select(message => $"{e.Member}: {message}")).Where(m => !m.Contains("CS8321", StringComparison.Ordinal))];
        Assert.True(messages.Length == 0, string.Join('\n', messages));
    }

    [Fact]
    public void Examples_print_what_they_say()
    {
        // Console.WriteLine(...);     // 0.6
        var printing = Examples().Where(e => Printed().IsMatch(e.Code)).ToList();
        Assert.True(printing.Count >= 4);
        foreach (var (member, code) in printing)
        {
            double[] said = [.. Printed().Matches(code).Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
            double[] found = [.. CompiledProgram.Output(Compiled(code).Assembly).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.CurrentCulture))];
            Assert.True(said.Length == found.Length && said.Zip(found).All(p => Math.Abs(p.First - p.Second) < 1e-3), $"{member} prints {string.Join(", ", found)}, not {string.Join(", ", said)}");
        }
    }

    [Fact]
    public void The_main_types_have_an_example()
    {
        HashSet<string> shown = [.. Examples().Select(e => e.Member)];
        string[] main =
        [
            "T:Bilevel.BilevelSolver", "T:Bilevel.BilevelProblem`1", "T:Bilevel.BilevelMinimaxProblem`1", "T:Bilevel.FunctionObjective`1", "T:Bilevel.PointObjective`1",
            "T:Bilevel.Driver", "T:Bilevel.Stop", "T:Bilevel.Box`1", "T:Bilevel.Simplex`1", "T:Bilevel.ProductSet`1", "T:Bilevel.DenseSet`1", "T:Bilevel.DenseVector`1",
            "T:Bilevel.Solution`1", "M:Bilevel.Sample.Rows(System.Int32)", "T:Bilevel.ConstrainedLowerLevel`1",
            "T:Bilevel.Tasks.DataFile", "T:Bilevel.Tasks.SoftmaxModel", "T:Bilevel.Tasks.HyperCleaning",
        ];
        Assert.Empty(main.Except(shown));
    }

    [GeneratedRegex(@"^\s*Console\.WriteLine\(.*\);\s+// (-?[\d.]+)$", RegexOptions.Multiline)]
    private static partial Regex Printed();

    private static (byte[] Assembly, string[] Messages) Compiled(string code)
    {
        // An example of a class alone has no statements to begin with.
        bool isProgram = CSharpSyntaxTree.ParseText(code).GetCompilationUnitRoot().Members.OfType<GlobalStatementSyntax>().Any();
        return CompiledProgram.Compile("example", isProgram ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary, ("example", Usings + code));
    }

    private static List<(string Member, string Code)> Examples() =>
    [
        .. new[] { "Bilevel.xml", "Bilevel.Tasks.xml" }.SelectMany(file => XDocument.Load(Path.Combine(AppContext.BaseDirectory, file)).Descendants("member"))
            .SelectMany(member => member.Elements("example").SelectMany(e => e.Elements("code")).Select(code => (member.Attribute("name")!.Value, code.Value))),
    ];
}
