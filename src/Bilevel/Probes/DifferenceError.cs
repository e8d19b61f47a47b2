namespace Bilevel;

/// <summary>
/// What the central difference (q(y + h v) - q(y - h v)) / 2h of a gradient q errs as a derivative of q along v, where v is
/// the difference of the two points as they are stored over 2h: truncation, which shrinks with h, and rounding / h.
/// </summary>
/// <param name="Lipschitz">Lipschitz constant of the derivative of q: truncation is at most Lipschitz h |v|^2 / 2; infinite for unknown.</param>
/// <param name="SecondLipschitz">That of its second derivative, or null: truncation is at most SecondLipschitz h^2 |v|^3 / 6.</param>
/// <param name="Rounding">Rounding error of q at a point.</param>
internal readonly record struct DifferenceError(double Lipschitz, double? SecondLipschitz, double Rounding)
{
    /// <summary>The length h for a direction of a norm at which the bound is least; h |v| is at most <paramref name="widest"/>.</summary>
    public double Length(double norm, double widest)
    {
        widest /= norm;
        if (!(Rounding > 0)) return widest;
        double first = Lipschitz > 0 ? Math.Min(widest, Math.Sqrt(2 * Rounding / Lipschitz) / norm) : widest;
        if (SecondLipschitz is not { } second) return first;
        double longer = second > 0 ? Math.Min(widest, Math.Cbrt(3 * Rounding / second) / norm) : widest;
        return !(first > 0) || At(longer, norm) < At(first, norm) ? longer : first;
    }

    /// <summary>Bound on the error at a length h, for a direction of a norm.</summary>
    public double At(double h, double norm)
    {
        double truncation = Lipschitz * h * norm * norm / 2;
        if (SecondLipschitz is { } second) truncation = Math.Min(truncation, second * h * h * norm * norm * norm / 6);
        return truncation + (Rounding / h);
    }
}
