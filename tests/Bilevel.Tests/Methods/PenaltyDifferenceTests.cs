using System.Numerics;

namespace Bilevel.Tests;

/// <summary>lambda (g_x(x, y) - g_x(x, z)) for followers 1/lambda apart: a request for the difference keeps its digits, two gradients do not.</summary>
public sealed class PenaltyDifferenceTests(ITestOutputHelper output)
{
    [Fact]
    public void In_single_precision_at_a_lambda_of_a_thousand() => Check<float>(1e3, fusedAtMost: 1e-5, plainAtLeast: 1e-4);

    [Fact]
    public void In_double_precision_at_a_lambda_of_a_million() => Check<double>(1e6, fusedAtMost: 1e-11, plainAtLeast: 1e-11);

    private void Check<T>(double lambda, double fusedAtMost, double plainAtLeast)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int n = 200, dimension = 20;
        var random = new Random(1);
        T[][] rows = [.. Enumerable.Range(0, n).Select(_ => Array.ConvertAll(Dense.Normal(random, dimension), T.CreateTruncating))];
        T[] targets = Array.ConvertAll(Dense.Normal(random, n), T.CreateTruncating);
        double[] zero = Dense.Normal(random, dimension), apart = Dense.Normal(random, dimension);
        var z = new DenseVector<T>(Array.ConvertAll(zero, T.CreateTruncating));
        var y = new DenseVector<T>(Array.ConvertAll(Dense.Sum(zero, 1 / lambda, apart), T.CreateTruncating));
        var x = new DenseVector<T>(Array.ConvertAll(Dense.Normal(random, n), T.CreateTruncating));

        // The truth at the very points that the vectors hold: lambda a'(y - z) (a'(y + z)/2 - b), summed with 28 digits.
        decimal[] truth = [.. Enumerable.Range(0, n).Select(i =>
        {
            decimal difference = 0, mean = 0;
            for (int j = 0; j < dimension; j++)
            {
                decimal a = Exact(rows[i][j]), u = Exact(y[j]), v = Exact(z[j]);
                difference += a * (u - v);
                mean += a * (u + v) / 2;
            }

            return (decimal)lambda * difference * (mean - Exact(targets[i]));
        })];

        double Error(bool fused)
        {
            var lower = new WeightedSquares<T>(rows, targets, fused);
            var gradient = new PenaltyGradient<DenseVector<T>>(new BilevelProblem<DenseVector<T>>(new Nothing<T>(), lower), x, y, z);
            gradient.Evaluate(lambda, Sample.All, Sample.All);
            double[] errors = [.. gradient.Direction.ToDoubles().Zip(truth, (g, t) => (double)((decimal)g - t))];
            return Dense.Norm(errors) / Dense.Norm([.. truth.Select(t => (double)t)]);
        }

        double fusedError = Error(true), plainError = Error(false);
        output.WriteLine($"{typeof(T).Name}, lambda {lambda}: relative error {fusedError:G3} from the difference, {plainError:G3} from two gradients");
        Assert.True(fusedError <= fusedAtMost, $"fused {fusedError}");
        Assert.True(plainError >= plainAtLeast && plainError > 100 * fusedError, $"plain {plainError}, fused {fusedError}");
    }

    private static decimal Exact<T>(T value)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // The conversion from double rounds to 15 digits, so the mantissa is converted as an integer.
        double number = double.CreateTruncating(value);
        if (number == 0) return 0;
        int shift = 52 - Math.ILogB(number);
        decimal power = 1;
        for (int i = 0; i < shift; i++) power *= 2;
        return (long)Math.ScaleB(number, shift) / power;
    }

    private sealed class Nothing<T> : PointObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample) => 0;

        protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result) => result.Scale(0);
    }

    // g = sum_i x_i (a_i'y - b_i)^2 / 2: one weight per item, as in data cleaning.
    private sealed class WeightedSquares<T>(T[][] rows, T[] targets, bool fused) : PointObjective<DenseVector<T>>, IObjective<DenseVector<T>>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        void IObjective<DenseVector<T>>.Evaluate(in Request<DenseVector<T>> request)
        {
            if (!fused || request.Gradients[0].Point != Output.Combined)
            {
                Evaluate(request);
                return;
            }

            var (y, z, result) = (request.Points[1], request.Points[3], request.Gradients[0].Result);
            for (int i = 0; i < rows.Length; i++)
            {
                T difference = T.Zero, mean = T.Zero, half = T.One / (T.One + T.One);
                for (int j = 0; j < rows[i].Length; j++)
                {
                    difference += rows[i][j] * (y[j] - z[j]);
                    mean += rows[i][j] * (y[j] + z[j]) * half;
                }

                result[i] = difference * (mean - targets[i]);
            }
        }

        protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample) => 0;

        protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
        {
            T two = T.One + T.One;
            for (int i = 0; i < rows.Length; i++)
            {
                T product = -targets[i];
                for (int j = 0; j < rows[i].Length; j++) product += rows[i][j] * point[1][j];
                result[i] = product * product / two;
            }
        }
    }
}
