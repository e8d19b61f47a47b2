namespace Bilevel;

/// <summary>
/// The curvature that the gradient steps of one copy of the lower variable meet, |G(a') - G(a)| / |a' - a| between the points
/// where gradients are taken. A step that led to larger gradients over a curvature above the one that its length
/// assumed, to numbers that are not finite, or down a gradient that is not monotone, which that of a convex function is,
/// is taken back and made shorter. Later steps grow again, up to the length that the estimated constants allow.
/// </summary>
internal sealed class MetCurvature<V>(V like)
    where V : class, IVector<V>
{
    private const double Beyond = 1.05, NoisyGrowth = 4, Safety = 1.2, LeastShrink = 1.25, MostShrink = 16, Relaxation = 0.97, MostGrowth = 1e30;
    private const int MostRejections = 60;

    private readonly V at = like.ZerosLike();        // where the gradient was last taken
    private readonly V there = like.ZerosLike();     // that gradient
    private double thereNorm;
    private bool knows;                              // whether the two hold anything
    private int rejections;                          // in a row
    private double growth = 1, least = double.PositiveInfinity;

    /// <summary>The smoothness in force, as a multiple of the estimated one.</summary>
    public double Growth => growth;

    /// <summary>The least curvature along a step.</summary>
    public double Least => least;

    /// <summary>Forgets the last point, before a solve whose upper variable may have changed.</summary>
    public void Begin() => (knows, rejections) = (false, 0);

    /// <summary>Whether the step to a point is to be kept; if so the point is remembered.</summary>
    /// <param name="point">Where the step led.</param>
    /// <param name="gradient">The gradient there.</param>
    /// <param name="exists">Whether the values there are finite.</param>
    /// <param name="smoothness">The inverse of the step length at growth 1.</param>
    /// <param name="convex">Whether the function is convex by the assumptions.</param>
    /// <param name="noisy">Whether gradients are estimates, so that nothing but a gross growth counts.</param>
    /// <param name="scratch">Overwritten.</param>
    public bool Accepts(V point, V gradient, bool exists, double smoothness, bool convex, bool noisy, V scratch)
    {
        double norm = gradient.Norm();
        exists &= double.IsFinite(norm);
        if (knows && rejections < MostRejections)
        {
            if (!exists) return Reject(MostShrink);
            scratch.CopyFrom(gradient);
            scratch.AddScaled(-1, there);
            double turned = scratch.Norm();
            at.AddScaled(-1, point);
            double moved = at.Norm(), along = -scratch.Dot(at);
            at.AddScaled(1, point);
            double noise = 1e3 * Precision.Of(gradient) * ((smoothness * growth * point.Norm()) + norm);
            if (moved > 0 && turned > noise)
            {
                double curvature = turned / moved;
                if (convex && along < 0 && !noisy) return Reject(LeastShrink);
                if (norm > (noisy ? NoisyGrowth : 1) * thereNorm && curvature > Beyond * smoothness * growth) return Reject(Math.Clamp(Safety * curvature / (smoothness * growth), LeastShrink, MostShrink));
                if (along > 0 && !noisy) least = Math.Min(least, along / (moved * moved));
            }
        }

        if (rejections == 0) growth = Math.Max(1, growth * Relaxation);
        (knows, rejections) = (true, 0);
        at.CopyFrom(point);
        there.CopyFrom(gradient);
        thereNorm = norm;
        return true;
    }

    /// <summary>Writes the point that a shorter step from the remembered one leads to.</summary>
    public void Retreat(V point, double smoothness)
    {
        point.CopyFrom(at);
        point.AddScaled(-1 / (smoothness * growth), there);
    }

    public void Transfer(IArchive archive)
    {
        archive.Transfer(ref growth);
        archive.Transfer(ref least);
    }

    private bool Reject(double shrink)
    {
        rejections++;
        growth = Math.Min(growth * shrink, MostGrowth);
        return false;
    }
}
