namespace Bilevel.Tests;

/// <summary>
/// f = F ((y1 - 1)^2/2 + (y2 + 1/2)^2/2 + x2 (y1 + x1) - x2^2/2 + x1^2/10) and g = G (z1^2/2 + z1 z2 - z2^2/2 + x1 z1),
/// all numbers, answered directly and without allocation. The lower saddle is z1 = z2 = -x1/2, x1* = -5/19.
/// </summary>
internal sealed record SmallSaddle(double F = 1, double G = 1)
{
    public const double Answer = -5.0 / 19;

    public BilevelMinimaxProblem<DenseVector<double>> Problem => new(new Upper(F), new Lower(G))
    {
        X1 = new Box<double>(-3, 3, 1),
        X2 = new Box<double>(-2, 2, 1),
        Z1 = new Box<double>(-4, 4, 1),
        Z2 = new Box<double>(-4, 4, 1),
        Constants = new MinimaxConstants { UpperSmoothness = 1.8417 * F, LowerSmoothness = 1.8794 * G },
    };

    /// <summary>x1 = 2, x2 = 0 and (y1, y2) as given.</summary>
    public static DenseVector<double>[] Start(double y1 = -1, double y2 = -1) => BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Of(0), Vectors.Of(y1), Vectors.Of(y2));

    /// <summary>The gap of the lower level, but for the ends of the intervals.</summary>
    public double Gap(double x1, double y1, double y2)
    {
        double primal = (y1 * y1 / 2) + (y1 * y1 / 2) + (x1 * y1), dual = -(y2 * y2 / 2) - ((y2 + x1) * (y2 + x1) / 2);
        return G * (primal - dual);
    }

    private sealed class Upper(double scale) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                double sum = 0;
                for (int p = 0; p < request.PointCount; p++)
                {
                    if (output.Point != p && output.Point != Output.Combined) continue;
                    sum += (output.Point == Output.Combined ? request.Weights[p] : 1) * Gradient(request.Point(p), output.Block);
                }

                output.Result[0] = scale * sum;
            }

            for (int p = 0; p < request.Values.Length; p++)
            {
                var (x1, x2, y1, y2) = (request.Point(p)[0][0], request.Point(p)[1][0], request.Point(p)[2][0], request.Point(p)[3][0]);
                request.Values[p] = scale * (((y1 - 1) * (y1 - 1) / 2) + ((y2 + 0.5) * (y2 + 0.5) / 2) + (x2 * (y1 + x1)) - (x2 * x2 / 2) + (x1 * x1 / 10));
            }
        }

        private static double Gradient(ReadOnlySpan<DenseVector<double>> point, int block)
        {
            double x1 = point[0][0], x2 = point[1][0], y1 = point[2][0], y2 = point[3][0];
            return block switch
            {
                BilevelMinimaxProblem.X1 => x2 + (x1 / 5),
                BilevelMinimaxProblem.X2 => y1 + x1 - x2,
                BilevelMinimaxProblem.Y1 => y1 - 1 + x2,
                _ => y2 + 0.5,
            };
        }
    }

    private sealed class Lower(double scale) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                double sum = 0;
                for (int p = 0; p < request.PointCount; p++)
                {
                    if (output.Point != p && output.Point != Output.Combined) continue;
                    sum += (output.Point == Output.Combined ? request.Weights[p] : 1) * Gradient(request.Point(p), output.Block);
                }

                output.Result[0] = scale * sum;
            }

            for (int p = 0; p < request.Values.Length; p++)
            {
                double x1 = request.Point(p)[0][0], z1 = request.Point(p)[1][0], z2 = request.Point(p)[2][0];
                request.Values[p] = scale * ((z1 * z1 / 2) + (z1 * z2) - (z2 * z2 / 2) + (x1 * z1));
            }
        }

        private static double Gradient(ReadOnlySpan<DenseVector<double>> point, int block) => block switch
        {
            BilevelMinimaxProblem.Lower.X1 => point[1][0],
            BilevelMinimaxProblem.Lower.Z1 => point[1][0] + point[2][0] + point[0][0],
            _ => point[1][0] - point[2][0],
        };
    }
}
