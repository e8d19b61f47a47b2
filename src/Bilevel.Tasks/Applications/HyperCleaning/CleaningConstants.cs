using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Bounds on the derivatives of data hyper-cleaning with a linear softmax at an x, for every W. With the weights
/// w_i = sigmoid(x_i), s(d) the largest eigenvalue of sum d_i a_i a_i' / n, and r the largest norm of a row:
/// along scores c of a unit direction, the derivatives of a cross-entropy are the cumulants of c under the probabilities,
/// the second at most 1/2, the third at most 1/sqrt(2) and the fourth at most 1/2 in size (c has a range of at most
/// sqrt(2), so its variance v is at most 1/2, and its fourth cumulant lies between -2 v^2 and 2 v - 3 v^2);
/// a gradient p - e is at most sqrt(2) long. Scores of row i along a unit V are at most |V'a_i|, the squares of which have
/// the weighted mean s, and at most r.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="training">The training rows.</param>
/// <param name="validation">The validation rows.</param>
/// <param name="ridge">Weight of |W|^2 in the lower objective.</param>
internal sealed class CleaningConstants<T>(FeatureRows<T> training, FeatureRows<T> validation, double ridge)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly double reach = training.LargestNorm();

    public ProblemConstants At(DenseVector<T> x)
    {
        double[] logits = x.ToDoubles();
        double moment = training.LargestSecondMoment(i => Sigmoid(logits[i]));

        // Row i of n g_xy is sigmoid'(x_i) (p_i - e_i) (x) a_i; the Gram matrix of such rows is an elementwise product,
        // whose norm is at most the largest diagonal entry of one factor times the norm of the other (Schur).
        double rows = Math.Sqrt(training.LargestSecondMoment(i => Math.Pow(Sigmoid(logits[i]) * Sigmoid(-logits[i]), 2)) / training.Count);
        return new ProblemConstants
        {
            LowerStrongConvexity = 2 * ridge,
            LowerSmoothness = (moment / 2) + (2 * ridge),
            LowerCoupling = Math.Sqrt(2) * rows,
            LowerHessianLipschitz = moment * reach / Math.Sqrt(2),
            LowerMixedHessianLipschitz = rows * reach / 2,
            LowerThirdDerivativeLipschitz = moment * reach * reach / 2,
            LowerMixedThirdDerivativeLipschitz = rows * reach * reach / Math.Sqrt(2),
            UpperSmoothness = validation.LargestSecondMoment() / 2,
            UpperCoupling = 0,
        };
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
