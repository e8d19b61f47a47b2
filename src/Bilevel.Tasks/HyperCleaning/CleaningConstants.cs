using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Bounds on the derivatives of data hyper-cleaning with a linear softmax, for every x and W. With p the
/// probabilities, s = 1/n sum a a' its largest eigenvalue and r the largest norm of a row:
/// the Hessian of a cross-entropy in its scores is diag(p) - p p', at most 1/2; its derivative in a unit direction is
/// a third central moment, at most 1/sqrt(2); a gradient p - e is at most sqrt(2) long; sigmoid' is at most 1/4.
/// </summary>
internal static class CleaningConstants
{
    public static ProblemConstants Of<T>(FeatureRows<T> training, FeatureRows<T> validation, double ridge)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double moment = training.LargestSecondMoment(), reach = training.LargestNorm();

        // Row i of n g_xy is sigmoid'(x_i) (p_i - e_i) (x) a_i; the Gram matrix of such rows is an elementwise product,
        // whose norm is at most the largest diagonal entry of one factor times the norm of the other (Schur).
        double rows = Math.Sqrt(moment / training.Count);
        return new ProblemConstants
        {
            LowerStrongConvexity = 2 * ridge,
            LowerSmoothness = (moment / 2) + (2 * ridge),
            LowerCoupling = Math.Sqrt(2) / 4 * rows,
            LowerHessianLipschitz = moment * reach / Math.Sqrt(2),
            LowerMixedHessianLipschitz = rows * reach / 8,
            UpperSmoothness = validation.LargestSecondMoment() / 2,
            UpperCoupling = 0,
        };
    }
}
