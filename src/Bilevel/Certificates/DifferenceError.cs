namespace Bilevel;

/// <summary>
/// What the central difference (q(y + h v) - q(y - h v)) / 2h of a gradient q errs as a derivative of q along v, and the
/// length h at which that is least: truncation, which shrinks with h, against rounding / h.
/// </summary>
/// <param name="Lipschitz">Lipschitz constant of the derivative of q: truncation is at most Lipschitz h |v|^2 / 2.</param>
/// <param name="SecondLipschitz">That of its second derivative, or null: truncation is at most SecondLipschitz h^2 |v|^3 / 6.</param>
/// <param name="Slope">Lipschitz constant of q.</param>
/// <param name="Rounding">Rounding error of q at a point.</param>
/// <param name="Noise">Least rounding to choose h by.</param>
/// <param name="Precision">Spacing of numbers at 1.</param>
/// <param name="Size">|y|.</param>
internal readonly record struct DifferenceError(double Lipschitz, double? SecondLipschitz, double Slope, double Rounding, double Noise, double Precision, double Size)
{
    // Of a component of y + h v: one unit for the sum, and as much again for h v.
    private const double UnitsOfPoint = 2;

    /// <summary>The length h for a direction v of a norm.</summary>
    public double Length(double norm)
    {
        double widest = Math.Max(1, Size) / norm, noise = Math.Max(Rounding, Noise);
        if (!(noise > 0)) return widest;
        double first = Lipschitz > 0 ? Math.Min(widest, Math.Sqrt(2 * noise / Lipschitz) / norm) : widest;
        if (SecondLipschitz is not { } second) return first;
        double longer = second > 0 ? Math.Min(widest, Math.Cbrt(3 * noise / second) / norm) : widest;
        return At(longer, norm) < At(first, norm) ? longer : first;
    }

    /// <summary>Bound on the error at a length h, for a direction of a norm.</summary>
    public double At(double h, double norm)
    {
        double truncation = Lipschitz * h * norm * norm / 2;
        if (SecondLipschitz is { } second) truncation = Math.Min(truncation, second * h * h * norm * norm * norm / 6);
        return truncation + (((UnitsOfPoint * Precision * Slope * (Size + (h * norm))) + Rounding) / h);
    }
}
