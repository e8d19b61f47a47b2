namespace Bilevel;

/// <summary>
/// Certifies |grad F(x)| (or the gradient mapping where x is constrained) for a lower level that is strongly convex
/// in y, from values, first derivatives and declared constants alone.
/// </summary>
/// <remarks>
/// Two bounds are computed and the smaller counts. The multiplier bound (penalty methods, section 2.7): for any m,
/// |grad F| &lt;= |f_x + g_xy m| + (|g_xy|/mu) |f_y + g_yy m| + (lipFy/mu) |g_y|, with m from conjugate residuals and
/// second derivatives along directions from differences of gradients. The penalty bound (sections 2.3 and 2.4): |grad F|
/// &lt;= |h_lambda| + inexactness + bias. Where y is constrained and its active bounds are proved to stay active, the
/// first holds on their face; where they are not, the point is checked as an epsilon-KKT point of the lifted problem.
/// Nothing is certified before the gradients were compared with values at the answer.
/// </remarks>
public sealed record HypergradientCertificate : ICertifier
{
    /// <summary>Most steps of the solver that solves the lower level again.</summary>
    public int LowerSteps { get; init; } = 2000;

    /// <summary>Most products of each solve for the multiplier.</summary>
    public int LinearSteps { get; init; } = 2000;

    /// <inheritdoc/>
    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V> => new(
            problem is BilevelProblem<V> bilevel
                ? new HypergradientCheck<V>(this, bilevel, point[BilevelProblem.X], point[BilevelProblem.Y], tolerance, penalty, quick).Run()
                : new Certificate(Verdict.NotCheckable, tolerance, "Not checkable: the hypergradient certificate is for bilevel problems without maximising blocks.", [], [], double.NaN, double.NaN, 0),
            point);

    /// <summary>Checks a point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable to check.</param>
    /// <param name="y">The lower variable that came with it; only the start of the new solve.</param>
    /// <param name="tolerance">Tolerance for |grad F(x)|.</param>
    /// <param name="penalty">lambda of the method, to tell whether it was large enough; NaN for none.</param>
    public Certificate Check<V>(BilevelProblem<V> problem, V x, V y, double tolerance, double penalty)
        where V : class, IVector<V> => new HypergradientCheck<V>(this, problem, x, y, tolerance, penalty, quick: false).Run();
}
