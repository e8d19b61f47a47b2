using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>What the ridge and the logistic task share: one log-weight x in a box, a linear model w, training and validation data.</summary>
internal static class Regularisation
{
    public const double LowerX = -8, UpperX = 4;

    private static readonly double[] FirstWeights = [1, -1, 0.5, -0.5, 2];
    private const int Probes = 49;

    /// <summary>w0 = (1, -1, 0.5, -0.5, 2, 0, ..., 0).</summary>
    public static double[] TrueWeights(int features)
    {
        var weights = new double[features];
        FirstWeights.AsSpan(0, Math.Min(features, FirstWeights.Length)).CopyTo(weights);
        return weights;
    }

    /// <summary>The instance, with reference solutions by Newton's method and x* by a search over the box.</summary>
    /// <param name="train">Training rows.</param>
    /// <param name="trainTargets">Their targets.</param>
    /// <param name="validation">Validation rows.</param>
    /// <param name="validationTargets">Their targets.</param>
    /// <param name="constants">The constants at one x.</param>
    /// <param name="smoothness">Largest eigenvalue of the Hessian of the training loss, for the steps of the presets.</param>
    /// <param name="notes">What to tell of the data.</param>
    public static BilevelInstance<DenseVector<double>> Instance<TLoss>(
        Matrix train, double[] trainTargets, Matrix validation, double[] validationTargets, Func<double, ProblemConstants> constants, double smoothness, IReadOnlyList<string> notes)
        where TLoss : struct, ILoss
    {
        var reference = new LinearReference<TLoss>(train, trainTargets, validation, validationTargets);
        double best = LineMinimum.Of(x => reference.Hyperobjective(Vectors.Of(x)), x => reference.Hypergradient(Vectors.Of(x))[0], LowerX, UpperX, Probes);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = reference.Hyperobjective(Vectors.Of(best)),
            Accuracy = 1e-10,
            LowerSolution = reference.LowerSolution,
            Hyperobjective = reference.Hyperobjective,
            Hypergradient = reference.Hypergradient,
            PenaltyHypergradient = reference.PenaltyHypergradient,
        };
        double stepZ = 1 / (smoothness + Math.E);
        var problem = new BilevelProblem<DenseVector<double>>(new LinearObjective<TLoss>(validation, validationTargets, regularised: false), new LinearObjective<TLoss>(train, trainTargets, regularised: true))
        {
            UpperSet = new Box<double>(LowerX, UpperX, 1),
            Constants = Worst(constants),
            ConstantsAt = x => constants(x[0]),
        };
        return new BilevelInstance<DenseVector<double>>(problem, Vectors.Of(0), Vectors.Zeros(train.Columns))
        {
            Components = v => v.ToDoubles(),
            Answer = answer,
            Evaluate = KnownOutcome.Of(answer),
            Tolerance = 1e-5,
            Iterations = 2000,
            Presets =
            [
                new F2ba { Accelerated = true, Tolerance = 5e-6, StepX = 1 },
                new F2ba { Tolerance = 5e-6, StepX = 1 },

                // The step of z fits weights up to e, far above the solution; the worst case e^4 would cost twenty times as many steps.
                new F2sa { Lambda = 100, StepZ = stepZ, InnerSteps = 10, StepX = 0.5 },
            ],
            Notes = notes,
        };
    }

    // Every constant is monotone in x, so the ends of the box bound it.
    private static ProblemConstants Worst(Func<double, ProblemConstants> constants)
    {
        ProblemConstants low = constants(LowerX), high = constants(UpperX);
        return new ProblemConstants
        {
            LowerStrongConvexity = low.LowerStrongConvexity,
            LowerSmoothness = high.LowerSmoothness,
            LowerCoupling = high.LowerCoupling,
            LowerHessianLipschitz = high.LowerHessianLipschitz,
            LowerMixedHessianLipschitz = high.LowerMixedHessianLipschitz,
            UpperSmoothness = high.UpperSmoothness,
            UpperCoupling = high.UpperCoupling,
        };
    }

    public static double MeanNorm(Matrix rows)
    {
        double sum = 0;
        for (int i = 0; i < rows.Rows; i++) sum += TensorPrimitives.Norm<double>(rows.Row(i));
        return sum / rows.Rows;
    }

    public static double LargestNorm(Matrix rows)
    {
        double largest = 0;
        for (int i = 0; i < rows.Rows; i++) largest = Math.Max(largest, TensorPrimitives.Norm<double>(rows.Row(i)));
        return largest;
    }
}
