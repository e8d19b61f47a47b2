namespace Bilevel.Tests;

/// <summary>
/// f = a/2 (y - c)^2 + b/2 x^2 and g = mu/2 (y - p x)^2 in one variable each, answered directly and without
/// allocation; the minimiser of F is x = a p c / (a p^2 + b).
/// </summary>
internal sealed record TwoVariables(double A = 2, double B = 1, double C = 3, double P = 0.5, double Mu = 2)
{
    public double Answer => A * P * C / ((A * P * P) + B);

    public BilevelProblem<DenseVector<double>> Problem => new(new Upper(A, B, C), new Lower(Mu, P))
    {
        Constants = new ProblemConstants
        {
            LowerStrongConvexity = Mu,
            LowerSmoothness = Mu,
            LowerCoupling = Mu * P,
            LowerHessianLipschitz = 0,
            UpperSmoothness = A,
            UpperCoupling = 0,
        },
    };

    private sealed class Upper(double a, double b, double c) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                double sum = 0;
                for (int p = 0; p < request.PointCount; p++)
                {
                    if (output.Point != p && output.Point != Output.Combined) continue;
                    var point = request.Point(p);
                    double weight = output.Point == Output.Combined ? request.Weights[p] : 1;
                    sum += weight * (output.Block == BilevelProblem.X ? b * point[0][0] : a * (point[1][0] - c));
                }

                output.Result[0] = sum;
            }

            for (int p = 0; p < request.Values.Length; p++)
            {
                var point = request.Point(p);
                request.Values[p] = (a / 2 * Math.Pow(point[1][0] - c, 2)) + (b / 2 * Math.Pow(point[0][0], 2));
            }
        }
    }

    private sealed class Lower(double mu, double slope) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                double sum = 0;
                for (int p = 0; p < request.PointCount; p++)
                {
                    if (output.Point != p && output.Point != Output.Combined) continue;
                    double weight = output.Point == Output.Combined ? request.Weights[p] : 1;
                    double inner = mu * (request.Point(p)[1][0] - (slope * request.Point(p)[0][0]));
                    sum += weight * (output.Block == BilevelProblem.X ? -slope * inner : inner);
                }

                output.Result[0] = sum;
            }

            for (int p = 0; p < request.Values.Length; p++)
                request.Values[p] = mu / 2 * Math.Pow(request.Point(p)[1][0] - (slope * request.Point(p)[0][0]), 2);
        }
    }
}
