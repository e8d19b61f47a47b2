namespace Bilevel;

/// <summary>How the upper variable moves along the (estimated) hypergradient d.</summary>
public enum StepRule
{
    /// <summary>x - s d.</summary>
    Plain,

    /// <summary>x - s d / |d|.</summary>
    Normalised,

    /// <summary>x - s v with v = momentum v + d (heavy ball).</summary>
    Momentum,

    /// <summary>Adam (Kingma and Ba, 2015): every coordinate scaled by its running mean square.</summary>
    Adam,

    /// <summary>x - s d / (b + sqrt(sum of all |d|^2 so far)) (AdaGrad-norm).</summary>
    AdagradNorm,

    /// <summary>x - t d with t from the last two points and directions (Malitsky and Mishchenko, 2020): no step size to choose; s bounds the first step.</summary>
    Adaptive,

    /// <summary>x - s d / max(1, |d|): normalised far from the answer, plain near it, where a step of fixed length would not converge.</summary>
    Clipped,
}

/// <summary>The settings of the upper step, shared by the methods.</summary>
public sealed record UpperStep
{
    /// <summary>Rule by which x moves along the estimated hypergradient.</summary>
    [Setting("Rule by which x moves along the estimated hypergradient.")]
    public StepRule StepRule { get; init; }

    /// <summary>Decay of the direction average, for the rules momentum and adam.</summary>
    [Setting("Decay of the direction average, for the rules momentum and adam.", Min = 0, Max = 0.999999)]
    public double Momentum { get; init; } = 0.9;

    /// <summary>Decay of the mean square, for the rule adam.</summary>
    [Setting("Decay of the mean square, for the rule adam.", Min = 0, Max = 0.9999999)]
    public double SquareDecay { get; init; } = 0.999;

    /// <summary>Number added under the division, for the rules adam and adagrad-norm.</summary>
    [Setting("Number added under the division, for the rules adam and adagrad-norm.", Min = 0)]
    public double StepOffset { get; init; } = 1e-8;

    internal UpperMover<V> Start<V>(V x, IFeasibleSet<V> set)
        where V : class, IVector<V> => new(this, x, set);

    internal IEnumerable<Finding> Validate<V>()
        where V : class, IVector<V>
    {
        if (StepRule == StepRule.Adam && !typeof(V).IsAssignableTo(typeof(ICoordinatewise<V>)))
            yield return new Finding(Severity.Error, $"The step rule adam scales every coordinate, which vectors of type {typeof(V).Name} cannot do.", $"Implement {nameof(ICoordinatewise<V>)}, or choose another step rule.");
    }
}

/// <summary>A way to move x along estimates of the hypergradient.</summary>
internal interface IUpperMove<V>
    where V : class, IVector<V>
{
    /// <summary>|d|, or where x is constrained the norm of the gradient mapping |x - Proj(x - s d)| / s.</summary>
    /// <param name="direction">d; not changed.</param>
    /// <param name="step">s, the step size or learning rate.</param>
    double Measure(V direction, double step);

    /// <summary>Moves x along -d and projects it.</summary>
    /// <param name="direction">d; not changed.</param>
    /// <param name="step">s, the step size or learning rate.</param>
    void Move(V direction, double step);

    /// <summary>Takes half of the last move back, where it led to a point at which something is not finite; false where the rule keeps no memory of it.</summary>
    bool Retreat() => false;

    /// <summary>Forgets the past, when the function under the directions has changed.</summary>
    void Restart();

    /// <summary>Saves or loads its memory.</summary>
    void Transfer(IArchive<V> archive);
}

