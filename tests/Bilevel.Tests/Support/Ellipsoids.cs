using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Two constraints that are curved: |z|^2 / 2 - x_0 &lt;= 0 and exp(z_0) + x_1^2 - 4 &lt;= 0.</summary>
internal sealed class Ellipsoids : PointConstraints<DenseVector<double>>
{
    public Ellipsoids()
        : base(2)
    {
    }

    protected override void Values(DenseVector<double> x, DenseVector<double> z, DenseVector<double> result)
    {
        result[0] = (z.Dot(z) / 2) - x[0];
        result[1] = Math.Exp(z[0]) + (x[1] * x[1]) - 4;
    }

    protected override void TransposedTimes(DenseVector<double> x, DenseVector<double> z, DenseVector<double> multipliers, int block, DenseVector<double> result)
    {
        result.Scale(0);
        if (block == Lower.X1)
        {
            (result[0], result[1]) = (-multipliers[0], 2 * x[1] * multipliers[1]);
            return;
        }

        result.CopyFrom(z);
        result.Scale(multipliers[0]);
        result[0] += Math.Exp(z[0]) * multipliers[1];
    }
}
