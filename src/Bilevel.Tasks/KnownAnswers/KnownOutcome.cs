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
        return new TaskOutcome { Metrics = metrics, Summary = Summary(metrics) };
    };

    private static string Summary(List<NamedNumber> metrics)
    {
        double Of(string name) => metrics.FirstOrDefault(m => m.Name == name)?.Value ?? double.NaN;
        string[] parts =
        [
            double.IsNaN(Of("distance_to_solution")) ? "" : FormattableString.Invariant($"The leader's variable is {Of("distance_to_solution"):0.##e+0} from the known answer"),
            double.IsNaN(Of("hyperobjective_gap")) ? "" : FormattableString.Invariant($"F is {Of("hyperobjective_gap"):0.##e+0} from its known optimum"),
        ];
        string text = string.Join("; ", parts.Where(p => p.Length > 0));
        return text.Length == 0 ? "" : text + ".";
    }

    private static double Distance(DenseVector<double> a, DenseVector<double> b)
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Norm();
    }
}
