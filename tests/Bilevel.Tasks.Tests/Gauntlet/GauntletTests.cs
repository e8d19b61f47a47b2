using System.Globalization;
using System.Text.RegularExpressions;
using Bilevel.Gauntlet;

namespace Bilevel.Tasks.Tests;

/// <summary>A part of the gauntlet through the library's two-line entry; a thousand of each class by the benchmark project's command.</summary>
public sealed partial class GauntletTests
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

    [Theory]
    [InlineData(14)]
    [InlineData(48)]
    [InlineData(91)]
    public void TheFollowersLossIsComparedWithTheBoundOfTheCertificateInTheSameUnits(ulong seed)
    {
        var problem = GauntletProblem.Create(GauntletClass.Find("constraints"), seed);
        var result = GauntletRunner.Entry(problem, seconds: 600);
        var certificate = result.Certificate!;
        Assert.True(result.Certified && !result.FalseCertificate, certificate.ToString());

        // A bound below the follower's loss, or one above epsilon, is called false, and named.
        var (loss, error) = problem.LowerLoss(result.X!, result.Y!);
        Assert.True(loss > 2 * error, "The reference is sharp enough.");
        Assert.InRange(certificate["plain_lower_gap_bound"], loss - error, double.PositiveInfinity);
        Assert.True(GauntletRunner.IsContradicted(problem, result with { Certificate = With("plain_lower_gap_bound", (loss / 2) - error) }));
        Assert.True(GauntletRunner.IsContradicted(problem, result with { Certificate = With("lower_gap_bound", 2 * certificate.Tolerance) }));
        Assert.Contains($"FALSE CERTIFICATES: seeds {seed}", GauntletTable.Failures([result with { FalseCertificate = true }]), StringComparison.Ordinal);

        Certificate With(string name, double value) => certificate with { Residuals = [.. certificate.Residuals.Select(r => r.Name == name ? r with { Value = value } : r)] };
    }

    /// <summary>Epsilon-KKT points of the lift from which y leans to the leader by more than the tolerance lets F differ.</summary>
    [Theory]
    [InlineData(671, true)]
    [InlineData(761, true)]
    [InlineData(948, true)]
    [InlineData(969, false)]
    public void AnAnswerThatLeansToTheLeaderIsMendedOrNotSaidToBeConverged(ulong seed, bool mended)
    {
        var problem = GauntletProblem.Create(GauntletClass.Find("constraints"), seed);
        var result = GauntletRunner.Entry(problem, seconds: 600);
        Assert.False(result.FalseConverged, result.Message);
        Assert.True(result.Solved == mended && result.Certified == mended, result.Message);
        if (mended) return;
        Assert.Contains("Nothing better was found than the point of iteration", result.Message, StringComparison.Ordinal);
        Assert.Contains("lean to the leader by what the gap allows", result.Certificate!.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void SentencesAboutABetterPointSayPlainNumbers()
    {
        var problem = GauntletProblem.Create(GauntletClass.Find("constraints"), 71);
        var solution = BilevelSolver.Solve(problem.Constrained!, problem.Start, problem.Tolerance);
        Assert.NotNull(solution.Better);
        var said = Better().Match(solution.StatusMessage);
        Assert.True(said.Success, solution.StatusMessage);
        Assert.Equal(problem.At(solution.Better[0]).Value, double.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture), 1e-3 * problem.At(problem.X0).Value);
        Assert.Equal(solution.UpperValue, double.Parse(said.Groups[2].Value, CultureInfo.InvariantCulture), 1e-4 * Math.Abs(solution.UpperValue));
    }

    [GeneratedRegex(@"A better point was met while the answer was checked: F = (\S+), against (\S+)\. ")]
    private static partial Regex Better();
}
