using System.Globalization;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// How many evaluations of the penalty function's rows the proximal-point method needs until its loop ends, in the
/// published form and with its improvements one after the other, beside the printed figures, as docs/numbers.md shows it.
/// </summary>
internal static class ProximalPointCalls
{
    // The figures of an independent implementation (bilevel minimax, sections 6.4, 15.2 and 15.4).
    private static readonly Row[] Rows =
    [
        new("saddle-quadratic", "paper", [0.25, 0.125, 0.1, 0.0625, 0.04], [2.55e6, 1.43e7, 25_316_014, 7.72e7, 2.40e8]),
        new("saddle-quadratic", "paper+w", [0.1, 0.03], [8.2e6, 1.97e8]),
        new("saddle-merely-convex", "paper+w", [0.1, 0.03], [4.94e6, 3.3e7]),
        new("constrained-qp-a", "paper+w", [0.1, 0.03], [8.02e6, 6.12e7]),
        new("constrained-qp-b", "paper+w", [0.1], [1.34e6]),
        new("saddle-quadratic", "fast", [0.1, 0.03, 0.01], [306_246, 7.41e6, 1.19e8]),
        new("saddle-merely-convex", "fast", [0.1, 0.03, 0.01], [2.34e5, 1.57e6, 6.93e6]),
        new("constrained-qp-a", "fast", [0.1, 0.03, 0.01], [3.82e5, 3.19e6, 1.72e7]),
        new("constrained-qp-b", "fast", [0.1, 0.03, 0.01], [2.14e4, 2.12e5, 1.03e6]),
        new("constrained-qp-c", "fast", [0.1, 0.03, 0.01], [2.30e5, 2.46e6, 1.40e7]),
        new("group-dro-small", "fast", [0.1, 0.03], [6.3e3, 1.02e8]),
        new("saddle-quadratic", "fast, 0.3 L_h", [0.1, 0.03, 0.01], [5.6e4, 1.06e6, 1.54e7]),
        new("saddle-merely-convex", "fast, 0.3 L_h", [0.1, 0.03, 0.01], [1.07e5, 8.3e5, 3.7e6]),
        new("constrained-qp-a", "fast, 0.3 L_h", [0.1, 0.03, 0.01], [3.0e4, 2.1e5, 9.9e5]),
        new("constrained-qp-b", "fast, 0.3 L_h", [0.1, 0.03, 0.01], [5.2e3, 5.2e4, 2.8e5]),
        new("constrained-qp-c", "fast, 0.3 L_h", [0.1, 0.03, 0.01], [2.3e4, 1.7e5, 8.3e5]),
        new("group-dro-small", "fast, 0.3 L_h", [0.1, 0.03], [3.3e3, 1.1e7]),
        .. Defaults("adaptive L"),
        .. Defaults("default"),
    ];

    /// <param name="most">Where a run is ended.</param>
    public static void Print(long most)
    {
        Console.WriteLine("\n| problem | form | epsilon | calls | printed | ratio | residual | x1 | certificate |\n|---|---|---|---|---|---|---|---|---|");
        foreach (var row in Rows)
        {
            for (int i = 0; i < row.Tolerances.Length; i++)
            {
                if (!(row.Printed[i] > most)) Console.WriteLine(Line(row, row.Tolerances[i], row.Printed[i], most));
            }
        }
    }

    private static IEnumerable<Row> Defaults(string form) =>
        new[] { "saddle-quadratic", "saddle-merely-convex", "constrained-qp-a", "constrained-qp-b", "constrained-qp-c", "group-dro-small" }
            .Select(p => new Row(p, form, [0.1, 0.03, 0.01], [double.NaN, double.NaN, double.NaN]));

    private static string Line(Row row, double tolerance, double printed, long most)
    {
        var instance = KnownProblems.CreateMinimax(row.Problem);
        var counted = new Counted(instance.Problem.Upper);
        var run = Method(row.Form, tolerance, instance.Problem.Constants).Start(instance.Problem with { Upper = counted }, instance.Start, seed: 0);

        // The loop of the last planned stage has ended when the next step raises rho above 1/epsilon.
        double last = 1.0001 / tolerance, residual = double.NaN, rho = double.NaN;
        long calls = 0;
        DenseVector<double>[] point = [];
        while (run.Penalty < last && counted.Calls <= most)
        {
            (calls, residual, rho, point) = (counted.Calls, run.Residual, run.Penalty, [.. run.Point.ToArray().Select(b => b.Copy())]);
            run.Step();
        }

        bool ended = run.Penalty >= last;
        string verdict = ended ? new KktCertificate().Check(instance.Problem, point, tolerance, rho, quick: false).Certificate.Verdict.ToString() : "";
        string ratio = ended && double.IsFinite(printed) ? (calls / printed).ToString("F3", CultureInfo.InvariantCulture) : "";
        string figure = double.IsFinite(printed) ? printed.ToString("N0", CultureInfo.InvariantCulture) : "";
        return string.Create(CultureInfo.InvariantCulture, $"| `{row.Problem}` | {row.Form} | {tolerance} | {(ended ? "" : ">")}{calls:N0} | {figure} | {ratio} | {residual:G3} | {point[0][0]:F4} | {verdict} |");
    }

    private static ProximalPoint Method(string form, double tolerance, MinimaxConstants constants) => form switch
    {
        "paper" => new ProximalPoint { Tolerance = tolerance, Mode = ProximalPointMode.Paper },
        "paper+w" => new ProximalPoint { Tolerance = tolerance, Mode = ProximalPointMode.Paper, WarmStart = true },
        "fast" => new ProximalPoint { Tolerance = tolerance, FirstAccuracy = tolerance, AdaptiveSmoothness = false },
        "fast, 0.3 L_h" => new ProximalPoint { Tolerance = tolerance, FirstAccuracy = tolerance, AdaptiveSmoothness = false, Smoothness = 0.3 * constants.PenaltySmoothness(1 / tolerance) },
        "adaptive L" => new ProximalPoint { Tolerance = tolerance, FirstAccuracy = tolerance },
        _ => new ProximalPoint { Tolerance = tolerance },
    };

    private sealed record Row(string Problem, string Form, double[] Tolerances, double[] Printed);

    private sealed class Counted(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public long Calls { get; private set; }

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            if (request.Gradients.Length > 0) Calls++;
            inner.Evaluate(request);
        }
    }
}
