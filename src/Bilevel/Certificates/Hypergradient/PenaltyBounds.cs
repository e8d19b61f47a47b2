namespace Bilevel;

/// <summary>
/// What is proved of the penalty function L_lambda* from constants alone (penalty methods, sections 2.3 and 2.7),
/// with the constants of g_xy, f_xy and f_yy kept apart where the section merges them.
/// </summary>
/// <remarks>
/// In all of them mu is the strong convexity of g(x, .), <c>slope</c> bounds |f_y| on the segment between y* and
/// y_lambda*, and lambda must exceed Lf1/mu, so that f + lambda g is strongly convex in y.
/// </remarks>
internal static class PenaltyBounds
{
    /// <summary>The strong convexity of f/lambda + g in y: mu - Lf1/lambda.</summary>
    public static double Modulus(double lambda, double mu, double upperSmoothness) => mu - (upperSmoothness / lambda);

    /// <summary>|y_lambda* - y*| &lt;= slope / (lambda mu).</summary>
    public static double Distance(double lambda, double mu, double slope) => slope / (lambda * mu);

    /// <summary>0 &lt;= F - L_lambda* &lt;= slope^2 / (2 lambda mu).</summary>
    public static double ValueGap(double lambda, double mu, double slope) => slope * slope / (2 * lambda * mu);

    /// <summary>
    /// |grad L_lambda* - grad F| &lt;= f_xy d + (g_xy/mu) Lf1 d + (Lm + (g_xy/mu) Lg2) lambda d^2 / 2, where d bounds
    /// |y_lambda* - y*| and Lm is the Lipschitz constant of g_xy (Lg2 in the section).
    /// </summary>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="mu">Strong convexity of g in y.</param>
    /// <param name="distance">d, for example <see cref="Distance"/>.</param>
    /// <param name="coupling">Bound on the norm of g_xy.</param>
    /// <param name="hessianLipschitz">Lg2, the Lipschitz constant in y of g_yy.</param>
    /// <param name="mixedLipschitz">Lm, that of g_xy.</param>
    /// <param name="upperSmoothness">Lf1 in y.</param>
    /// <param name="upperCoupling">Bound on the norm of f_xy.</param>
    public static double GradientGap(double lambda, double mu, double distance, double coupling, double hessianLipschitz, double mixedLipschitz, double upperSmoothness, double upperCoupling)
    {
        double ratio = coupling / mu;
        return ((upperCoupling + (ratio * upperSmoothness)) * distance) + ((mixedLipschitz + (ratio * hessianLipschitz)) * lambda * distance * distance / 2);
    }

    /// <summary>|y_lambda2* - y_lambda1*| &lt;= 2 slope (lambda2 - lambda1) / (mu lambda1 lambda2) for 2 Lf1/mu &lt;= lambda1 &lt;= lambda2.</summary>
    public static double Drift(double lambda1, double lambda2, double mu, double slope) => 2 * slope * (lambda2 - lambda1) / (mu * lambda1 * lambda2);

    /// <summary>|estimate - grad L_lambda*| &lt;= (f_xy + lambda g_xy) |y - y_lambda*| + lambda g_xy |z - y*|.</summary>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="coupling">Bound on the norm of g_xy.</param>
    /// <param name="upperCoupling">Bound on the norm of f_xy.</param>
    /// <param name="distanceY">Bound on |y - y_lambda*|, for example |f_y/lambda + g_y| / <see cref="Modulus"/>.</param>
    /// <param name="distanceZ">Bound on |z - y*|, for example |g_y| / mu.</param>
    public static double Inexactness(double lambda, double coupling, double upperCoupling, double distanceY, double distanceZ) =>
        ((upperCoupling + (lambda * coupling)) * distanceY) + (lambda * coupling * distanceZ);

    /// <summary>
    /// A Lipschitz constant in y of f_x - g_xy inv(g_yy) f_y, which is grad F at y*:
    /// f_xy + (g_xy/mu) Lf1 + slope (Lm + (g_xy/mu) Lg2) / mu.
    /// </summary>
    public static double HypergradientLipschitz(double mu, double slope, double coupling, double hessianLipschitz, double mixedLipschitz, double upperSmoothness, double upperCoupling)
    {
        double ratio = coupling / mu;
        return upperCoupling + (ratio * upperSmoothness) + (slope * (mixedLipschitz + (ratio * hessianLipschitz)) / mu);
    }
}
