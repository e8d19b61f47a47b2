using System.Globalization;

namespace Bilevel.Cli;

/// <summary>One axis of a curve: its range, its marks, where a value lies on it.</summary>
internal sealed class Axis
{
    private const int MostMarks = 5;

    // Room beyond the extreme values, as a share of the range.
    private const double Margin = 0.06;

    private readonly double from, to;

    private Axis(double from, double to, bool isLogarithmic, IReadOnlyList<(double Value, string Label)> marks) =>
        (this.from, this.to, IsLogarithmic, Marks) = (from, to, isLogarithmic, marks);

    public bool IsLogarithmic { get; }

    /// <summary>The marked values; a label such as "1e-7" of a logarithmic axis stands for a power of ten.</summary>
    public IReadOnlyList<(double Value, string Label)> Marks { get; }

    /// <summary>An axis for these values, logarithmic where they are positive and span more than this factor.</summary>
    /// <param name="values">The values to hold.</param>
    /// <param name="logarithmicBeyond">The factor.</param>
    /// <param name="tight">Whether the axis ends at the extreme values (a linear one begins at zero) instead of leaving room.</param>
    public static Axis Of(IEnumerable<double> values, double logarithmicBeyond, bool tight)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (double value in values)
        {
            if (!double.IsFinite(value)) continue;
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }

        if (low > high) (low, high) = (0, 1);
        return low > 0 && high / low > logarithmicBeyond ? Logarithmic(low, high, tight) : Linear(low, high, tight);
    }

    /// <summary>A linear axis that ends at two values, the lower first.</summary>
    public static Axis Between(double low, double high)
    {
        double step = RoundStep((high - low) / MostMarks);
        var marks = new List<(double, string)>();
        for (double k = Math.Ceiling(low / step); k * step <= high * (1 + 1e-12) && marks.Count <= MostMarks + 1; k++) marks.Add((k * step, Label(k * step, step)));
        return new Axis(low, high, false, marks);
    }

    /// <summary>Where a value lies, from 0 to 1; NaN where the axis has no place for it.</summary>
    public double Place(double value) => IsLogarithmic
        ? value > 0 ? (Math.Log10(value) - from) / (to - from) : double.NaN
        : (value - from) / (to - from);

    private static Axis Linear(double low, double high, bool tight)
    {
        if (tight && low > 0) low = 0;
        if (high - low <= 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high)))
        {
            double around = high == 0 ? 1 : Math.Abs(high) * 0.1;
            (low, high) = (low - around, high + around);
        }
        else if (!tight)
        {
            double margin = Margin * (high - low);
            (low, high) = (low - margin, high + margin);
        }

        return Between(low, high);
    }

    private static Axis Logarithmic(double low, double high, bool tight)
    {
        double from = Math.Log10(low), to = Math.Log10(high);
        double margin = tight ? 0 : Margin * (to - from);
        (from, to) = (from - margin, to + margin);
        int stride = Math.Max(1, (int)Math.Ceiling((to - from) / MostMarks));
        var marks = new List<(double, string)>();
        for (int e = (int)Math.Ceiling(from - 1e-9); e <= to + 1e-9; e++)
        {
            if (e % stride == 0) marks.Add((Math.Pow(10, e), PowerLabel(e)));
        }

        // Less than two decades: marks at 1, 2 and 5.
        if (marks.Count < 3 && stride == 1)
        {
            marks.Clear();
            for (int e = (int)Math.Floor(from); e <= to; e++)
            {
                foreach (int digit in new[] { 1, 2, 5 })
                {
                    double value = digit * Math.Pow(10, e);
                    if (Math.Log10(value) >= from && Math.Log10(value) <= to) marks.Add((value, Label(value, value)));
                }
            }
        }

        return new Axis(from, to, true, marks);
    }

    // The smallest of 1, 2, 5 times a power of ten that is not below.
    private static double RoundStep(double least)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        double digit = least / power;
        return power * (digit <= 1.000001 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    }

    private static string PowerLabel(int exponent) => exponent is >= -3 and <= 3
        ? Math.Pow(10, exponent).ToString("0.###", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"1e{exponent}");

    private static string Label(double value, double step)
    {
        double size = Math.Max(Math.Abs(value), step);
        if (value == 0 && step >= 1) return "0";
        if (size >= 1e6) return Scaled(value / 1e6, step / 1e6) + "M";
        if (size >= 1e4) return Scaled(value / 1e3, step / 1e3) + "k";
        if (step < 1e-5) return value == 0 ? "0" : value.ToString("0.###e0", CultureInfo.InvariantCulture);
        return Scaled(value, step);
    }

    private static string Scaled(double value, double step)
    {
        int decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step) - 1e-9), 0, 9);
        double rounded = Math.Round(value, decimals);
        return (rounded == 0 ? 0 : rounded).ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }
}
