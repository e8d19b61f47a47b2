using System.Numerics.Tensors;

namespace Bilevel.Gauntlet;

/// <summary>The point of least norm in the convex hull of some points, by Frank and Wolfe's method with pairwise steps.</summary>
internal static class LeastNorm
{
    private const int Steps = 2000;

    /// <summary>The point.</summary>
    public static double[] Of(IReadOnlyList<double[]> points)
    {
        var weights = new double[points.Count];
        weights[0] = 1;
        double[] sum = [.. points[0]];
        for (int k = 0; k < Steps; k++)
        {
            double[] products = [.. points.Select(p => TensorPrimitives.Dot<double>(p, sum))];
            int towards = Array.IndexOf(products, products.Min());
            int away = Enumerable.Range(0, points.Count).Where(i => weights[i] > 0).MaxBy(i => products[i]);
            double gain = products[away] - products[towards];
            if (gain <= 1e-12 * TensorPrimitives.Dot<double>(sum, sum)) break;
            double[] direction = [.. points[towards].Zip(points[away], (a, b) => a - b)];
            double step = Math.Min(weights[away], gain / TensorPrimitives.Dot<double>(direction, direction));
            (weights[away], weights[towards]) = (weights[away] - step, weights[towards] + step);
            TensorPrimitives.MultiplyAdd(direction, step, sum, sum);
        }

        return sum;
    }
}
