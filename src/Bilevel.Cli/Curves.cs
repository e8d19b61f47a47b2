using System.Globalization;
using System.Net;
using System.Text;

namespace Bilevel.Cli;

/// <summary>
/// The curves of a run as drawings in SVG. They are written by hand, because a plotting library measures its texts
/// with the fonts of the machine that plots: without fonts, as in a container, it leaves all numbers out.
/// </summary>
internal static class Curves
{
    private const double Width = 330, Height = 210, Left = 50, Right = 18, Top = 10, Bottom = 38;

    // Beyond these factors an axis is logarithmic.
    private const double AlongLimit = 100, NeverLimit = double.PositiveInfinity;

    /// <summary>What is drawn, one row of three drawings each.</summary>
    public static IReadOnlyList<Quantity> Quantities { get; } =
    [
        new("Upper value", "the leader's objective f at the method's answer so far", row => row.UpperValue, 1000, HasGoal: false),
        new("Residual", "the method's own measure of being done; the dashed line is where it stops", row => row.Residual, 20, HasGoal: true),
        new("Penalty parameter", "lambda, or rho of a minimax problem: it ties the follower to its best answer", row => row.Penalty, 20, HasGoal: false),
    ];

    private static readonly (string Name, Func<TraceRow, double> Of, double LogarithmicBeyond)[] Progress =
    [
        ("iterations", row => row.Iteration, AlongLimit),
        ("oracle calls", row => row.OracleCalls, AlongLimit),
        ("seconds", row => row.Seconds, NeverLimit),
    ];

    /// <summary>The drawings of one quantity: against iterations, oracle calls and seconds.</summary>
    /// <param name="trace">The rows.</param>
    /// <param name="quantity">The quantity.</param>
    /// <param name="goal">The value to reach, shown as a line; NaN for none.</param>
    public static IEnumerable<string> Drawings(IReadOnlyList<TraceRow> trace, Quantity quantity, double goal)
    {
        foreach (var (name, of, beyond) in Progress)
        {
            // A logarithmic axis begins at the first step.
            var rows = trace.Where(r => double.IsFinite(quantity.Of(r)) && double.IsFinite(of(r))).ToList();
            var later = rows.Where(r => of(r) > 0).ToList();
            bool spans = later.Count > 1 && of(later[^1]) / of(later[0]) > beyond;
            yield return Draw(spans ? later : rows, of, name, spans ? beyond : NeverLimit, quantity, goal);
        }
    }

    private static string Draw(List<TraceRow> rows, Func<TraceRow, double> along, string name, double beyond, Quantity quantity, double goal)
    {
        var svg = new StringBuilder();
        svg.Append(Invariant($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(InWords(rows, name, quantity))}\">\n"));
        var across = Axis.Of(rows.Select(along), beyond, tight: true);
        var up = Axis.Of(rows.Select(quantity.Of).Append(goal), quantity.LogarithmicBeyond, tight: false);
        double X(double value) => Left + (across.Place(value) * (Width - Left - Right));
        double Y(double value) => Height - Bottom - (up.Place(value) * (Height - Bottom - Top));

        foreach (var (value, label) in up.Marks)
        {
            svg.Append(Invariant($"<path class=\"grid\" d=\"M{Left} {Y(value):F1}H{Width - Right}\"/>"));
            svg.Append(Invariant($"<text x=\"{Left - 6}\" y=\"{Y(value) + 3.5:F1}\" text-anchor=\"end\">{Mark(label)}</text>\n"));
        }

        foreach (var (value, label) in across.Marks)
        {
            svg.Append(Invariant($"<path class=\"tick\" d=\"M{X(value):F1} {Height - Bottom}v4\"/>"));
            svg.Append(Invariant($"<text x=\"{X(value):F1}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">{Mark(label)}</text>\n"));
        }

        svg.Append(Invariant($"<path class=\"axis\" d=\"M{Left} {Height - Bottom}H{Width - Right}\"/>\n"));
        svg.Append(Invariant($"<text class=\"name\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 5}\" text-anchor=\"middle\">{name}</text>\n"));
        if (double.IsFinite(Y(goal))) svg.Append(Invariant($"<path class=\"goal\" d=\"M{Left} {Y(goal):F1}H{Width - Right}\"/>\n"));
        if (rows.Count > 0)
        {
            var points = rows.Select(r => Invariant($"{X(along(r)):F1},{Y(quantity.Of(r)):F1}"));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"curve\" points=\"{string.Join(' ', points)}\"/>");
            svg.Append(Invariant($"<circle class=\"end\" cx=\"{X(along(rows[^1])):F1}\" cy=\"{Y(quantity.Of(rows[^1])):F1}\" r=\"3\"/>\n"));
        }

        return svg.Append("</svg>").ToString();
    }

    private static string InWords(List<TraceRow> rows, string name, Quantity quantity)
    {
        if (rows.Count == 0) return $"{quantity.Name} against {name}: nothing was recorded.";
        double first = quantity.Of(rows[0]), last = quantity.Of(rows[^1]);
        string how = first == last ? $"stays at {Numbers.Rough(last)}" : $"goes from {Numbers.Rough(first)} to {Numbers.Rough(last)}";
        return $"{quantity.Name} against {name}: {how}.";
    }

    // A power of ten is set as one.
    private static string Mark(string label)
    {
        string sign = label.StartsWith("1e", StringComparison.Ordinal) ? label[2..].Replace("-", "−", StringComparison.Ordinal) : "";
        return sign.Length > 0 ? $"10<tspan class=\"power\" dy=\"-4\">{sign}</tspan>" : label.Replace("-", "−", StringComparison.Ordinal);
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    /// <summary>A recorded quantity.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Meaning">What it is.</param>
    /// <param name="Of">Its value in a row.</param>
    /// <param name="LogarithmicBeyond">Its axis is logarithmic where the values span more than this factor.</param>
    /// <param name="HasGoal">Whether the run stops when it falls to a goal.</param>
    internal sealed record Quantity(string Name, string Meaning, Func<TraceRow, double> Of, double LogarithmicBeyond, bool HasGoal);
}
