using System.Globalization;
using System.Text.RegularExpressions;
using Bilevel.Cli.TestHost;
using Bilevel.Tasks;
using SkiaSharp;

namespace Bilevel.Cli.Tests;

public class SectionTests
{
    private const string Nasty = "<script>alert(1)</script> \"double\" 'single' & \u0001\u001b\u007f\u0085 \u200f\u202e\u2066 \ud800 ünï日本";

    [Fact]
    public void AnImageIsTheSamePixelsInPng()
    {
        byte[] pixels = [.. Enumerable.Range(0, 28 * 19).Select(i => (byte)(RandomBits.At(4, (ulong)i) % 256))];
        string page = SectionMarkup.Of(new ImageGrid("t", "", [new GreyImage(28, 19, pixels, "given 3\nlikely 8")]));
        Assert.Contains("<figcaption>given 3\nlikely 8</figcaption>", page);
        Assert.Contains("<img width=\"76\" height=\"112\" alt=\"given 3\nlikely 8\"", page);
        byte[] png = Convert.FromBase64String(Regex.Match(page, "src=\"data:image/png;base64,([^\"]+)\"").Groups[1].Value);
        using var decoded = SKBitmap.Decode(png);
        Assert.Equal((19, 28), (decoded.Width, decoded.Height));
        Assert.Equal(pixels, decoded.Pixels.Select(p => (byte)(255 - p.Red)));
        Assert.All(decoded.Pixels, p => Assert.Equal((p.Red, p.Red, 255), (p.Green, p.Blue, p.Alpha)));
    }

    [Fact]
    public void APngIsTheBytesOfTheStandard()
    {
        // One white pixel; the checks of IHDR and of the empty IEND are those that every such file has.
        byte[] png = Png.Of(new GreyImage(1, 1, new byte[1], ""));
        Assert.StartsWith("89504E470D0A1A0A0000000D49484452000000010000000108000000003A7E9B55", Convert.ToHexString(png));
        Assert.EndsWith("0000000049454E44AE426082", Convert.ToHexString(png));
    }

    [Theory]
    [InlineData(1, 1, 112)]
    [InlineData(28, 4, 4)]
    [InlineData(100, 1, 1)]
    [InlineData(300, 1, 1)]
    public void ImagesGrowByWholeFactors(int size, int width, int factor) =>
        Assert.Contains(Invariant($"<img width=\"{width * factor}\" height=\"{size * factor}\""), SectionMarkup.Of(new ImageGrid("t", "", [new GreyImage(size, width, new byte[size * width], "")])));

    [Fact]
    public void AHistogramOfOneGroupShowsCounts()
    {
        var section = new Histogram("t", "About it.", "weight", [new("all", [0, 0.1, 0.24, 0.25, 1, double.NaN, 2, double.PositiveInfinity])]) { Bins = 4, Range = (0, 1) };
        string drawing = SectionMarkup.Of(section);
        Assert.Contains("<p>About it.</p>", drawing);
        Assert.Equal(["0 to 0.25: 3", "0.25 to 0.5: 1", "0.75 to 1: 1"], Titles(drawing));
        Assert.Contains("Not drawn: 2 values, not finite.", drawing);
        Assert.Contains("Not drawn: 1 value, outside of 0 to 1.", drawing);
        Assert.DoesNotContain("legend", drawing);

        // The tallest bar fills the plot of 182 by 392; the others have a third of it.
        Assert.Equal([182, 60.67, 60.67], Attributes(drawing, "height"));
        Assert.Equal([98, 98, 98], Attributes(drawing, "width"));
        Assert.Equal([50, 148, 344], Attributes(drawing, "x"));
    }

    [Fact]
    public void GroupsAreSharesOfThemselves()
    {
        double[] many = [.. Enumerable.Range(0, 1000).Select(i => i < 500 ? 0.75 : 0.25)];
        string drawing = SectionMarkup.Of(new Histogram("t", "", "weight", [new("correct", many), new("wrong", [0.25, 0.25])]) { Bins = 2, Range = (0, 1) });
        Assert.Equal(["correct, 0 to 0.5: 500", "correct, 0.5 to 1: 500", "wrong, 0 to 0.5: 2"], Titles(drawing));
        Assert.Equal([91, 91, 182], Attributes(drawing, "height"));
        Assert.Contains("<i class=\"key group0\"></i>correct (1,000)</span>", drawing);
        Assert.Contains("<i class=\"key group1\"></i>wrong (2)</span>", drawing);
        Assert.Equal(2, Regex.Count(drawing, "<rect class=\"group0\""));
        Assert.Contains("weight; height: % of the group</text>", drawing);
    }

