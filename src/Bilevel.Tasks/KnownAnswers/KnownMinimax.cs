namespace Bilevel.Tasks;

/// <summary>What the bilevel minimax tasks with known answers have in common.</summary>
internal static class KnownMinimax
{
    /// <summary>An instance with the limits, the output and the report of these tasks.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Its six blocks.</param>
    /// <param name="answer">What is known.</param>
    /// <param name="notes">What the user should know, a sentence each.</param>
    public static MinimaxInstance<DenseVector<double>> Instance(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] start, KnownAnswer<DenseVector<double>> answer, params string[] notes) =>
        Instance(problem, start, answer, KnownOutcome.Of(answer), notes);

    /// <summary>The same with a report of its own.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Its six blocks.</param>
    /// <param name="answer">What is known.</param>
    /// <param name="evaluate">What the task says of an answer.</param>
    /// <param name="notes">What the user should know, a sentence each.</param>
    public static MinimaxInstance<DenseVector<double>> Instance(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] start, KnownAnswer<DenseVector<double>> answer, Func<Solution<DenseVector<double>>, TaskOutcome> evaluate, params string[] notes) => new(problem, start)
    {
        Components = v => v.ToDoubles(),
        Answer = answer,
        Evaluate = evaluate,
        Tolerance = 1e-2,
        Iterations = 1_000_000,
        Notes = notes,
    };

    /// <summary>
    /// The most that slope d - curvature d^2/2 rises over steps d with at + d in [lower, upper]. The gap of a
    /// separable level is a sum of such rises from (y1, y2), none of them negative, where the difference of its two
    /// one-sided optima would cancel.
    /// </summary>
    /// <param name="slope">Slope at the point, upwards for the player who maximises.</param>
    /// <param name="curvature">Modulus of concavity, zero or more.</param>
    /// <param name="at">The point, in the interval.</param>
    /// <param name="lower">Lower end of the interval.</param>
    /// <param name="upper">Upper end of the interval.</param>
    public static double Rise(double slope, double curvature, double at, double lower, double upper)
    {
        // 0/0 where the level is flat; otherwise a level without curvature goes to the end of the interval.
        if (slope == 0) return 0;
        double step = Math.Clamp(slope / curvature, lower - at, upper - at);
        return step * (slope - (curvature * step / 2));
    }
}
