using System.Globalization;
using System.Text;
using Bilevel.Tasks;
using static Bilevel.Cli.Html;

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

    // Baselines lie where a run ends, which a linear axis that holds its start too would squeeze.
    private const double ComparedLimit = 4;

    // Least distance between the letters of reference lines.
    private const double LetterHeight = 10;

    /// <summary>What is drawn, one row of three drawings each.</summary>
    public static IReadOnlyList<Quantity> Quantities { get; } =
    [
        new("Upper value", "the leader's objective f where the method's own follower stands; the square at the right is F at the answer, with the follower solved again, whichever point of the run that is", row => row.UpperValue, 1000, ReportCurve.UpperValue),
        new("Residual", "the method's own measure of being done; the dashed line is where it stops", row => row.Residual, 20, ReportCurve.Residual),
        new("Penalty parameter", "lambda, or rho of a minimax problem: it ties the follower to its best answer", row => row.Penalty, 20, ReportCurve.Penalty),
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
    /// <param name="references">Finite values to compare with, shown as lines with the letters of <see cref="Letter"/>.</param>
    /// <param name="mark">A value of the answer itself, shown as a square at the right; NaN for none.</param>
    public static IEnumerable<string> Drawings(IReadOnlyList<TraceRow> trace, Quantity quantity, double goal, IReadOnlyList<ReferenceValue> references, double mark = double.NaN)
    {
        foreach (var (name, of, beyond) in Progress)
        {
            // A logarithmic axis begins at the first step.
            var rows = trace.Where(r => double.IsFinite(quantity.Of(r)) && double.IsFinite(of(r))).ToList();
            var later = rows.Where(r => of(r) > 0).ToList();
            bool spans = later.Count > 1 && of(later[^1]) / of(later[0]) > beyond;
            yield return Draw(spans ? later : rows, of, name, spans ? beyond : NeverLimit, quantity, goal, references, mark);
        }
    }

    /// <summary>The letter of a reference line, by which a legend names it.</summary>
    public static string Letter(int reference) => reference < 26 ? ((char)('a' + reference)).ToString() : Numbers.Plain(reference + 1);

    private static string Draw(List<TraceRow> rows, Func<TraceRow, double> along, string name, double beyond, Quantity quantity, double goal, IReadOnlyList<ReferenceValue> references, double mark)
    {
        var svg = new StringBuilder();
        svg.Append(Invariant($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Text(InWords(rows, name, quantity))}\">\n"));
        var across = Axis.Of(rows.Select(along), beyond, tight: true);
        var up = Axis.Of(rows.Select(quantity.Of).Append(goal).Append(mark).Concat(references.Select(r => r.Value)), references.Count > 0 ? Math.Min(ComparedLimit, quantity.LogarithmicBeyond) : quantity.LogarithmicBeyond, tight: false);
        double X(double value) => Left + (across.Place(value) * (Width - Left - Right));
        double Y(double value) => Height - Bottom - (up.Place(value) * (Height - Bottom - Top));

        svg.Append(SvgAxes.Marks(across, up, X, Y, Left, Width - Right, Height - Bottom));
        svg.Append(Invariant($"<path class=\"axis\" d=\"M{Left} {Height - Bottom}H{Width - Right}\"/>\n"));
        svg.Append(Invariant($"<text class=\"name\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 5}\" text-anchor=\"middle\">{name}</text>\n"));
        if (double.IsFinite(Y(goal))) svg.Append(Invariant($"<path class=\"goal\" d=\"M{Left} {Y(goal):F1}H{Width - Right}\"/>\n"));
        AddReferences(svg, references, Y);
        if (rows.Count > 0)
        {
            var points = rows.Select(r => Invariant($"{X(along(r)):F1},{Y(quantity.Of(r)):F1}"));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"curve\" points=\"{string.Join(' ', points)}\"/>");
            svg.Append(Invariant($"<circle class=\"end\" cx=\"{X(along(rows[^1])):F1}\" cy=\"{Y(quantity.Of(rows[^1])):F1}\" r=\"3\"/>\n"));
            if (double.IsFinite(Y(mark))) svg.Append(Invariant($"<rect class=\"end\" x=\"{X(along(rows[^1])) - 3:F1}\" y=\"{Y(mark) - 3:F1}\" width=\"6\" height=\"6\"><title>F: {Text(Numbers.Short(mark))}</title></rect>\n"));
        }

        return svg.Append("</svg>").ToString();
    }

    // The letters stand beside the plot, where no curve runs, and make way for each other upwards.
    private static void AddReferences(StringBuilder svg, IReadOnlyList<ReferenceValue> references, Func<double, double> y)
    {
        double free = Height;
        foreach (int i in Enumerable.Range(0, references.Count).OrderBy(i => references[i].Value))
        {
            double line = y(references[i].Value), letter = Math.Min(line + 3.5, free - LetterHeight);
            if (!double.IsFinite(line)) continue;
            free = letter;
            svg.Append(Invariant($"<path class=\"reference\" d=\"M{Left} {line:F1}H{Width - Right}\"><title>{Text(references[i].Name)}: {Text(Numbers.Short(references[i].Value))}</title></path>"));
            svg.Append(Invariant($"<text class=\"letter\" x=\"{Width - Right + 5}\" y=\"{letter:F1}\">{Letter(i)}</text>\n"));
        }
    }

    private static string InWords(List<TraceRow> rows, string name, Quantity quantity)
    {
        if (rows.Count == 0) return $"{quantity.Name} against {name}: nothing was recorded.";
        double first = quantity.Of(rows[0]), last = quantity.Of(rows[^1]);
        string how = first == last ? $"stays at {Numbers.Rough(last)}" : $"goes from {Numbers.Rough(first)} to {Numbers.Rough(last)}";
        return $"{quantity.Name} against {name}: {how}.";
    }

    /// <summary>A recorded quantity.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Meaning">What it is.</param>
    /// <param name="Of">Its value in a row.</param>
    /// <param name="LogarithmicBeyond">Its axis is logarithmic where the values span more than this factor.</param>
    /// <param name="Curve">How tasks name it.</param>
    internal sealed record Quantity(string Name, string Meaning, Func<TraceRow, double> Of, double LogarithmicBeyond, ReportCurve Curve)
    {
        /// <summary>Whether the run stops when it falls to a goal.</summary>
        public bool HasGoal => Curve == ReportCurve.Residual;
    }
}
