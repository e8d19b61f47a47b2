using BenchmarkDotNet.Attributes;

namespace Bilevel.Benchmarks;

/// <summary>
/// One iteration of the methods for bilevel minimax problems on the six-variable problem <c>saddle-quadratic</c>,
/// oracle included and counted: what the shape of the library costs against plain doubles.
/// </summary>
[MemoryDiagnoser]
[MinColumn, MedianColumn]
public class MinimaxStepBenchmarks
{
    private const double Rho = 100, StepSize = 0.5 / (1.8417 + (2 * Rho * 1.8794));

    private readonly Dictionary<string, IRun<DenseVector<double>>> runs = [];
    private readonly double[] u = new double[6], last = new double[6];
    private MinimaxPenalty<DenseVector<double>> penalty = null!;

    [GlobalSetup]
    public void Setup()
    {
        Box<double> Interval(double bound) => new(-bound, bound, 1);
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(
            new CountingObjective<DenseVector<double>>(new Upper(), new OracleCounts(BilevelMinimaxProblem.UpperCount)),
            new CountingObjective<DenseVector<double>>(new Lower(), new OracleCounts(BilevelMinimaxProblem.LowerCount)))
        {
            X1 = Interval(3),
            X2 = Interval(2),
            Z1 = Interval(4),
            Z2 = Interval(4),
            Constants = new MinimaxConstants { UpperSmoothness = 1.8417, LowerSmoothness = 1.8794 },
        };
        var start = BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Of(0), Vectors.Of(-1), Vectors.Of(-1));
        foreach (var method in new IBilevelMinimaxMethod[] { new Ogda { Tolerance = 1 / Rho }, new Extragradient { Tolerance = 1 / Rho }, new SmoothedExtragradient { Tolerance = 1 / Rho }, new GradientDescentAscent { Tolerance = 1 / Rho } })
            runs[method.Name] = method.Start(problem, start, 0);
        runs["ogda, fixed step"] = Bilevel.Ogda.Reference(1 / Rho, problem.Constants).Start(problem, start, 0);
        penalty = new MinimaxPenalty<DenseVector<double>>(problem, start);
        new double[] { 2, 0, -1, -1, -1, -1 }.CopyTo(u, 0);
    }

    [Benchmark(Baseline = true)]
    public double PlainDoubles()
    {
        double x1 = u[0], x2 = u[1], y1 = u[2], y2 = u[3], z1 = u[4], z2 = u[5];
        Move(0, x2 + (x1 / 5) + (Rho * (y1 - z1)), 3);
        Move(1, -(y1 + x1 - x2), 2);
        Move(2, y1 - 1 + x2 + (Rho * (y1 + z2 + x1)), 4);
        Move(3, y2 + 0.5 - (Rho * (z1 - y2)), 4);
        Move(4, Rho * (z1 + y2 + x1), 4);
        Move(5, -Rho * (y1 - z2), 4);
        return u[0];

        void Move(int i, double row, double bound)
        {
            u[i] = Math.Clamp(u[i] - (StepSize * ((2 * row) - last[i])), -bound, bound);
            last[i] = row;
        }
    }

    [Benchmark]
    public double Rows()
    {
        penalty.Evaluate(Rho);
        return penalty.Rows[0][0];
    }

    [Benchmark]
    public double OgdaFixedStep() => Step("ogda, fixed step");

    [Benchmark]
    public double Ogda() => Step("ogda");

    [Benchmark]
    public double Extragradient() => Step("extragradient");

    [Benchmark]
    public double SmoothedExtragradient() => Step("smoothed-extragradient");

    [Benchmark]
    public double GradientDescentAscent() => Step("gda");

    private double Step(string method)
    {
        var run = runs[method];
        run.Step();
        return run.Residual;
    }

    private sealed class Upper : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            double x1 = request.Points[0][0], x2 = request.Points[1][0], y1 = request.Points[2][0], y2 = request.Points[3][0];
            foreach (ref readonly var output in request.Gradients)
            {
                output.Result[0] = output.Block switch
                {
                    BilevelMinimaxProblem.X1 => x2 + (x1 / 5),
                    BilevelMinimaxProblem.X2 => y1 + x1 - x2,
                    BilevelMinimaxProblem.Y1 => y1 - 1 + x2,
                    _ => y2 + 0.5,
                };
            }
        }
    }

    private sealed class Lower : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Point != Output.Combined)
                {
                    output.Result[0] = Gradient(request.Point(output.Point), output.Block);
                    continue;
                }

                double sum = 0;
                for (int p = 0; p < request.PointCount; p++) sum += request.Weights[p] * Gradient(request.Point(p), output.Block);
                output.Result[0] = sum;
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
