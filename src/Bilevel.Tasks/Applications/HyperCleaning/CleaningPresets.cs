using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>
/// Settings of the methods that suit data hyper-cleaning, whatever the number of rows, measured on 500 generated digits, 5,000 images of MNIST and
/// generated tables of 200 and 2,000 rows; the default method on 200,000 too. One weight per row makes each component of the hypergradient shrink like one over the
/// number of rows, and the curvature with it: steps of x are scaled by coordinate (Adam) or grow with the rows.
/// </summary>
internal static class CleaningPresets
{
    // The tolerance of 1e-4 is that of so many rows; of fewer too, where x is moved by few rows and has further to go. The default method
    // stops within a thousandth of the F of longer runs by it (0.06 % above with 5,000 images); 1e-4 for 160,000 rows left 0.3 %.
    private const double UsualRows = 5000, UsualTolerance = 1e-4;

    // Fewer rows than these cost less than minibatches would save, and gradients of all of them have no noise to end in.
    private const int FewRows = 2000, BatchSize = 500;

    private const double StepX = 0.05, Penalty = 100;

    // A step of x along the plain hypergradient, per row.
    private const double StepPerRow = 0.6;

    private static readonly string[] MinimaxMethods = ["ogda", "extragradient", "smoothed-extragradient", "gda", "proximal-point", "sapd", "ssgda", "tsgda-1", "tsgda-2", "lu-mei", "lv-hba"];

    /// <summary>The methods that are refused, with the reason.</summary>
    public static IReadOnlyDictionary<string, string> Unsuited { get; } = MinimaxMethods.ToDictionary(
        name => name,
        name => $"The method {name} hardly moves here, because each of the learned weights moves the classifier as little as one row among all does: after a thousand iterations F is near that of the start. Use quasi-newton, or f2sa on minibatches.");

    /// <summary>
    /// The tolerance: 1e-4, and from 5,000 rows on less in proportion, because the norm of a hypergradient with a component
    /// for every row falls with their number while F stays.
    /// </summary>
    /// <param name="rows">Number of training rows.</param>
    public static double Tolerance(int rows) => UsualTolerance / Math.Max(1, rows / UsualRows);

    /// <summary>A step of the lower level that is stable: 0.5 is right for MNIST, whose rows have a largest second moment of about 100; brighter images and wider tables curve more.</summary>
    public static double StableStep<T>(FeatureRows<T> training)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => 0.5 * Math.Min(1, 100 / training.LargestSecondMoment());

    /// <summary>The presets, the task's default first.</summary>
    /// <param name="rows">Number of training rows.</param>
    /// <param name="trusted">Number of validation rows.</param>
    /// <param name="stepLower">A stable step of the lower level.</param>
    public static IMethod[] Of(int rows, int trusted, double stepLower)
    {
        int some = Math.Min(BatchSize, Math.Min(rows, trusted)), batch = rows <= FewRows ? 0 : some;
        double tolerance = Tolerance(rows) / 2;
        var adam = new UpperStep { StepRule = StepRule.Adam };

        // The noise of minibatches is multiplied by lambda; without it lambda may outgrow its bias sooner.
        double increment = batch == 0 ? 1 : 0.1;
        return
        [
            // lambda is raised until its bias is within the tolerance: a few rows need a larger one than many.
            new QuasiNewton { LambdaStart = 30, FirstMove = 0.4 * Math.Sqrt(rows), Tolerance = tolerance },
            new ConstrainedQuasiNewton { Tolerance = tolerance },
            new F2sa { InnerSteps = 5, Batch = batch, SamplePerIteration = true, StepZ = stepLower, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = increment, StepX = StepX, Upper = adam },
            new F3sa { InnerSteps = 5, Batch = batch, Eta = batch == 0 ? null : 0.5, StepZ = stepLower, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = increment, StepX = StepX, Upper = adam },
            new F2saP { InnerSteps = 10, Batch = batch, Lambda = Penalty, StepX = StepX, Upper = adam },

            // With mu = 0.002 the inner tolerances ask for thousands of steps; twenty warm-started ones are enough in practice.
            new F2ba { Lambda = Penalty, InnerSteps = 20, StepX = StepX, Tolerance = tolerance, Upper = adam },
            new F2ba { Accelerated = true, Lambda = Penalty, InnerSteps = 20, StepX = StepX, Tolerance = tolerance, Upper = adam },
            new AccF2ba { Lambda = Penalty, InnerSteps = 20, StepX = StepPerRow * rows, Tolerance = tolerance },
            new AccF2ba { Accelerated = true, Lambda = Penalty, InnerSteps = 20, StepX = StepPerRow * rows, Tolerance = tolerance },
            F2ba.Stochastic(some, Penalty, innerSteps: 10, StepX) with { Upper = adam },
            new F3bsa { Batch = some, Lambda = Penalty, InnerSteps = 10, StepX = StepX, Eta = 0.5, Upper = adam },
        ];
    }
}