/// <summary>The upper variable and the memory of its step rule.</summary>
internal sealed class UpperMover<V> : IUpperMove<V>
    where V : class, IVector<V>
{
    private const double MostGrowth = 2, LongestStep = 1e100;    // adaptive: the published rule leaves its first growth without bound

    private readonly UpperStep settings;
    private readonly IFeasibleSet<V> set;
    private readonly V x;
    private readonly V? average;         // v: running mean of directions (momentum, adam) or the last direction (adaptive)
    private readonly V? squares;         // running mean of squares (adam)
    private readonly V? last;            // the last x (adaptive)
    private readonly GradientMapping<V> mapping;
    private double sumOfSquares;         // of all |d|^2 (adagrad-norm)
    private double lastStep, growth = double.PositiveInfinity;   // adaptive: t and t / t before
    private long count;

    public UpperMover(UpperStep settings, V x, IFeasibleSet<V> set)
    {
        (this.settings, this.x, this.set) = (settings, x, set);
        if (settings.StepRule is StepRule.Momentum or StepRule.Adam or StepRule.Adaptive) average = x.ZerosLike();
        if (settings.StepRule is StepRule.Adam) squares = x.ZerosLike();
        if (settings.StepRule is StepRule.Adaptive) last = x.ZerosLike();
        mapping = new GradientMapping<V>(x, set);
    }

    public double Measure(V direction, double step) => mapping.Norm(direction, step);

    public void Move(V direction, double step)
    {
        count++;
        switch (settings.StepRule)
        {
            case StepRule.Plain:
                x.AddScaled(-step, direction);
                break;
            case StepRule.Normalised:
                double norm = direction.Norm();
                if (norm > 0) x.AddScaled(-step / norm, direction);
                break;
            case StepRule.Clipped:
                x.AddScaled(-step / Math.Max(1, direction.Norm()), direction);
                break;
            case StepRule.Momentum:
                average!.Scale(settings.Momentum);
                average.AddScaled(1, direction);
                x.AddScaled(-step, average);
                break;
            case StepRule.Adam:
                average!.Scale(settings.Momentum);
                average.AddScaled(1 - settings.Momentum, direction);
                ((ICoordinatewise<V>)squares!).DecayAndAddSquare(settings.SquareDecay, 1 - settings.SquareDecay, direction);
                double meanBias = 1 - Math.Pow(settings.Momentum, count), squareBias = 1 - Math.Pow(settings.SquareDecay, count);
                ((ICoordinatewise<V>)x).AddScaledOverRoot(-step / meanBias, average, 1 / squareBias, squares!, settings.StepOffset);
                break;
            case StepRule.AdagradNorm:
                sumOfSquares += direction.Dot(direction);
                if (sumOfSquares > 0) x.AddScaled(-step / (settings.StepOffset + Math.Sqrt(sumOfSquares)), direction);
                break;
            case StepRule.Adaptive:
                step = AdaptiveStep(direction, step);
                last!.CopyFrom(x);
                average!.CopyFrom(direction);
                x.AddScaled(-step, direction);
                break;
            default:
                throw new InvalidOperationException($"The step rule {settings.StepRule} is not known.");
        }

        set.Project(x);
    }

    public bool Retreat()
    {
        if (last is null || count == 0) return false;
        x.AddScaled(1, last);
        x.Scale(0.5);
        lastStep /= 2;
        return true;
    }

    public void Restart()
    {
        growth = double.PositiveInfinity;
        if (settings.StepRule == StepRule.Adaptive) count = 0;
    }

    public void Transfer(IArchive<V> archive)
    {
        if (average is not null) archive.Transfer(average);
        if (squares is not null) archive.Transfer(squares);
        if (last is not null) archive.Transfer(last);
        archive.Transfer(ref sumOfSquares);
        archive.Transfer(ref lastStep);
        archive.Transfer(ref growth);
        archive.Transfer(ref count);
    }

    // t = min( sqrt(1 + growth) t_before, |x - x_before| / (2 |d - d_before|) ), growth = t_before / (t before that)
    private double AdaptiveStep(V direction, double bound)
    {
        if (count == 1)
        {
            double norm = direction.Norm();
            return lastStep = lastStep > 0 ? lastStep : norm > 0 ? Math.Min(bound, 1 / norm) : bound;
        }

        // |a - b|^2 = a.a - 2 a.b + b.b loses all digits near convergence, so the differences are formed.
        last!.AddScaled(-1, x);
        average!.AddScaled(-1, direction);
        double moved = last.Norm(), turned = average.Norm();

        // An x that did not move, held by its set, says nothing of curvature; without this the step would grow for ever.
        if (!(moved > 0)) return lastStep;
        double step = Math.Min(MostGrowth, Math.Sqrt(1 + growth)) * lastStep;
        if (turned > 0) step = Math.Min(step, moved / (2 * turned));
        step = Math.Clamp(step, double.Epsilon, LongestStep);
        growth = step / lastStep;
        return lastStep = step;
    }
}
