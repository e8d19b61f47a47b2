namespace Bilevel;

/// <summary>What the penalty methods check of their settings before the first step.</summary>
internal static class PenaltyChecks
{
    /// <summary>Strong convexity of the penalty function in y: lambda at least 2 Lf1 / mu (penalty methods, section 2.2).</summary>
    public static IEnumerable<Finding> Lower<V>(BilevelProblem<V> problem, double lambda)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        if (known is { LowerStrongConvexity: { } mu, UpperSmoothness: { } lf } && mu > 0 && lambda < 2 * lf / mu)
        {
            yield return new Finding(
                Severity.Warning,
                FormattableString.Invariant($"lambda = {lambda:G4} is below 2 Lf1/mu = {2 * lf / mu:G4}, where the penalty function may fail to be convex in y."),
                "The theory does not cover such a lambda; the method may still work, since the constants are worst cases.");
        }
    }

    /// <summary>Stable ranges of the steps of z and y (penalty methods, section 2.5).</summary>
    public static IEnumerable<Finding> Steps<V>(BilevelProblem<V> problem, double? stepZ, double? stepY, double lambda)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        if (known.LowerSmoothness is not { } lg) yield break;
        if (stepZ > 2 / lg)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"step-z = {stepZ:G4} is beyond 2/Lg1 = {2 / lg:G4}, the stable range if Lg1 = {lg:G4} is attained."), FormattableString.Invariant($"Take at most 1/Lg1 = {1 / lg:G4} if the run breaks down."));
        if (known.UpperSmoothness is { } lf && stepY > 2 / (lf + (lambda * lg)))
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"step-y = {stepY:G4} is beyond 2/(Lf1 + lambda Lg1) = {2 / (lf + (lambda * lg)):G4} at lambda = {lambda:G4}."), "Leave step-y at auto, which follows lambda.");
    }

    /// <summary>Strong convexity of the lower level, where constants say that there is none.</summary>
    public static IEnumerable<Finding> Modulus<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        if (problem.Constants.LowerStrongConvexity <= 0) yield return new Finding(Severity.Error, "The lower level is declared with a strong convexity of zero; the method needs it positive.", "Add a small multiple of |y|^2 to g.");
    }

    /// <summary>Strong convexity of j f/lambda + g at every node j, and the stable range of the followers' step (penalty methods, sections 13.3 and 13.6).</summary>
    public static IEnumerable<Finding> Nodes<V>(BilevelProblem<V> problem, DifferenceNode[] nodes, double lambda, double? step)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        int farthest = nodes.Max(n => Math.Abs(n.J)), lowest = nodes.Min(n => n.J);
        if (known is { LowerStrongConvexity: { } mu, UpperSmoothness: { } lf } && mu > 0)
        {
            double safe = 2 * farthest * lf / mu;
            string none = -lowest * lf >= lambda * mu ? FormattableString.Invariant($"; the follower of node {lowest}, on {lowest} f/lambda + g, may have no minimiser at all") : "";
            if (lambda <= safe)
                yield return new Finding(Severity.Warning, FormattableString.Invariant($"lambda = {lambda:G4} is not above {2 * farthest} Lf1/mu = {safe:G4}, so |j| nu < mu/(2 Lf1) fails at node {(-lowest == farthest ? lowest : farthest)}{none}."), "The method may still work, since the constants are worst cases. Raise lambda or lower the order if y runs away.");
        }

        if (known is { LowerSmoothness: { } lg, UpperSmoothness: { } curvature } && step > 2 / (lg + (farthest * curvature / lambda)))
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"step-lower = {step:G4} is beyond 2/(Lg1 + {farthest} Lf1/lambda) = {2 / (lg + (farthest * curvature / lambda)):G4}, the stable range if the constants are attained."), "Leave step-lower at auto, or halve it if the run breaks down.");
    }
}
