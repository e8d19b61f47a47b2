namespace Bilevel;

/// <summary>
/// Solves g_yy m = -f_y by conjugate gradients on differences of gradients, and keeps what is known of the errors.
/// </summary>
internal sealed class MultiplierBound<V>
    where V : class, IVector<V>
{
    // Steps of the Lanczos process that looks for a curvature below the declared one.
    private const int ProbeSteps = 64;

    private readonly V fy, multiplier;
    private readonly double coupling;
    private readonly DifferenceError ofY, ofX;
    private readonly GradientDifference<V> differences;

    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower level solved again.</param>
    /// <param name="fx">f_x there.</param>
    /// <param name="fy">f_y there.</param>
    /// <param name="constants">Those of g, declared.</param>
    /// <param name="rounding">Rounding errors of the gradients of g there.</param>
    public MultiplierBound(IObjective<V> lower, V x, V y, V fx, V fy, ProblemConstants constants, GradientRounding rounding)
    {
        double third = constants.LowerHessianLipschitz!.Value, noise = 1e-3 * Math.Max(rounding.X, rounding.Y), precision = Precision.Of(y), size = y.Norm();
        (this.fy, coupling) = (fy, constants.LowerCoupling!.Value);
        ofY = new DifferenceError(third, constants.LowerThirdDerivativeLipschitz, constants.LowerSmoothness!.Value, rounding.Y, noise, precision, size);
        ofX = new DifferenceError(constants.LowerMixedHessianLipschitz ?? third, constants.LowerMixedThirdDerivativeLipschitz, coupling, rounding.X, noise, precision, size);
        multiplier = y.ZerosLike();
        differences = new GradientDifference<V>(lower, x, y);
        Hypergradient = fx.Copy();
    }

    /// <summary>|m|.</summary>
    public double Norm => multiplier.Norm();

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
            var image = differences.HessianTimes(direction, ofY.Length(direction.Norm()));
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
        double norm = Norm;
        Residual = fy.Norm();
        if (!(norm > 0)) return;
        double h = ofY.Length(norm), hx = ofX.Length(norm);
        var left = differences.HessianTimes(multiplier, h);
        left.AddScaled(1, fy);
        Residual = left.Norm();
        ResidualError = ofY.At(h, norm);
        var mixed = differences.MixedTimes(multiplier, hx);
        MixedError = ofX.At(hx, norm);
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
        double h = ofY.Length(1), error = ofY.At(h, 1);
        var (smallest, largest) = differences.Curvatures(v, ProbeSteps, h, error);

        // The errors of the products act on the eigenvalues as a matrix whose columns are at most that long.
        return (smallest, largest, error * Math.Sqrt(Math.Min(ProbeSteps, v.Length)));
    }
}
