namespace Bilevel;

/// <summary>
/// Conjugate residuals (Stiefel 1955) for a symmetric positive definite system: one product a step, and a residual that
/// never grows, so that ending early leaves the best that was found.
/// </summary>
internal static class ConjugateResiduals
{
    /// <summary>Solves A m = b from m = 0; the residual b - A m, as recurred, is left in b.</summary>
    /// <param name="product">Gives A v; its result may be overwritten by the next call.</param>
    /// <param name="b">The right side on entry, the residual on return.</param>
    /// <param name="tolerance">Norm of the residual to stop at.</param>
    /// <param name="limit">Most products.</param>
    /// <returns>m.</returns>
    public static V Solve<V>(Func<V, V> product, V b, double tolerance, int limit)
        where V : class, IVector<V>
    {
        V m = b.ZerosLike();
        double norm = b.Norm(), best = norm;
        if (!(norm > tolerance) || !double.IsFinite(norm)) return m;
        V p = b.Copy(), image = product(b).Copy(), imageP = image.Copy();
        double curvature = b.Dot(image);
        for (int k = 0, bestAt = 0; k < limit && norm > tolerance && k - bestAt < 60; k++)
        {
            double square = imageP.Dot(imageP);
            if (!(curvature > 0) || !(square > 0) || !double.IsFinite(square)) break;
            double step = curvature / square;
            m.AddScaled(step, p);
            b.AddScaled(-step, imageP);
            norm = b.Norm();
            if (norm < 0.98 * best) (best, bestAt) = (norm, k);
            if (!(norm > tolerance) || k == limit - 1) break;
            image.CopyFrom(product(b));
            double next = b.Dot(image), beta = next / curvature;
            curvature = next;
            p.Scale(beta);
            p.AddScaled(1, b);
            imageP.Scale(beta);
            imageP.AddScaled(1, image);
        }

        return m;
    }
}
