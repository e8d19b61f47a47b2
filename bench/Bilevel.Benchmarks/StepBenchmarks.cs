using BenchmarkDotNet.Attributes;

namespace Bilevel.Benchmarks;

/// <summary>
/// One F2SA step on f = a/2 (y - c)^2 + b/2 x^2, g = mu/2 (y - p x)^2 with one variable each, oracle included:
/// what the shape of the library costs against plain doubles.
/// </summary>
[MemoryDiagnoser]
[MinColumn]
public class StepBenchmarks
{
    private const double A = 2, B = 1, C = 3, P = 0.5, Mu = 2, StepX = 1e-3, StepZ = 0.5, LambdaLimit = 1e4;

    private IRun<DenseVector<double>> run = null!, counted = null!;
    private double x, y, z, lambda;

    [GlobalSetup]
    public void Setup()
    {
        var problem = new BilevelProblem<DenseVector<double>>(new Upper(), new Lower())
        {
            Constants = new ProblemConstants { LowerStrongConvexity = Mu, LowerSmoothness = Mu, LowerCoupling = Mu * P, LowerHessianLipschitz = 0, UpperSmoothness = A, UpperCoupling = 0 },
        };
        var method = new F2sa { StepX = StepX };
        run = method.Start(problem, Vectors.Zeros(1), Vectors.Zeros(1), seed: 0);
        var measured = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, new OracleCounts(BilevelProblem.BlockCount)),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, new OracleCounts(BilevelProblem.BlockCount)),
        };
        counted = method.Start(measured, Vectors.Zeros(1), Vectors.Zeros(1), seed: 0);
        (x, y, z, lambda) = (0, 0, 0, 4);
    }

    [Benchmark(Baseline = true)]
    public double PlainDoubles()
    {
        double stepY = 1 / (A + (lambda * Mu));
        double gz = Mu * (z - (P * x)), gy = Mu * (y - (P * x)), fy = A * (y - C);
        z -= StepZ * gz;
        y -= stepY * (fy + (lambda * gy));
        double direction = (B * x) + (lambda * ((-P * Mu * (y - (P * x))) - (-P * Mu * (z - (P * x)))));
        x -= StepX * direction;
        lambda = Math.Min(lambda * 1.05, LambdaLimit);
        return Math.Abs(direction);
    }

    [Benchmark]
    public double Step()
    {
        run.Step();
        return run.Residual;
    }

    [Benchmark]
    public double CountedStep()
    {
        counted.Step();
        return counted.Residual;
    }

    private sealed class Upper : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                var point = request.Points;
                output.Result[0] = output.Block == BilevelProblem.X ? B * point[0][0] : A * (point[1][0] - C);
            }
        }
    }

    private sealed class Lower : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            var points = request.Points;
            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Point != Output.Combined)
                {
                    output.Result[0] = Gradient(points[2 * output.Point][0], points[(2 * output.Point) + 1][0], output.Block);
                    continue;
                }

                double sum = 0;
                for (int p = 0; p < request.Weights.Length; p++) sum += request.Weights[p] * Gradient(points[2 * p][0], points[(2 * p) + 1][0], output.Block);
                output.Result[0] = sum;
            }
        }

        private static double Gradient(double x, double y, int block) => (block == BilevelProblem.X ? -P : 1) * Mu * (y - (P * x));
    }
}
