using System.Diagnostics;
using System.Text.RegularExpressions;
using SkiaSharp;

namespace Bilevel.Cli.Tests;

public class ReportTests
{
    private const string Hostile = "<script>alert('task')</script>";

    [Fact]
    public void ThePageHoldsItsPartsAndTheCurves()
    {
        string page = Report("toy", "--seed", "3");
        foreach (string heading in new[] { "Result", "Certificate", "Curves", "Data and files", "Settings", "Cost and environment", "Repeat this run" }) Assert.Contains($"<h2>{heading}</h2>", page);
        Assert.Equal(9, Regex.Count(page, "<svg "));
        Assert.Equal(9, Regex.Count(page, "<polyline class=\"curve\" points=\"\\d"));
        Assert.Equal(9, Regex.Count(page, "role=\"img\" aria-label=\"[A-Z]"));
        Assert.Contains("Certified: the hypergradient at x is at most", page);
        Assert.Contains("stationarity bound", page);
        Assert.Contains("3 components, made from seed 3.", page);
        Assert.Matches("<pre>bilevel run toy --seed 3 --out [^<]+</pre>", page);
    }

    [Fact]
    public void ThePageLoadsNothing()
    {
        string page = Report("toy");
        Assert.DoesNotMatch("(?i)https?://", page);
        Assert.DoesNotMatch("(?i)<(script|img|link|iframe|object|embed|audio|video)|\\bsrc\\s*=|@import|url\\(", page);
        Assert.Contains("default-src 'none'", page);
    }

    [Fact]
    public void EveryTextIsEscaped()
    {
        string page = Report(Hostile);
        Assert.DoesNotMatch("(?i)<script", page);
        foreach (string place in new[] { "task", "markup", "note", "metric", "file", "summary" }) Assert.Contains($"&lt;script&gt;alert(&#39;{place}&#39;)&lt;/script&gt;", page);
    }

    [Fact]
    public void ChangedSettingsAreMarked()
    {
        string page = Report("toy", "--size", "7");
        Assert.Contains("<td>size</td><td><mark>7</mark></td>", page);
        Assert.Contains("<td>target</td><td>1</td>", page);
    }

    [Fact]
    public void ABreakdownHasAPageToo()
    {
        string page = Report("runaway");
        Assert.Contains("verdict bad", page);
        Assert.DoesNotContain("NaN", page);
    }

    [Fact]
    public void ThePageLooksLikeSomething()
    {
        string? browser = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);
        Assert.SkipWhen(browser is null, "Chromium is not installed.");
        using var folder = new Folder();
        Tool.Run("run", "toy", "--out", folder["out"]);
        var start = new ProcessStartInfo(browser!, [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            $"--user-data-dir={folder["profile"]}", $"--screenshot={folder["page.png"]}", "--hide-scrollbars", "--window-size=1000,1600", new Uri(folder["out", "report.html"]).AbsoluteUri])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var answer = Tool.Finish(Process.Start(start)!);
        Assert.SkipUnless(File.Exists(folder["page.png"]), $"Chromium made no picture: {answer.Error}");

        using var picture = SKBitmap.Decode(folder["page.png"]);
        Assert.Equal((1000, 1600), (picture.Width, picture.Height));
        var pixels = picture.Pixels;
        double white = pixels.Count(p => p == SKColors.White) / (double)pixels.Length;
        Assert.InRange(white, 0.5, 0.98);
        Assert.Contains(new SKColor(0x1f, 0x5f, 0xa8), pixels);
    }

    private static string Report(params string[] args)
    {
        using var folder = new Folder();
        Tool.Run(["run", .. args, "--out", folder["out"]]);
        return folder.Read("out", "report.html");
    }
}
