using System.Numerics;

namespace Bilevel.Tests;

/// <summary>
/// Nonlinear levels in several variables, strongly convex in y:
/// f = sum_j (y_j - c_j)^2 / 2 + 0.05 sum_i x_i^2 + 0.1 sum_j sin(x_j') y_j, g = sum_j m_j (y_j - sin(x_j'))^2 / 2 + log(1 + e^y_j),
/// with j' = j mod n, c_j = 1 + j/2, m_j = 1 + j/4.
/// </summary>
internal static class CurvedLevels
{
    public static BilevelProblem<DenseVector<T>> Problem<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(new Upper<T>(), new Lower<T>());

    public static DenseVector<T> Vector<T>(int length, double first = 0.3)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var vector = new DenseVector<T>(length);
        vector.Fill(i => first + (0.17 * i));
        return vector;
    }

    private static double D<T>(T value)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => double.CreateTruncating(value);

    public sealed class Upper<T> : PointObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample)
        {
            var (x, y) = (point[0], point[1]);
            double sum = 0;
            for (int i = 0; i < x.Length; i++) sum += 0.05 * D(x[i]) * D(x[i]);
            for (int j = 0; j < y.Length; j++) sum += (Math.Pow(D(y[j]) - (1 + (j / 2.0)), 2) / 2) + (0.1 * Math.Sin(D(x[j % x.Length])) * D(y[j]));
            return sum;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
        {
            var (x, y) = (point[0], point[1]);
            if (block == BilevelProblem.X)
            {
                result.Fill(i => 0.1 * D(x[i]));
                for (int j = 0; j < y.Length; j++) result[j % x.Length] += T.CreateTruncating(0.1 * Math.Cos(D(x[j % x.Length])) * D(y[j]));
            }
            else
            {
                result.Fill(j => D(y[j]) - (1 + (j / 2.0)) + (0.1 * Math.Sin(D(x[j % x.Length]))));
            }
        }
    }

    public sealed class Lower<T> : PointObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample)
        {
            var (x, y) = (point[0], point[1]);
            double sum = 0;
            for (int j = 0; j < y.Length; j++) sum += (Modulus(j) / 2 * Math.Pow(D(y[j]) - Math.Sin(D(x[j % x.Length])), 2)) + Math.Log(1 + Math.Exp(D(y[j])));
            return sum;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
        {
            var (x, y) = (point[0], point[1]);
            if (block == BilevelProblem.X)
            {
                result.Fill(_ => 0);
                for (int j = 0; j < y.Length; j++)
                {
                    double angle = D(x[j % x.Length]);
                    result[j % x.Length] -= T.CreateTruncating(Modulus(j) * (D(y[j]) - Math.Sin(angle)) * Math.Cos(angle));
                }
            }
            else
            {
                result.Fill(j => (Modulus(j) * (D(y[j]) - Math.Sin(D(x[j % x.Length])))) + (1 / (1 + Math.Exp(-D(y[j])))));
            }
        }

        private static double Modulus(int j) => 1 + (j / 4.0);
    }
}
