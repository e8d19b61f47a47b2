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

    [Theory]
    [InlineData("toy")]
    [InlineData("gallery")]
    public void ThePageLoadsNothing(string task)
    {
        string page = Report(task);
        Assert.DoesNotMatch("(?i)https?://", page);
        Assert.DoesNotMatch("(?i)<(script|link|iframe|object|embed|audio|video)|\\bsrc\\s*=(?!\"data:image/png;base64,[A-Za-z0-9+/]+=*\">)|\\bsrcset\\b|@import|url\\(", page);
        Assert.Contains("default-src 'none'; img-src data:;", page);
    }

    [Fact]
    public void EveryTextIsEscaped()
    {
        string page = Report(Hostile);
        Assert.DoesNotMatch("(?i)<script", page);
        foreach (string place in new[] { "task", "markup", "note", "metric", "file", "summary", "section", "reference" }) Assert.Contains($"&lt;script&gt;alert(&#39;{place}&#39;)&lt;/script&gt;", page);
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
        using var picture = Picture("toy", 1000, 1600);
        var pixels = picture.Pixels;
        double white = pixels.Count(p => p == SKColors.White) / (double)pixels.Length;
        Assert.InRange(white, 0.5, 0.98);
        Assert.Contains(new SKColor(0x1f, 0x5f, 0xa8), pixels);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EverySectionIsPainted(bool isDark)
    {
        using var picture = Picture("gallery", 1000, 2600, isDark);
        var paper = picture.GetPixel(2, 2);
        Assert.Equal(isDark ? new SKColor(0x14, 0x18, 0x1f) : SKColors.White, paper);

        // The upper half of the page holds 24 digits of near-black ink on white paper, in dark pages too. Each pixel is
        // painted 4 by 4 and crisp, so that three points in four repeat the one above; smoothed ones would not.
        (int ink, int repeats) = (0, 0);
        for (int y = 400; y < 1300; y++)
        {
            for (int x = 20; x < 980; x++)
            {
                if (!IsInk(picture.GetPixel(x, y)) || !IsWhiteNear(picture, x, y)) continue;
                ink++;
                if (picture.GetPixel(x, y) == picture.GetPixel(x, y - 1)) repeats++;
            }
        }

        Assert.InRange(ink, 10_000, 80_000);
        Assert.InRange(repeats / (double)ink, 0.74, 1);

        // Bars: six tenths of the colour over the paper; cells of disagreement are of the second colour too.
        var (first, second) = isDark ? (new SKColor(0x6a, 0xa9, 0xee), new SKColor(0xf0, 0x92, 0x3e)) : (new SKColor(0x1f, 0x5f, 0xa8), new SKColor(0xd9, 0x6c, 0x0d));
        Assert.InRange(Count(picture, Mixed(first, paper)), 3000, 100_000);
        Assert.InRange(Count(picture, Mixed(second, paper)), 3000, 100_000);
    }

    private static bool IsInk(SKColor p) => p.Red < 60 && p.Red == p.Green && p.Green == p.Blue;

    // A digit's ink lies on paper, at most forty points away.
    private static bool IsWhiteNear(SKBitmap picture, int x, int y) =>
        Enumerable.Range(1, 40).Any(d => picture.GetPixel(Math.Max(0, x - d), y) == SKColors.White || picture.GetPixel(Math.Min(picture.Width - 1, x + d), y) == SKColors.White);

    private static SKColor Mixed(SKColor bar, SKColor paper) =>
        new((byte)Math.Round((0.6 * bar.Red) + (0.4 * paper.Red)), (byte)Math.Round((0.6 * bar.Green) + (0.4 * paper.Green)), (byte)Math.Round((0.6 * bar.Blue) + (0.4 * paper.Blue)));

    private static int Count(SKBitmap picture, SKColor colour) =>
        picture.Pixels.Count(p => Math.Abs(p.Red - colour.Red) <= 2 && Math.Abs(p.Green - colour.Green) <= 2 && Math.Abs(p.Blue - colour.Blue) <= 2);

    // What a browser shows of a task's report, without a word on its console.
    private static SKBitmap Picture(string task, int width, int height, bool isDark = false)
    {
        string? browser = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);
        Assert.SkipWhen(browser is null, "Chromium is not installed.");
        using var folder = new Folder();
        Tool.Run("run", task, "--out", folder["out"]);
        var start = new ProcessStartInfo(browser!, [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--enable-logging=stderr", $"--blink-settings=preferredColorScheme={(isDark ? 0 : 1)}",
            $"--user-data-dir={folder["profile"]}", $"--screenshot={folder["page.png"]}", "--hide-scrollbars", FormattableString.Invariant($"--window-size={width},{height}"), new Uri(folder["out", "report.html"]).AbsoluteUri])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var answer = Tool.Finish(Process.Start(start)!);
        Assert.SkipUnless(File.Exists(folder["page.png"]), $"Chromium made no picture: {answer.Error}");
        Assert.DoesNotContain("CONSOLE", answer.Error);
        var picture = SKBitmap.Decode(folder["page.png"]);
        Assert.Equal((width, height), (picture.Width, picture.Height));
        return picture;
    }

    private static string Report(params string[] args)
    {
        using var folder = new Folder();
        Tool.Run(["run", .. args, "--out", folder["out"]]);
        return folder.Read("out", "report.html");
    }
}
