namespace Bilevel;

/// <summary>
/// Solves g_yy m = -f_y by conjugate gradients on differences of gradients, and keeps what is known of the errors.
/// </summary>
internal sealed class MultiplierBound<V>
    where V : class, IVector<V>
{
    // Steps of the Lanczos process that looks for a curvature below the declared one.
    private const int ProbeSteps = 64;

    private readonly V y, fy, multiplier;
    private readonly double third, mixedThird, smoothness, coupling, units;
    private readonly GradientRounding rounding;
    private readonly GradientDifference<V> differences;

    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower level solved again.</param>
    /// <param name="fx">f_x there.</param>
    /// <param name="fy">f_y there.</param>
    /// <param name="third">Lg2, the Lipschitz constant in y of g_yy.</param>
    /// <param name="mixedThird">That of g_xy.</param>
    /// <param name="smoothness">Lg1.</param>
    /// <param name="coupling">Bound on the norm of g_xy.</param>
    /// <param name="rounding">Rounding errors of the gradients of g there.</param>
    public MultiplierBound(IObjective<V> lower, V x, V y, V fx, V fy, double third, double mixedThird, double smoothness, double coupling, GradientRounding rounding)
    {
        (this.y, this.fy, this.third, this.mixedThird, this.smoothness, this.coupling, this.rounding) = (y, fy, third, mixedThird, smoothness, coupling, rounding);
        units = GradientRounding.Units * Precision.Of(y);
        multiplier = y.ZerosLike();
        differences = new GradientDifference<V>(lower, x, y);
        Hypergradient = fx.Copy();
    }

    /// <summary>f_x + g_xy m.</summary>
    public V Hypergradient { get; }

    /// <summary>|f_y + g_yy m| by differences.</summary>
    public double Residual { get; private set; }

    /// <summary>Bound on what differences err in the residual.</summary>
    public double ResidualError { get; private set; }

    /// <summary>Bound on what differences err in g_xy m.</summary>
    public double MixedError { get; private set; }

    /// <summary>Whether |g_xy m| exceeds the declared coupling times |m|.</summary>
    public bool ContradictsCoupling { get; private set; }

    public void Solve(int limit, double tolerance)
    {
        var residual = fy.Copy();
        residual.Scale(-1);
        var direction = residual.Copy();
        double square = residual.Dot(residual), best = square;
        for (int k = 0, bestAt = 0; k < limit && Math.Sqrt(square) > tolerance && k - bestAt < 50; k++)
        {
            var image = differences.HessianTimes(direction, Length(direction, third, rounding.Y));
            double curvature = direction.Dot(image);
            if (!(curvature > 0)) break;
            double step = square / curvature;
            multiplier.AddScaled(step, direction);
            residual.AddScaled(-step, image);
            double next = residual.Dot(residual);
            direction.Scale(next / square);
            direction.AddScaled(1, residual);
            square = next;
            if (square < best) (best, bestAt) = (square, k);
        }

        // The residual that counts is formed anew, with one difference along m.
        double norm = multiplier.Norm();
        Residual = fy.Norm();
        if (!(norm > 0)) return;
        double h = Length(multiplier, third, rounding.Y), hx = Length(multiplier, mixedThird, rounding.X);
        var left = differences.HessianTimes(multiplier, h);
        left.AddScaled(1, fy);
        Residual = left.Norm();
        ResidualError = Error(h, norm, third, smoothness, rounding.Y);
        var mixed = differences.MixedTimes(multiplier, hx);
        MixedError = Error(hx, norm, mixedThird, coupling, rounding.X);
        ContradictsCoupling = mixed.Norm() > (coupling * norm * (1 + 1e-3)) + MixedError;
        Hypergradient.AddScaled(1, mixed);
    }

    /// <summary>The extreme curvatures v' g_yy v / |v|^2 over a Krylov space of a random direction, and their error from differences.</summary>
    public (double Smallest, double Largest, double Error) Curvatures()
    {
        var v = fy.Copy();
        if (v is IFillable) RandomDirection.Fill(v, key: 5);
        double norm = v.Norm();
        if (!(norm > 0)) return (double.PositiveInfinity, 0, 0);
        v.Scale(1 / norm);
        double h = Length(v, third, rounding.Y), error = Error(h, 1, third, smoothness, rounding.Y);
        var (smallest, largest) = differences.Curvatures(v, ProbeSteps, h, error);

        // The errors of the products act on the eigenvalues as a matrix whose columns are at most that long.
        return (smallest, largest, error * Math.Sqrt(Math.Min(ProbeSteps, v.Length)));
    }

    // h for (gradient(y + h v) - gradient(y - h v)) / 2h: truncation Lg2 h |v|^2 / 2 against rounding / h.
    private double Length(V v, double lipschitz, double atPoint)
    {
        double norm = v.Norm(), widest = Math.Max(1, y.Norm()) / norm;
        double noise = Math.Max(atPoint, 1e-3 * Math.Max(rounding.X, rounding.Y));
        return lipschitz > 0 && noise > 0 ? Math.Min(widest, Math.Sqrt(2 * noise / lipschitz) / norm) : widest;
    }

    private double Error(double h, double norm, double lipschitz, double slope, double atPoint) =>
        (lipschitz * h * norm * norm / 2) + (((units * slope * (y.Norm() + (h * norm))) + atPoint) / h);
}
