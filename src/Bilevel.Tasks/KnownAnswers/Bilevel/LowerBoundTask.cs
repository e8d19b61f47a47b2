namespace Bilevel.Tasks;

/// <summary>The function phi of <see cref="LowerBoundTask"/>.</summary>
internal enum LowerBoundFunction
{
    /// <summary>Half the sum of i (x_i - 1)^2.</summary>
    Quadratic,

    /// <summary>Sum of x_i^2/2 + (1 - cos 3 x_i)/2, with local minima beside the one at 0.</summary>
    Cosine,

    /// <summary>Sum of 10 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2 over neighbours: a curved valley.</summary>
    Valley,
}

/// <summary>Settings of <see cref="LowerBoundTask"/>.</summary>
internal sealed record LowerBoundSettings
{
    /// <summary>The function phi that the hyperobjective equals.</summary>
    [Setting("The function phi that the hyperobjective equals.")]
    public LowerBoundFunction Function { get; init; }

    /// <summary>Number of components of x; the function valley needs 2 or more.</summary>
    [Setting("Number of components of x; the function valley needs 2 or more.", Min = 1, Max = 100_000)]
    public int Size { get; init; } = 2;
}

/// <summary>
/// f = y and g = (y - phi(x))^2/2: F = phi, and the penalty gradient equals grad phi exactly for every lambda, which
/// makes any smooth function a bilevel problem with a known hypergradient.
/// </summary>
internal sealed class LowerBoundTask : TaskOf<LowerBoundSettings>
{
    /// <inheritdoc/>
    public override string Name => "lower-bound";

    /// <inheritdoc/>
    public override string Summary => "f = y, g = (y - phi(x))^2/2: the penalty gradient is exact for every lambda.";

    /// <inheritdoc/>
    public override TaskInstance Create(LowerBoundSettings settings, TaskContext context)
    {
        if (settings.Function == LowerBoundFunction.Valley && settings.Size < 2) throw new SettingException("The function valley needs a size of 2 or more.");
        return Instance(settings.Function, settings.Size);
    }

