namespace Bilevel;

/// <summary>What is said of a run that rests where the bias of a lambda that it was given leaves it.</summary>
internal static class GivenLambda
{
    // What the bias may take of the tolerance at the lambda that is advised.
    private const double BiasShare = 0.25;

    /// <summary>Why it is not within the tolerance, and the lambda that is advised.</summary>
    /// <param name="lambda">The given lambda.</param>
    /// <param name="gradient">Norm of the gradient of the penalty function.</param>
    /// <param name="bias">The bias, about.</param>
    /// <param name="tolerance">The tolerance.</param>
    /// <param name="setting">The settings that give lambda.</param>
    /// <param name="chosen">Whether the method would choose lambda by itself.</param>
    /// <param name="order">The bias falls like lambda to minus this.</param>
    public static (SolveStatus Status, string Reason) Settled(double lambda, double gradient, double bias, double tolerance, string setting, bool chosen, int order = 1) => (SolveStatus.NotWithinTolerance, FormattableString.Invariant(
        $"The penalty function at the given lambda = {lambda:G4} is stationary where the run ended (the norm of its gradient is {gradient:G3}), but its bias, about {bias:G3}, is above the tolerance {tolerance:G3}: raise {setting} to about {lambda * Math.Pow(bias / (BiasShare * tolerance), 1.0 / order):G2}{(chosen ? $", or leave {setting} at auto" : "")}."));
}
