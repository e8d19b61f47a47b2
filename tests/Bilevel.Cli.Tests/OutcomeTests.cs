using System.Text.Json;

namespace Bilevel.Cli.Tests;

/// <summary>What the console, the JSON and the page say of how a run ended: the same everywhere.</summary>
public class OutcomeTests
{
    [Theory]
    [InlineData("toy", "converged", "Converged. The residual ", "certified", 0)]
    [InlineData("unchecked", "converged", "Converged by the method's measure; not checked: ", "not checkable", 0)]
    [InlineData("doubted", "not_within_tolerance", "Not within the tolerance, although the method's own rule was met: the hypergradient is 0.0045 in norm, above the tolerance 0.0001. ", "not within the tolerance", 0)]
    [InlineData("bottomless", "unbounded", "The follower seems unbounded: g has no minimiser in y at this x as far as was looked. It is ", "seems unbounded", 3)]
    public void TheSameSentenceStandsEverywhere(string task, string word, string sentence, string standing, int code)
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", task, "--out", folder["out"]);
        Assert.Equal(code, answer.Code);
        Assert.StartsWith($"{task} by f2ba-plus: {sentence}", answer.Out);
        var json = JsonDocument.Parse(folder.Read("out", "run.json")).RootElement;
        Assert.Equal(word, json.GetProperty("status").GetString());
        string message = json.GetProperty("status_message").GetString()!;
        Assert.StartsWith(sentence, message);
        string page = folder.Read("out", "report.html");
        Assert.Contains($"<span class=\"word\">{standing}</span>", page);
        Assert.Contains(System.Net.WebUtility.HtmlEncode(sentence).Replace("&#39;", "'", StringComparison.Ordinal)[..20], page.Replace("&#39;", "'", StringComparison.Ordinal));
        Assert.True(task == "toy" || !answer.Out.Contains("Certified:", StringComparison.Ordinal));
        Assert.DoesNotMatch("Converged.*Not certified: the hypergradient is", answer.Out);
    }

    [Fact]
    public void NumbersOfAnAnswerThatIsNotTheRunsEndAreItsOwn()
    {
        // The run ends at a point that is worse than its start, which is the answer: neither residual nor lambda of the end are the answer's.
        using var folder = new Folder();
        var answer = Tool.RunOwn("run", "ridge", "--method", "f3sa", "--iterations", "2000", "--out", folder["out"]);
        Assert.Contains("The answer is the start, where F is ", answer.Out);
        Assert.DoesNotMatch("(?m)^  (residual|lambda) ", answer.Out);
        Assert.DoesNotContain("lambda = 1E+04", answer.Out);
        var json = JsonDocument.Parse(folder.Read("out", "run.json")).RootElement;
        Assert.Equal(JsonValueKind.Null, json.GetProperty("lambda").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.GetProperty("residuals").GetProperty("method_residual").ValueKind);
        double value = json.GetProperty("upper_value").GetDouble();
        Assert.Equal(value, json.GetProperty("metrics").GetProperty("start_upper_value").GetDouble(), 1e-9);
        Assert.Equal(value, json.GetProperty("metrics").GetProperty("hyperobjective").GetDouble(), 1e-6);
        Assert.Contains(FormattableString.Invariant($"where F is {value:G5}; the run ended at "), json.GetProperty("status_message").GetString());
        Assert.Contains("the square at the right is F at the answer", folder.Read("out", "report.html"));
    }

    [Fact]
    public void AGivenLambdaWhoseBiasIsTooLargeIsSaidAndTheAdviceWorks()
    {
        // A point that the run passed is a little better than where it came to rest; its F is shown with the digits that tell the two apart.
        var answer = Tool.RunOwn("run", "quadratic", "--method", "f2ba", "--lambda", "100");
        var said = System.Text.RegularExpressions.Regex.Match(answer.Out, @"^quadratic by f2ba: Not within the tolerance\. The penalty function at the given lambda = 100 is stationary where the run ended .* raise lambda to about (?<lambda>[\d.E+]+), or leave lambda at auto\.");
        Assert.True(said.Success, answer.Out);
        var values = System.Text.RegularExpressions.Regex.Match(answer.Out, @"where F is (?<best>[\d.]+); the run ended at (?<end>[\d.]+), which is worse");
        if (values.Success) Assert.NotEqual(values.Groups["best"].Value, values.Groups["end"].Value);
        var again = Tool.RunOwn("run", "quadratic", "--method", "f2ba", "--lambda", said.Groups["lambda"].Value, "--json").Json;
        Assert.Equal("converged", again.GetProperty("status").GetString());
        Assert.True(again.GetProperty("certified").GetBoolean());
    }

    [Fact]
    public void AnAssessmentThatCannotBeMadeBreaksNoRun()
    {
        // With multipliers at their bound the lower level of this linear problem, solved anew to assess x, has no answer.
        var json = Tool.RunOwn("run", "constrained-linear", "--method", "lv-hba", "--iterations", "5000", "--json").Json;
        Assert.Equal("iteration_limit", json.GetProperty("status").GetString());
        Assert.False(json.GetProperty("certified").GetBoolean());
        Assert.InRange(json.GetProperty("upper_value").GetDouble(), -200, 1.7);
    }

    [Fact]
    public void TheConsoleSaysOfWhichRowsItsNumbersAre()
    {
        const string Rows = "30 training, 15 validation and 15 test samples of 4 features; no sample has two roles.";
        using var folder = new Folder();
        var answer = Tool.RunOwn("run", "svm-tuning", "--iterations", "200", "--out", folder["out"]);
        Assert.Contains(Rows, answer.Notes);
        Assert.DoesNotContain(Rows, answer.Out);
        Assert.Contains(Rows, JsonDocument.Parse(folder.Read("out", "run.json")).RootElement.GetProperty("notes").EnumerateArray().Select(n => n.GetString()));
        Assert.Contains(Rows, folder.Read("out", "report.html"));

        // Rows that were held out of the one file there is.
        File.WriteAllLines(folder["all.csv"], ["a,b,label", .. Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{(i % 2) + (0.01 * i)},{(i * 7 % 11) / 10.0},{(i % 2 == 0 ? "no" : "yes")}"))]);
        var cleaned = Tool.RunOwn("run", "hyper-cleaning", "--train", folder["all.csv"], "--label", "label", "--iterations", "5");
        Assert.StartsWith("There is no validation file, so 12 rows of the training file, drawn by class and by the seed, were held out", cleaned.Notes[0]);
        Assert.StartsWith("48 training, 12 validation and 0 test samples of 2 classes", cleaned.Notes[1]);
    }

    [Fact]
    public void AnswersThatAreDoubtedAreNotCertified()
    {
        Assert.Equal(4, Tool.Run("run", "doubted", "--require-certificate").Code);
        var json = Tool.Run("run", "doubted", "--json").Json;
        Assert.False(json.GetProperty("certified").GetBoolean());
        Assert.StartsWith("Not certified: the hypergradient is", json.GetProperty("certificate").GetProperty("objection").GetString());
    }

    [Fact]
    public void ARunThatALimitEndsIsConvergedWhereItIsCertified()
    {
        // Enough iterations for the certificate, too few for the method's own rule, which has half of the tolerance.
        int least = Enumerable.Range(1, 400).First(k => Tool.Run("run", "toy", "--json", "--iterations", Numbers.Plain(k)).Json.GetProperty("certified").GetBoolean());
        var json = Tool.Run("run", "toy", "--json", "--iterations", Numbers.Plain(least)).Json;
        Assert.Equal("converged", json.GetProperty("status").GetString());
        Assert.StartsWith("Converged", json.GetProperty("status_message").GetString());
        Assert.EndsWith(json.GetProperty("certificate").GetProperty("summary").GetString()!, json.GetProperty("status_message").GetString());
    }

    [Fact]
    public void FIsOneNumber()
    {
        using var folder = new Folder();
        string output = Tool.Run("run", "repeated", "--out", folder["out"]).Out;
        string json = folder.Read("out", "run.json");
        Assert.Single(json.Split("\"upper_value\"")[1..]);
        Assert.Single(output.Split("\n  upper_value ")[1..]);
        Assert.Contains("F(x): in the task's words", output);
        Assert.Equal("the lower level solved again", JsonDocument.Parse(json).RootElement.GetProperty("values_read_at").GetString());
        Assert.Contains("<rect class=\"end\"", folder.Read("out", "report.html"));
        Assert.Equal(2, Tool.Run("run", "toy").Out.Split("\n  upper_value ").Length);
    }

    [Fact]
    public void TheBestOfSeveralStartsIsTheAnswerAndAllAreListed()
    {
        using var folder = new Folder();
        string[] args = ["run", "wells", "--size", "1", "--seed", "1", "--starts", "6"];
        var json = Tool.Run([.. args, "--json"]).Json;
        var starts = json.GetProperty("starts").EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(0, 6), starts.Select(s => s.GetProperty("start").GetInt32()).Order());
        Assert.Equal(json.GetProperty("upper_value").GetDouble(), starts[0].GetProperty("f").GetDouble());
        Assert.Equal(-0.305, json.GetProperty("upper_value").GetDouble(), 1e-2);
        Assert.All(starts, s => Assert.True(s.GetProperty("f").GetDouble() >= json.GetProperty("upper_value").GetDouble() - 1e-6));
        Assert.Equal("certified", starts[0].GetProperty("verdict").GetString());

        var answer = Tool.Run([.. args, "--out", folder["out"]]);
        Assert.Contains("From 6 starts, the best first; the answer above is that of the first row:", answer.Out);
        Assert.Contains("From 6 starts, the best first", folder.Read("out", "report.html"));
        Assert.Equal(json.GetProperty("iterations").GetInt64(), long.Parse(File.ReadLines(folder["out", "trace.csv"]).Last().Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(Comparable.Of(Tool.Run([.. args, "--json"]).Out), Comparable.Of(Tool.Run([.. args, "--json"]).Out));
        Assert.Contains("so they cannot be resumed", Tool.Run([.. args, "--out", folder["out"], "--resume"]).Error);
    }
}