    /// <summary>The problem of that function and size.</summary>
    public static BilevelInstance<DenseVector<double>> Instance(LowerBoundFunction function, int size)
    {
        var phi = new Phi(function);
        double solution = function == LowerBoundFunction.Cosine ? 0 : 1;
        double start = function == LowerBoundFunction.Valley ? -0.5 : function == LowerBoundFunction.Cosine ? 0.8 : -1;
        DenseVector<double> Fill(double value) => new(Enumerable.Repeat(value, size).ToArray());
        DenseVector<double> Gradient(DenseVector<double> x)
        {
            var gradient = x.ZerosLike();
            phi.Gradient(x.Span, gradient.Span);
            return gradient;
        }

        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Fill(solution),
            UpperValue = 0,
            Accuracy = 1e-12,
            LowerSolution = x => Vectors.Of(phi.Value(x.Span)),
            Hyperobjective = x => phi.Value(x.Span),
            Hypergradient = Gradient,
            PenaltyHypergradient = (x, _) => Gradient(x),
        };
        double stepX = function == LowerBoundFunction.Valley ? 0.005 : function == LowerBoundFunction.Cosine ? 0.1 : Math.Min(0.1, 1.0 / size);
        var problem = new BilevelProblem<DenseVector<double>>(new Upper(), new Lower(phi))
        {
            Constants = Constants(null),
            ConstantsAt = x => Constants(Gradient(x).Norm()),
        };
        return new BilevelInstance<DenseVector<double>>(problem, Fill(start), Vectors.Of(0))
        {
            Components = v => v.ToDoubles(),
            Answer = answer,
            Evaluate = KnownOutcome.Of(answer),
            Tolerance = 1e-6,
            Iterations = 20_000,
            Presets = [new F2ba { Accelerated = true, Tolerance = 5e-7, StepX = stepX }, new F2ba { Tolerance = 5e-7, StepX = stepX }, new F2sa { Lambda = 10, StepX = stepX }],
            Notes = ["The hyperobjective is the chosen function itself."],
        };
    }

    // The coupling is |grad phi(x)|, the same for all y; no bound holds for all x.
    private static ProblemConstants Constants(double? coupling) => new()
    {
        LowerStrongConvexity = 1,
        LowerSmoothness = 1,
        LowerCoupling = coupling,
        LowerHessianLipschitz = 0,
        UpperSmoothness = 0,
        UpperCoupling = 0,
    };

    private sealed class Phi(LowerBoundFunction function)
    {
        public double Value(ReadOnlySpan<double> x)
        {
            double sum = 0;
            for (int i = 0; i < x.Length; i++)
            {
                switch (function)
                {
                    case LowerBoundFunction.Quadratic:
                        sum += (i + 1) * (x[i] - 1) * (x[i] - 1) / 2;
                        break;
                    case LowerBoundFunction.Cosine:
                        sum += ((x[i] * x[i]) + 1 - Math.Cos(3 * x[i])) / 2;
                        break;
                    default:
                        if (i + 1 == x.Length) break;
                        double rise = x[i + 1] - (x[i] * x[i]);
                        sum += (10 * rise * rise) + ((1 - x[i]) * (1 - x[i]));
                        break;
                }
            }

            return sum;
        }

        public void Gradient(ReadOnlySpan<double> x, Span<double> gradient)
        {
            gradient.Clear();
            for (int i = 0; i < x.Length; i++)
            {
                switch (function)
                {
                    case LowerBoundFunction.Quadratic:
                        gradient[i] = (i + 1) * (x[i] - 1);
                        break;
                    case LowerBoundFunction.Cosine:
                        gradient[i] = x[i] + (1.5 * Math.Sin(3 * x[i]));
                        break;
                    default:
                        if (i + 1 == x.Length) break;
                        double rise = x[i + 1] - (x[i] * x[i]);
                        gradient[i + 1] += 20 * rise;
                        gradient[i] += (-40 * rise * x[i]) - (2 * (1 - x[i]));
                        break;
                }
            }
        }
    }

    private sealed class Upper : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                output.Result.Span.Clear();
                if (output.Block == BilevelProblem.Y) output.Result[0] = output.Point == Output.Combined ? Sum(request.Weights) : 1;
            }

            for (int i = 0; i < request.Values.Length; i++) request.Values[i] = request.Point(i)[BilevelProblem.Y][0];
        }

        private static double Sum(ReadOnlySpan<double> weights)
        {
            double sum = 0;
            foreach (double w in weights) sum += w;
            return sum;
        }
    }

    private sealed class Lower(Phi phi) : IObjective<DenseVector<double>>
    {
        private double[] gradient = [];

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Point != Output.Combined)
                {
                    output.Result.Span.Clear();
                    Add(1, request.Point(output.Point), output);
                }
                else if (SharesX(request))
                {
                    // One x: sum the points first, so that nothing cancels but y - z itself.
                    var x = request.Point(0)[BilevelProblem.X].Span;
                    double y = 0, weight = 0;
                    for (int q = 0; q < request.PointCount; q++) (y, weight) = (y + (request.Weights[q] * request.Point(q)[BilevelProblem.Y][0]), weight + request.Weights[q]);
                    output.Result.Span.Clear();
                    Add(weight == 0 ? y : y - (weight * phi.Value(x)), x, output);
                }
                else
                {
                    output.Result.Span.Clear();
                    for (int q = 0; q < request.PointCount; q++) Add(request.Weights[q], request.Point(q), output);
                }
            }

            for (int i = 0; i < request.Values.Length; i++)
            {
                double apart = Apart(request.Point(i));
                request.Values[i] = apart * apart / 2;
            }
        }

        private static bool SharesX(in Request<DenseVector<double>> request)
        {
            for (int q = 1; q < request.PointCount; q++)
            {
                if (!ReferenceEquals(request.Point(q)[BilevelProblem.X], request.Points[BilevelProblem.X])) return false;
            }

            return true;
        }

        private double Apart(ReadOnlySpan<DenseVector<double>> point) => point[BilevelProblem.Y][0] - phi.Value(point[BilevelProblem.X].Span);

        private void Add(double weight, ReadOnlySpan<DenseVector<double>> point, in Output<DenseVector<double>> output) =>
            Add(weight * Apart(point), point[BilevelProblem.X].Span, output);

        // g_y = apart, g_x = -apart grad phi.
        private void Add(double apart, ReadOnlySpan<double> x, in Output<DenseVector<double>> output)
        {
            if (output.Block == BilevelProblem.Y)
            {
                output.Result[0] += apart;
                return;
            }

            if (gradient.Length != x.Length) gradient = new double[x.Length];
            phi.Gradient(x, gradient);
            for (int i = 0; i < gradient.Length; i++) output.Result[i] -= apart * gradient[i];
        }
    }
}
