using Bilevel.Gauntlet;

namespace Bilevel.Tasks.Tests;

/// <summary>A part of the gauntlet through the library's two-line entry; a thousand of each class by the benchmark project's command.</summary>
public sealed class GauntletTests
{
    private const ulong FirstSeed = 1;

    /// <summary>What is attained, a ratchet: of so many problems at least so many are solved and certified.</summary>
    public static TheoryData<string, int, int, int> Attained => new()
    {
        // Class, problems, solved, certified.
        { "smooth-1e4", 14, 14, 14 },
        { "smooth-1e6", 12, 12, 11 },
        { "boxes", 12, 12, 11 },
        { "constraints", 12, 11, 11 },
    };

    [Theory]
    [MemberData(nameof(Attained))]
    public void NothingFalseIsSaidAndNoFewerAreSolved(string name, int problems, int solved, int certified)
    {
        var results = GauntletRunner.All(GauntletClass.Find(name), FirstSeed, problems, threads: 2, DrawnScales.All, problem => GauntletRunner.Entry(problem, seconds: 600));

        string report = GauntletTable.Row(name, "entry", results) + Environment.NewLine + GauntletTable.Failures(results);
        Assert.True(!results.Any(r => r.FalseConverged), "Said to be converged, and it is not so." + report);
        Assert.True(!results.Any(r => r.FalseCertificate), "Certified, and it is not so." + report);
        Assert.True(!results.Any(r => r.Status is null), "Refused or failed." + report);
        Assert.True(results.Count(r => r.Solved) >= solved, "Fewer are solved." + report);
        Assert.True(results.Count(r => r.Certified) >= certified, "Fewer are certified." + report);
    }
}
