namespace Bilevel.Tasks;

/// <summary>What a task with a known answer says of an answer.</summary>
internal static class KnownOutcome
{
    public static Func<Solution<DenseVector<double>>, TaskOutcome> Of(KnownAnswer<DenseVector<double>> answer) => solution =>
    {
        var metrics = new List<NamedNumber>();
        if (answer.X is { } x) metrics.Add(new("distance_to_solution", Distance(solution.X, x), "norm of x - x*"));
        if (answer.Hyperobjective is { } value)
        {
            metrics.Add(new("hyperobjective", value(solution.X), "F(x), from the closed form or reference solution"));
            if (answer.UpperValue is { } best) metrics.Add(new("hyperobjective_gap", value(solution.X) - best, "F(x) - F*"));
        }

        if (answer.Hypergradient is { } gradient) metrics.Add(new("hypergradient_norm", gradient(solution.X).Norm(), "norm of grad F(x), from the closed form or reference solution"));
        if (answer.Gap is { } gap) metrics.Add(new("true_gap", gap(solution.X, solution["y1"], solution["y2"]), "primal-dual gap of the lower level at (x1; y1, y2)"));
        return new TaskOutcome { Metrics = metrics, Summary = string.Join(", ", metrics.Select(m => FormattableString.Invariant($"{m.Meaning}: {m.Value:G6}"))) };
    };

    private static double Distance(DenseVector<double> a, DenseVector<double> b)
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Norm();
    }
}
