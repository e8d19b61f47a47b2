using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Bilevel.Tests.House;

/// <summary>A use of a type in one file that is declared in another.</summary>
/// <param name="From">The file that uses it, from the folder of the sources, with slashes.</param>
/// <param name="To">A file that declares it.</param>
/// <param name="Type">The type.</param>
internal sealed record TypeUse(string From, string To, string Type);

/// <summary>Which types the files of a project declare, and which they use, as the compiler sees it.</summary>
internal sealed class SourceMap
{
    private SourceMap(IReadOnlyList<string> files, IReadOnlyList<TypeUse> uses) => (Files, Uses) = (files, uses);

    /// <summary>The files, from the folder of the sources.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Every use, each type once per file.</summary>
    public IReadOnlyList<TypeUse> Uses { get; }

    /// <summary>Reads projects together; a type of one that another uses counts too.</summary>
    /// <param name="root">The folder of the sources.</param>
    /// <param name="projects">Folders in it.</param>
    public static SourceMap Of(string root, params string[] projects)
    {
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        string[] places = [.. projects.SelectMany(p => Directory.EnumerateFiles(Path.Combine(root, p), "*.cs", SearchOption.AllDirectories))
            .Where(f => !Path.GetRelativePath(root, f).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")).Order(StringComparer.Ordinal)];
        string Name(string place) => Path.GetRelativePath(root, place).Replace(Path.DirectorySeparatorChar, '/');
        SyntaxTree[] trees = [.. places.Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), options, Name(f)))];
        var usings = CSharpSyntaxTree.ParseText("global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;", options, "usings");
        string platform = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        HashSet<string> own = [.. projects];
        var references = platform.Split(Path.PathSeparator).Where(f => !own.Contains(Path.GetFileNameWithoutExtension(f))).Select(f => MetadataReference.CreateFromFile(f));
        var compilation = CSharpCompilation.Create("House", [usings, .. trees], references, new CSharpCompilationOptions(OutputKind.ConsoleApplication, allowUnsafe: true));
        HashSet<TypeUse> uses = [];
        foreach (var tree in trees)
        {
            var model = compilation.GetSemanticModel(tree);
            foreach (var name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>())
            {
                var info = model.GetSymbolInfo(name);
                if ((info.Symbol ?? info.CandidateSymbols.FirstOrDefault()) is { } symbol && Declared(symbol) is { } type) Add(tree.FilePath, type);
            }

            foreach (var creation in tree.GetRoot().DescendantNodes().OfType<ImplicitObjectCreationExpressionSyntax>())
            {
                if (model.GetTypeInfo(creation).Type is INamedTypeSymbol type) Add(tree.FilePath, type);
            }
        }

        return new SourceMap([.. trees.Select(t => t.FilePath)], [.. uses.OrderBy(u => u.From, StringComparer.Ordinal).ThenBy(u => u.Type, StringComparer.Ordinal)]);

        void Add(string from, INamedTypeSymbol type)
        {
            type = type.OriginalDefinition;
            while (type.ContainingType is not null) type = type.ContainingType;
            string[] homes = [.. type.DeclaringSyntaxReferences.Select(r => r.SyntaxTree.FilePath)];
            if (homes.Contains(from)) return;
            foreach (string home in homes) uses.Add(new TypeUse(from, home, type.Name));
        }
    }

    // The type that a name stands for, or that has the member that it stands for.
    private static INamedTypeSymbol? Declared(ISymbol symbol) => symbol switch
    {
        INamedTypeSymbol type => type,
        IMethodSymbol { ReducedFrom: { } extension } => extension.ContainingType,
        IMethodSymbol { IsStatic: true } or IMethodSymbol { MethodKind: MethodKind.Constructor } or IFieldSymbol { IsStatic: true } or IPropertySymbol { IsStatic: true } => symbol.ContainingType,
        _ => null,
    };
}
