using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Where the leader's variable x1 holds what: logarithms of l2 weights (none, one for all features, or one per feature),
/// then logits of sample weights, then the logarithm of the radius tau. What is absent is fixed.
/// </summary>
/// <param name="Penalties">0, 1, or the number of features (the bias included).</param>
/// <param name="Samples">0 or the number of training rows.</param>
/// <param name="Radii">0 or 1.</param>
/// <param name="Ridge">The l2 weight where it is fixed.</param>
/// <param name="Radius">tau where it is fixed.</param>
internal sealed record LeaderLayout(int Penalties, int Samples, int Radii, double Ridge, double Radius)
{
    /// <summary>Length of x1.</summary>
    public int Length => Penalties + Samples + Radii;

    /// <summary>The logits of the sample weights.</summary>
    public Span<T> Logits<T>(Span<T> leader) => leader.Slice(Penalties, Samples);

    /// <summary>The l2 weight of a feature.</summary>
    public double Penalty<T>(ReadOnlySpan<T> leader, int feature)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Penalties == 0 ? Ridge : Math.Exp(double.CreateTruncating(leader[PenaltyIndex(feature)]));

    /// <summary>Which entry of x1 is the logarithm of a feature's l2 weight; there must be one.</summary>
    public int PenaltyIndex(int feature) => Penalties == 1 ? 0 : feature;

    /// <summary>tau: what the opponent pays for group weights away from 1/G.</summary>
    public double Tau<T>(ReadOnlySpan<T> leader)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Radii == 0 ? Radius : Math.Exp(double.CreateTruncating(leader[^1]));
}
