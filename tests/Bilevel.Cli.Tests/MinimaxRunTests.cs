namespace Bilevel.Cli.Tests;

/// <summary>What the tool says of bilevel minimax problems, with tasks of its own.</summary>
public class MinimaxRunTests
{
    [Fact]
    public void TheUpperValueIsSaidToBeThatOfTheAnswer()
    {
        var answer = Tool.RunOwn("run", "saddle-quadratic");
        Assert.Contains("F, the leader's objective f with the lower level and x2 solved again", answer.Out);
        Assert.Contains("g there", answer.Out);
        Assert.Equal("the lower level and x2 solved again", Json("run", "saddle-quadratic").GetProperty("values_read_at").GetString());
        Assert.Equal("the lower level and x2 solved again", Json("run", "saddle-quadratic", "--no-certificate").GetProperty("values_read_at").GetString());
        Assert.Equal("the lower level solved again", Json("run", "matrix-game").GetProperty("values_read_at").GetString());
    }

    [Fact]
    public void TheCertificatesNumbersStandBelowItAndItsSentenceStandsOnce()
    {
        var answer = Tool.RunOwn("run", "saddle-quadratic");
        Assert.StartsWith("saddle-quadratic by auto (ogda): Converged. The certificate, asked every 100 iterations, was given.\n", answer.Out);
        Assert.Single(answer.Out.Split('\n'), line => line.Contains("Certified: an epsilon-KKT point at epsilon = 0.01 with rho = 100"));
        Assert.Matches("\n  minimiser_residual [^ ]+, maximiser_residual [^ ]+, gap_bound [^ ]+, x1_residual [^ ]+\n", answer.Out);
    }

    [Theory]
    [InlineData("auto", "ogda")]
    [InlineData("extragradient", "extragradient")]
    public void TheMethodThatRanIsNamed(string method, string used)
    {
        var json = Json("run", "saddle-quadratic", "--method", method);
        Assert.Equal((method, used), (json.GetProperty("method").GetString(), json.GetProperty("method_used").GetString()));
    }

    [Fact]
    public void ThePenaltyCallsAndAllBlocksAreTold()
    {
        var json = Json("run", "saddle-quadratic");
        var calls = json.GetProperty("oracle_calls");
        // The start solves the lower level alone, so g may have been asked more than twice as often as f.
        long ofUpper = calls.GetProperty("upper").GetProperty("x1").GetInt64(), pairsOfLower = calls.GetProperty("lower").GetProperty("x1").GetInt64() / 2;
        Assert.Equal(ofUpper, pairsOfLower);
        Assert.InRange(calls.GetProperty("penalty_calls").GetInt64(), ofUpper, ofUpper + 100);
        foreach (string block in new[] { "x1", "x2", "y1", "y2", "z1", "z2" }) Assert.Equal(1, json.GetProperty("blocks").GetProperty(block).GetArrayLength());
        Assert.Equal(100, json.GetProperty("rho").GetDouble());
        Assert.False(json.TryGetProperty("bound_doublings", out _));
    }

    [Fact]
    public void DoublingsOfABoundOnMultipliersAreTold()
    {
        using var folder = new Folder();
        var answer = Tool.RunOwn("run", "constrained-qp", "--set", "bound=0.2", "--out", folder["out"]);
        const string Said = "The bounds on the multipliers were touched, so they were doubled 3 times; the answer is that of the last: 1.6 in the lower level.";
        Assert.Contains($"  Note: {Said}\n", answer.Out);
        Assert.Contains(Said, folder.Read("out", "report.html"));
        var json = System.Text.Json.JsonDocument.Parse(folder.Read("out", "run.json")).RootElement;
        Assert.Equal(3, json.GetProperty("bound_doublings").GetInt32());
        Assert.Equal(1.6, json.GetProperty("multiplier_bounds").GetProperty("lower").GetDouble());
        var large = Json("run", "constrained-qp");
        Assert.Equal((0, 5.25), (large.GetProperty("bound_doublings").GetInt32(), large.GetProperty("multiplier_bounds").GetProperty("lower").GetDouble()));
    }

    [Fact]
    public void AMethodThatCyclesClaimsNoSuccess()
    {
        var answer = Tool.RunOwn("run", "matrix-game", "--method", "gda", "--iterations", "20000", "--require-certificate");
        Assert.Equal(4, answer.Code);
        Assert.Contains("Stopped before it converged", answer.Out);
        Assert.Contains("The limit of 20,000 iterations was reached.", answer.Out);
        Assert.Contains("Not certified at 0.01: minimiser_residual = ", answer.Error);
        Assert.Contains("Warning: Plain gradient descent ascent cycles", answer.Out);
    }

    [Fact]
    public void AMethodOfAnotherClassIsRefused()
    {
        var answer = Tool.RunOwn("run", "saddle-quadratic", "--method", "f2ba");
        Assert.Equal((2, ""), (answer.Code, answer.Out));
        Assert.Contains("The method f2ba is for bilevel problems without maximising blocks", answer.Error);
    }

    [Fact]
    public void ASettingOfAnotherTaskIsSaidToBeOne()
    {
        Assert.Equal("bilevel: --case is a setting of the task constrained-qp, not of this one; leave the option out.\n", Tool.RunOwn("run", "saddle-quadratic", "--case", "b").Error);
    }

    [Fact]
    public void ARunWithoutCertificateIsNotResumedWithOne()
    {
        using var folder = new Folder();
        Tool.RunOwn("run", "saddle-quadratic", "--no-certificate", "--iterations", "5", "--out", folder["out"]);
        var answer = Tool.RunOwn("run", "saddle-quadratic", "--resume", "--out", folder["out"]);
        Assert.Equal(2, answer.Code);
        Assert.Contains("The checkpoint is of another run: --no-certificate was 'given' and is not given. Resume", answer.Error);
        Assert.Equal(0, Tool.RunOwn("run", "saddle-quadratic", "--no-certificate", "--resume", "--out", folder["out"]).Code);
    }

    [Fact]
    public void ThePageSaysThatTheCertificateEndsTheRun()
    {
        using var folder = new Folder();
        Tool.RunOwn("run", "saddle-quadratic", "--out", folder["a"]);
        Assert.Contains("the run ends when the numbers of the certificate", folder.Read("a", "report.html"));
        Tool.RunOwn("run", "saddle-quadratic", "--no-certificate", "--out", folder["b"]);
        Assert.Contains("the dashed line is where it stops", folder.Read("b", "report.html"));
    }

    private static System.Text.Json.JsonElement Json(params string[] args) => Tool.RunOwn([.. args, "--json"]).Json;
}
