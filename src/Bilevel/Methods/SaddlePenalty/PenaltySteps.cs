namespace Bilevel;

/// <summary>
/// The step sizes of methods on the penalty function, a group of settings that these methods share. The blocks have
/// steps of their own: s for y and z, and multiples of it for x1 and x2, whose rows curve less than the bound
/// L_f + 2 rho L_g says: y and z follow a move of x1 together, and x2 does not see rho at all.
/// </summary>
public sealed record PenaltySteps
{
    /// <summary>Step s of y and z on the penalty function; auto finds it by backtracking, without any constant.</summary>
    [Setting("Step s of y and z on the penalty function; auto finds it by backtracking, without any constant.", Min = 1e-300)]
    public double? Step { get; init; }

    /// <summary>Step of x1 as a multiple of s; auto takes max(1, rho/20) and lowers it where the run cycles.</summary>
    [Setting("Step of x1 as a multiple of s; auto takes max(1, rho/20) and lowers it where the run cycles.", Min = 1e-300)]
    public double? LeaderFactor { get; init; }

    /// <summary>Step of x2 as a multiple of s; auto takes rho.</summary>
    [Setting("Step of x2 as a multiple of s; auto takes rho.", Min = 1e-300)]
    public double? OpponentFactor { get; init; }

    /// <summary>One fixed step for all blocks, as in the measured reference runs (bilevel minimax, section 10).</summary>
    /// <param name="step">The step, at most 0.5 / (L_f + 2 rho L_g).</param>
    public static PenaltySteps Fixed(double step) => new() { Step = step, LeaderFactor = 1, OpponentFactor = 1 };

    /// <summary>What is wrong with these settings on this problem.</summary>
    internal IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem, double penalty)
        where V : class, IVector<V>
    {
        if (Step is { } step && problem.Constants.PenaltySmoothness(penalty) is { } smoothness && step > 1 / smoothness)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"step = {step:G4} is beyond 1/L_h = {1 / smoothness:G4}, the stable range if L_h = L_f + 2 rho L_g = {smoothness:G4} is attained."), FormattableString.Invariant($"Take at most 0.5/L_h = {0.5 / smoothness:G4}, or leave step at auto."));
    }
}

/// <summary>Finds the step by backtracking on the ratio |F(u+) - F(u)| / |u+ - u|, which estimates the smoothness along the path.</summary>
internal sealed class StepSearch(double? fixedStep)
{
    // A step is taken back where step * ratio is above the limit, and the next one aims at the target.
    private const double Limit = 0.8, Target = 0.5;

    // The first step is anything; it doubles for as long as step * ratio is far below the target.
    private const double FirstStep = 0.1, Early = 0.25;

    private const double Growth = 1.1, Shrink = 0.05, Forgetting = 0.999;

    private const int MostRetries = 100;

    private double step = fixedStep ?? FirstStep, last = fixedStep ?? FirstStep, ratioSeen;
    private bool growing = fixedStep is null;
    private int retries;

    /// <summary>s: the step to try.</summary>
    public double Step => step;

    /// <summary>The step last taken, or less where a smaller one is being tried.</summary>
    public double Last => last;

    /// <summary>Judges the step just tried; where it is refused, <see cref="Step"/> is the next to try from the same point.</summary>
    /// <param name="ratio">|F(u+) - F(u)| / |u+ - u|; 0 where u did not move.</param>
    public bool Accept(double ratio)
    {
        if (fixedStep is not null) return true;

        // What is not finite even after many retries is for the driver to see.
        if (!(step * ratio <= Limit) && retries < MostRetries)
        {
            retries++;
            growing = false;
            if (double.IsFinite(ratio)) ratioSeen = Math.Max(ratioSeen, ratio);
            step = double.IsFinite(ratio) ? Math.Max(Shrink * step, Target / ratio) : Shrink * step;
            last = Math.Min(last, step);
            return false;
        }

        retries = 0;
        last = step;
        if (growing && step * ratio <= Early)
        {
            step *= 2;
            return true;
        }

        growing = false;
        ratioSeen = Math.Max(ratio, Forgetting * ratioSeen);
        step = Math.Min(Growth * step, Target / ratioSeen);
        return true;
    }

    /// <summary>Follows a change of the penalty function's scale.</summary>
    public void Rescale(double factor)
    {
        if (fixedStep is not null) return;
        step *= factor;
        last = step;
        ratioSeen /= factor;
    }

    /// <summary>Saves or loads the state.</summary>
    public void Transfer(IArchive archive)
    {
        archive.Transfer(ref step);
        archive.Transfer(ref last);
        archive.Transfer(ref ratioSeen);
        archive.Transfer(ref growing);
    }
}
