namespace Bilevel.Tasks;

/// <summary>The machines that a tuned one is to be compared with: one cost for all samples.</summary>
/// <param name="Solver">Trains machines.</param>
/// <param name="Untuned">The machine of a common cost that nobody tuned.</param>
/// <param name="Best">The one with the smallest validation loss on a grid of common costs.</param>
internal sealed record SvmBaselines(SvmSolver Solver, (double Cost, SvmAnswer Answer) Untuned, (double Cost, SvmAnswer Answer) Best)
{
    private const double UntunedCost = 1;

    private static readonly double[] Grid = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    /// <summary>Trains them.</summary>
    /// <exception cref="OperationCanceledException">They were not finished: a run has no start.</exception>
    public static SvmBaselines Of(SvmTuningSettings settings, SvmData data, TaskContext context)
    {
        var solver = new SvmSolver(data.Training, settings.WeightLimit, context);
        double untuned = Math.Min(UntunedCost, settings.CostLimit);
        var machines = Grid.Where(c => c < settings.CostLimit).Append(settings.CostLimit).Append(untuned).Distinct().Select(c => (Cost: c, Answer: solver.Train(c))).ToList();
        context.Cancellation.ThrowIfCancellationRequested();
        return new(solver, machines.First(m => m.Cost == untuned), machines.MinBy(m => Loss(data.Validation, m.Answer)));
    }

    /// <summary>The loss of a machine on samples.</summary>
    public static double Loss(SvmPart part, SvmAnswer answer) => new SquaredHingeLoss(part.Features, part.Signs).Of(answer.Classifier);
}
