using System.Diagnostics;

namespace Bilevel.Benchmarks;

/// <summary>
/// <c>attacks [--attacks 500] [--honest 16000] [--filter TEXT]</c>: the suites that attack certificates with wrong gradients, constants, sets and
/// shapes, with so many problems a kind, and those that hold them to honest problems, with so many in all. The environment variables
/// BILEVEL_ATTACKS and BILEVEL_HONEST hand the numbers to the tests.
/// </summary>
internal static class AttacksCommand
{
    /// <summary>Runs the command and returns the exit code of the tests.</summary>
    public static int Run(string[] arguments)
    {
        var options = new Arguments(arguments);
        string filter = options.Text("filter") ?? "FullyQualifiedName~Attack|FullyQualifiedName~Honest";
        int worst = 0;
        foreach (string project in new[] { "tests/Bilevel.Tests", "tests/Bilevel.Tasks.Tests" })
        {
            var start = new ProcessStartInfo("dotnet") { ArgumentList = { "test", project, "--filter", filter, "--logger", "console;verbosity=normal" } };
            start.Environment["BILEVEL_ATTACKS"] = options.Text("attacks") ?? "500";
            start.Environment["BILEVEL_HONEST"] = options.Text("honest") ?? "16000";
            using var tests = Process.Start(start) ?? throw new InvalidOperationException("The tests do not start; run this from the root of the repository.");
            tests.WaitForExit();
            worst = Math.Max(worst, tests.ExitCode);
        }

        return worst;
    }
}
