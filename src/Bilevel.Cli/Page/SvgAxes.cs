using System.Text;
using static Bilevel.Cli.Html;

namespace Bilevel.Cli;

/// <summary>The marks of a drawing's two axes.</summary>
internal static class SvgAxes
{
    /// <summary>Lines across with their labels at the left, ticks with their labels below.</summary>
    /// <param name="across">The axis below.</param>
    /// <param name="up">The axis at the left.</param>
    /// <param name="x">Where a value of the axis below lies in the drawing.</param>
    /// <param name="y">Where a value of the axis at the left lies.</param>
    /// <param name="left">Left edge of the plot.</param>
    /// <param name="right">Right edge.</param>
    /// <param name="bottom">Lower edge.</param>
    public static string Marks(Axis across, Axis up, Func<double, double> x, Func<double, double> y, double left, double right, double bottom)
    {
        var svg = new StringBuilder();
        foreach (var (value, label) in up.Marks)
        {
            svg.Append(Invariant($"<path class=\"grid\" d=\"M{left} {y(value):F1}H{right}\"/>"));
            svg.Append(Invariant($"<text x=\"{left - 6}\" y=\"{y(value) + 3.5:F1}\" text-anchor=\"end\">{Mark(label)}</text>\n"));
        }

        foreach (var (value, label) in across.Marks)
        {
            svg.Append(Invariant($"<path class=\"tick\" d=\"M{x(value):F1} {bottom}v4\"/>"));
            svg.Append(Invariant($"<text x=\"{x(value):F1}\" y=\"{bottom + 16}\" text-anchor=\"middle\">{Mark(label)}</text>\n"));
        }

        return svg.ToString();
    }

    // A power of ten is set as one.
    private static string Mark(string label)
    {
        string sign = label.StartsWith("1e", StringComparison.Ordinal) ? label[2..].Replace("-", "−", StringComparison.Ordinal) : "";
        return sign.Length > 0 ? $"10<tspan class=\"power\" dy=\"-4\">{sign}</tspan>" : label.Replace("-", "−", StringComparison.Ordinal);
    }
}
