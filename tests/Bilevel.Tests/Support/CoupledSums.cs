using System.Numerics.Tensors;

namespace Bilevel.Tests;

/// <summary>
/// The example of penalty methods, section 24.7: x, y1, y2 in R^n, f = |x - y2|^2/2 + |y1 - 1|^2/2, and (y1, y2) minimises
/// |y1|^2/2 - x'y1 + 1'y2 subject to scale 1'(x + y1 + y2) = 0. The answer is x = -0.3, y1 = 0.7, y2 = -0.4 in every component,
/// with the multiplier -1/scale.
/// </summary>
internal sealed record CoupledSums(double Scale, int Size = 100)
{
    /// <summary>The bound on the multiplier and on its centre.</summary>
    private const double Bound = 1000;

    public BilevelMinimaxProblem<DenseVector<double>> Problem
    {
        get
        {
            double[] row = [.. Enumerable.Repeat(Scale, 2 * Size)];
            return Lift.ConstrainedLowerLevel(new Upper(), new ConstrainedLowerLevel<double>(new Lower(), new LinearConstraints<double>(row[..Size], row, [0])) { Equalities = 1, EqualityBound = Bound });
        }
    }

    /// <summary>Start 10, theta 1, projected block by block as the published example does it, which gives x = -20 and theta = 10; multiplier 1, zeta -1.</summary>
    public DenseVector<double>[] Start()
    {
        DenseVector<double> Filled(int length, double value) => new([.. Enumerable.Repeat(value, length)]);
        return [Filled(Size, -20), new(0), Filled(2 * Size, 10), Vectors.Of(1), Filled(2 * Size, 10), Vectors.Of(-1)];
    }

    /// <summary>|x - x*| / |x*|.</summary>
    public static double RelativeError(DenseVector<double> x)
    {
        double sum = 0;
        foreach (double v in x.Span) sum += (v + 0.3) * (v + 0.3);
        return Math.Sqrt(sum / (0.09 * x.Length));
    }

    private sealed class Upper : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            ReadOnlySpan<double> x = point[0].Span, y1 = point[1].Span[..x.Length], y2 = point[1].Span[x.Length..];
            double sum = 0;
            for (int i = 0; i < x.Length; i++) sum += ((x[i] - y2[i]) * (x[i] - y2[i])) + ((y1[i] - 1) * (y1[i] - 1));
            return sum / 2;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            ReadOnlySpan<double> x = point[0].Span, y1 = point[1].Span[..x.Length], y2 = point[1].Span[x.Length..];
            if (block == BilevelProblem.X)
            {
                TensorPrimitives.Subtract(x, y2, result.Span);
                return;
            }

            TensorPrimitives.Subtract(y1, 1, result.Span[..x.Length]);
            TensorPrimitives.Subtract(y2, x, result.Span[x.Length..]);
        }
    }

    private sealed class Lower : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            ReadOnlySpan<double> x = point[0].Span, y1 = point[1].Span[..x.Length], y2 = point[1].Span[x.Length..];
            return (TensorPrimitives.Dot(y1, y1) / 2) - TensorPrimitives.Dot(x, y1) + TensorPrimitives.Sum(y2);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            ReadOnlySpan<double> x = point[0].Span, y1 = point[1].Span[..x.Length];
            if (block == BilevelProblem.X)
            {
                TensorPrimitives.Negate(y1, result.Span);
                return;
            }

            TensorPrimitives.Subtract(y1, x, result.Span[..x.Length]);
            result.Span[x.Length..].Fill(1);
        }
    }
}
