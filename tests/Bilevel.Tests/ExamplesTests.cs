using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Bilevel.Tests;

/// <summary>The examples in the documentation comments of the libraries compile without a warning, and the main types have one.</summary>
public class ExamplesTests
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
        Assert.Empty(examples.SelectMany(e => Messages(e.Code).Select(message => $"{e.Member}: {message}")));
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

    private static IEnumerable<string> Messages(string code)
    {
        // An example of a class alone has no statements to begin with.
        bool isProgram = CSharpSyntaxTree.ParseText(code).GetCompilationUnitRoot().Members.OfType<GlobalStatementSyntax>().Any();
        return CompiledProgram.Compile("example", isProgram ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary, ("example", Usings + code)).Messages;
    }

    private static List<(string Member, string Code)> Examples() =>
    [
        .. new[] { "Bilevel.xml", "Bilevel.Tasks.xml" }.SelectMany(file => XDocument.Load(Path.Combine(AppContext.BaseDirectory, file)).Descendants("member"))
            .SelectMany(member => member.Elements("example").SelectMany(e => e.Elements("code")).Select(code => (member.Attribute("name")!.Value, code.Value))),
    ];
}
