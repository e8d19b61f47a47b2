using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Bilevel.Tests;

/// <summary>A program of a user, compiled in memory against what the libraries make public, with the warnings of a build.</summary>
internal static class CompiledProgram
{
    // What a project with implicit usings has.
    private const string Usings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static readonly CSharpParseOptions Syntax = new(LanguageVersion.Latest, DocumentationMode.None);

    private static readonly Lazy<MetadataReference[]> References = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Append(typeof(BilevelSolver).Assembly.Location).Append(typeof(Tasks.ITask).Assembly.Location)
            .Distinct().Select(path => MetadataReference.CreateFromFile(path))]);

    /// <summary>Compiles sources, each a file; the first may have top-level statements.</summary>
    /// <param name="name">Name of the assembly.</param>
    /// <param name="kind">What to make.</param>
    /// <param name="sources">The files.</param>
    /// <returns>The assembly's bytes, empty where it does not compile, and what the compiler says, errors and warnings.</returns>
    public static (byte[] Assembly, string[] Messages) Compile(string name, OutputKind kind, params IEnumerable<(string Path, string Text)> sources)
    {
        var options = new CSharpCompilationOptions(kind, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable);
        var compilation = CSharpCompilation.Create(name, [.. sources.Append(("usings", Usings)).Select(s => CSharpSyntaxTree.ParseText(s.Item2, Syntax, s.Item1))], References.Value, options);
        using var bytes = new MemoryStream();
        var result = compilation.Emit(bytes);
        string[] messages = [.. result.Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning).Select(d => d.ToString())];
        return (result.Success ? bytes.ToArray() : [], messages);
    }

    /// <summary>Runs a program and returns what it writes. It writes to the console of the process, so one runs at a time.</summary>
    public static string Output(byte[] program)
    {
        var main = Assembly.Load(program).EntryPoint!;
        var console = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        try
        {
            main.Invoke(null, main.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
        }
        finally
        {
            Console.SetOut(console);
        }

        return output.ToString();
    }
}
