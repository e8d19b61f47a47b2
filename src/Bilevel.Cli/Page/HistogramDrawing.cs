using System.Text;
using Bilevel.Tasks;
using static Bilevel.Cli.Html;

namespace Bilevel.Cli;

/// <summary>A histogram as a drawing in SVG. Several groups are drawn over each other, each as shares of itself: a small group is seen beside a large one.</summary>
internal static class HistogramDrawing
{
    private const double Width = 460, Height = 230, Left = 50, Right = 18, Top = 10, Bottom = 38;

    // The sheet has as many colours.
    private const int Colours = 4;

    public static string Of(Histogram histogram)
    {
        var finite = histogram.Groups.Select(g => (g.Name, Values: g.Values.Where(v => double.IsFinite(4 * v)).ToList())).ToList();
        var values = finite.SelectMany(g => g.Values).ToList();
        if (values.Count == 0) return "<p class=\"quiet\">There are no values.</p>\n";
        var (low, high) = histogram.Range ?? (values.Min(), values.Max());
        double around = Math.Max(0.5, 1e-9 * Math.Abs(low));
        if (high - low <= 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high))) (low, high) = (low - around, high + around);
        var groups = finite.Select((g, i) => new Bars(g.Name, i % Colours, Count(g.Values, low, high, histogram.Bins), g.Values.Count)).ToList();
        bool asShares = groups.Count > 1;
        double Size(Bars bars, long count) => asShares ? 100.0 * count / Math.Max(1, bars.Total) : count;

        Axis across = Axis.Between(low, high), up = Axis.Of([0, groups.Max(g => g.Counts.Max(c => Size(g, c)))], double.PositiveInfinity, tight: true);
        double X(double value) => Left + (across.Place(value) * (Width - Left - Right));
        double Y(double size) => Height - Bottom - (up.Place(size) * (Height - Bottom - Top));
        double Edge(int bin) => low + ((high - low) * bin / histogram.Bins);

        var svg = new StringBuilder();
        if (asShares) svg.Append("<p class=\"legend\">").AppendJoin(" ", groups.Select(g => $"<span><i class=\"key group{g.Colour}\"></i>{Text(g.Name)} ({Numbers.Count(g.Total)})</span>")).Append("</p>\n");
        svg.Append(Invariant($"<svg class=\"histogram\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Text(InWords(histogram, groups))}\">\n"));
        svg.Append(SvgAxes.Marks(across, up, X, Y, Left, Width - Right, Height - Bottom));
        svg.Append(Invariant($"<text class=\"name\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 5}\" text-anchor=\"middle\">{Text(Shortened(histogram.AxisTitle + (asShares ? "; height: % of the group" : ""), 70))}</text>\n"));
        foreach (var bars in groups)
        {
            for (int b = 0; b < histogram.Bins; b++)
            {
                if (bars.Counts[b] == 0) continue;
                double top = Y(Size(bars, bars.Counts[b]));
                string meaning = $"{(asShares ? bars.Name + ", " : "")}{Numbers.Rough(Edge(b))} to {Numbers.Rough(Edge(b + 1))}: {Numbers.Count(bars.Counts[b])}";
                svg.Append(Invariant($"<rect class=\"group{bars.Colour}\" x=\"{X(Edge(b)):F2}\" y=\"{top:F2}\" width=\"{X(Edge(b + 1)) - X(Edge(b)):F2}\" height=\"{Height - Bottom - top:F2}\"><title>{Text(meaning)}</title></rect>\n"));
            }
        }

        svg.Append(Invariant($"<path class=\"axis\" d=\"M{Left} {Height - Bottom}H{Width - Right}\"/>\n</svg>\n"));
        int undefined = histogram.Groups.Sum(g => g.Values.Count) - values.Count;
        long outside = values.Count - groups.Sum(g => g.Counts.Sum());
        if (undefined > 0) svg.Append(NotDrawn(undefined, "not finite"));
        if (outside > 0) svg.Append(NotDrawn(outside, $"outside of {Numbers.Short(low)} to {Numbers.Short(high)}"));
        return svg.ToString();
    }

    // Every bin holds its lower edge, the last one its upper edge too.
    private static long[] Count(List<double> values, double low, double high, int bins)
    {
        var counts = new long[bins];
        foreach (double value in values)
        {
            if (value >= low && value <= high) counts[Math.Min(bins - 1, (int)((value - low) / (high - low) * bins))]++;
        }

        return counts;
    }

    private static string NotDrawn(long count, string why) => $"<p class=\"quiet\">Not drawn: {Numbers.Plural(count, "value")}, {why}.</p>\n";

    private static string InWords(Histogram histogram, List<Bars> groups) =>
        $"Histogram of {histogram.AxisTitle}: {string.Join("; ", groups.Select(g => $"{g.Name}, {Numbers.Plural(g.Total, "value")}"))}.";

    private sealed record Bars(string Name, int Colour, long[] Counts, int Total);
}
