namespace Bilevel;

/// <summary>
/// Solves g_yy m = -f_y by conjugate residuals on differences of gradients, improved on the residual formed anew, and
/// keeps what is known of the errors.
/// </summary>
internal sealed class MultiplierBound<V>
    where V : class, IVector<V>
{
    // Steps of the Lanczos process that looks for a curvature below the declared one.
    private const int ProbeSteps = 64;

    private const int Rounds = 5;

    private readonly IObjective<V> lower;
    private readonly V x, y, fx, fy;
    private readonly ISubspace<V>? face;
    private readonly double reach;
    private readonly DifferenceError ofY;
    private readonly SecondDerivatives<V> derivatives;

    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower level solved again.</param>
    /// <param name="fx">f_x there.</param>
    /// <param name="fy">f_y there.</param>
    /// <param name="constants">Those of g, as far as declared.</param>
    /// <param name="rounding">Rounding errors of the gradients of g there.</param>
    /// <param name="reach">A length in y over which g may be expected to change.</param>
    /// <param name="face">The directions of y; null for all.</param>
    public MultiplierBound(IObjective<V> lower, V x, V y, V fx, V fy, ProblemConstants constants, GradientRounding rounding, double reach, ISubspace<V>? face)
    {
        (this.lower, this.x, this.y, this.fx, this.fy, this.reach, this.face) = (lower, x, y, fx, fy, reach, face);
        derivatives = new SecondDerivatives<V>(lower, x, y, constants, rounding, reach);
        ofY = new DifferenceError(constants.LowerHessianLipschitz ?? double.PositiveInfinity, constants.LowerThirdDerivativeLipschitz, rounding.Y);
        (Multiplier, Image, Mixed, Hypergradient) = (y.ZerosLike(), y.ZerosLike(), x.ZerosLike(), fx.Copy());
    }

    /// <summary>m.</summary>
    public V Multiplier { get; private set; }

    /// <summary>g_yy m.</summary>
    public V Image { get; private set; }

    /// <summary>g_xy m.</summary>
    public V Mixed { get; private set; }

    /// <summary>|m|.</summary>
    public double Norm => Multiplier.Norm();

    /// <summary>f_x + g_xy m.</summary>
    public V Hypergradient { get; private set; }

    /// <summary>|f_y + g_yy m| by differences.</summary>
    public double Residual { get; private set; }

    /// <summary>Bound on what differences err in the residual.</summary>
    public double ResidualError { get; private set; }

    /// <summary>Bound on what differences err in g_xy m.</summary>
    public double MixedError { get; private set; }

    /// <summary>|g_xy (m - the one before)|: how far the last improvement moved the hypergradient; infinite where there was none.</summary>
    public double LastMove { get; private set; } = double.PositiveInfinity;

    /// <summary>Finds m so well that what the hypergradient errs for it is below a tolerance, as far as differences let.</summary>
    /// <param name="limit">Most products of each solve.</param>
    /// <param name="weight">What the residual counts: |g_xy| / mu, or a guess of it.</param>
    /// <param name="tolerance">That tolerance.</param>
    public void Solve(int limit, double weight, double tolerance)
    {
        double size = fy.Norm();
        Residual = size;
        if (!(size > 0)) return;
        double enough = tolerance / Math.Max(weight, double.Epsilon);
        var residual = fy.Copy();
        residual.Scale(-1);
        derivatives.Along(residual, weight, 1e-9 * weight * size);
        var m = y.ZerosLike();
        double best = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            // Products carry errors of their own, so each round is asked for some digits only.
            double goal = Math.Max(enough / 4, 1e-7 * residual.Norm());
            m.AddScaled(1, ConjugateResiduals.Solve(derivatives.Times, residual, goal, limit));
            face?.Restrict(m);
            if (!(m.Norm() > 0) || !m.IsFinite()) return;
            var along = derivatives.Along(m, weight, tolerance / 4);
            residual.CopyFrom(fy);
            residual.AddScaled(1, along.Y);
            residual.Scale(-1);
            double left = residual.Norm(), total = (weight * (left + along.ErrorY)) + along.ErrorX;
            bool gains = !(total >= 0.7 * best), better = !(total >= best);
            if (better)
            {
                var move = along.X.Copy();
                move.AddScaled(-1, Mixed);
                LastMove = move.Norm();
                best = total;
                (Multiplier, Image, Mixed, Residual, ResidualError, MixedError) = (along.Direction, along.Y, along.X, left, along.ErrorY, along.ErrorX);
                Hypergradient.CopyFrom(fx);
                Hypergradient.AddScaled(1, Mixed);
            }

            if (!gains || left <= Math.Max(enough / 4, along.ErrorY / 4) || !double.IsFinite(left)) break;
            m.CopyFrom(along.Direction);
        }
    }

    /// <summary>The extreme curvatures v' g_yy v / |v|^2 over a Krylov space of a random direction, and their error from differences.</summary>
    public (double Smallest, double Largest, double Error) Curvatures()
    {
        var v = fy.Copy();
        if (v is IFillable) RandomDirection.Fill(v, key: 5);
        face?.Restrict(v);
        double norm = v.Norm();
        if (!(norm > 0)) return (double.PositiveInfinity, 0, 0);
        v.Scale(1 / norm);
        double h = double.IsFinite(ofY.Lipschitz) ? ofY.Length(1, reach) : reach * Math.Cbrt(Precision.Of(y));
        double moved = 2 * Precision.Of(y) * (y.Norm() + h) / h;
        double error = double.IsFinite(ofY.Lipschitz) ? ofY.At(h, 1) : ofY.Rounding / h;
        var (smallest, largest) = new GradientDifference<V>(lower, x, y).Curvatures(v, ProbeSteps, h, error);

        // The errors of the products act on the eigenvalues as a matrix whose columns are at most that long.
        error += moved * Math.Max(Math.Abs(smallest), Math.Abs(largest));
        return (smallest, largest, error * Math.Sqrt(Math.Min(ProbeSteps, v.Length)));
    }
}
