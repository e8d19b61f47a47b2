namespace Bilevel;

/// <summary>Looks at a problem, a start and the methods before the first step.</summary>
public static class Validator
{
    /// <summary>Everything that is wrong or doubtful, in words.</summary>
    /// <param name="methods">The methods that will run.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable.</param>
    /// <param name="y">Start of the lower variable.</param>
    public static IReadOnlyList<Finding> Check<V>(IEnumerable<IBilevelMethod> methods, BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V>
    {
        var findings = new List<Finding>();
        CheckStart(findings, "x", x, problem.UpperSet);
        CheckStart(findings, "y", y, problem.LowerSet);
        CheckConstants(findings, problem.Constants);
        if (findings.Any(f => f.Severity == Severity.Error)) return findings;
        (x, y) = (x.Copy(), y.Copy());
        problem.UpperSet.Project(x);
        problem.LowerSet.Project(y);
        CheckObjective(findings, "upper objective f", problem.Upper, x, y);
        CheckObjective(findings, "lower objective g", problem.Lower, x, y);
        foreach (var method in methods) findings.AddRange(method.Validate(problem));
        return findings;
    }

    private static void CheckStart<V>(List<Finding> findings, string name, V start, IFeasibleSet<V> set)
        where V : class, IVector<V>
    {
        if (set.Objection(start.Length) is { } objection)
        {
            findings.Add(new Finding(Severity.Error, $"The feasible set of {name} does not fit its start: {objection}", $"Give {name} and its set the same length."));
            return;
        }

        if (!start.IsFinite())
        {
            findings.Add(new Finding(Severity.Error, $"The start of {name} is not finite.", "Start from finite numbers."));
            return;
        }

        if (set.IsWholeSpace) return;
        var projected = start.Copy();
        set.Project(projected);
        projected.AddScaled(-1, start);
        double distance = projected.Norm();
        if (distance > 1e-9 * (1 + start.Norm()))
            findings.Add(new Finding(Severity.Warning, FormattableString.Invariant($"The start of {name} lies outside {set}, by {distance:G3}."), "The run starts from its projection."));
    }

    private static void CheckConstants(List<Finding> findings, ProblemConstants constants)
    {
        foreach (var (name, value) in new[]
        {
            (nameof(constants.LowerStrongConvexity), constants.LowerStrongConvexity),
            (nameof(constants.LowerSmoothness), constants.LowerSmoothness),
            (nameof(constants.LowerCoupling), constants.LowerCoupling),
            (nameof(constants.LowerHessianLipschitz), constants.LowerHessianLipschitz),
            (nameof(constants.LowerMixedHessianLipschitz), constants.LowerMixedHessianLipschitz),
            (nameof(constants.UpperSmoothness), constants.UpperSmoothness),
            (nameof(constants.UpperCoupling), constants.UpperCoupling),
        })
        {
            if (value is { } number && !(double.IsFinite(number) && number >= 0))
                findings.Add(new Finding(Severity.Error, FormattableString.Invariant($"The constant {name} is {number}."), "Constants are finite and not negative; leave it null when it is unknown."));
        }

        if (constants.LowerStrongConvexity > constants.LowerSmoothness)
            findings.Add(new Finding(Severity.Error, "The declared strong convexity of the lower level exceeds its smoothness.", "One of the two constants is wrong: mu <= Lg1 always."));
    }

    private static void CheckObjective<V>(List<Finding> findings, string name, IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        V gx = x.ZerosLike(), gy = y.ZerosLike();
        var request = new PreparedRequest<V>(objective, [[x, y]], [new(BilevelProblem.X, 0, gx), new(BilevelProblem.Y, 0, gy)], values: true);
        try
        {
            request.Evaluate();
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException)
        {
            findings.Add(new Finding(Severity.Error, $"The {name} fails at the start: {e.Message}", FormattableString.Invariant($"It was given x of length {x.Length} and y of length {y.Length}; check the sizes.")));
            return;
        }

        if (!double.IsFinite(request.Values[0]) || !gx.IsFinite() || !gy.IsFinite())
        {
            findings.Add(new Finding(Severity.Error, $"The {name} is not finite at the start.", "Start where it and its gradients are finite."));
            return;
        }

        if (x is not IFillable || y is not IFillable) return;
        foreach (var comparison in GradientCheck.Compare(objective, [x, y]))
        {
            if (comparison.Agrees(0.02)) continue;
            if (!double.IsFinite(comparison.Measured))
            {
                findings.Add(new Finding(Severity.Warning, $"The {name} is not finite near the start, so its gradient could not be checked.", "Start further inside the region where it is finite."));
                continue;
            }

            findings.Add(new Finding(
                Severity.Error,
                FormattableString.Invariant($"The gradient of the {name} in {(comparison.Block == BilevelProblem.X ? "x" : "y")} does not match its values at the start: along a random direction it gives {comparison.Declared:G5}, differences give {comparison.Measured:G5}."),
                "Check the gradient's formula and sign; if the function has a kink at the start, start elsewhere."));
        }
    }
}