    [Theory]
    [InlineData(7.0)]
    [InlineData(7.0, 7.0, 7.0)]
    [InlineData(-1e300, 1e300)]
    [InlineData(1e-300, 2e-300)]
    [InlineData(1e16)]
    [InlineData(7.0, 7.000000000000001)]
    [InlineData(0.0, 0.0)]
    public void AHistogramHoldsEveryValueOnce(params double[] values)
    {
        string drawing = SectionMarkup.Of(new Histogram("t", "", "weight", [new("all", values)]));
        Assert.Equal(values.Length, Titles(drawing).Sum(t => int.Parse(t.Split(": ")[1], CultureInfo.InvariantCulture)));
        Assert.DoesNotContain("NaN", drawing);
    }

    [Fact]
    public void ACrossTableMarksItsDiagonal()
    {
        string table = SectionMarkup.Of(new CrossTable("t", "", "given", "likely", ["cat", "dog", "cow"], [[100L, 4, 0], [1, 25, 0], [0, 0, 1234]]));
        Assert.Contains("Framed cells agree: 1,359 of 1,364; 5 disagree.", table);

        // Shades are 0.6 times the root of the share of the largest of their kind.
        Assert.Contains("<td class=\"agree\" style=\"--shade:0.17\" title=\"given cat, likely cat: 100\">100</td>", table);
        Assert.Contains("<td class=\"apart\" style=\"--shade:0.60\" title=\"given cat, likely dog: 4\">4</td>", table);
        Assert.Contains("<td class=\"apart\" style=\"--shade:0.30\" title=\"given dog, likely cat: 1\">1</td>", table);
        Assert.Contains("<td class=\"agree\" style=\"--shade:0.60\" title=\"given cow, likely cow: 1,234\">1,234</td>", table);
        Assert.Equal(4, Regex.Count(table, "class=\"none\""));
        Assert.Equal(["104", "26", "1,234"], Regex.Matches(table, "class=\"sum\">([^<]*)<").Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void ACrossTableOfManyClassesShowsTheWorst()
    {
        const int K = 105;
        long[][] counts = [.. Enumerable.Range(0, K).Select(i => Enumerable.Range(0, K).Select(j => i == j ? 50L : RandomBits.At(9, (ulong)((i * K) + j)) % 40 == 0 ? 1L : 0).ToArray())];
        for (int k = 0; k < 16; k++) counts[6 * k][(6 * k) + 1] = 30 + k;
        string table = SectionMarkup.Of(new CrossTable("t", "", "given", "likely", [.. Enumerable.Range(0, K).Select(k => Invariant($"class {k}"))], counts));
        long all = counts.Sum(r => r.Sum());
        Assert.Contains(Invariant($"Framed cells agree: 5,250 of {all:N0}; {all - 5250:N0} disagree."), table);
        Assert.Contains("The 16 of 105 classes with the most disagreement", table);
        Assert.Equal(16 * 16, Regex.Count(table, "<td class=\"(agree|apart|none)\""));

        // Rows and columns still add up to all: the last sum of every row adds up to the last of all.
        long[][] sums = [.. Regex.Matches(table, "<tr><th scope=\"row\">.*?</tr>").Select(r => Regex.Matches(r.Value, "<td[^>]*>([^<]*)</td>").Select(c => long.Parse(c.Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)).ToArray())];
        Assert.Equal(17, sums.Length);
        Assert.All(sums, r => Assert.Equal(r[^1], r[..^1].Sum()));
        Assert.Equal(all, sums.Sum(r => r[^1]));

        // The pairs are those of all classes.
        Assert.Contains("<td>class 90</td><td>class 91</td><td class=\"amount\">45</td>", table);
        Assert.Contains("<td>class 24</td><td>class 25</td><td class=\"amount\">34</td>", table);
        Assert.Equal(SectionMarkup.MostPairs, Regex.Count(table, "<td class=\"amount\">"));
        Assert.True(table.Length < 60_000, "The table is as large as if it were whole.");
    }

    [Fact]
    public void RecordsKeepTheirOrderAndNumbersStandRight()
    {
        string table = SectionMarkup.Of(new RecordTable("t", "", ["row", "label", "weight"], [["12", "cat", "0.5%"], ["3", "7", ""]]));
        Assert.Contains("<th class=\"amount\">row</th><th>label</th><th class=\"amount\">weight</th>", table);
        Assert.Contains("<tr><td class=\"amount\">12</td><td>cat</td><td class=\"amount\">0.5%</td></tr>\n<tr><td class=\"amount\">3</td><td>7</td>", table);
    }

    [Fact]
    public void WhatIsLeftOutIsSaid()
    {
        Assert.Contains("The first 200 of 1,201 rows.", SectionMarkup.Of(new RecordTable("t", "", ["c"], [.. Enumerable.Range(0, 1201).Select(_ => new[] { "x" })])));
        string grid = SectionMarkup.Of(new ImageGrid("t", "", [.. Enumerable.Range(0, 201).Select(_ => new GreyImage(1, 1, new byte[1], "c"))]));
        Assert.Contains("The first 200 of 201 images.", grid);
        Assert.Equal(200, Regex.Count(grid, "<img "));
    }

    [Fact]
    public void EmptySectionsSaySo()
    {
        Assert.Contains("There are none.", SectionMarkup.Of(new ImageGrid("t", "", [])));
        Assert.Contains("There are none.", SectionMarkup.Of(new RecordTable("t", "", ["c"], [])));
        Assert.Contains("There are no values.", SectionMarkup.Of(new Histogram("t", "", "a", [new("g", [double.NaN])])));
        Assert.Contains("There are no classes.", SectionMarkup.Of(new CrossTable("t", "", "r", "c", [], [])));
    }

    [Fact]
    public void EveryTextOfASectionIsEscaped()
    {
        foreach (var section in Gallery.Filled(Nasty))
        {
            string markup = SectionMarkup.Of(section);
            Assert.Contains("&lt;script&gt;", markup);
            Assert.DoesNotMatch("(?i)<script", markup);
            Assert.DoesNotContain("\"double\"", markup);
            Assert.DoesNotContain("'single'", markup);
            Assert.DoesNotMatch("&(?!lt;|gt;|amp;|quot;|#\\d+;)", markup);
            Assert.DoesNotMatch("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]", markup);
        }
    }

    [Fact]
    public void WhatActsUnseenIsShown()
    {
        Assert.Equal("a\uFFFDb\uFFFDc\uFFFD\td\n", Html.Text("a\u0000b\u202ec\u200f\td\n"));
        Assert.Equal("&lt;&amp;&quot;&#39;&gt;日本", Html.Text("<&\"'>日本"));
        Assert.Equal("a…d", Html.Shortened("abcd", 3));
        Assert.Equal("abc", Html.Shortened("abc", 3));
        Assert.Equal("a rather lo…f class 104", Html.Shortened("a rather long name of class 104", 23));
        Assert.Equal("👩‍👩‍👧…", Html.Shortened("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2));
    }

    [Fact]
    public void ReferencesAreLinesWithLettersAndALegend()
    {
        using var folder = new Folder();
        Tool.Run("run", "gallery", "--out", folder["out"]);
        string page = folder.Read("out", "report.html");
        Assert.Equal(9, Regex.Count(page, "<path class=\"reference\""));
        Assert.Contains("<title>all labels alike: 1.4</title>", page);
        Assert.Contains("<span><b>a</b> all labels alike (1.4)</span> <span><b>b</b> correct labels only (not known to the method) (0.78)</span>", page);
        Assert.DoesNotContain("unknown (", page);

        // Distances of lines are logarithms of ratios: 23.1 of them, where a linear axis had 31.
        double[] lines = [.. Regex.Matches(page, "<path class=\"reference\" d=\"M50 ([0-9.]+)H").Take(3).Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.InRange((lines[0] - lines[2]) / (lines[0] - lines[1]), 21, 25);
        double[] letters = [.. Regex.Matches(page, "<text class=\"letter\" x=\"317\" y=\"([0-9.]+)\"").Take(3).Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.All(letters.Zip(letters.Skip(1)), p => Assert.True(p.First - p.Second > 9.9, "Two letters touch."));
    }

    [Fact]
    public void SectionsStandBelowTheResultInTheirOrder()
    {
        using var folder = new Folder();
        var answer = Tool.Run("run", "gallery", "--json", "--out", folder["out"]);
        Assert.Equal(["Result", "The most suspicious images", "Weights", "Given and likely labels", "The most suspicious rows", "Certificate"],
            Regex.Matches(folder.Read("out", "report.html"), "<h2>(.*?)</h2>").Select(m => m.Groups[1].Value).Take(6));
        Assert.Equal("converged", answer.Json.GetProperty("status").GetString());
    }

    [Fact]
    public void SectionsOfTheWrongShapeAreRefused()
    {
        Assert.Throws<ArgumentException>(() => new GreyImage(2, 2, new byte[3], ""));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GreyImage(0, 2, default, ""));
        Assert.Throws<ArgumentException>(() => new CrossTable("", "", "", "", ["a", "b"], [[1L, 2], [3]]));
        Assert.Throws<ArgumentException>(() => new CrossTable("", "", "", "", ["a"], [[-1L]]));
        Assert.Contains("Row 1 has 1 cells for 2 columns.", Assert.Throws<ArgumentException>(() => new RecordTable("", "", ["a", "b"], [["1", "2"], ["1"]])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Histogram("", "", "", []) { Bins = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new Histogram("", "", "", []) { Range = (1, 1) });
    }

    [Fact]
    public void AnImageOfASetIsItsPixels()
    {
        var set = new ImageSet(new byte[] { 1, 2, 3, 4, 5, 6 }, new byte[] { 0, 1 }, 1, 3);
        Assert.Equal([4, 5, 6], GreyImage.Of(set, 1, "").Pixels.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => GreyImage.Of(set, 2, ""));
    }

    private static List<string> Titles(string drawing) => [.. Regex.Matches(drawing, "<title>([^<]*)</title>").Select(m => m.Groups[1].Value)];

    private static List<double> Attributes(string drawing, string name) =>
        [.. Regex.Matches(drawing, $"<rect [^>]*?\\b{name}=\"([0-9.]+)\"").Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
